package remediate

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// plainBreaker is the breaker as one would write it down in a minute: so many
// failures in a row open it, for so long; then one outcome decides.
type plainBreaker struct {
	set      Breaker
	failures uint32
	open     bool
	until    time.Time
}

func (b *plainBreaker) state(now time.Time) string {
	switch {
	case !b.open:
		return "closed"
	case now.Before(b.until):
		return "open"
	}
	return "half-open"
}

func (b *plainBreaker) count(now time.Time, success bool) {
	state := b.state(now)
	if state == "open" {
		return // it is not asked, and hears nothing
	}
	if success {
		b.open, b.failures, b.until = false, 0, time.Time{}
		return
	}
	b.failures++
	if state == "half-open" || b.failures >= b.set.Failures {
		b.open, b.failures, b.until = true, 0, now.Add(time.Duration(b.set.Reset))
	}
}

// TestBreakerIsThePlainOne counts thousands of random outcomes at times from
// 1970 to 2100: whatever the wall clock shows, gobreaker in the journal's time
// does what the plain one does.
func TestBreakerIsThePlainOne(t *testing.T) {
	for seed := range uint64(12) {
		if err := compareBreakers(rand.New(rand.NewPCG(seed, 7)), 250, countOutcome); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// TestBreakerComparisonRefuses shows that another breaker would be noticed:
// one that forgets a failure now and then.
func TestBreakerComparisonRefuses(t *testing.T) {
	forgetful := func(name string, set Breaker, b BreakerState, now time.Time, success bool) (BreakerState, error) {
		return countOutcome(name, set, b, now, success || now.UnixMilli()%7 == 0)
	}
	if compareBreakers(rand.New(rand.NewPCG(1, 7)), 1000, forgetful) == nil {
		t.Error("a breaker that forgets failures is taken for the plain one")
	}
}

type counter func(string, Breaker, BreakerState, time.Time, bool) (BreakerState, error)

func compareBreakers(r *rand.Rand, steps int, count counter) error {
	set := Breaker{Failures: 1 + r.Uint32N(4), Reset: minutes(1 + r.IntN(120))}
	plain := &plainBreaker{set: set}
	var kept BreakerState
	now := time.Date(1970+r.IntN(130), 1, 1, 0, 0, 0, 0, time.UTC)
	for n := range steps {
		now = now.Add(time.Duration(r.Int64N(int64(set.Reset)*3/2) / int64(time.Millisecond) * int64(time.Millisecond)))
		if n%40 == 20 { // also exactly when it ends
			now = latest(now, plain.until)
		}
		look, err := lookAtBreaker("b", set, kept, now)
		if err != nil {
			return err
		}
		if want := plain.state(now); look.State != want {
			return fmt.Errorf("step %d at %s: it shows %s, the plain one %s until %s", n, now, look.State, want, plain.until)
		}
		if r.IntN(4) == 0 {
			continue // a look alone changes nothing
		}
		success := r.IntN(3) == 0
		kept, err = count("b", set, kept, now, success)
		if err != nil {
			return err
		}
		plain.count(now, success)
		if want := plain.state(now); kept.State != want && want != "half-open" {
			return fmt.Errorf("step %d at %s: counted %v, it is %s, the plain one %s", n, now, success, kept.State, want)
		}
		if plain.open && !kept.Until.Equal(plain.until) {
			return fmt.Errorf("step %d: open until %s, the plain one until %s", n, kept.Until, plain.until)
		}
	}
	return nil
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// TestBreakerIsTheSameEachRun counts the same outcomes again and again: what is
// kept must be equal to the byte, or a replay would not be one.
func TestBreakerIsTheSameEachRun(t *testing.T) {
	run := func() string {
		r := rand.New(rand.NewPCG(3, 7))
		var kept BreakerState
		var err error
		now := time.Date(2026, 1, 14, 10, 0, 0, 0, time.UTC)
		all := ""
		for range 200 {
			now = now.Add(time.Duration(r.IntN(40)) * time.Minute)
			if kept, err = countOutcome("b", DefaultBreaker(), kept, now, r.IntN(2) == 0); err != nil {
				t.Fatal(err)
			}
			all += string(kept.Shared) + kept.State + kept.Until.String()
		}
		return all
	}
	first := run()
	for range 5 {
		if run() != first {
			t.Fatal("the same outcomes at the same times came to another state")
		}
	}
}

func TestBreakerRefusesWhatItCannotRead(t *testing.T) {
	broken := BreakerState{State: "closed", Shared: []byte(`{"state":`)}
	if _, err := lookAtBreaker("b", DefaultBreaker(), broken, time.Now()); err == nil {
		t.Error("a damaged state is looked at as if it were one")
	}
	if _, err := countOutcome("b", DefaultBreaker(), broken, time.Now(), true); err == nil {
		t.Error("an outcome is counted on a damaged state")
	}
}
