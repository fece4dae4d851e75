package replay

import (
	"slices"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Near is how far apart in time two things may be, at most, for the one to say
// something of the other: an answer of the question that is put now, an act of
// the one that would be begun now. What the guards cannot have answered well
// they ask again within two minutes, so of all that was held up for longer there
// is an answer as near as that.
const Near = 2 * time.Minute

// recording is what a journal has of dealings with the world, around the moment
// up to which it was read: what was asked and done, and how it ended.
type recording struct {
	open    map[string]*dealing // begun and not ended, by ID
	asked   map[question][]*dealing
	sampled map[string][]*dealing // verifications, by what they look at
	acts    map[deed][]*dealing
	order   []*dealing // all of them, as they were begun

	incidents map[uint64]remediate.AlertID      // that are open: who opened them
	approvals map[remediate.AlertID][]time.Time // when a human was asked about what the alert opened
	actsOn    map[remediate.AlertID][]*dealing  // acts, by who opened the incident
}

func newRecording() *recording {
	return &recording{
		open: map[string]*dealing{}, asked: map[question][]*dealing{}, sampled: map[string][]*dealing{}, acts: map[deed][]*dealing{},
		incidents: map[uint64]remediate.AlertID{}, approvals: map[remediate.AlertID][]time.Time{}, actsOn: map[remediate.AlertID][]*dealing{},
	}
}

// dealing is an ask or an act that was recorded.
type dealing struct {
	remediate.Started
	at     time.Time
	took   time.Duration
	result remediate.Result
	ended  bool
	opener remediate.AlertID // who opened its incident
	again  bool              // an act: it would be made as well
}

// question is what tells one question from another.
type question struct {
	kind   string
	target remediate.Target
	args   string
	labels string
}

func questionOf(q remediate.Question) question {
	of := question{kind: q.Kind, target: q.Target, args: string(q.Args)}
	if len(q.Labels) > 0 {
		of.labels = q.Labels.String()
	}
	return of
}

// deed is what tells one act from another.
type deed struct {
	kind   string
	target remediate.Target
	args   string
	undo   bool
}

func deedOf(a remediate.Act) deed { return deed{a.Kind, a.Target, string(a.Args), a.Undo} }

// looksAt is what a verification looks at, and what for.
func looksAt(a remediate.Ask) string {
	var b strings.Builder
	b.WriteString(a.Purpose)
	for _, q := range a.Questions {
		for _, s := range []string{q.Kind, q.Target.String(), string(q.Args)} {
			b.WriteByte(0)
			b.WriteString(s)
		}
	}
	return b.String()
}

// hear takes up a fact that was read.
func (r *recording) hear(f remediate.Fact) {
	switch b := f.Body.(type) {
	case remediate.Opened:
		r.incidents[b.Incident] = b.Alert
	case remediate.Closed:
		delete(r.incidents, b.Incident)
	case remediate.Judged:
		if b.Decision == remediate.Approval {
			id := r.incidents[b.Incident]
			r.approvals[id] = append(r.approvals[id], f.At)
		}
	case remediate.Started:
		r.begun(b, f.At)
	case remediate.Finished:
		if d := r.open[b.ID]; d != nil {
			d.took, d.result, d.ended = f.At.Sub(d.at), b.Result, true
			delete(r.open, b.ID)
		}
	}
}

func (r *recording) begun(b remediate.Started, at time.Time) {
	if b.Tell != nil {
		return // whoever is told would be told
	}
	d := &dealing{Started: b, at: at, opener: r.incidents[b.Incident]}
	r.open[b.ID] = d
	r.order = append(r.order, d)
	switch {
	case b.Act != nil:
		k := deedOf(*b.Act)
		r.acts[k] = append(r.acts[k], d)
		r.actsOn[d.opener] = append(r.actsOn[d.opener], d)
	case b.Ask.Sampled():
		k := looksAt(*b.Ask)
		r.sampled[k] = append(r.sampled[k], d)
	default:
		for _, q := range b.Ask.Questions {
			k := questionOf(q)
			r.asked[k] = append(r.asked[k], d)
		}
	}
}

// forget lets go of what is too old to say anything from now on.
func (r *recording) forget(now time.Time) {
	for len(r.order) > 0 && r.order[0].at.Before(now.Add(-Near)) {
		d := r.order[0]
		r.order = r.order[1:]
		switch {
		case d.Act != nil:
			drop(r.acts, deedOf(*d.Act), d)
			drop(r.actsOn, d.opener, d)
		case d.Ask.Sampled():
			drop(r.sampled, looksAt(*d.Ask), d)
		default:
			for _, q := range d.Ask.Questions {
				drop(r.asked, questionOf(q), d)
			}
		}
	}
}

// drop takes a dealing out from under a key.
func drop[K comparable](from map[K][]*dealing, k K, d *dealing) {
	left := slices.DeleteFunc(from[k], func(o *dealing) bool { return o == d })
	if len(left) == 0 {
		delete(from, k)
		return
	}
	from[k] = left
}

// nearest is the one of some dealings that was begun nearest to a moment, nil
// when none was near.
func nearest(among []*dealing, at time.Time) *dealing {
	var best *dealing
	for _, d := range among {
		if off := d.at.Sub(at).Abs(); off <= Near && !d.again && (best == nil || off < best.at.Sub(at).Abs()) {
			best = d
		}
	}
	return best
}
