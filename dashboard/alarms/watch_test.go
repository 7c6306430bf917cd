package alarms

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestARoomLooksOnceASecondAndOverEveryFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		looks, failures := 0, 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			everySecond(ctx, func(context.Context) error {
				looks++
				if looks%2 == 0 {
					return errors.New("the database is away")
				}
				return nil
			}, func(error) { failures++ })
		}()
		time.Sleep(10*time.Second + time.Millisecond)
		cancel()
		<-done
		if looks != 10 || failures != 5 {
			t.Errorf("%d looks in 10 s, %d failures told", looks, failures)
		}
	})
}

func TestALongFailureIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second+time.Millisecond)
		defer cancel()
		told := 0
		everySecond(ctx, func(context.Context) error { return errors.New("away") }, func(error) { told++ })
		if told != 1 {
			t.Errorf("told %d times", told)
		}
	})
}
