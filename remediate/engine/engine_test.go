package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/engine"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// A round's answer is durable: whoever opens the journal after Submit returned
// finds the facts.
func TestSubmitIsDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		r.submit(firing("Down"))
		kinds := r.kinds()
		for _, want := range []string{"founded/1", "rulebook-loaded/1", "alert-firing/1", "opened/1", "started/1"} {
			if !strings.Contains(kinds, want) {
				t.Errorf("the journal lacks %s: %s", want, kinds)
			}
		}
	})
}

func TestARepeatWritesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		r.submit(firing("Down"))
		synctest.Wait()
		before := r.kinds()
		r.submit(firing("Down"))
		if after := r.kinds(); after != before {
			t.Errorf("a repeat wrote facts:\n%s\n%s", before, after)
		}
	})
}

// The whole way: asked, acted, verified, healed, closed.
func TestHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		r.submit(firing("Down"))
		synctest.Wait()
		if got := r.performed("act"); len(got) != 1 || got[0].ID != "q4m2x7kd-i1-a1" {
			t.Fatalf("acts: %v", got)
		}
		r.submit(resolved("Down"))
		synctest.Wait()
		if !strings.Contains(r.kinds(), "closed/1") {
			t.Errorf("not closed: %s", r.kinds())
		}
	})
}

// What was started and not finished is performed again after a restart, and
// the performer is told that it is not the first time.
func TestTakesUpWhatWasOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, func(ctx context.Context, s remediate.Started) remediate.Result {
			if s.Act != nil && !s.Again {
				<-ctx.Done() // the first daemon dies while the act is under way
			}
			return good(s)
		})
		r.submit(firing("Down"))
		synctest.Wait()
		r.stop()
		r.run()
		synctest.Wait()
		acts := r.performed("act")
		if len(acts) != 2 || acts[0].ID != acts[1].ID || acts[0].Again || !acts[1].Again {
			t.Errorf("acts: %+v", acts)
		}
		if !strings.Contains(r.kinds(), "healed/1") {
			t.Errorf("not healed: %s", r.kinds())
		}
	})
}

// A performer that says Later is asked again at the time it named, and that
// time survives a restart.
func TestLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		r := begin(t, func(_ context.Context, s remediate.Started) remediate.Result {
			if s.Act != nil && time.Since(begun) < 20*time.Second {
				return remediate.Result{Outcome: remediate.Later, Until: begun.Add(20 * time.Second), Text: "429"}
			}
			return good(s)
		})
		r.submit(firing("Down"))
		time.Sleep(10 * time.Second)
		r.stop()
		r.run()
		time.Sleep(9 * time.Second)
		if n := len(r.performed("act")); n != 1 {
			t.Fatalf("%d tries before the time that was named", n)
		}
		time.Sleep(2 * time.Second)
		if acts := r.performed("act"); len(acts) != 2 || acts[0].ID != acts[1].ID {
			t.Errorf("acts: %+v", acts)
		}
	})
}

// A performer that never comes back is ended by the core at its deadline; what
// it reports after that decides nothing.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var late atomic.Bool
		r := begin(t, func(ctx context.Context, s remediate.Started) remediate.Result {
			if s.Act != nil {
				<-ctx.Done()
				time.Sleep(time.Second)
				late.Store(true)
				return remediate.Result{Outcome: remediate.Failed, Text: "too late to matter"}
			}
			return good(s)
		})
		r.submit(firing("Down"))
		time.Sleep(3 * time.Minute)
		if !late.Load() {
			t.Fatal("the performer was not cancelled at its deadline")
		}
		unknown := false
		for _, f := range r.facts() {
			if b, ok := f.Body.(remediate.Finished); ok && b.ID == "q4m2x7kd-i1-a1" {
				unknown = b.Outcome == remediate.Unknown
			}
		}
		if !unknown || !strings.Contains(r.kinds(), "healed/1") {
			t.Errorf("the act should have ended as unknown and been verified: %s", r.kinds())
		}
	})
}

func TestAPanicIsAnOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, func(_ context.Context, s remediate.Started) remediate.Result {
			if s.Act != nil {
				panic("nil map")
			}
			return good(s)
		})
		r.submit(firing("Down"))
		synctest.Wait()
		if !strings.Contains(r.kinds(), "healed/1") { // unknown, so it was verified
			t.Errorf("not verified: %s", r.kinds())
		}
	})
}

// An append that fails once: nothing is acknowledged, the state is folded
// anew, and what comes again is taken.
func TestAFailedAppendIsNotAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		r.disk.fail(1)
		err := r.engine.Submit(t.Context(), []remediate.Input{firing("Down")})
		if !errors.Is(err, engine.ErrNotKept) {
			t.Fatalf("Submit = %v, want ErrNotKept", err)
		}
		if strings.Contains(r.kinds(), "opened/1") || len(r.performed("act")) > 0 {
			t.Fatalf("what was not kept was done: %s", r.kinds())
		}
		r.submit(firing("Down"))
		synctest.Wait()
		if !strings.Contains(r.kinds(), "healed/1") || r.disk.opened.Load() != 2 {
			t.Errorf("opened %d times: %s", r.disk.opened.Load(), r.kinds())
		}
	})
}

// What becomes of each alert of a webhook is said before the webhook is answered,
// and only when it is durable.
func TestEachAlertHasAnOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		r.disk.fail(1)
		batch := []remediate.Input{firing("Down"), firing("Other"), resolved("Never")}
		if err := r.engine.Submit(t.Context(), batch); !errors.Is(err, engine.ErrNotKept) || len(r.settled) != 0 {
			t.Fatalf("Submit = %v, and %v", err, r.settled)
		}
		if err := r.engine.Submit(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		if want := []remediate.AlertOutcome{remediate.AlertTaken, remediate.AlertUnmatched, remediate.AlertEnded}; !slices.Equal(r.settled, want) {
			t.Errorf("%v, want %v", r.settled, want)
		}
	})
}

// A disk that stays full: alerts are answered with ErrNotKept, nothing is
// acted, people are still told; when there is room it goes on by itself.
func TestDegradedTellsAndDoesNotAct(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, func(_ context.Context, s remediate.Started) remediate.Result {
			if s.Ask != nil && s.Ask.Purpose == remediate.ForVerification {
				return remediate.Result{Outcome: remediate.Failed, Text: "still down"}
			}
			return good(s)
		})
		r.disk.full.Store(true)
		if err := r.engine.Submit(t.Context(), []remediate.Input{firing("Down")}); !errors.Is(err, engine.ErrNotKept) {
			t.Fatalf("Submit = %v, want ErrNotKept", err)
		}
		r.disk.full.Store(false)
		time.Sleep(11 * time.Second)
		r.submit(firing("Down"))
		time.Sleep(time.Second) // the first attempt has failed; the next is 10 s away
		r.disk.full.Store(true)
		acts := len(r.performed("act"))
		time.Sleep(6 * time.Minute)
		if n := len(r.performed("act")); n != acts {
			t.Errorf("%d acts while nothing can be remembered", n-acts)
		}
		told := false
		for _, s := range r.performed("tell") {
			told = told || s.Tell.Destination == "pagerduty/oncall"
		}
		if !told {
			t.Error("nobody was told while the disk was full")
		}
		r.disk.full.Store(false)
		time.Sleep(time.Minute)
		if n := len(r.performed("act")); n == acts {
			t.Error("it did not go on when there was room")
		}
	})
}

// What was decided and could not be kept never was: nobody hears of an incident
// that is forgotten as soon as the journal is back.
func TestWhatWasNotKeptIsNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		r.disk.full.Store(true)
		if err := r.engine.Submit(t.Context(), []remediate.Input{firing("Down")}); !errors.Is(err, engine.ErrNotKept) {
			t.Fatalf("Submit = %v, want ErrNotKept", err)
		}
		time.Sleep(6 * time.Minute)
		if err := r.engine.Look(t.Context(), func(s *remediate.State, _ remediate.Rulebooks) {
			if s.Incidents.Len() != 0 || s.Degraded() == "" {
				t.Errorf("%d incidents that are not kept; degraded: %q", s.Incidents.Len(), s.Degraded())
			}
		}); err != nil {
			t.Fatal(err)
		}
		if told := r.performed("tell"); len(told) != 0 {
			t.Errorf("told of what was not kept: %+v", told)
		}
	})
}

func TestAnotherWriterEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		r.disk.lost.Store(true)
		if err := r.engine.Submit(t.Context(), []remediate.Input{firing("Down")}); err == nil {
			t.Error("Submit was acknowledged")
		}
		if err := <-r.ended; !errors.Is(err, journal.ErrLost) {
			t.Errorf("Run = %v, want ErrLost", err)
		}
		r.ended <- nil // for the clean-up
	})
}

// Who waits for a failed journal and finds that another has it meanwhile waits no longer.
func TestAnotherWriterEndsTheWaiting(t *testing.T) {
	for name, says := range map[string]func(*disk){
		"opening says so": func(d *disk) { d.taken.Store(true) },
		"writing says so": func(d *disk) { d.lost.Store(true) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := begin(t, nil)
				r.disk.full.Store(true)
				if err := r.engine.Submit(t.Context(), []remediate.Input{firing("Down")}); !errors.Is(err, engine.ErrNotKept) {
					t.Errorf("Submit = %v, want ErrNotKept", err)
				}
				says(r.disk)
				r.disk.full.Store(false)
				if err := <-r.ended; !errors.Is(err, journal.ErrLost) {
					t.Errorf("Run = %v, want ErrLost", err)
				}
				r.ended <- nil // for the clean-up
			})
		})
	}
}

func TestOverloadIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := engine.New(engine.Options{Queue: 1, Rulebook: book(t)}) // never run
		go e.Submit(t.Context(), []remediate.Input{firing("A")})
		synctest.Wait()
		if err := e.Submit(t.Context(), []remediate.Input{firing("B")}); !errors.Is(err, engine.ErrOverloaded) {
			t.Errorf("Submit = %v, want ErrOverloaded", err)
		}
	})
}

// The age of the oldest input grows while the disk hangs, also when nobody
// waits for it any more, and is gone when all was answered.
func TestOldestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		r.submit(firing("Up"))
		synctest.Wait()
		release := r.disk.hang()
		impatient, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		begun := time.Now()
		if err := r.engine.Submit(impatient, []remediate.Input{firing("Down")}); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Submit = %v while the disk hangs", err)
		}
		go r.engine.Look(t.Context(), func(*remediate.State, remediate.Rulebooks) {})
		time.Sleep(20 * time.Second)
		if age := r.engine.OldestWaiting(); age != time.Since(begun) {
			t.Errorf("the oldest waits for %s, want %s", age, time.Since(begun))
		}
		release()
		synctest.Wait()
		if age := r.engine.OldestWaiting(); age != 0 {
			t.Errorf("all was answered, and the oldest waits for %s", age)
		}
	})
}

func TestACommandThatDoesNotFitIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		before := r.kinds()
		err := r.engine.Command(t.Context(), remediate.Command{Command: remediate.Ack, Incident: 7, By: "anna"})
		var refused *remediate.RefusedError
		if !errors.As(err, &refused) || !refused.NotFound {
			t.Errorf("Command = %v, want a RefusedError", err)
		}
		if r.kinds() != before {
			t.Error("a refused command was written down")
		}
	})
}

// A rulebook that was loaded is in the journal before the fact that names it.
func TestLoadKeepsTheRulebook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		other := book(t)
		other.Policies[0].Mode = remediate.ModeObserve
		if err := other.Compile(); err != nil {
			t.Fatal(err)
		}
		if err := r.engine.Load(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		if _, err := r.disk.mem.Load(t.Context(), other.Digest()); err != nil {
			t.Errorf("the rulebook was not kept: %v", err)
		}
		r.submit(firing("Down"))
		synctest.Wait()
		if n := len(r.performed("act")); n > 0 {
			t.Errorf("%d acts under a rulebook that only observes", n)
		}
	})
}

// A reload that changes nothing, or fails and leaves what is in force, is no
// fact: the journal would say that another rulebook governs.
func TestLoadOfTheSameRulebookWritesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		before := r.kinds()
		if err := r.engine.Load(t.Context(), book(t)); err != nil {
			t.Fatal(err)
		}
		if after := r.kinds(); after != before {
			t.Errorf("facts %s, were %s", after, before)
		}
	})
}

// A snapshot spares reading what is before it, and changes nothing else.
func TestSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		r.submit(firing("Down"))
		synctest.Wait()
		r.stop()
		c, ok, err := r.disk.mem.Snapshot(t.Context())
		if err != nil || !ok || c.Seq < 10 {
			t.Fatalf("Snapshot = %d, %v, %v", c.Seq, ok, err)
		}
		r.run()
		r.submit(resolved("Down"))
		synctest.Wait()
		if !strings.Contains(r.kinds(), "closed/1") {
			t.Errorf("not closed: %s", r.kinds())
		}
	})
}

// An engine that ends again and again, each time long before a snapshot is due,
// reads about as much at each start as was written since the start before.
func TestShortLivesAreReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		r.every = 1000
		for life := range 20 {
			r.stop()
			synctest.Wait()
			before := r.disk.read.Load()
			r.run()
			synctest.Wait() // a snapshot that is being saved has been
			if read := r.disk.read.Load() - before; read > 200 {
				t.Fatalf("start %d reads %d records", life, read)
			}
			for range 50 {
				time.Sleep(time.Minute) // the next edge is another one
				r.submit(firing("Other"))
				time.Sleep(time.Minute)
				r.submit(resolved("Other"))
			}
		}
		if n := r.last(); n < 2000 {
			t.Errorf("%d records in all: too few to tell", n)
		}
	})
}

// Where no life is long enough to save a snapshot, a start waits for that once in a
// while: what it reads has a bound.
func TestLivesTooShortForASnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		r.every = 300
		r.disk.saves.Store(int64(5 * time.Hour))
		most := int64(0)
		for range 30 {
			r.stop()
			synctest.Wait()
			before := r.disk.read.Load()
			r.run()
			most = max(most, r.disk.read.Load()-before)
			for range 50 {
				time.Sleep(time.Minute) // the next edge is another one
				r.submit(firing("Other"))
				time.Sleep(time.Minute)
				r.submit(resolved("Other"))
			}
		}
		if n := r.last(); n < 3000 || most < 300 || most > 800 {
			t.Errorf("of %d records a start reads %d", n, most)
		}
	})
}

// A snapshot that another release wrote is passed over: all is folded anew.
func TestAnotherReleasesSnapshotIsPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		r.submit(firing("Down"))
		synctest.Wait()
		r.stop()
		c, _, err := r.disk.mem.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c.State = bytes.Replace(c.State, []byte(`"format":`), []byte(`"format":1`), 1) // that of no release
		if _, err := remediate.Restore(c.State); !errors.Is(err, remediate.ErrOtherFormat) {
			t.Fatalf("Restore: %v, want ErrOtherFormat", err)
		}
		if err := r.disk.mem.SaveSnapshot(t.Context(), c.Seal()); err != nil {
			t.Fatal(err)
		}
		r.run()
		r.submit(resolved("Down"))
		synctest.Wait()
		if !strings.Contains(r.kinds(), "closed/1") {
			t.Errorf("not closed: %s", r.kinds())
		}
	})
}

// Another release that is held does not act, not even on what is due in the moment
// in which it starts, until what it decides was compared.
func TestAnotherReleaseIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, func(_ context.Context, s remediate.Started) remediate.Result {
			if s.Act != nil {
				return remediate.Result{Outcome: remediate.Failed, Text: "forbidden"} // and then the next attempt is due
			}
			return good(s)
		})
		r.stop()
		r.release, r.hold = "1.4", true
		r.run()
		r.submit(firing("Down"))
		synctest.Wait()
		if acts := r.performed("act"); len(acts) != 0 {
			t.Fatalf("held, it acts: %v", acts)
		}
		if err := r.engine.Hear(t.Context(), remediate.Comparison{Release: "1.4", Facts: 2}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		before := len(r.performed("act"))
		if before == 0 {
			t.Fatalf("compared, it does not act: %s", r.kinds())
		}
		r.stop()
		time.Sleep(time.Hour)
		r.release = "1.5"
		r.run()
		time.Sleep(time.Hour)
		if acts := r.performed("act"); len(acts) != before {
			t.Errorf("the next one acts, though it is held: %v", acts[before:])
		}
		var last remediate.Judged
		for _, f := range r.facts() {
			if b, ok := f.Body.(remediate.Judged); ok {
				last = b
			}
		}
		if n := strings.Count(r.kinds(), "upgraded/1"); n != 2 || last.Decision != remediate.Observed {
			t.Errorf("%d releases, at last it is judged %s: %v", n, last.Decision, last.Verdicts)
		}
	})
}

// rig is an engine on a disk, with a performer that notes what it is given.
type rig struct {
	t      *testing.T
	engine *engine.Engine
	disk   *disk
	do     func(context.Context, remediate.Started) remediate.Result
	cancel context.CancelFunc

	every   uint64 // records between snapshots
	release string
	hold    bool
	ahead   atomic.Int64 // how far the wall's clock is ahead
	keep    engine.Retention
	log     bytes.Buffer
	ended   chan error

	mu      sync.Mutex
	seen    []remediate.Started
	settled []remediate.AlertOutcome
}

func begin(t *testing.T, do func(context.Context, remediate.Started) remediate.Result) *rig {
	if do == nil {
		do = func(_ context.Context, s remediate.Started) remediate.Result { return good(s) }
	}
	r := &rig{t: t, disk: &disk{mem: journal.NewMemory()}, do: do, every: 10}
	r.run()
	t.Cleanup(r.stop)
	return r
}

func (r *rig) run() {
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel, r.ended = cancel, make(chan error, 1)
	r.engine = engine.New(engine.Options{
		Open: r.disk.open, Name: func() string { return "q4m2x7kd" }, Performer: r, Rulebook: book(r.t), SnapshotEvery: r.every,
		Settled: func(o remediate.AlertOutcome) { r.mu.Lock(); r.settled = append(r.settled, o); r.mu.Unlock() },
		Release: r.release, Hold: r.hold, Retention: r.keep, Log: slog.New(slog.NewTextHandler(&r.log, nil)),
	})
	r.engine.SetWall(func(at time.Time) time.Time { return at.Add(time.Duration(r.ahead.Load())) })
	go func() { r.ended <- r.engine.Run(ctx) }()
	<-r.engine.Ready()
}

func (r *rig) stop() {
	r.cancel()
	if err := <-r.ended; err != nil {
		r.t.Error(err)
	}
	r.ended <- nil
}

func (r *rig) Perform(ctx context.Context, s remediate.Started) remediate.Result {
	r.mu.Lock()
	r.seen = append(r.seen, s)
	r.mu.Unlock()
	return r.do(ctx, s)
}

// performed returns what was performed of a kind: ask, act or tell.
func (r *rig) performed(what string) []remediate.Started {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []remediate.Started
	for _, s := range r.seen {
		if what == "act" && s.Act != nil || what == "ask" && s.Ask != nil || what == "tell" && s.Tell != nil {
			out = append(out, s)
		}
	}
	return out
}

func (r *rig) submit(in remediate.Input) {
	r.t.Helper()
	if err := r.engine.Submit(r.t.Context(), []remediate.Input{in}); err != nil {
		r.t.Fatal(err)
	}
}

// facts are those that were not trimmed.
func (r *rig) facts() []remediate.Fact {
	r.t.Helper()
	var fs []remediate.Fact
	for rec, err := range r.disk.mem.Read(r.t.Context(), r.begins().Seq+1) {
		if err != nil {
			r.t.Fatal(err)
		}
		f, err := rec.Decode()
		if err != nil {
			r.t.Fatal(err)
		}
		fs = append(fs, f)
	}
	return fs
}

// last is the number of the last record.
func (r *rig) last() (seq uint64) {
	r.t.Helper()
	if err := r.engine.Look(r.t.Context(), func(s *remediate.State, _ remediate.Rulebooks) { seq = s.Seq }); err != nil {
		r.t.Fatal(err)
	}
	return seq
}

func (r *rig) kinds() string {
	var kinds []string
	for _, f := range r.facts() {
		kinds = append(kinds, remediate.KindOf(f.Body))
	}
	return strings.Join(kinds, " ")
}

// disk is a memory journal that outlives its handles and can be made to fail.
type disk struct {
	mem    *journal.Memory
	opened atomic.Int32
	full   atomic.Bool
	lost   atomic.Bool // to whoever writes
	taken  atomic.Bool // from whoever opens

	untrimmable atomic.Bool
	saves       atomic.Int64                  // how long it takes to save a snapshot
	trimmed     atomic.Pointer[chan struct{}] // a trim goes on when it is closed

	read    atomic.Int64 // records
	appends atomic.Int64

	fails atomic.Int32
	room  atomic.Int64                  // what is left on it, 0: enough
	hung  atomic.Pointer[chan struct{}] // an append returns when it is closed
}

// hang keeps what is written from being answered until release is called.
func (d *disk) hang() (release func()) {
	until := make(chan struct{})
	d.hung.Store(&until)
	return func() { d.hung.Store(nil); close(until) }
}

func (d *disk) fail(times int32) { d.fails.Store(times) }

func (d *disk) open(context.Context) (engine.Journal, error) {
	if d.full.Load() {
		return nil, errNoSpace // opening writes too
	}
	if d.taken.Load() {
		return nil, fmt.Errorf("open: %w", journal.ErrLost)
	}
	d.opened.Add(1)
	return &handle{Memory: d.mem, disk: d}, nil
}

// handle is one opening of the disk; like a real one it is done for after it
// failed.
type handle struct {
	*journal.Memory
	disk   *disk
	broken bool
}

var errNoSpace = errors.New("no space left on device")

func (h *handle) Append(ctx context.Context, after uint64, rs []remediate.Record) error {
	if until := h.disk.hung.Load(); until != nil {
		<-*until
	}
	switch {
	case h.disk.lost.Load():
		return journal.ErrLost
	case h.broken:
		panic("a handle that failed was used again")
	case h.disk.full.Load() || h.disk.fails.Add(-1) >= 0:
		h.broken = true
		return errNoSpace
	}
	h.disk.appends.Add(1)
	return h.Memory.Append(ctx, after, rs)
}

func (h *handle) Read(ctx context.Context, from uint64) iter.Seq2[remediate.Record, error] {
	return func(yield func(remediate.Record, error) bool) {
		h.Memory.Read(ctx, from)(func(rec remediate.Record, err error) bool {
			h.disk.read.Add(1)
			return yield(rec, err)
		})
	}
}

func (h *handle) SaveSnapshot(ctx context.Context, c remediate.Checkpoint) error {
	select {
	case <-time.After(time.Duration(h.disk.saves.Load())):
		return h.Memory.SaveSnapshot(ctx, c)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *handle) Keep(ctx context.Context, b []byte) (string, error) {
	if h.disk.lost.Load() {
		return "", journal.ErrLost
	}
	if h.disk.full.Load() {
		return "", errNoSpace
	}
	return h.Memory.Keep(ctx, b)
}

func good(s remediate.Started) remediate.Result {
	r := remediate.Result{Outcome: remediate.OK, FirstGood: time.Now(), Ref: "ref"}
	if s.Ask != nil && s.Ask.Purpose == remediate.ForGuards {
		r.Answers = []remediate.Answer{
			{Kind: "alert", OK: true, Values: map[string]string{remediate.ValueState: remediate.AlertStateFiring}},
			{Kind: "workload", OK: true, Values: map[string]string{remediate.ValueUID: "uid-1", remediate.ValueTemplate: "hash-1"}},
		}
	}
	return r
}

func alert(name string) remediate.Alert {
	return remediate.Alert{Labels: remediate.LabelsOf(map[string]string{"alertname": name}), StartsAt: time.Now().Add(time.Second)}
}

func firing(name string) remediate.Heard   { return remediate.Heard{Alert: alert(name), Firing: true} }
func resolved(name string) remediate.Heard { return remediate.Heard{Alert: alert(name)} }

func book(t testing.TB) *remediate.Rulebook {
	t.Helper()
	b := &remediate.Rulebook{
		Cluster: "prod", Runbooks: remediate.DefaultRunbooks(), Destinations: []string{"pagerduty/oncall"},
		Policies: []remediate.Policy{{
			Name: "down", When: []string{`alertname="Down"`}, Severity: remediate.P2, Mode: remediate.ModeAct,
			Target: "deployment/shop/db", Guards: remediate.Guards{Breaker: remediate.DefaultBreaker()},
			Steps: []remediate.Step{{
				Name: "restart", Do: []remediate.Do{{Kind: "restart"}},
				Verify: remediate.Verify{All: []remediate.Check{{Kind: "rollout"}}, Within: model.Duration(time.Minute)},
			}},
		}, {
			Name: "slow", When: []string{`alertname="Slow"`}, Severity: remediate.P3, Mode: remediate.ModeObserve,
		}},
	}
	if err := b.Compile(); err != nil {
		t.Fatal(err)
	}
	return b
}
