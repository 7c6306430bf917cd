package access_test

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/dashboard/access"
	"gridwall/dashboard/cameras/seal"
	"gridwall/migrations/dbtest"
)

// factored is a room where zhang has a second factor; it gives the secret and the recovery codes.
func factored(t *testing.T) (room *access.Room, pool *pgxpool.Pool, ring *seal.Keyring, secret string, recovery []string) {
	t.Helper()
	pool = dbtest.Open(t)
	room = access.New(pool)
	ring, err := seal.Open(filepath.Join(t.TempDir(), seal.File), true)
	if err != nil {
		t.Fatal(err)
	}
	room.Sealer = ring
	if err := room.SaveAccount(t.Context(), access.Account{Username: "zhang", Name: "甲", Role: access.Operator, Password: "correct horse"}); err != nil {
		t.Fatal(err)
	}
	session, who := in(t, room, "")
	other, _ := in(t, room, "")
	if _, _, err := room.BeginFactor(t.Context(), who, "wrong horse"); !errors.Is(err, access.ErrWrongCredentials) {
		t.Fatalf("begun without the password: %v", err)
	}
	if secret, _, err = room.BeginFactor(t.Context(), who, "correct horse"); err != nil {
		t.Fatal(err)
	}
	if _, err := room.ConfirmFactor(t.Context(), who, "000000", session); !errors.Is(err, access.ErrWrongCode) && access.CodeAt(secret, time.Now()) != "000000" {
		t.Fatalf("confirmed by a wrong code: %v", err)
	}
	in(t, room, "") // not asked for yet
	if recovery, err = room.ConfirmFactor(t.Context(), who, access.CodeAt(secret, time.Now().Add(-30*time.Second)), session); err != nil {
		t.Fatal(err)
	}
	if _, err := room.Identify(request("Cookie", access.SessionCookie+"="+session)); err != nil {
		t.Errorf("the session that set it: %v", err)
	}
	if _, err := room.Identify(request("Cookie", access.SessionCookie+"="+other)); !errors.Is(err, access.ErrNobody) {
		t.Errorf("a session from before it: %v", err)
	}
	return room, pool, ring, secret, recovery
}

func in(t *testing.T, room *access.Room, code string) (string, access.Identity) {
	t.Helper()
	session, who, err := room.SignIn(t.Context(), "zhang", "correct horse", access.From{Code: code})
	if err != nil {
		t.Fatal(err)
	}
	return session, who
}

func TestASecondFactorIsAskedForAndNoCodeIsGoodTwice(t *testing.T) {
	room, pool, _, secret, recovery := factored(t)
	try := func(code string) error {
		_, _, err := room.SignIn(t.Context(), "zhang", "correct horse", access.From{Code: code})
		return err
	}
	if err := try(""); !errors.Is(err, access.ErrCodeRequired) {
		t.Errorf("without a code: %v", err)
	}
	now := access.CodeAt(secret, time.Now())
	if err := try(now); err != nil {
		t.Errorf("the code of now: %v", err)
	}
	if err := try(now); !errors.Is(err, access.ErrWrongCode) {
		t.Errorf("the same code again: %v", err)
	}
	if len(recovery) != 10 || try(recovery[0]) != nil {
		t.Errorf("a recovery code of %v was refused", recovery)
	}
	if err := try(recovery[0]); !errors.Is(err, access.ErrWrongCode) {
		t.Errorf("the same recovery code again: %v", err)
	}
	if _, _, err := room.SignIn(t.Context(), "zhang", "wrong horse", access.From{Code: recovery[1]}); !errors.Is(err, access.ErrWrongCredentials) {
		t.Errorf("a code without the password: %v", err)
	}
	var stored []byte
	if err := pool.QueryRow(t.Context(), `SELECT secret FROM factor`).Scan(&stored); err != nil || bytes.Contains(stored, []byte(secret)) {
		t.Errorf("the secret lies open in the database: %q, %v", stored, err)
	}
}

// A code that somebody saw being typed is good for one of all who come with it at once.
func TestOfManyWithOneCodeOneComesIn(t *testing.T) {
	room, _, _, secret, _ := factored(t)
	code := access.CodeAt(secret, time.Now())
	var came atomic.Int32
	var crowd sync.WaitGroup
	start := make(chan struct{})
	for range 8 {
		crowd.Go(func() {
			<-start
			if _, _, err := room.SignIn(t.Context(), "zhang", "correct horse", access.From{Code: code}); err == nil {
				came.Add(1)
			}
		})
	}
	close(start)
	crowd.Wait()
	if n := came.Load(); n != 1 {
		t.Errorf("%d of 8 came in by one code, want 1", n)
	}
}

// Both have read that the code was not used before; the row knows better than what the second has read.
func TestACodeThatAnotherTakesAtTheSameMomentIsNotGood(t *testing.T) {
	room, pool, _, secret, _ := factored(t)
	code := access.CodeAt(secret, time.Now())
	var account int
	if err := pool.QueryRow(t.Context(), `SELECT account FROM factor`).Scan(&account); err != nil {
		t.Fatal(err)
	}
	first, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer first.Rollback(t.Context())
	if err := room.Fits(t.Context(), first, account, code); err != nil {
		t.Fatal(err)
	}
	second := make(chan error, 1)
	go func() { second <- room.Fits(t.Context(), pool, account, code) }()
	for waits := false; !waits; { // for the first one's row
		if err := pool.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`).Scan(&waits); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-second; !errors.Is(err, access.ErrWrongCode) {
		t.Errorf("the second one with the same code: %v", err)
	}
}

// Who knows the password does not get to try all codes: the right password between them forgives none of the wrong ones.
func TestCodesAreTriedAFewTimesHoweverOftenThePasswordWasRight(t *testing.T) {
	room, _, _, secret, _ := factored(t)
	wrong := "123456"
	for i := int64(-1); i <= 1; i++ { // not one of now
		if access.CodeAt(secret, time.Now().Add(time.Duration(i)*30*time.Second)) == wrong {
			wrong = "654321"
		}
	}
	var locked *access.LockedError
	tries := 0
	for ; tries < 20; tries++ {
		if _, _, err := room.SignIn(t.Context(), "zhang", "correct horse", access.From{Code: wrong}); errors.As(err, &locked) {
			break
		}
		_, _, _ = room.SignIn(t.Context(), "zhang", "correct horse", access.From{}) // the password alone
	}
	if tries != 6 {
		t.Errorf("locked after %d wrong codes, want 6", tries)
	}
}

func TestASecondFactorGoesByPasswordAndCodeOrByTheAdministrator(t *testing.T) {
	room, _, _, secret, recovery := factored(t)
	_, who := in(t, room, recovery[0])
	if err := room.RemoveFactor(t.Context(), who, "correct horse", ""); !errors.Is(err, access.ErrCodeRequired) {
		t.Errorf("without a code: %v", err)
	}
	if _, _, err := room.BeginFactor(t.Context(), who, "correct horse"); !errors.Is(err, access.ErrFactorStands) {
		t.Errorf("another one over it: %v", err)
	}
	if err := room.RemoveFactor(t.Context(), who, "correct horse", access.CodeAt(secret, time.Now())); err != nil {
		t.Error(err)
	}
	in(t, room, "")
	if err := room.DropFactor(t.Context(), "zhang"); !errors.Is(err, access.ErrNoFactor) {
		t.Errorf("dropped though there is none: %v", err)
	}
}

func TestARoleThatNeedsASecondFactorMayOnlyGetOne(t *testing.T) {
	pool := dbtest.Open(t)
	room := access.New(pool)
	room.FactorRoles = []access.Role{access.Operator}
	if err := room.SaveAccount(t.Context(), access.Account{Username: "zhang", Name: "甲", Role: access.Operator, Password: "correct horse"}); err != nil {
		t.Fatal(err)
	}
	session, who := in(t, room, "")
	again, err := room.Identify(request("Cookie", access.SessionCookie+"="+session))
	for _, w := range []access.Identity{who, again} {
		if err != nil || !w.Bare || w.May(access.CaseRead) || !w.May(access.SessionRead) {
			t.Errorf("%+v, %v", w, err)
		}
	}
	token, err := room.NewToken(t.Context(), "zhang", "script")
	if err != nil {
		t.Fatal(err)
	}
	if who, err := room.Identify(request("Authorization", "Bearer "+token)); err != nil || !who.May(access.CaseRead) {
		t.Errorf("a program's token: %+v, %v", who, err)
	}
	secret, _, err := room.BeginFactor(t.Context(), who, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := room.ConfirmFactor(t.Context(), who, access.CodeAt(secret, time.Now()), session); err != nil {
		t.Fatal(err)
	}
	if who, err := room.Identify(request("Cookie", access.SessionCookie+"="+session)); err != nil || !who.May(access.CaseRead) {
		t.Errorf("with a second factor: %+v, %v", who, err)
	}
}

func TestSecondFactorsAreSealedAnewWhenTheKeyIsRotated(t *testing.T) {
	room, pool, ring, secret, _ := factored(t)
	for range 3 {
		if err := ring.Rotate(); err != nil {
			t.Fatal(err)
		}
		if err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error { return access.ResealFactors(t.Context(), tx, ring) }); err != nil {
			t.Fatal(err)
		}
		if err := ring.Forget(); err != nil {
			t.Fatal(err)
		}
	}
	used, err := access.FactorsSealedBy(t.Context(), pool)
	if err != nil || fmt.Sprint(used) != fmt.Sprint([]string{ring.Current()}) {
		t.Errorf("sealed by %v, %v; want %s", used, err, ring.Current())
	}
	in(t, room, access.CodeAt(secret, time.Now()))
}
