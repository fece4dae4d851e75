// Package engine is the one loop around the decider. It owns the state: it
// drains what has come in, asks remediate.Handle, appends all resulting facts
// in one durable write, answers those who wait, and only then performs what
// the facts started.
//
// Nothing else writes to the journal, and nothing else changes the state. A
// crash at any point of the round leaves either all of its facts or none; what
// is started and not finished is performed again at the next start.
package engine

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// Journal keeps records in order. Append is all or nothing and durable when it
// returns; it fails with journal.ErrLost when another writer was there.
type Journal interface {
	Append(ctx context.Context, after uint64, records []remediate.Record) error
	Read(ctx context.Context, from uint64) iter.Seq2[remediate.Record, error]
	// Keep stores evidence, policy sources and quarantined input, durably,
	// before the fact that names them by their digest.
	Keep(ctx context.Context, blob []byte) (digest string, err error)
	Load(ctx context.Context, digest string) ([]byte, error)
	// Trim cuts off the records up to and with the checkpoint, and the blobs that
	// only they named, but for those that are needed by its state.
	Trim(ctx context.Context, checkpoint remediate.Checkpoint, needed []string) error
	// Evidence is what is kept as evidence and named by no record of then or later,
	// oldest first; DropEvidence gives it up, and leaves the records.
	Evidence(ctx context.Context, before time.Time) ([]journal.Evidence, error)
	DropEvidence(ctx context.Context, all []journal.Evidence) error
	// Checkpoint is what the records begin behind, false when they begin with
	// the first.
	Checkpoint(ctx context.Context) (remediate.Checkpoint, bool, error)
	// Snapshot is the newest one that can be trusted, a cache: false is no harm.
	Snapshot(ctx context.Context) (remediate.Checkpoint, bool, error)
	SaveSnapshot(ctx context.Context, snapshot remediate.Checkpoint) error
	Space(ctx context.Context) (journal.Space, error)
	Close() error
}

// Performer carries out one ask, act or tell. Started.ID is its idempotency
// key. The context ends at Started.Deadline, or when nobody waits any more.
type Performer interface {
	Perform(context.Context, remediate.Started) remediate.Result
}

// GCPercent is what GOGC is to be in a process that an Engine runs in, where nobody
// says otherwise. Most of its heap is what is remembered, which lives long: half as
// much again is room enough for what does not.
const GCPercent = 50

// Options are what an Engine needs. All but Log, Observe and Settled must be given.
type Options struct {
	// Open opens the journal: at the start, and anew after it failed.
	Open func(context.Context) (Journal, error)
	// Name draws the 8 random base32 characters of a new journal's name.
	Name      func() string
	Performer Performer
	Rulebook  *remediate.Rulebook // compiled
	// Release names the one that decides from here on, "" when that is not to be
	// known. Another one than before only observes at first when Hold is set: see
	// [remediate.Lead].
	Release string
	Hold    bool
	// Observe hears of every fact, in order, after it is durable. It is the
	// one place that logs and counts.
	Observe func(remediate.Fact)
	// Settled hears what became of each alert of a webhook, after that is durable
	// and before the webhook is answered. Nil: nobody does.
	Settled func(remediate.AlertOutcome)
	Log     *slog.Logger // of what is no fact: the journal's failures

	Queue         int           // requests that wait, per queue and urgency; 0 is 1024
	SnapshotEvery uint64        // records between snapshots, and a tenth of it when they were read at a start; 0 is 20,000
	Retention     Retention     // the zero value: all is kept
	Mend          time.Duration // between tries to get a failed journal back; 0 is 10 s
}

func (o Options) withDefaults() Options {
	if o.Observe == nil {
		o.Observe = func(remediate.Fact) {}
	}
	if o.Settled == nil {
		o.Settled = func(remediate.AlertOutcome) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Queue == 0 {
		o.Queue = 1024
	}
	if o.SnapshotEvery == 0 {
		o.SnapshotEvery = 20_000
	}
	if o.Mend == 0 {
		o.Mend = 10 * time.Second
	}
	return o
}

// Errors of Submit.
var (
	// ErrOverloaded says that the queue is full: come again.
	ErrOverloaded = errors.New("overloaded: too much is waiting to be written down")
	// ErrNotKept says that the journal could not keep it: come again.
	ErrNotKept = errors.New("cannot be kept")
	// ErrStopped says that the engine has stopped, or was never started.
	ErrStopped = errors.New("the engine has stopped")
)

// Engine is the loop. Make one with New, run it once with Run.
type Engine struct {
	opt     Options
	clock   clock
	answers chan request  // results and commands: first
	alerts  *line         // what Alertmanager says: second
	news    chan struct{} // holds one when something was put into either
	waiting waiting
	ended   chan struct{}
	ready   chan struct{}

	// What follows belongs to the loop.
	journal  Journal
	state    *remediate.State
	durable  *durable // nil while the journal on disk is not in use
	books    remediate.Rulebooks
	running  map[string]performance
	later    map[string]remediate.Pending // to be performed again at NotBefore
	settled  []remediate.AlertOutcome     // what became of the alerts of this round
	degraded error                        // why the journal on disk is not in use
	mendAt   time.Time
	saved    uint64 // records in the last snapshot
	saving   chan saved

	retaining chan bool // tells whether it went well, when what is being cut off is; nil: nothing is
	retainAt  time.Time // when to look next whether there is room
	ageAt     time.Time // and at what is too old

	epoch   int    // counts the times that the state was folded anew
	stop    func() // ends all performances
	perform context.Context

	snapshotting bool
}

// request is one batch that waits for its durable answer, or a look at the
// state.
type request struct {
	batch []remediate.Input
	look  func(*remediate.State, remediate.Rulebooks)
	done  chan error
}

// New returns an engine that has not begun.
func New(o Options) *Engine {
	o = o.withDefaults()
	return &Engine{
		opt:     o,
		answers: make(chan request, o.Queue),
		alerts:  newLine(o.Rulebook, o.Queue),
		news:    make(chan struct{}, 1),
		ended:   make(chan struct{}),
		ready:   make(chan struct{}),
		running: map[string]performance{},
		later:   map[string]remediate.Pending{},
		books:   remediate.Rulebooks{},
		saving:  make(chan saved, 1),
	}
}

// Submit hands over one webhook or listing as one batch: one round, one
// durable answer. What is worse by the policies that concern it is decided about
// before what waits already and is not as bad. When it returns nil, the facts
// that follow from the batch are kept; on ErrOverloaded and ErrNotKept nothing
// is, and it may come again.
func (e *Engine) Submit(ctx context.Context, batch []remediate.Input) error {
	r := request{batch: batch, done: make(chan error, 1)}
	e.waiting.begin(r)
	if !e.alerts.add(r) {
		e.waiting.end(r)
		return ErrOverloaded
	}
	e.poke()
	return e.await(ctx, r)
}

// Command hands over a human's word. It returns a *remediate.RefusedError when
// the word does not fit the state of things.
func (e *Engine) Command(ctx context.Context, c remediate.Command) error {
	return e.Hear(ctx, c)
}

// Hear hands over one input that is neither an alert nor a command, ahead of
// the alerts that wait.
func (e *Engine) Hear(ctx context.Context, in remediate.Input) error {
	return e.first(ctx, request{batch: []remediate.Input{in}, done: make(chan error, 1)})
}

// Look runs f in the loop, between two rounds. f must be quick, must change
// nothing, and must not keep what it is shown.
func (e *Engine) Look(ctx context.Context, f func(*remediate.State, remediate.Rulebooks)) error {
	return e.first(ctx, request{look: f, done: make(chan error, 1)})
}

// Load makes another rulebook govern. It is kept before the fact that names it.
func (e *Engine) Load(ctx context.Context, book *remediate.Rulebook) error {
	return e.first(ctx, request{batch: []remediate.Input{loading{book: book}}, done: make(chan error, 1)})
}

// OldestWaiting is how long the oldest input waits that was not answered yet,
// 0 when none does. It may be called at any time, also while the loop hangs on
// a disk that does not come back.
func (e *Engine) OldestWaiting() time.Duration { return e.waiting.longest() }

// Ready is closed when the journal was read and inputs are taken.
func (e *Engine) Ready() <-chan struct{} { return e.ready }

func (e *Engine) first(ctx context.Context, r request) error {
	e.waiting.begin(r)
	select {
	case e.answers <- r:
		e.poke()
		return e.await(ctx, r)
	case <-e.ended:
		e.waiting.end(r)
		return ErrStopped
	case <-ctx.Done():
		e.waiting.end(r)
		return ctx.Err()
	}
}

// poke has the loop look whether something waits.
func (e *Engine) poke() {
	select {
	case e.news <- struct{}{}:
	default:
	}
}

func (e *Engine) await(ctx context.Context, r request) error {
	select {
	case err := <-r.done:
		return err
	case <-e.ended:
		select {
		case err := <-r.done: // answered just before the end
			return err
		default:
			return ErrStopped
		}
	case <-ctx.Done():
		return fmt.Errorf("waiting to be written down: %w", ctx.Err())
	}
}

// Run opens the journal, folds it, takes up what is open and runs the loop
// until ctx ends or the journal was taken by another. Performances are
// cancelled and waited for before it returns; what they leave undone is in the
// journal.
func (e *Engine) Run(ctx context.Context) (err error) {
	defer close(e.ended)
	e.perform, e.stop = context.WithCancel(context.WithoutCancel(ctx))
	defer func() { err = errors.Join(err, e.close()) }()
	if err := e.open(ctx); err != nil {
		return err
	}
	if err := e.begin(ctx); err != nil {
		return err
	}
	close(e.ready)
	for ctx.Err() == nil {
		if err := e.round(ctx); err != nil {
			return err
		}
	}
	return nil
}

// close waits for all that was begun, then lets the journal go.
func (e *Engine) close() error {
	e.stop()
	for _, p := range e.running {
		<-p.ended
	}
	e.awaitSnapshot() // it reads from the journal
	e.awaitRetaining()
	if e.journal == nil {
		return nil
	}
	return e.journal.Close()
}
