package access_test

import (
	"crypto/tls"
	"errors"
	"testing"

	"gridwall/dashboard/access"
)

// Cookie tossing: another host of the domain can set a cookie for this one, but not one whose name begins with __Host-.
func TestOverTLSASessionIsTakenFromTheProtectedNameAlone(t *testing.T) {
	for _, tc := range []struct {
		name, cookies, want string
		secure              bool
	}{
		{"plain", "gridwall_session=a", "a", false},
		{"over TLS", "__Host-gridwall_session=a", "a", true},
		{"planted by another host", "gridwall_session=planted", "", true},
		{"planted beside", "gridwall_session=planted; __Host-gridwall_session=a", "a", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := request("Cookie", tc.cookies)
			if tc.secure {
				r.TLS = &tls.ConnectionState{}
			}
			if got := access.CookieOf(r, access.SessionCookie); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

func TestAPasswordThatEverybodyTriesIsRefused(t *testing.T) {
	room, _ := opened(t)
	_, who, err := room.SignIn(t.Context(), "zhang", "correct horse", access.From{})
	if err != nil {
		t.Fatal(err)
	}
	for password, refused := range map[string]bool{"password1": true, "Password1": true, "iloveyou": true, "GridWall2026!": true, "zhang12345": true, "qwertyuiop": true, "四个汉字加其他": false, "zhangsan's boat": false} {
		err := room.ChangePassword(t.Context(), who, "correct horse", password)
		if errors.Is(err, access.ErrCommonPassword) != refused {
			t.Errorf("%s: %v", password, err)
		}
		if err == nil {
			if err := room.SaveAccount(t.Context(), access.Account{Username: "zhang", Name: "甲", Role: access.Operator, Password: "correct horse"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := room.SaveAccount(t.Context(), access.Account{Username: "li", Name: "乙", Role: access.Operator, Password: "password1"}); !errors.Is(err, access.ErrCommonPassword) {
			t.Errorf("on the console: %v", err)
		}
	}
}
