package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/engine"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// lived is an engine that keeps so much, after days each of which had an
// incident that was healed, and where an hour passed behind the last.
func lived(t *testing.T, keep engine.Retention, days int) *rig {
	r := begin(t, nil)
	r.stop()
	r.keep = keep
	r.run()
	for range days {
		r.incident()
		time.Sleep(24 * time.Hour)
	}
	synctest.Wait()
	return r
}

// incident is one from its alert to its end.
func (r *rig) incident() {
	r.t.Helper()
	r.submit(firing("Down"))
	time.Sleep(time.Hour) // more than any cooldown
	r.submit(resolved("Down"))
	time.Sleep(time.Hour)
}

// begins is the checkpoint of the journal, which begins with the first record
// while there is none.
func (r *rig) begins() remediate.Checkpoint {
	r.t.Helper()
	c, _, err := r.disk.mem.Checkpoint(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// opens is how many incidents the records tell the beginning of.
func (r *rig) opens() (n int) {
	for rec, err := range r.disk.mem.Read(r.t.Context(), r.begins().Seq+1) {
		if err != nil {
			r.t.Fatal(err)
		}
		if strings.HasPrefix(rec.Kind, "opened/") {
			n++
		}
	}
	return n
}

// What is older than is kept goes, the rest stays, and the daemon goes on behind
// the cut as if nothing had been cut.
func TestRetainsByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := lived(t, engine.Retention{Time: 72 * time.Hour}, 10)
		behind := r.begins()
		if age := time.Since(behind.At); age < 72*time.Hour || age > 99*time.Hour {
			t.Errorf("it begins %s ago, want 3 days and one more at most", age)
		}
		if n := r.opens(); n < 2 || n > 4 {
			t.Errorf("%d incidents are left of 10", n)
		}
		r.stop()
		r.run()
		r.incident()
		if !strings.Contains(r.kinds(), "healed/1") {
			t.Errorf("behind the cut: %s", r.kinds())
		}
	})
}

// Without a bound, all is kept for ever.
func TestRetainsAllByDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := lived(t, engine.Retention{}, 10)
		if c := r.begins(); c.Seq != 0 || r.opens() != 10 {
			t.Errorf("it was trimmed: %d incidents behind record %d", r.opens(), c.Seq)
		}
	})
}

// What belongs to something that is not over stays, however old it is, and so
// does all that came after.
func TestRetainsWhatIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, func(_ context.Context, s remediate.Started) remediate.Result {
			if s.Act != nil {
				return remediate.Result{Outcome: remediate.Failed, Text: "forbidden"}
			}
			return good(s)
		})
		r.stop()
		r.keep = engine.Retention{Time: time.Hour, Size: 1, Reserve: 1 << 62}
		r.run()
		time.Sleep(90 * time.Minute)
		r.submit(firing("Down")) // and nobody can heal it
		opened := time.Now()
		time.Sleep(30 * 24 * time.Hour)
		synctest.Wait()
		c := r.begins()
		if c.Seq == 0 || c.At.After(opened) || r.opens() != 1 {
			t.Errorf("cut at %s, behind record %d; %d open incidents are left, opened %s", c.At, c.Seq, r.opens(), opened)
		}
	})
}

// A clock that is wrong by years costs a day of the past an hour, not all of it.
func TestAWrongClockDoesNotCostThePast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := lived(t, engine.Retention{Time: 30 * 24 * time.Hour}, 10)
		r.stop()
		time.Sleep(3 * 365 * 24 * time.Hour)
		r.run()
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if n := r.opens(); n < 6 || n > 9 {
			t.Errorf("%d of 10 incidents are left after two hours", n)
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if n := r.opens(); n != 0 {
			t.Errorf("%d of 10 incidents are left after a day", n)
		}
	})
}

// While the journal takes more than it may, or the disk has less than it should,
// the oldest goes, but no more than is needed.
func TestRetainsBySpace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		used := func() int64 {
			space, err := r.disk.mem.Space(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return space.Used
		}
		for moment := range 40 {
			for k := range 50 {
				r.submit(firing(fmt.Sprint("Other", moment, k)))
			}
			time.Sleep(time.Second)
		}
		r.stop()
		size := used() / 2
		r.keep = engine.Retention{Size: size}
		r.run()
		time.Sleep(2 * time.Hour)
		if used() > size || used() < size/4 {
			t.Errorf("it takes %d bytes, want less than %d and no more cut than that needs", used(), size)
		}
		r.stop()
		r.keep = engine.Retention{Reserve: 10_000}
		r.disk.room.Store(20_000)
		r.run()
		before := r.begins().Seq
		time.Sleep(2 * time.Hour)
		if c := r.begins(); c.Seq != before {
			t.Errorf("there is room enough, and it was trimmed from %d to %d", before, c.Seq)
		}
		r.disk.room.Store(5_000)
		time.Sleep(2 * time.Hour)
		if c := r.begins(); c.Seq == before {
			t.Error("there is too little room, and it was not trimmed")
		}
	})
}

// What fills the disk does not wait for an hour.
func TestRetainsWhileItFills(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		r.stop()
		const size = 100_000
		r.keep = engine.Retention{Time: 30 * 24 * time.Hour, Size: size}
		r.run()
		for moment := range 100 {
			for k := range 20 {
				r.submit(firing(fmt.Sprint("Other", moment, k)))
			}
			time.Sleep(time.Second)
		}
		time.Sleep(20 * time.Second)
		r.submit(firing("Last"))
		synctest.Wait()
		space, err := r.disk.mem.Space(t.Context())
		if err != nil || space.Used > size*11/10 {
			t.Errorf("it takes %d bytes after two minutes, want about %d; %v", space.Used, size, err)
		}
	})
}

// A daemon that is started again and again, as one whose clock is wrong may be,
// cuts off nothing for its age by that.
func TestStartsDoNotCostThePast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := lived(t, engine.Retention{Time: 30 * 24 * time.Hour}, 5)
		r.stop()
		time.Sleep(3 * 365 * 24 * time.Hour)
		for range 10 {
			r.run()
			r.submit(firing("Other"))
			time.Sleep(time.Minute)
			r.submit(resolved("Other"))
			r.stop()
		}
		if n := r.opens(); n != 5 {
			t.Errorf("%d of 5 incidents are left", n)
		}
		r.run()
	})
}

// However long it takes to cut something off, nobody waits for it.
func TestRetainingIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		r.stop()
		r.keep = engine.Retention{Time: time.Hour}
		done := make(chan struct{})
		r.disk.trimmed.Store(&done)
		r.run()
		for range 4 {
			r.incident()
		}
		if n := strings.Count(r.kinds(), "healed/1"); n != 4 {
			t.Errorf("healed %d of 4 while the first cut was under way", n)
		}
		close(done)
		r.incident()
		synctest.Wait()
		if r.begins().Seq == 0 {
			t.Error("nothing was cut off in the end")
		}
	})
}

// A trim that fails is said, harms nothing, and is tried again.
func TestRetainingFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t, nil)
		r.stop()
		r.keep = engine.Retention{Time: time.Hour}
		r.disk.untrimmable.Store(true)
		r.run()
		r.incident()
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if !strings.Contains(r.log.String(), "could not be trimmed; it is tried again in an hour") || r.begins().Seq != 0 {
			t.Errorf("behind %d: %s", r.begins().Seq, r.log.String())
		}
		r.incident()
		if n := strings.Count(r.kinds(), "healed/1"); n != 2 {
			t.Errorf("healed %d of 2", n)
		}
		r.disk.untrimmable.Store(false)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if r.begins().Seq == 0 {
			t.Error("it was not tried again")
		}
	})
}

var errUntrimmable = errors.New("no trimming today")

func (h *handle) Trim(ctx context.Context, c remediate.Checkpoint, needed []string) error {
	if h.disk.untrimmable.Load() {
		return errUntrimmable
	}
	if until := h.disk.trimmed.Load(); until != nil {
		<-*until
	}
	return h.Memory.Trim(ctx, c, needed)
}

func (h *handle) Space(ctx context.Context) (journal.Space, error) {
	space, err := h.Memory.Space(ctx)
	if room := h.disk.room.Load(); room > 0 {
		space.Room = room
	}
	return space, err
}

// gathering is an engine whose performer keeps evidence before each judgement.
func gathering(t *testing.T, keep engine.Retention) *rig {
	t.Helper()
	r := begin(t, nil)
	r.stop()
	r.keep = keep
	r.do = func(ctx context.Context, s remediate.Started) remediate.Result {
		result := good(s)
		if s.Ask != nil && s.Ask.Purpose == remediate.ForGuards {
			digest, err := r.disk.mem.Keep(ctx, []byte("the logs before "+s.ID))
			if err != nil {
				t.Error(err)
			}
			result.Answers = append(result.Answers, remediate.Answer{Kind: remediate.BlobEvidence, OK: true, Values: map[string]string{remediate.ValueDigest: digest}})
		}
		return result
	}
	r.run()
	return r
}

// evidence is how much of it records name, and how much of that is there.
func (r *rig) evidence() (named, there int) {
	r.t.Helper()
	for _, f := range r.facts() {
		for _, b := range remediate.BlobsOf(f.Body) {
			if b.Is != remediate.BlobEvidence {
				continue
			}
			named++
			if _, err := r.disk.mem.Load(r.t.Context(), b.Digest); err == nil {
				there++
			}
		}
	}
	return named, there
}

// Evidence goes when it is as old as that, while the records that name it stay, and
// the rulebooks; without a bound of its own it stays with them.
func TestRetainsEvidenceByTime(t *testing.T) {
	for _, c := range []struct {
		name        string
		keep        engine.Retention
		least, most int  // pieces that are left
		allNamed    bool // no record was trimmed
	}{
		{"evidence alone", engine.Retention{Evidence: 48 * time.Hour}, 1, 3, true},
		{"as long as the rest", engine.Retention{Time: 30 * 24 * time.Hour}, 5, 5, true},
		{"both", engine.Retention{Time: 72 * time.Hour, Evidence: 24 * time.Hour}, 0, 2, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := gathering(t, c.keep)
				for range 5 {
					r.incident()
					time.Sleep(24 * time.Hour)
				}
				synctest.Wait()
				named, there := r.evidence()
				if there < c.least || there > c.most || there > named || c.allNamed != (named == 5) {
					t.Errorf("%d pieces of %d are left, want %d to %d", there, named, c.least, c.most)
				}
				r.stop()
				r.run() // with the rulebook, which is there still
				r.incident()
				if !strings.Contains(r.kinds(), "healed/1") {
					t.Errorf("it does not go on: %s", r.kinds())
				}
			})
		})
	}
}

// What was gathered for something that is not over stays, however old it is.
func TestRetainsEvidenceOfWhatIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := gathering(t, engine.Retention{Evidence: time.Hour})
		gather := r.do
		r.do = func(ctx context.Context, s remediate.Started) remediate.Result {
			if s.Act != nil {
				return remediate.Result{Outcome: remediate.Failed, Text: "forbidden"}
			}
			return gather(ctx, s)
		}
		time.Sleep(2 * time.Hour)
		r.submit(firing("Down")) // and nobody can heal it
		time.Sleep(3 * 24 * time.Hour)
		synctest.Wait()
		if named, there := r.evidence(); named == 0 || there != named {
			t.Errorf("%d pieces of %d are left", there, named)
		}
		r.submit(resolved("Down"))
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if named, there := r.evidence(); named == 0 || there != 0 {
			t.Errorf("when it is over, %d pieces of %d are left", there, named)
		}
	})
}

// A clock that is wrong by years costs a day's evidence an hour, not all of it.
func TestAWrongClockDoesNotCostTheEvidence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := gathering(t, engine.Retention{Evidence: 30 * 24 * time.Hour})
		for range 5 {
			r.incident()
			time.Sleep(24 * time.Hour)
		}
		r.stop()
		time.Sleep(3 * 365 * 24 * time.Hour)
		r.run()
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if _, there := r.evidence(); there < 1 || there > 4 {
			t.Errorf("%d of 5 pieces are left after two hours", there)
		}
	})
}
