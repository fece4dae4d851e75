package engine

import (
	"context"
	"log/slog"
	"math"
	"slices"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// Retention is how much of the past is kept. What is open is kept in any case.
type Retention struct {
	Time    time.Duration // what is older may go; 0: nothing is too old
	Size    int64         // of all that is kept, in bytes; 0: no matter how much
	Reserve int64         // bytes that are to be had when the disk fills: the oldest goes first; 0: none
	// Evidence is when evidence goes, though the records that name it stay; 0: it
	// stays as long as they do.
	Evidence time.Duration
}

const (
	retainEvery = time.Hour        // what is too old is looked for
	spaceEvery  = 10 * time.Second // and whether there is room: a disk can fill in less than an hour
	// maxAgeCut is how much of the journal's time goes at once for its age. A
	// clock that is wrong by months must not cost the past before somebody sees
	// to it.
	maxAgeCut = 24 * time.Hour
	// minCut is how many records go at the least while space is short, for each cut
	// writes the whole state.
	minCut = 250
	// maxDrop is how many pieces of evidence one write gives up. Each may be large.
	maxDrop = 10
)

// retain cuts off in the background what need not be kept any longer. Nothing
// goes for its age soon after a start, or each start would cost a day.
func (e *Engine) retain() {
	now := e.clock.told
	if e.opt.Retention == (Retention{}) || e.degraded != nil || e.isRetaining() || now.Before(e.retainAt) {
		return
	}
	e.retainAt = now.Add(spaceEvery)
	c := cutting{journal: e.journal, Retention: e.opt.Retention, now: now, open: e.state.OldestOpen(), last: e.state.Seq}
	if now.Before(e.ageAt) {
		c.Time, c.Evidence = 0, 0
	} else {
		e.ageAt = now.Add(retainEvery)
	}
	done := make(chan bool, 1)
	e.retaining = done
	go func() {
		records, until, err := c.all(e.perform)
		if records > 0 {
			e.opt.Log.Info("the journal was trimmed", "records", records, "until", until)
		}
		if err == nil {
			err = c.dropEvidence(e.perform, e.opt.Log)
		}
		if err != nil && e.perform.Err() == nil {
			e.opt.Log.Warn("the journal could not be trimmed; it is tried again in an hour", "err", err)
		}
		done <- err == nil
	}()
}

// isRetaining tells whether something is being cut off still.
func (e *Engine) isRetaining() bool {
	select {
	case ok := <-e.retaining:
		e.retaining = nil
		if !ok {
			e.retainAt = e.clock.told.Add(retainEvery)
		}
	default:
	}
	return e.retaining != nil
}

// awaitRetaining waits for what is being cut off. A journal that broke off, or
// an engine that ends, ends it at once.
func (e *Engine) awaitRetaining() {
	if e.retaining != nil {
		<-e.retaining
		e.retaining = nil
	}
}

// cutting cuts off the beginning of a journal. The journal lets others write
// meanwhile.
type cutting struct {
	journal Journal
	Retention
	now  time.Time
	open time.Time // when the oldest open incident was opened; zero: none is open
	last uint64    // number of the last record
	// spare has a twentieth more go than space asks for, so that it is not looked
	// for space again in ten seconds.
	spare bool
}

// all cuts off all that may go now, and returns how many records that were and
// up to when.
func (c cutting) all(ctx context.Context) (records uint64, until time.Time, err error) {
	share, err := c.short(ctx)
	if c.spare = share > 0; err != nil || !c.spare && c.Time == 0 {
		return 0, until, err
	}
	state, _, err := trimmed(ctx, c.journal)
	if err != nil {
		return 0, until, err
	}
	begun := state.Seq
	old, err := c.old(ctx, state)
	for more := true; more && err == nil; {
		var before time.Time
		var most uint64
		if before, most, err = c.bounds(ctx, state, old); err == nil {
			more, err = c.piece(ctx, state, before, most)
		}
	}
	return state.Seq - begun, state.At, err
}

// old is before when records are too old that come after those of state.
func (c cutting) old(ctx context.Context, state *remediate.State) (time.Time, error) {
	if c.Time == 0 {
		return time.Time{}, nil
	}
	for r, err := range c.journal.Read(ctx, state.Seq+1) {
		if err != nil {
			return time.Time{}, err
		}
		return earlier(c.now.Add(-c.Time), r.At.Add(maxAgeCut)), nil
	}
	return time.Time{}, nil // there is none
}

// dropEvidence gives up the evidence that is too old, a few pieces at a time. It is
// held to what records are: none of a thing that is not over goes, and no more than
// a day of it at once.
func (c cutting) dropEvidence(ctx context.Context, log *slog.Logger) error {
	if c.Evidence == 0 {
		return nil
	}
	before := c.now.Add(-c.Evidence)
	if !c.open.IsZero() {
		before = earlier(before, c.open)
	}
	all, err := c.journal.Evidence(ctx, before)
	if err != nil || len(all) == 0 {
		return err
	}
	until := all[0].At.Add(maxAgeCut)
	all = slices.DeleteFunc(all, func(e journal.Evidence) bool { return !e.At.Before(until) })
	for pieces := range slices.Chunk(all, maxDrop) {
		if err := c.journal.DropEvidence(ctx, pieces); err != nil {
			return err
		}
	}
	log.Info("old evidence was given up", "pieces", len(all), "until", all[len(all)-1].At)
	return nil
}

// bounds are before when a record must have been written to go, and how many records
// after those of state go at the most: all that are old enough or, while space is
// short, whenever they were written, as many as on average take what is missing. But
// never one since something opened that is not over.
func (c cutting) bounds(ctx context.Context, state *remediate.State, old time.Time) (before time.Time, most uint64, err error) {
	before, most = old, math.MaxUint64
	share, err := c.short(ctx)
	if share > 0 {
		before, most = c.now, minCut+uint64(share*float64(c.last-min(c.last, state.Seq)))
	}
	if !c.open.IsZero() {
		before = earlier(before, c.open)
	}
	return before, most, err
}

// short returns by what share of itself the journal takes more than it may, or leaves
// less room than it should; 0 when it does not.
func (c cutting) short(ctx context.Context) (share float64, err error) {
	size, reserve := c.Size, c.Reserve
	if c.spare {
		size, reserve = size-size/20, reserve+reserve/20
	}
	space, err := c.journal.Space(ctx)
	missing := reserve - space.Room
	if size > 0 {
		missing = max(missing, space.Used-size)
	}
	if err != nil || missing <= 0 {
		return 0, err
	}
	return min(1, float64(missing)/float64(max(space.Used, 1))), nil
}

// piece cuts off the first records, so many at the most, that were written before
// then, if there are any. Records of one moment stay together: they are of one
// decision.
func (c cutting) piece(ctx context.Context, state *remediate.State, before time.Time, most uint64) (bool, error) {
	begun := state.Seq
	for r, err := range c.journal.Read(ctx, state.Seq+1) {
		if err != nil {
			return false, err
		}
		if !r.At.Before(before) || r.Seq-begun > most && r.At.After(state.At) {
			break
		}
		if err := state.Fold(r); err != nil {
			return false, err
		}
	}
	if state.Seq == begun {
		return false, nil
	}
	b, err := state.Snapshot()
	if err != nil {
		return false, err
	}
	checkpoint := remediate.Checkpoint{Seq: state.Seq, At: state.At, Head: state.Head, State: b}.Seal()
	var needed []string
	for _, b := range state.Blobs() {
		needed = append(needed, b.Digest)
	}
	return true, c.journal.Trim(ctx, checkpoint, needed)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
