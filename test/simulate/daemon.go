package simulate

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// daemon is remediate.Handle with what the engine has around it: a journal, a
// clock, and performances under way. It is driven, and has no loop of its own.
type daemon struct {
	*world
	books remediate.Rulebooks
	state *remediate.State // as decided upon
	kept  *remediate.State // what is durable comes to
	judge func(remediate.Fact) error
	back  func(time.Time) // hears when the daemon is at work again

	clock    clock
	up       bool
	degraded bool      // the journal cannot be written
	mendAt   time.Time // true time
	fault    fault     // strikes at the next write
	epoch    int       // counts the times that the state was folded anew
	running  map[string]int
	tries    map[string]int
	seen     map[string]time.Time // when what came back was seen, by ID
	listing  bool                 // one is under way
	facts    int
	sizes    []int // of the state in bytes, whenever it was held against its fold
	broken   error
}

// fault is what happens at a write.
type fault struct {
	kind string        // "" is none
	away time.Duration // for how long the daemon is down, or cannot write
	act  bool          // at one by which an act begins or ends, else at the next
}

// strikes tells whether it happens at the write of these records.
func (f fault) strikes(records []remediate.Record) bool {
	return f.kind != "" && (!f.act || slices.ContainsFunc(records, func(r remediate.Record) bool {
		return (r.Kind == started || r.Kind == finished) && bytes.Contains(r.Bytes, []byte("-a"))
	}))
}

var started, finished = remediate.KindOf(remediate.Started{}), remediate.KindOf(remediate.Finished{})

const (
	crashBefore = "crash before the write"
	crashAfter  = "crash after the write"
	writeFails  = "the write fails"
)

// clock is the engine's: the wall's time, but never slower than the monotonic
// clock since the last reading.
type clock struct {
	ahead      time.Duration // how far the wall is ahead of the truth
	read, told time.Time     // true, and as told then
}

func (c *clock) now(truth time.Time) time.Time {
	at := truth.Add(c.ahead)
	if steady := c.told.Add(truth.Sub(c.read)); !c.told.IsZero() && steady.After(at) {
		at = steady
	}
	c.read, c.told = truth, at
	return at
}

func newDaemon(w *world, judge func(remediate.Fact) error) *daemon {
	d := &daemon{
		world: w, books: remediate.Rulebooks{}, state: remediate.NewState(), kept: remediate.NewState(), judge: judge,
		up: true, running: map[string]int{}, tries: map[string]int{}, seen: map[string]time.Time{},
	}
	r, err := remediate.Found(d.state, d.now(), "simulate")
	d.must(err)
	d.keep([]remediate.Record{r})
	w.deliver = d.webhook
	w.in(listEvery, d.list)
	return d
}

// now is the time that facts would have.
func (d *daemon) now() time.Time { return later(d.clock.now(d.world.now), d.state.At) }

// must takes down an error that nothing may cause.
func (d *daemon) must(err error) {
	if err != nil && d.broken == nil {
		d.broken = err
	}
}

// webhook takes a webhook, as one batch. It tells whether it was taken.
func (d *daemon) webhook(batch []told) bool {
	if !d.up || d.degraded {
		return false
	}
	var in []remediate.Input
	for _, t := range batch {
		in = append(in, remediate.Heard{Alert: t.alert, Firing: t.firing})
	}
	return d.hear(in...) == nil
}

// list asks the Alertmanagers what fires, and hears it a moment later.
func (d *daemon) list() {
	d.in(listEvery, d.list)
	d.pull()
}

func (d *daemon) pull() {
	if !d.up || d.degraded || d.listing {
		return
	}
	d.listing = true
	l := d.world.listing()
	l.At = d.world.now.Add(d.clock.ahead)
	took := diceFor(d.seed, "listing"+d.world.now.String()).between(0, 2*time.Second)
	d.in(took, func() {
		d.listing = false
		if d.up && !d.degraded {
			_ = d.hear(l) // one that cannot be kept is not repeated
		}
	})
}

// errNotKept says that the daemon fell over what it heard.
var errNotKept = errors.New("not kept")

// hear is one round: decide about all inputs, write, perform. A command that
// does not fit comes back as the error that it was refused with.
func (d *daemon) hear(batch ...remediate.Input) error {
	now := d.clock.now(d.world.now)
	var records []remediate.Record
	var refused error
	for _, in := range batch {
		before := d.state.Seq
		rs, err := remediate.Handle(d.books, d.state, now, in)
		if err != nil {
			refused = err
			if d.state.Seq != before {
				d.must(broken("a refused command changes nothing", "%v was refused, and facts were written", in))
			}
		}
		records = append(records, rs...)
		if heard, ok := in.(remediate.Heard); ok && remediate.OutcomeOf(d.books, d.state, heard, rs) == remediate.AlertLost {
			d.must(broken("every alert that is taken has an outcome", "of %v nobody knows what became of it", heard))
		}
	}
	for n := 0; d.due(now); n++ {
		rs, err := remediate.Handle(d.books, d.state, now, remediate.Tick{})
		d.must(err)
		if records = append(records, rs...); n > 1000 {
			d.must(broken("it comes to rest", "it wants to be looked at without end at %s", now))
			break
		}
	}
	if !d.write(records) {
		return errNotKept
	}
	return refused
}

func (d *daemon) due(now time.Time) bool {
	next := d.state.Next()
	return !next.IsZero() && !next.After(later(now, d.state.At))
}

// write makes records durable and follows them, unless the fault strikes.
func (d *daemon) write(records []remediate.Record) bool {
	if len(records) == 0 {
		return true
	}
	if d.degraded {
		for _, r := range records {
			f, err := r.Decode()
			d.must(err)
			if s, ok := f.Body.(remediate.Started); ok && s.Act != nil {
				d.must(broken("nothing is done that would not be remembered", "%s was begun while the journal could not be written", s.ID))
			}
			d.follow(f)
		}
		return true
	}
	var f fault
	if d.fault.strikes(records) {
		f, d.fault = d.fault, fault{}
	}
	switch f.kind {
	case crashBefore:
		d.crash(f.away)
		return false
	case writeFails:
		d.degrade(f.away)
		return false
	}
	facts := d.keep(records)
	if f.kind == crashAfter {
		d.crash(f.away)
		return true
	}
	for _, f := range facts {
		d.follow(f)
	}
	return true
}

// keep is the journal, and the second state that is folded from it.
func (d *daemon) keep(records []remediate.Record) []remediate.Fact {
	facts := make([]remediate.Fact, 0, len(records))
	for _, r := range records {
		d.must(r.Verify(d.kept.Seq, d.kept.Head))
		f, err := r.Decode()
		d.must(err)
		if d.broken != nil {
			return nil
		}
		d.kept.Apply(f)
		d.kept.Head = r.Sum
		d.must(d.judge(f))
		facts = append(facts, f)
		d.facts++
	}
	return facts
}

// follow begins and ends performances as a fact says.
func (d *daemon) follow(f remediate.Fact) {
	switch b := f.Body.(type) {
	case remediate.Started:
		d.start(b)
	case remediate.Delayed:
		delete(d.running, b.ID)
		d.again(b.Incident, b.ID, b.Until)
	case remediate.Finished:
		delete(d.running, b.ID)
	case remediate.AlertDoubted:
		d.in(0, d.pull)
	}
}

// again performs once more what did not get through, when that is due.
func (d *daemon) again(incident uint64, id string, at time.Time) {
	epoch := d.epoch
	d.in(max(0, at.Sub(d.now())), func() {
		if epoch != d.epoch || d.running[id] != 0 {
			return
		}
		for _, p := range d.pending(incident) {
			if p.ID == id {
				d.start(p.Started)
			}
		}
	})
}

func (d *daemon) pending(incident uint64) []remediate.Pending {
	if i := d.state.Incidents.Get(incident); i != nil {
		return i.Pending
	}
	return nil
}

// start performs s. What comes back after the state was folded anew is not
// heard, as the process that began it is no more.
func (d *daemon) start(s remediate.Started) {
	d.tries[s.ID]++
	d.running[s.ID]++
	epoch := d.epoch
	d.perform(s, d.tries[s.ID], func(r remediate.Result) {
		if epoch != d.epoch || !d.up {
			return
		}
		at := d.clock.now(d.world.now)
		lag := time.Duration(0)
		if dice := diceFor(d.seed, "lag"+s.ID); dice.chance(3) {
			lag = dice.between(0, 6*time.Second)
		}
		d.in(lag, func() {
			if epoch == d.epoch && d.up {
				d.seen[s.ID] = at
				_ = d.hear(remediate.Reported{ID: s.ID, Incident: s.Incident, Result: r, At: at})
			}
		})
	})
}

// takeUp performs what is open and not being performed.
func (d *daemon) takeUp() {
	for _, p := range d.state.Started() {
		if d.degraded && p.Act != nil {
			continue // it is read back when the journal can be written again
		}
		p.Again = true
		if p.NotBefore.After(d.now()) {
			d.again(p.Incident, p.ID, p.NotBefore)
			continue
		}
		d.start(p.Started)
	}
}

// crash ends the process; after a while another one folds the journal.
func (d *daemon) crash(away time.Duration) {
	d.up, d.degraded, d.running = false, false, map[string]int{}
	d.epoch++
	d.in(away, d.restart)
}

func (d *daemon) restart() {
	if d.up {
		return
	}
	d.up = true
	d.clock = clock{ahead: d.clock.ahead}
	d.refold()
}

// degrade goes on from what is durable, without remembering.
func (d *daemon) degrade(away time.Duration) {
	d.degraded, d.mendAt = true, d.world.now.Add(away)
	d.refold()
	epoch := d.epoch
	d.in(away, func() {
		if d.epoch == epoch && d.up {
			d.degraded = false
			d.refold()
		}
	})
}

// refold throws the state away, takes what is durable, and takes up what is
// open.
func (d *daemon) refold() {
	d.running, d.listing = map[string]int{}, false
	d.epoch++
	state, err := restored(d.kept)
	if d.must(err); err != nil {
		return
	}
	if d.degraded {
		state.Degrade("the disk is full")
	}
	state.Rewake(d.books)
	d.state = state
	d.back(d.now())
	d.takeUp()
	_ = d.hear(remediate.Tick{})
}

func restored(s *remediate.State) (*remediate.State, error) {
	b, err := s.Snapshot()
	if err != nil {
		return nil, err
	}
	return remediate.Restore(b)
}

// compare holds the state that was decided upon against the one that is folded
// from what was written, and goes on folding from a snapshot of that.
func (d *daemon) compare() error {
	if !d.up || d.degraded {
		return nil
	}
	live, err := d.state.Snapshot()
	if err != nil {
		return err
	}
	folded, err := d.kept.Snapshot()
	if err != nil {
		return err
	}
	if !bytes.Equal(live, folded) {
		return broken("what is folded is what was decided upon", "the state is %s, folded it is %s", around(live, folded), around(folded, live))
	}
	d.sizes = append(d.sizes, len(folded))
	d.kept, err = remediate.Restore(folded)
	return err
}

// around is what a has where it begins to differ from b.
func around(a, b []byte) string {
	k := 0
	for k < min(len(a), len(b)) && a[k] == b[k] {
		k++
	}
	return fmt.Sprintf("…%s…", a[max(0, k-80):min(len(a), k+40)])
}

// load makes a rulebook govern, unless it does already.
func (d *daemon) load(book *remediate.Rulebook) {
	if !d.up || d.degraded || book.Digest() == d.state.Rulebook {
		return
	}
	d.books[book.Digest()] = book
	names := make([]string, 0, len(book.Policies))
	for _, p := range book.Policies {
		names = append(names, p.Name)
	}
	_ = d.hear(remediate.Loaded{Digest: book.Digest(), Policies: names})
}

// lead starts the daemon anew, as another release.
func (d *daemon) lead(release string, hold bool) {
	d.refold()
	r, led, err := remediate.Lead(d.state, d.now(), release, hold)
	d.must(err)
	if led && d.broken == nil && d.write([]remediate.Record{r}) {
		_ = d.hear(remediate.Tick{})
	}
}

// turn sets the wall clock. The daemon notices when it runs.
func (d *daemon) turn(ahead time.Duration) {
	by := ahead - d.clock.ahead
	d.clock.ahead = ahead
	if d.up && !d.degraded && by.Abs() > 5*time.Second {
		_ = d.hear(remediate.Jumped{By: by})
	}
}

// next is when the daemon wants to be ticked, in true time; zero is never.
func (d *daemon) next() time.Time {
	at := d.state.Next()
	if !d.up || at.IsZero() {
		return time.Time{}
	}
	d.clock.now(d.world.now)
	if wait := at.Sub(d.clock.told); wait > 0 && at.After(d.state.At) {
		return d.world.now.Add(wait)
	}
	return d.world.now
}
