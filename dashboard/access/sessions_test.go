package access_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"gridwall/dashboard/access"
	"gridwall/migrations/dbtest"
)

func opened(t *testing.T) (*access.Room, func(sql string, args ...any)) {
	t.Helper()
	pool := dbtest.Open(t)
	room := access.New(pool)
	if err := room.SaveAccount(t.Context(), access.Account{Username: "zhang", Name: "甲", Role: access.Operator, Password: "correct horse"}); err != nil {
		t.Fatal(err)
	}
	return room, func(sql string, args ...any) {
		t.Helper()
		if _, err := pool.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
}

func TestANameThatIsTriedTooOftenIsLockedWhetherItExistsOrNot(t *testing.T) {
	room, exec := opened(t)
	for _, name := range []string{"zhang", "nobody"} {
		var locked *access.LockedError
		tries := 0
		for tries < 10 && !errors.As(wrong(room, t, name), &locked) {
			tries++
		}
		if tries != 6 {
			t.Errorf("%s was locked after %d wrong passwords, want 6", name, tries)
		}
	}
	var locked *access.LockedError
	if _, _, err := room.SignIn(t.Context(), "zhang", "correct horse", access.From{}); !errors.As(err, &locked) {
		t.Errorf("the right password while it is locked: %v", err)
	}
	exec(`UPDATE sign_in_failure SET locked_until = now() - interval '1 second'`)
	if err := wrong(room, t, "zhang"); !errors.Is(err, access.ErrWrongCredentials) {
		t.Errorf("after the lock: %v", err)
	}
	if err := wrong(room, t, "zhang"); !errors.As(err, &locked) || time.Until(locked.Until) < 45*time.Second {
		t.Errorf("the second lock is not longer: %v", err)
	}
	exec(`UPDATE sign_in_failure SET locked_until = now() - interval '1 second'`)
	if _, _, err := room.SignIn(t.Context(), "zhang", "correct horse", access.From{}); err != nil {
		t.Errorf("the right password after the lock: %v", err)
	}
}

func wrong(room *access.Room, t *testing.T, name string) error {
	_, _, err := room.SignIn(t.Context(), name, "wrong horse", access.From{})
	return err
}

func TestASessionEndsByAgeByBeingIdleAndByBeingRevoked(t *testing.T) {
	for _, tc := range []struct {
		name, sql string
		holds     bool
	}{
		{"used a while ago", `UPDATE session SET seen_at = now() - interval '119 minutes'`, true},
		{"idle", `UPDATE session SET seen_at = now() - interval '121 minutes'`, false},
		{"old, though it is used", `UPDATE session SET expires_at = now() - interval '1 second'`, false},
		{"of an account that is gone", `UPDATE account SET active = false`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			room, exec := opened(t)
			token, _, err := room.SignIn(t.Context(), "zhang", "correct horse", access.From{})
			if err != nil {
				t.Fatal(err)
			}
			exec(tc.sql)
			if _, err := room.Identify(request("Cookie", access.SessionCookie+"="+token)); errors.Is(err, access.ErrNobody) == tc.holds {
				t.Errorf("holds: %v, want %t", err, tc.holds)
			}
		})
	}
	room, _ := opened(t)
	token, who, err := room.SignIn(t.Context(), "zhang", "correct horse", access.From{Address: "192.0.2.1", Agent: "Firefox"})
	if err != nil {
		t.Fatal(err)
	}
	list, err := room.Sessions(t.Context(), who.Account, token)
	if err != nil || len(list) != 1 || list[0].Address != "192.0.2.1" || !list[0].Current || list[0].By != "password" {
		t.Fatalf("%+v, %v", list, err)
	}
	if err := room.Revoke(t.Context(), who.Account+1, list[0].ID); !errors.Is(err, access.ErrNoSession) {
		t.Errorf("another account revoked it: %v", err)
	}
	if err := room.Revoke(t.Context(), who.Account, list[0].ID); err != nil {
		t.Fatal(err)
	}
	if _, err := room.Identify(request("Cookie", access.SessionCookie+"="+token)); !errors.Is(err, access.ErrNobody) {
		t.Errorf("revoked: %v", err)
	}
}

// Session fixation: the session that a browser was given before is not the one that signing in opens, and it ends.
func TestSigningInEndsTheSessionThatWasThereBefore(t *testing.T) {
	room, _ := opened(t)
	planted, _, err := room.SignIn(t.Context(), "zhang", "correct horse", access.From{})
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := room.SignIn(t.Context(), "zhang", "correct horse", access.From{Session: planted})
	if err != nil || token == planted {
		t.Fatalf("the same session: %v", err)
	}
	if _, err := room.Identify(request("Cookie", access.SessionCookie+"="+planted)); !errors.Is(err, access.ErrNobody) {
		t.Errorf("the planted session: %v", err)
	}
}

func TestATokenHasItsScopeAndItsEnd(t *testing.T) {
	pool := dbtest.Open(t)
	room := access.New(pool)
	if err := room.SaveAccount(t.Context(), access.Account{Username: "zhang", Name: "甲", Role: access.Operator}); err != nil {
		t.Fatal(err)
	}
	token, err := room.NewScopedToken(t.Context(), "zhang", "qgis", time.Now().Add(time.Hour), []access.Right{access.MapRead, access.AuditRead})
	if err != nil {
		t.Fatal(err)
	}
	who, err := room.Identify(request("Authorization", "Bearer "+token))
	if err != nil || !who.May(access.MapRead) || !who.May(access.SessionRead) || who.May(access.CaseRead) {
		t.Errorf("%+v, %v", who, err)
	}
	if who.May(access.AuditRead) {
		t.Error("a scope gave a right that the account does not have")
	}
	if _, err := room.NewScopedToken(t.Context(), "zhang", "x", time.Time{}, []access.Right{"everything"}); err == nil {
		t.Error("an unknown right was taken")
	}
	if _, err := pool.Exec(t.Context(), `UPDATE token SET expires_at = now()`); err != nil {
		t.Fatal(err)
	}
	if _, err := access.New(pool).Identify(request("Authorization", "Bearer "+token)); !errors.Is(err, access.ErrNobody) {
		t.Errorf("after its end: %v", err)
	}
}

func TestTheFirstAdministratorChangesThePasswordBeforeAnythingElse(t *testing.T) {
	pool := dbtest.Open(t)
	room := access.New(pool)
	password, err := room.FirstAdmin(t.Context())
	if err != nil || len(strings.ReplaceAll(password, "-", "")) < 20 {
		t.Fatalf("%q, %v", password, err)
	}
	if again, err := room.FirstAdmin(t.Context()); err != nil || again != "" {
		t.Fatalf("a second first administrator: %q, %v", again, err)
	}
	token, who, err := room.SignIn(t.Context(), "admin", password, access.From{})
	if err != nil || !who.Once || !slices.Equal(who.Rights(), []access.Right{access.SessionRead}) {
		t.Fatalf("%+v, %v", who, err)
	}
	if err := room.ChangePassword(t.Context(), who, password, password); !errors.Is(err, access.ErrSamePassword) {
		t.Errorf("the same again: %v", err)
	}
	if err := room.ChangePassword(t.Context(), who, password, "a password of my own"); err != nil {
		t.Fatal(err)
	}
	if _, err := room.Identify(request("Cookie", access.SessionCookie+"="+token)); !errors.Is(err, access.ErrNobody) {
		t.Errorf("the session of the old password: %v", err)
	}
	if _, _, err := room.SignIn(t.Context(), "admin", password, access.From{}); !errors.Is(err, access.ErrWrongCredentials) {
		t.Errorf("the old password: %v", err)
	}
	if _, who, err := room.SignIn(t.Context(), "admin", "a password of my own", access.From{}); err != nil || !who.May(access.CaseRead) {
		t.Errorf("%+v, %v", who, err)
	}
}

// Whether a name exists is not to be told by the time that signing in takes. What costs time is argon2id: each try, of a
// name that exists, of one that does not, of one without a password and of one that is shut, derives one key at one price.
// Clocks were compared before; on a machine that is busy they tell nothing.
func TestATriedNameIsNotToldByItsPrice(t *testing.T) {
	room, exec := opened(t)
	exec(`INSERT INTO account (username, name, role) VALUES ('token-only', 'x', 'operator')`)
	exec(`INSERT INTO account (username, name, role, password, active) SELECT 'gone', 'x', 'operator', password, false FROM account WHERE username = 'zhang'`)
	prices := access.Prices(room)
	for _, name := range []string{"zhang", "nobody", "token-only", "gone", "", strings.Repeat("长", 5000)} {
		if err := wrong(room, t, name); !errors.Is(err, access.ErrWrongCredentials) {
			t.Fatalf("%.20q: %v", name, err)
		}
		if got := prices(); len(got) != 1 || got[0] != "19456 KiB, 2 passes, 1 lanes, salt of 16" {
			t.Errorf("%.20q cost %q", name, got)
		}
	}
	if _, _, err := room.SignIn(t.Context(), "zhang", "correct horse", access.From{}); err != nil || len(prices()) != 1 {
		t.Errorf("the right one: %v", err)
	}
}
