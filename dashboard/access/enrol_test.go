package access_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"gridwall/dashboard/access"
)

func TestAScreenComesInByTheCodeThatItShowsOnce(t *testing.T) {
	room, exec := opened(t)
	ctx, who := t.Context(), access.Identity{Account: 1, Username: "zhang"}
	secret, e, err := room.Enrol(ctx, access.From{Address: "192.0.2.9", Agent: "Kiosk"})
	if err != nil || !regexp.MustCompile(`^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$`).MatchString(e.Code) {
		t.Fatalf("%+v, %v", e, err)
	}
	pending := func(want error) {
		t.Helper()
		if _, _, _, err := room.Collect(ctx, secret); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	pending(access.ErrPending)
	typed := strings.ToLower(strings.ReplaceAll(e.Code, "-", " "))
	if w, err := room.Waiting(ctx, typed); err != nil || w.Address != "192.0.2.9" || w.Agent != "Kiosk" {
		t.Errorf("%+v, %v", w, err)
	}
	if err := room.Admit(ctx, who, typed, "main-1", "nowhere", ""); !errors.Is(err, access.ErrNoWall) {
		t.Errorf("a wall that there is not: %v", err)
	}
	if err := room.Admit(ctx, who, typed, "main-1", "main", "2"); err != nil {
		t.Fatal(err)
	}
	if err := room.Admit(ctx, who, typed, "mine", "main", "2"); !errors.Is(err, access.ErrNoEnrolment) {
		t.Errorf("answered twice: %v", err)
	}
	if _, _, _, err := room.Collect(ctx, e.Code); !errors.Is(err, access.ErrNoEnrolment) {
		t.Errorf("collected by the code that everybody in the room can read: %v", err)
	}
	token, wall, screen, err := room.Collect(ctx, secret)
	if err != nil || wall != "main" || screen != "2" {
		t.Fatalf("%q %q %v", wall, screen, err)
	}
	pending(access.ErrNoEnrolment)
	if who, err := room.Identify(request("Cookie", access.DeviceCookie+"="+token)); err != nil || who.Role != access.Wall || who.Name != "main-1" {
		t.Errorf("%+v, %v", who, err)
	}
	if list, err := room.Devices(ctx); err != nil || len(list) != 1 || list[0].MadeBy != "zhang" || *list[0].Wall != "main" {
		t.Errorf("%+v, %v", list, err)
	}
	if err := room.RevokeDevice(ctx, "main-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := room.Identify(request("Cookie", access.DeviceCookie+"="+token)); !errors.Is(err, access.ErrNobody) {
		t.Errorf("a device that was put out: %v", err)
	}

	if secret, e, err = room.Enrol(ctx, access.From{}); err != nil {
		t.Fatal(err)
	}
	if err := room.Refuse(ctx, e.Code); err != nil {
		t.Fatal(err)
	}
	pending(access.ErrNoEnrolment)
	if secret, e, err = room.Enrol(ctx, access.From{}); err != nil {
		t.Fatal(err)
	}
	exec(`UPDATE enrolment SET expires_at = now() - interval '1 second'`)
	pending(access.ErrNoEnrolment)
	if err := room.Admit(ctx, who, e.Code, "late", "main", ""); !errors.Is(err, access.ErrNoEnrolment) {
		t.Errorf("a code that is over: %v", err)
	}
}

func TestOnlySoManyScreensWait(t *testing.T) {
	room, exec := opened(t)
	exec(`INSERT INTO enrolment (hash, code, address, agent, expires_at) SELECT sha256(n::text::bytea), n::text, '', '', now() + interval '1 minute' FROM generate_series(1, 500) AS n`)
	if _, _, err := room.Enrol(t.Context(), access.From{}); !errors.Is(err, access.ErrTooManyWait) {
		t.Errorf("the 501st: %v", err)
	}
	exec(`UPDATE enrolment SET expires_at = now() - interval '1 second'`)
	if _, _, err := room.Enrol(t.Context(), access.From{}); err != nil {
		t.Errorf("after they are over: %v", err)
	}
}
