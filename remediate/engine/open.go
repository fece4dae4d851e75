package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/x0tta6bl4/remediated/remediate"
)

// loading is a rulebook on its way to being loaded.
type loading struct {
	remediate.Loaded // it becomes one when it was kept
	book             *remediate.Rulebook
}

// open opens the journal and folds it to the last durable state. A snapshot of
// that is saved when the next start should not read so much again: else one that
// dies soon, again and again, reads more each time.
func (e *Engine) open(ctx context.Context) error {
	j, err := e.opt.Open(ctx)
	if err != nil {
		return fmt.Errorf("open the journal: %w", err)
	}
	state, durable, err := fold(ctx, j, overdue*e.opt.SnapshotEvery)
	if err == nil {
		err = e.readBooks(ctx, j, state)
	}
	if err != nil {
		return closing(j, err)
	}
	state.Rewake(e.books)
	e.journal, e.state, e.durable, e.saved = j, state, durable, durable.at
	return e.saveFolded(ctx)
}

// saveFolded saves what was folded, in the background if that were records enough.
// When there were so many that those who lived before cannot have had the time for
// that, it is waited for: else nobody might ever have it.
func (e *Engine) saveFolded(ctx context.Context) error {
	records, every := e.state.Seq-e.saved, e.opt.SnapshotEvery
	switch {
	case records >= overdue*every:
		s := saveFrozen(ctx, e.journal, e.state.Freeze())
		if s.snapshot.Seq == 0 {
			return fmt.Errorf("make a snapshot of what the journal comes to: %w", s.err)
		}
		e.saved = e.state.Seq
		e.took(s)
	case records >= max(1, every/sooner):
		e.save()
	}
	return nil
}

// closing closes j, whose use ended with err.
func closing(j Journal, err error) error {
	if also := j.Close(); also != nil {
		return fmt.Errorf("%w (and closing it: %w)", err, also)
	}
	return err
}

// fold reads the state from the newest snapshot or checkpoint and the records after
// it, and what is durable with them. Of more records than most that is what a snapshot
// of the state must be saved for first.
func fold(ctx context.Context, j Journal, most uint64) (*remediate.State, *durable, error) {
	state, base, err := behind(ctx, j)
	if err != nil {
		return nil, nil, err
	}
	d := &durable{at: state.Seq, base: base}
	for r, err := range ahead(j.Read(ctx, d.at+1)) {
		if err == nil {
			err = r.foldInto(state)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read the journal: %w", err)
		}
		if d.add(r.Record); state.Seq-d.at >= most {
			d.forget()
		}
	}
	return state, d, nil
}

// behind is the state that the records yet to be read follow, and its bytes: that of
// the newest snapshot, else of the checkpoint, else none. A snapshot that another
// release wrote is passed over: it is only a cache.
func behind(ctx context.Context, j Journal) (*remediate.State, []byte, error) {
	if c, ok, err := j.Snapshot(ctx); err == nil && ok {
		if s, err := remediate.Restore(c.State); !errors.Is(err, remediate.ErrOtherFormat) {
			return s, c.State, err
		}
	} else if err != nil {
		return nil, nil, fmt.Errorf("read the snapshot: %w", err)
	}
	return trimmed(ctx, j)
}

// trimmed is the state of the checkpoint and its bytes, else that before the first
// record. It stands for records that are gone, so it is read whatever release wrote it.
func trimmed(ctx context.Context, j Journal) (*remediate.State, []byte, error) {
	c, ok, err := j.Checkpoint(ctx)
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("read the checkpoint: %w", err)
	case !ok:
		return remediate.NewState(), nil, nil
	}
	s, err := remediate.Reinstate(c.State)
	return s, c.State, err
}

// readBooks loads the rulebooks that open incidents were opened under, and the
// one that governs.
func (e *Engine) readBooks(ctx context.Context, j Journal, s *remediate.State) error {
	need := map[string]bool{}
	if s.Rulebook != "" {
		need[s.Rulebook] = true
	}
	for _, b := range s.Incidents.Briefs() {
		need[b.Rulebook] = true
	}
	for digest := range need {
		if e.books[digest] != nil {
			continue
		}
		b, err := j.Load(ctx, digest)
		if err != nil {
			return fmt.Errorf("read the rulebook that an open incident was opened under: %w", err)
		}
		book, err := remediate.DecodeRulebook(b)
		if err != nil {
			return fmt.Errorf("rulebook %.12s: %w", digest, err)
		}
		e.books[digest] = book
	}
	return nil
}

// begin founds a new journal, says which release decides and loads the rulebook
// when these are others, and takes up what was open.
func (e *Engine) begin(ctx context.Context) error {
	e.clock.from(e.state.At)
	now, _ := e.clock.now()
	e.ageAt = now.Add(retainEvery)
	if e.state.Seq == 0 {
		r, err := remediate.Found(e.state, now, e.opt.Name())
		if err != nil {
			return err
		}
		if err := e.append(ctx, []remediate.Record{r}); err != nil {
			return err
		}
	}
	// Before anything is decided: what is held must not act on what is due.
	r, led, err := remediate.Lead(e.state, now, e.opt.Release, e.opt.Hold)
	if err != nil {
		return err
	}
	if led {
		if err := e.append(ctx, []remediate.Record{r}); err != nil {
			return err
		}
	}
	if e.state.Rulebook != e.opt.Rulebook.Digest() {
		in, err := e.keepBook(ctx, e.opt.Rulebook)
		if err != nil {
			return err
		}
		rs, err := remediate.Handle(e.books, e.state, now, in)
		if err != nil {
			return err
		}
		if err := e.append(ctx, rs); err != nil {
			return err
		}
	}
	e.takeUp()
	return nil
}

// takeUp performs what is open in the state and not being performed.
func (e *Engine) takeUp() {
	for _, p := range e.state.Started() {
		if _, ok := e.running[p.ID]; ok {
			continue
		}
		p.Again = true
		if p.NotBefore.After(e.clock.told) {
			e.later[p.ID] = p
			continue
		}
		e.start(p.Started)
	}
}

// keepBook keeps the rulebook and returns the input that makes it govern.
func (e *Engine) keepBook(ctx context.Context, book *remediate.Rulebook) (remediate.Input, error) {
	b, err := book.Encode()
	if err != nil {
		return nil, err
	}
	digest, err := e.journal.Keep(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("keep the rulebook: %w", err)
	}
	if digest != book.Digest() {
		return nil, fmt.Errorf("keep the rulebook: kept as %.12s, its digest is %.12s", digest, book.Digest())
	}
	e.books[digest] = book
	names := make([]string, 0, len(book.Policies))
	for _, p := range book.Policies {
		names = append(names, p.Name)
	}
	return remediate.Loaded{Digest: digest, Policies: names}, nil
}
