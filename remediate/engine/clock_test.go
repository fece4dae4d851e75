package engine_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// setBack stops the engine, lets the journal be an hour ahead of the wall's
// clock, as after one that was set back, and starts it again.
func (r *rig) setBack() {
	r.t.Helper()
	r.stop()
	var last remediate.Record
	for rec, err := range r.disk.mem.Read(r.t.Context(), 1) {
		if err != nil {
			r.t.Fatal(err)
		}
		last = rec
	}
	ahead, err := remediate.Encode(last.Seq, last.Sum, time.Now().Add(time.Hour), remediate.ClockJumped{By: remediate.Shift(time.Hour)})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.disk.mem.Append(r.t.Context(), last.Seq, []remediate.Record{ahead}); err != nil {
		r.t.Fatal(err)
	}
	r.run()
}

// What is answered is as old as it took to come in, whatever the wall's clock
// shows: while facts' time is ahead of it, acting goes on.
func TestActsThoughTheClockWasSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		r.setBack()
		r.submit(firing("Down"))
		time.Sleep(5 * time.Minute)
		if !strings.Contains(r.kinds(), "healed/1") {
			t.Errorf("it was not healed: %s", r.kinds())
		}
	})
}

// Facts' time goes on from the last fact of the journal, so that no deadline
// and no rung of a ladder waits for a wall's clock that was set back.
func TestDeadlinesPassThoughTheClockWasSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, unanswered)
		r.setBack()
		r.submit(firing("Down"))
		time.Sleep(10 * time.Minute) // a P2 is told of after five
		if !strings.Contains(r.kinds(), "escalated/1") {
			t.Errorf("nobody was told: %s", r.kinds())
		}
	})
}

// unanswered is a world in which people can be told and nobody else ever answers;
// what comes too late knows nothing.
func unanswered(ctx context.Context, s remediate.Started) remediate.Result {
	if s.Tell == nil {
		<-ctx.Done()
		return remediate.Result{Outcome: remediate.Unknown}
	}
	return good(s)
}

// set sets the wall's clock, and has the engine look at it.
func (r *rig) set(ahead time.Duration) {
	r.t.Helper()
	r.ahead.Store(int64(ahead))
	if err := r.engine.Look(r.t.Context(), func(*remediate.State, remediate.Rulebooks) {}); err != nil {
		r.t.Fatal(err)
	}
}

// count is how many facts there are of a kind.
func (r *rig) count(kind string) int { return strings.Count(" "+r.kinds()+" ", " "+kind+" ") }

// A clock that jumps is a fact. Whichever way it jumps, each timer comes once,
// and those of a clock that was set back come when they would have.
func TestTimersFireOnceThoughTheClockJumps(t *testing.T) {
	for name, c := range map[string]struct {
		by   time.Duration
		when time.Duration // after which the page is out
	}{
		"an hour back":     {-time.Hour, 5 * time.Minute},
		"an hour forwards": {time.Hour, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := begin(t, unanswered)
				r.submit(firing("Down"))
				time.Sleep(time.Minute)
				r.set(c.by)
				synctest.Wait()
				if n := r.count("clock-jumped/1"); n != 1 {
					t.Errorf("%d jumps were noticed", n)
				}
				time.Sleep(c.when - time.Minute - time.Second)
				early := r.pages()
				time.Sleep(2 * time.Second)
				if due := r.pages(); due != 1 || c.by < 0 && early != 0 {
					t.Errorf("on-call was paged %d times before %s and %d after it", early, c.when, due)
				}
				r.set(0)
				time.Sleep(time.Minute)
				if n := r.pages(); n != 1 {
					t.Errorf("when the clock was set right on-call was paged again, %d times in all", n)
				}
				if n := r.count("clock-jumped/1"); n != 2 {
					t.Errorf("%d jumps were noticed", n)
				}
			})
		})
	}
}

// pages is how often on-call was paged.
func (r *rig) pages() (n int) {
	for _, s := range r.performed("tell") {
		if s.Tell.Destination == "pagerduty/oncall" && s.Tell.Notice.Action == "trigger" {
			n++
		}
	}
	return n
}

// A try that is asked to wait half a minute waits half a minute, also while
// facts' time is ahead of the wall's clock, by which the performer says until
// when. Else all that is down would be tried each second for as long as that
// lasts, and what a service asked for would not be heeded.
func TestTriesAreAsFarApartThoughTheClockWasSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, func(ctx context.Context, s remediate.Started) remediate.Result {
			if s.Tell != nil {
				return remediate.Result{Outcome: remediate.Later, Until: time.Now().Add(30 * time.Second), Text: "429 Too Many Requests"}
			}
			return unanswered(ctx, s)
		})
		r.setBack()
		r.submit(firing("Down"))
		time.Sleep(6*time.Minute + 15*time.Second) // on-call is paged after five
		before := len(r.performed("tell"))
		time.Sleep(3 * time.Minute)
		if n := len(r.performed("tell")) - before; n < 5 || n > 7 {
			t.Errorf("%d tries within three minutes, asked for was one each half minute", n)
		}
	})
}

// How long it took until it was good again is told in one time.
func TestHealingTakesAsLongThoughTheClockWasSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, func(_ context.Context, s remediate.Started) remediate.Result {
			if s.Ask != nil && s.Ask.Purpose == remediate.ForVerification {
				time.Sleep(40 * time.Second)
			}
			return good(s)
		})
		r.setBack()
		r.submit(firing("Down"))
		time.Sleep(time.Minute)
		for _, f := range r.facts() {
			if b, ok := f.Body.(remediate.Healed); ok {
				if took := time.Duration(b.Took); took != 40*time.Second {
					t.Errorf("it took %s, want 40s", took)
				}
				return
			}
		}
		t.Errorf("it was not healed: %s", r.kinds())
	})
}

// What is listed later counts as later: an alert that was heard of after the
// clock was set back, and is not listed a minute after that, is over.
func TestListingsCountThoughTheClockWasSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		r.setBack()
		begun := time.Now().UTC() // as a listing is begun
		time.Sleep(time.Second)
		r.submit(firing("Down"))
		time.Sleep(time.Second)
		r.submit(remediate.Listing{At: begun, Complete: true})
		if n := r.count("alert-resolved/1"); n != 0 {
			t.Error("a listing that was begun before it was heard of says that it is over")
		}
		time.Sleep(time.Minute)
		r.submit(remediate.Listing{At: time.Now().UTC(), Complete: true})
		if n := r.count("alert-resolved/1"); n != 1 {
			t.Errorf("%d ends, want one: %s", n, r.kinds())
		}
	})
}

// A pause lasts as long as it was said to, though facts' time is ahead of the wall's clock,
// by which people say until when; and what waited goes on at its end by itself.
func TestPausesLastAsLongThoughTheClockWasSetBack(t *testing.T) {
	for name, pause := range map[string]func() remediate.Command{
		"until": func() remediate.Command { return remediate.Command{Until: time.Now().Add(30 * time.Minute)} },
		"for":   func() remediate.Command { return remediate.Command{Value: "30m"} },
	} {
		synctest.Test(t, func(t *testing.T) {
			r := begin(t, nil)
			r.setBack()
			c := pause()
			c.Command, c.By, c.Scope = remediate.Pause, "anna", "all"
			r.submit(c)
			r.submit(firing("Down"))
			time.Sleep(30*time.Minute - time.Second)
			if n := r.count("pause-ended/1") + len(r.performed("act")); n != 0 {
				t.Errorf("%s: it is over before its end: %s", name, r.kinds())
			}
			time.Sleep(2 * time.Second)
			if n := r.count("pause-ended/1"); n != 1 || len(r.performed("act")) != 1 {
				t.Errorf("%s: %d ends and %d acts, want one of each: %s", name, n, len(r.performed("act")), r.kinds())
			}
		})
	}
}
