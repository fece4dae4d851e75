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
		r := begin(t, func(ctx context.Context, s remediate.Started) remediate.Result {
			if s.Tell == nil {
				<-ctx.Done() // nobody ever answers, and what comes too late knows nothing
				return remediate.Result{Outcome: remediate.Unknown}
			}
			return good(s)
		})
		r.setBack()
		r.submit(firing("Down"))
		time.Sleep(10 * time.Minute) // a P2 is told of after five
		if !strings.Contains(r.kinds(), "escalated/1") {
			t.Errorf("nobody was told: %s", r.kinds())
		}
	})
}
