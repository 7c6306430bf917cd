package access_test

import (
	"errors"
	"net/http"
	"testing"

	"gridwall/dashboard/access"
	"gridwall/migrations/dbtest"
)

func request(header, value string) *http.Request {
	r, _ := http.NewRequest("GET", "http://gridwall.test/", nil)
	if header != "" {
		r.Header.Set(header, value)
	}
	return r
}

func TestAPersonAProgramAndAWallComeIn(t *testing.T) {
	room := access.New(dbtest.Open(t))
	ctx := t.Context()
	if err := room.SaveAccount(ctx, access.Account{Username: "zhang", Name: "值守员甲", Role: access.Operator, Password: "correct horse"}); err != nil {
		t.Fatal(err)
	}
	session, who, err := room.SignIn(ctx, "zhang", "correct horse", access.From{})
	if err != nil || who.Role != access.Operator {
		t.Fatalf("sign in: %+v, %v", who, err)
	}
	token, err := room.NewToken(ctx, "zhang", "script")
	if err != nil {
		t.Fatal(err)
	}
	device, err := room.NewDevice(ctx, "main")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, header, value string
		role                access.Role
		err                 error
	}{
		{"a person by the session cookie", "Cookie", access.SessionCookie + "=" + session, access.Operator, nil},
		{"a program by its bearer token", "Authorization", "Bearer " + token, access.Operator, nil},
		{"a wall by its device cookie", "Cookie", access.DeviceCookie + "=" + device, access.Wall, nil},
		{"a wrong token is nobody", "Authorization", "Bearer " + token + "x", "", access.ErrNobody},
		{"nothing is nobody", "", "", "", access.ErrNobody},
	} {
		t.Run(tc.name, func(t *testing.T) {
			who, err := room.Identify(request(tc.header, tc.value))
			if who.Role != tc.role || !errors.Is(err, tc.err) {
				t.Fatalf("got %q, %v; want %q, %v", who.Role, err, tc.role, tc.err)
			}
		})
	}

	out := request("Cookie", access.SessionCookie+"="+session)
	if err := room.SignOut(ctx, out); err != nil {
		t.Fatal(err)
	}
	if _, err := room.Identify(out); !errors.Is(err, access.ErrNobody) {
		t.Fatalf("after signing out: %v, want ErrNobody", err)
	}
}

func TestWrongCredentialsDoNotSayWhichWasWrong(t *testing.T) {
	room := access.New(dbtest.Open(t))
	if err := room.SaveAccount(t.Context(), access.Account{Username: "zhang", Name: "甲", Role: access.Operator, Password: "correct horse"}); err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]string{{"zhang", "wrong horse"}, {"nobody", "correct horse"}} {
		if _, _, err := room.SignIn(t.Context(), pair[0], pair[1], access.From{}); err != access.ErrWrongCredentials {
			t.Errorf("%s: got %v, want ErrWrongCredentials", pair[0], err)
		}
	}
}

func TestAWallAndAResidentReadNoReporter(t *testing.T) {
	for _, role := range []access.Role{access.Wall, access.Resident, access.Department, access.Leader} {
		if (access.Identity{Role: role}).May(access.ReporterRead) {
			t.Errorf("%s may read reporters", role)
		}
	}
}

func TestAShortPasswordIsRefused(t *testing.T) {
	if _, err := access.HashPassword("七个字的密码呀"); err == nil {
		t.Error("seven characters were taken")
	}
}
