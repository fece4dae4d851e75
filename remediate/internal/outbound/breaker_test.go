package outbound_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/x0tta6bl4/remediated/remediate/internal/outbound"
)

var (
	errDown = errors.New("connection refused")
	errSaid = errors.New("404")
)

func fault(err error) bool { return !errors.Is(err, errSaid) }

func fail(b *outbound.Breaker, n int, err error) {
	for range n {
		b.Do(func() error { return err })
	}
}

func TestBreakerOpensAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changes []string
		b := outbound.NewBreaker("prometheus", fault, func(_, from, to string) { changes = append(changes, from+" to "+to) })
		fail(b, outbound.Failures, errDown)

		var open *outbound.OpenError
		if err := b.Do(func() error { t.Error("called through an open breaker"); return nil }); !errors.As(err, &open) {
			t.Fatalf("got %v, want an OpenError", err)
		}
		if want := time.Now().Add(outbound.Reset); !open.Until.Equal(want) {
			t.Errorf("open until %v, want %v", open.Until, want)
		}
		time.Sleep(outbound.Reset + time.Millisecond)
		if err := b.Do(func() error { return nil }); err != nil {
			t.Errorf("after the reset: %v", err)
		}
		if want := []string{"closed to open", "open to half-open", "half-open to closed"}; !slices.Equal(changes, want) {
			t.Errorf("told %q, want %q", changes, want)
		}
	})
}

func TestBreakerLetsOneThroughWhenHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := outbound.NewBreaker("prometheus", fault, nil)
		fail(b, outbound.Failures, errDown)
		time.Sleep(outbound.Reset + time.Millisecond)
		err := b.Do(func() error {
			var open *outbound.OpenError
			if err := b.Do(func() error { return nil }); !errors.As(err, &open) || !open.Until.IsZero() {
				t.Errorf("a second call beside the first: got %v", err)
			}
			return errDown
		})
		if !errors.Is(err, errDown) {
			t.Errorf("got %v", err)
		}
		var open *outbound.OpenError
		if err := b.Do(func() error { return nil }); !errors.As(err, &open) {
			t.Errorf("after a failed trial: got %v, want an OpenError", err)
		}
	})
}

func TestBreakerDoesNotCount(t *testing.T) {
	for name, err := range map[string]error{
		"an answer":        errSaid,
		"a cancelled call": fmt.Errorf("get: %w", context.Canceled),
	} {
		b := outbound.NewBreaker("prometheus", fault, nil)
		fail(b, 10*outbound.Failures, err)
		if err := b.Do(func() error { return nil }); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
