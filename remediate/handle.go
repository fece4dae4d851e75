package remediate

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Rulebooks are those that any open incident was opened under, and the one
// that governs, by digest.
type Rulebooks map[string]*Rulebook

// slice is how many incidents one Handle decides about. A mass wake is worked
// off in slices, so that answers and commands are not kept waiting behind it: what
// follows from so many is decided and written down in some 20 ms.
const slice = 256

// Handle hears one input at the moment now and decides what follows from it.
// It applies the resulting facts to the state and returns them as records,
// which the caller makes durable in one write before anybody acts on them. If
// they cannot be made durable the state must be thrown away and folded anew.
//
// It returns a [*RefusedError], and has changed nothing, when the input is a
// command that does not fit.
func Handle(books Rulebooks, s *State, now time.Time, in Input) ([]Record, error) {
	h := &handler{books: books, s: s, now: factTime(s, now)}
	if err := h.handle(in); err != nil {
		return nil, err
	}
	return h.out, h.err
}

// handle is [Handle], whatever becomes of the facts.
func (h *handler) handle(in Input) error {
	if err := h.hear(in); err != nil {
		return err
	}
	h.endPauses()
	h.weather()
	h.untold()
	for w := h.s.index.wakes.due(h.now); w.incident != 0; w = h.s.index.wakes.due(h.now) {
		if h.overdue == nil {
			h.overdue = map[uint64]time.Time{}
		}
		h.overdue[w.incident] = w.when
		h.s.touch(h.s.Incidents.Look(w.incident))
	}
	for range slice {
		h.endDrills()
		i := h.s.takeTouched()
		if i == nil {
			break
		}
		h.decide(i)
		h.s.Incidents.met = append(h.s.Incidents.met, i.ID)
	}
	h.digest()
	h.s.index.untold = h.untoldAt() // a tell may have ended on the way
	h.s.rest()
	return nil
}

// Found makes the first record of a new journal. Its name is 8 random base32
// characters, drawn by the caller.
func Found(s *State, now time.Time, journal string) (Record, error) {
	if s.Seq != 0 {
		return Record{}, fmt.Errorf("journal %s is founded already", s.Journal)
	}
	if len(journal) != 8 || strings.Trim(journal, "abcdefghijklmnopqrstuvwxyz234567") != "" {
		return Record{}, fmt.Errorf("journal name %q: want 8 characters of a-z and 2-7", journal)
	}
	h := &handler{s: s, now: factTime(s, now)}
	h.emit(Founded{Journal: journal})
	return h.out[0], h.err
}

// factTime is never before the last fact, whatever the wall clock says.
func factTime(s *State, now time.Time) time.Time {
	now = now.UTC().Truncate(time.Millisecond)
	if now.Before(s.At) {
		return s.At
	}
	return now
}

// handler is one call of Handle.
type handler struct {
	books Rulebooks
	s     *State
	now   time.Time
	out   []Record
	err   error

	overdue map[uint64]time.Time // those that are woken now, and when they were to be

	passing bool   // nobody keeps what is decided: see Decide
	passed  []Fact // what is decided then, in place of out
}

// emit writes a fact down and folds it as it will be read back: what cannot
// be read back must not be written, or the next start would find a damaged
// journal.
func (h *handler) emit(b Body) {
	if h.passing {
		f := Fact{Seq: h.s.Seq + 1, At: h.now, Body: b}
		h.s.Apply(f)
		h.passed = append(h.passed, f)
		return
	}
	r, err := Encode(h.s.Seq, h.s.Head, h.now, b)
	if err != nil {
		h.err = err
		return
	}
	f, err := r.Decode()
	if err != nil {
		h.err = fmt.Errorf("write down what cannot be read back: %w", err)
		return
	}
	r.made = &made{r.Sum, f}
	h.s.Apply(f)
	h.s.Head = r.Sum
	h.out = append(h.out, r)
}

func (h *handler) hear(in Input) error {
	switch in := in.(type) {
	case Heard:
		h.heard(in)
	case Listing:
		h.listing(in)
	case Command:
		return h.command(CommandGiven(in))
	case Loaded:
		h.emit(RulebookLoaded(in))
	case Reported:
		h.reported(in)
	case Comparison:
		h.compared(Compared(in))
	case Jumped:
		h.emit(ClockJumped{By: Shift(in.By.Truncate(time.Millisecond))})
	case Rejected:
		if i := h.s.Incidents.Get(in.Incident); i == nil || i.Status == StatusClosed {
			in.Incident = 0 // it is about none that is open
		}
		h.emit(CommandRefused(in))
	case Trouble:
		h.trouble(in)
	case Happened:
		return h.happened(in.Facts)
	case Tick:
	}
	return nil
}

// reported takes a performer's result. One that nobody waits for decides
// nothing and is not written down.
func (h *handler) reported(in Reported) {
	p := h.s.PendingOf(in.Incident, in.ID)
	switch {
	case p == nil:
	case in.Outcome == Later:
		if until := h.later(moment(in.Until)); !until.Equal(p.NotBefore) { // else it is a repeat
			h.emit(Delayed{ID: in.ID, Incident: in.Incident, Until: until, Why: in.Text})
		}
	case p.Ask != nil && p.Ask.Purpose == ForGuards && h.now.Sub(in.At) > freshAnswer:
		h.emit(Finished{ID: in.ID, Incident: in.Incident, Result: Result{Outcome: Unknown, Text: staleText}})
	default:
		in.Result.FirstGood, in.Result.Held = moment(in.FirstGood), max(0, in.Held)
		h.emit(Finished{ID: in.ID, Incident: in.Incident, Result: in.Result})
	}
}

// freshAnswer is how old what was seen may be when it is judged.
const (
	freshAnswer = 2 * time.Second
	staleText   = "the answer was too old when it could be judged"
)

// decide brings one incident as far as it goes without hearing more.
func (h *handler) decide(i *Incident) {
	h.expire(i)
	for h.advance(i) {
	}
	h.measure(i)
	h.escalate(i)
	h.report(i)
	h.tell(i)
	if h.s.Incidents.Get(i.ID) == nil {
		return // it was filed
	}
	delete(h.s.index.touched, i.ID)
	h.s.index.wakes.set(i.ID, h.wake(i))
}

// noAnswer is why what has passed its deadline is ended.
const noAnswer = "no answer by its deadline"

// expire ends what has passed its deadline. Only the core does.
func (h *handler) expire(i *Incident) {
	for _, p := range slices.Clone(i.Pending) {
		if p.Deadline.After(h.now) {
			continue
		}
		why := noAnswer
		if p.Why != "" {
			why += "; last: " + p.Why
		}
		h.emit(Finished{ID: p.ID, Incident: i.ID, Result: Result{Outcome: Unknown, Text: why}})
	}
}

// wake is when the incident wants to be looked at if nothing is heard before:
// zero is never.
func (h *handler) wake(i *Incident) time.Time {
	var at time.Time
	by := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	for _, p := range i.Pending {
		by(p.Deadline)
	}
	switch i.Status {
	case StatusWaiting, StatusDenied, StatusHeld, StatusApproval, StatusObserved:
		if !i.considering() {
			by(i.Until)
		}
	case StatusHealed:
		if !i.asking(ForProbingOn) {
			by(i.Probed.Add(probeEvery))
		}
	case StatusUnconfirmed:
		by(i.confirmAt())
	}
	by(h.measureAt(i))
	by(h.nextRung(i))
	if until, quiet := h.quiet(i); quiet {
		by(until)
	}
	by(h.rerouteAt(i))
	by(h.reportAt(i))
	by(h.nextTell(i))
	by(h.dropAt(i))
	by(h.introduceAt(i))
	return wholeMillisecond(at)
}

// wholeMillisecond is t, or the next whole millisecond: facts' time has no
// parts of one, and an hour that can never be reached would be waited for
// without rest.
func wholeMillisecond(t time.Time) time.Time {
	if whole := t.Truncate(time.Millisecond); whole.Before(t) {
		return whole.Add(time.Millisecond)
	}
	return t
}

// Rewake sets when each incident wants to be looked at. It is called once,
// after the state was folded or restored and the rulebooks are at hand.
func (s *State) Rewake(books Rulebooks) {
	h := &handler{books: books, s: s, now: s.At}
	for _, i := range s.Incidents.All() {
		s.index.wakes.set(i.ID, h.wake(i))
	}
	s.index.storm, s.index.untold, s.index.digest = h.stormWake(), h.untoldAt(), h.digestWake()
}

// Started returns all that was started and has not finished: what is left to
// do after a restart.
func (s *State) Started() []Pending {
	var all []Pending
	for _, i := range s.Incidents.awake { // of those that rest nothing is under way
		all = append(all, i.Pending...)
	}
	if s.Digests.Pending != nil {
		all = append(all, *s.Digests.Pending)
	}
	slices.SortFunc(all, func(a, b Pending) int { return strings.Compare(a.ID, b.ID) })
	return all
}
