package access

import (
	"testing"
	"time"
)

// RFC 6238, appendix B, of SHA-1: eight digits there, of which the last six are ours.
func TestCodesAreThoseOfTheSpecification(t *testing.T) {
	secret := []byte("12345678901234567890")
	for at, want := range map[int64]string{59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130"} {
		if got := totp(secret, totpAt(time.Unix(at, 0))); got != want[2:] {
			t.Errorf("at %d: %s, want %s", at, got, want[2:])
		}
	}
}

func TestACodeFitsOneStepEitherWayAndNeverTwice(t *testing.T) {
	secret, now := []byte("12345678901234567890"), time.Unix(1_600_000_000, 0)
	step := totpAt(now)
	for off, want := range map[int64]bool{-2: false, -1: true, 0: true, 1: true, 2: false} {
		got, ok := totpFits(secret, totp(secret, step+off), now, 0)
		if ok != want || ok && got != step+off {
			t.Errorf("%d steps off: %d, %t", off, got-step, ok)
		}
	}
	if _, ok := totpFits(secret, totp(secret, step), now, step); ok {
		t.Error("the code that was taken last was taken again")
	}
	if _, ok := totpFits(secret, totp(secret, step-1), now, step); ok {
		t.Error("an older one was taken after it")
	}
}
