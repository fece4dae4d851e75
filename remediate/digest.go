package remediate

import (
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/alertmanager/timeinterval"
)

// A digest says, all at once, what nobody was told of one by one: what is not
// urgent, what was only observed, and what was too much at once.

// Schedule is when people get a digest.
type Schedule struct {
	At       string                 `json:"at"`                 // 09:00
	Days     []time.Weekday         `json:"days,omitempty"`     // none: every day
	Location *timeinterval.Location `json:"location,omitempty"` // nil: UTC
	// Head has each digest say where the journal ends, so that somebody else holds
	// what its past is checked against.
	Head bool `json:"head,omitempty"`
}

// DefaultDigests come every morning.
func DefaultDigests() *Schedule { return &Schedule{At: "09:00"} }

// next is the first time after t.
func (d Schedule) next(t time.Time) time.Time {
	zone := time.UTC
	if d.Location != nil {
		zone = d.Location.Location
	}
	clock, err := time.Parse("15:04", d.At)
	if err != nil {
		return time.Time{} // the loader refuses it
	}
	local := t.In(zone)
	for n := range 9 {
		at := time.Date(local.Year(), local.Month(), local.Day()+n, clock.Hour(), clock.Minute(), 0, 0, zone)
		if at.After(t) && (len(d.Days) == 0 || slices.Contains(d.Days, at.Weekday())) {
			return at.UTC()
		}
	}
	return time.Time{}
}

// Bounds of digests.
const (
	maxDigests     = 7                // written and not yet told
	maxTallied     = 200              // targets counted of one policy
	stormDigests   = 30 * time.Minute // between digests in a storm
	digestTargets  = 3                // named of one policy
	digestPolicies = 40
)

// Digests is what is gathered for the next digest, and those that are told.
type Digests struct {
	Since   time.Time            `json:"since,omitzero"` // of the last one
	Number  int                  `json:"number"`
	Tally   map[string]*Gathered `json:"tally,omitempty"` // of what is over, by policy
	Stormed bool                 `json:"stormed,omitempty"`
	Ready   []Digested           `json:"ready,omitempty"`   // written, not yet told
	Pending *Pending             `json:"pending,omitempty"` // the tell of one of them
	Telling int                  `json:"telling,omitempty"` // and which one that is
	Tells   int                  `json:"tells,omitempty"`
	Shown   Showed               `json:"shown,omitzero"`
}

// Gathered counts incidents of one policy that nobody was told of.
type Gathered struct {
	Severity Severity       `json:"severity"`
	Over     int            `json:"over"`
	Healed   int            `json:"healed,omitempty"`
	Observed int            `json:"observed,omitempty"` // something would have been done
	Targets  map[string]int `json:"targets,omitempty"`
}

func (t *Gathered) count(i *Incident) {
	t.Severity = i.Severity
	if i.Would {
		t.Observed++
	}
	name := i.Target.String()
	if i.Target.IsZero() {
		return
	}
	if t.Targets == nil {
		t.Targets = map[string]int{}
	}
	if _, known := t.Targets[name]; known || len(t.Targets) < maxTallied {
		t.Targets[name]++
	}
}

// tallied counts an incident that ended, unless people were told of it.
func (s *State) tallied(i *Incident) {
	if i.visible() {
		return
	}
	if s.Digests.Tally == nil {
		s.Digests.Tally = map[string]*Gathered{}
	}
	t := s.Digests.Tally[i.Policy]
	if t == nil {
		t = &Gathered{}
		s.Digests.Tally[i.Policy] = t
	}
	t.Over++
	if i.Verified {
		t.Healed++
	}
	t.count(i)
}

// visible tells whether people were shown the incident, or are about to be. A
// drill is for those who look where drills are, and for nobody else.
func (i *Incident) visible() bool {
	if i.Drill != "" {
		return true
	}
	for d := range i.Shown {
		if d != PagerDutyChanges { // which nobody reads by themselves
			return true
		}
	}
	return false
}

// digest writes a digest when one is due, and tells those that are written.
func (h *handler) digest() {
	defer func() { h.s.index.digest = h.digestWake() }()
	d := &h.s.Digests
	if at := h.digestAt(); !at.IsZero() && !at.After(h.now) {
		h.emit(Digested{Number: d.Number + 1, Since: h.digestSince(), Why: h.digestWhy(), Lines: h.digestLines()})
	}
	if p := d.Pending; p != nil {
		if !p.Deadline.After(h.now) {
			h.emit(Finished{ID: p.ID, Result: Result{Outcome: Unknown, Text: noAnswer}})
		}
		return
	}
	book := h.books[h.s.Rulebook]
	if book == nil || !book.can(SlackDigest) || len(d.Ready) == 0 || h.digestRetry().After(h.now) {
		return
	}
	first := d.Ready[0]
	n := Notice{
		Key: fmt.Sprintf("%s-d%d", h.s.Journal, first.Number), Action: "show", Opened: first.Since,
		Summary: "Digest " + first.Why + ", since " + first.Since.Format("2 January 15:04 UTC"),
	}
	for _, line := range first.Lines {
		n.Lines = append(n.Lines, Line{At: h.now, Text: line})
	}
	h.emit(Started{
		ID: fmt.Sprintf("%s-t%d", n.Key, d.Tells+1), Deadline: h.now.Add(tellWithin),
		Tell: &Tell{Destination: SlackDigest, Notice: n, Digest: n.digest()},
	})
}

// digestRetry is when a digest that did not arrive is told again.
func (h *handler) digestRetry() time.Time {
	if h.s.Digests.Shown.Failures == 0 {
		return time.Time{}
	}
	return h.s.Digests.Shown.retry()
}

func (h *handler) digestSince() time.Time {
	if h.s.Digests.Since.IsZero() {
		return h.s.FoundedAt
	}
	return h.s.Digests.Since
}

// digestAt is when the next digest is to be written, zero when never: at its
// hour, in a storm more often, and when a storm is over.
func (h *handler) digestAt() time.Time {
	book := h.books[h.s.Rulebook]
	if book == nil || h.s.Journal == "" {
		return time.Time{}
	}
	since := h.digestSince()
	if h.s.Digests.Stormed {
		return since
	}
	var at time.Time
	if book.Digests != nil {
		at = book.Digests.next(since)
	}
	if storm := h.s.Incidents.Get(h.s.Storm); storm != nil {
		next := storm.Opened
		if since.After(next) {
			next = since
		}
		if next = next.Add(stormDigests); at.IsZero() || next.Before(at) {
			at = next
		}
	}
	return at
}

func (h *handler) digestWhy() string {
	switch {
	case h.s.Digests.Stormed:
		return "of a storm that is over"
	case h.s.Storm != 0:
		return fmt.Sprintf("of the storm i%d", h.s.Storm)
	}
	return "of what was not urgent"
}

// digestWake is when digest has something to do, zero when never.
func (h *handler) digestWake() time.Time {
	d := &h.s.Digests
	at := h.digestAt()
	var tell time.Time
	book := h.books[h.s.Rulebook]
	switch {
	case d.Pending != nil:
		tell = d.Pending.Deadline
	case len(d.Ready) > 0 && book != nil && book.can(SlackDigest):
		tell = h.digestRetry()
	}
	if at.IsZero() || !tell.IsZero() && tell.Before(at) {
		at = tell
	}
	return wholeMillisecond(at)
}

// digested folds that a digest was written. One that says nothing is not told.
func (s *State) digested(b Digested, at time.Time) {
	d := &s.Digests
	d.Since, d.Number, d.Tally, d.Stormed = at, b.Number, nil, false
	if len(b.Lines) == 0 {
		return
	}
	if d.Ready = append(d.Ready, b); len(d.Ready) > maxDigests {
		d.Ready = d.Ready[len(d.Ready)-maxDigests:]
	}
}

// dealing folds what was begun about no incident: the tell of a digest.
func (d *Digests) dealing(f Fact) {
	switch b := f.Body.(type) {
	case Started:
		d.Tells++
		d.Pending = &Pending{Started: b}
		if len(d.Ready) > 0 {
			d.Telling = d.Ready[0].Number
		}
	case Delayed:
		if d.Pending != nil && d.Pending.ID == b.ID {
			d.Pending.NotBefore, d.Pending.Why = b.Until, b.Why
		}
	case Finished:
		if d.Pending == nil || d.Pending.ID != b.ID {
			return
		}
		d.Pending, d.Shown.At = nil, f.At
		if b.Outcome != OK {
			d.Shown.Failures++
			return
		}
		d.Shown.Failures = 0
		d.Ready = slices.DeleteFunc(slices.Clone(d.Ready), func(r Digested) bool { return r.Number == d.Telling })
	}
}
