package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/engine"
)

// noise is a webhook of so many alerts that no policy concerns.
func noise(name string, alerts int) (batch []remediate.Input) {
	for k := range alerts {
		batch = append(batch, firing(fmt.Sprintf("%s%d", name, k)))
	}
	return batch
}

// heard are the names of the alerts that fired, in the order in which that was
// written down.
func (r *rig) heard() (names []string) {
	for _, f := range r.facts() {
		if b, ok := f.Body.(remediate.AlertFiring); ok {
			names = append(names, b.Alert.Name())
		}
	}
	return names
}

// What a policy concerns is decided about before what waits already and nobody is
// concerned with, and so is what is worse by another policy.
func TestTheWorstIsDecidedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		release := r.disk.hang()
		submit := func(batch []remediate.Input) {
			go r.engine.Submit(t.Context(), batch)
			synctest.Wait()
		}
		submit(noise("UnderWay", 1))
		submit(noise("First", 1))
		submit(noise("Second", 1))
		submit(append(noise("Among", 2), firing("Slow")))
		submit([]remediate.Input{firing("Down")})
		submit([]remediate.Input{resolved("Down"), firing("Late")})
		release()
		synctest.Wait()
		want := []string{"UnderWay0", "Down", "Late", "Among0", "Among1", "Slow", "First0", "Second0"}
		if got := r.heard(); !slices.Equal(got, want) {
			t.Errorf("alerts were decided about in the order %v, want %v", got, want)
		}
	})
}

// One that is worse waits for no more than one round of what is not, however much
// of that waits.
func TestARoundHasAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		release := r.disk.hang()
		for k := range 3 {
			go r.engine.Submit(t.Context(), noise(fmt.Sprintf("Noise%dx", k), 4000))
			synctest.Wait()
		}
		before := r.disk.appends.Load()
		release()
		synctest.Wait()
		if n := r.disk.appends.Load() - before; n < 3 {
			t.Errorf("what waited was written down in %d rounds, want one for each 4,000 alerts", n)
		}
	})
}

// What waits is bounded by how many alerts it is, for each urgency by itself.
func TestNoiseLeavesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		e := engine.New(engine.Options{Rulebook: book(t)}) // never run
		submit := func(batch []remediate.Input) (answer error) {
			done := make(chan error, 1)
			go func() { done <- e.Submit(ctx, batch) }()
			synctest.Wait()
			select {
			case err := <-done:
				return err
			default:
				return nil // it waits
			}
		}
		if err := submit(noise("Large", 30_000)); err != nil {
			t.Fatalf("one that is large by itself: %v", err)
		}
		if err := submit(noise("Small", 1)); !errors.Is(err, engine.ErrOverloaded) {
			t.Errorf("more of the same: %v, want ErrOverloaded", err)
		}
		if err := submit([]remediate.Input{firing("Down")}); err != nil {
			t.Errorf("what a policy concerns: %v", err)
		}
	})
}

// Another rulebook that governs says anew what is worse.
func TestUrgencyIsByTheRulebookThatGoverns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		other := book(t)
		other.Policies[0].When = []string{`alertname="Other"`}
		if err := other.Compile(); err != nil {
			t.Fatal(err)
		}
		if err := r.engine.Load(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		release := r.disk.hang()
		for _, name := range []string{"UnderWay", "Down", "Other"} {
			go r.engine.Submit(t.Context(), []remediate.Input{firing(name)})
			synctest.Wait()
		}
		release()
		synctest.Wait()
		if got := strings.Join(r.heard(), " "); got != "UnderWay Other Down" {
			t.Errorf("decided about in the order %s", got)
		}
	})
}

// Who performs is told how bad the incident is, as it is then.
func TestPerformersAreToldTheSeverity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		r.submit(firing("Down"))
		synctest.Wait()
		asks := r.performed("ask")
		if len(asks) == 0 || asks[0].Severity != remediate.P2 {
			t.Errorf("asks of a P2 incident: %+v", asks)
		}
	})
}
