package record

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Log follows incidents. Facts are handed to it in order. The zero value is of
// no use: see [New].
type Log struct {
	of    func(remediate.Fact) bool
	books func(digest string) (*remediate.Rulebook, error)
	heard remediate.AlertFiring // the last edge
	asOf  time.Time             // of the last fact
	order []*incident
	known map[uint64]*incident
}

// New begins a log of the incidents that of selects by the fact that opened
// them. books returns a rulebook by its digest.
func New(of func(opened remediate.Fact) bool, books func(digest string) (*remediate.Rulebook, error)) *Log {
	return &Log{of: of, books: books, known: map[uint64]*incident{}}
}

// Only selects one incident.
func Only(number uint64) func(remediate.Fact) bool {
	return func(f remediate.Fact) bool { return remediate.IncidentOf(f.Body) == number }
}

// Between selects those that were opened at from or later, and before until
// unless that is zero.
func Between(from, until time.Time) func(remediate.Fact) bool {
	return func(f remediate.Fact) bool { return !f.At.Before(from) && (until.IsZero() || f.At.Before(until)) }
}

// Hear takes up the next fact. It returns an error when a rulebook cannot be
// had: then it is not known what was promised.
func (l *Log) Hear(f remediate.Fact) error {
	l.asOf = f.At
	switch b := f.Body.(type) {
	case remediate.AlertFiring:
		l.heard = b
	case remediate.Opened:
		return l.opened(b, f)
	default:
		if i := l.known[remediate.IncidentOf(f.Body)]; i != nil {
			i.hear(f)
		}
	}
	return nil
}

// Records returns the records of all incidents, oldest first, as they stand at
// the last fact.
func (l *Log) Records() []Record { return l.At(l.asOf) }

// At is [Log.Records], as they stand at a moment after the last fact.
func (l *Log) At(now time.Time) []Record {
	out := make([]Record, 0, len(l.order))
	for _, i := range l.order {
		out = append(out, i.record(now))
	}
	return out
}

func (l *Log) opened(b remediate.Opened, f remediate.Fact) error {
	if !l.of(f) {
		return nil
	}
	book, err := l.books(b.Rulebook)
	if err != nil {
		return err
	}
	i := &incident{
		Record: Record{
			Incident: b.Incident, Policy: b.Policy, Severity: b.Severity, ToldOnly: b.ToldOnly, Drill: b.Drill, Live: b.Live, Found: b.Found,
			Times: Times{Opened: f.At, Since: f.At},
		},
		book: book, policy: book.Policy(b.Policy),
		asked: map[string]remediate.Ask{}, telling: map[string]remediate.Tell{}, stands: map[string]string{}, untold: map[string]bool{},
	}
	i.about(b.Target)
	if l.heard.ID == b.Alert {
		i.named(l.heard.Alert)
	}
	l.order, l.known[b.Incident] = append(l.order, i), i
	return nil
}

// incident is one that is followed.
type incident struct {
	Record
	book   *remediate.Rulebook
	policy *remediate.Policy // nil: it is one of the daemon's own

	asked   map[string]remediate.Ask  // by Started.ID, not ended
	telling map[string]remediate.Tell // likewise
	step    string                    // of the plan that was judged last
	stands  map[string]string         // guards that stand in the way, and how
	untold  map[string]bool           // destinations that do not get what they are told

	newest  time.Time // newest good backup, as it was answered last
	attempt string    // that was seen to help, and still does
	well    time.Time // first good sample of the confirmation that held last
	hand    bool      // somebody decided, did or changed something
}

func (i *incident) named(a remediate.Alert) {
	i.Alert, i.Labels, i.Times.Fires = a.Name(), a.Labels, a.StartsAt
}

func (i *incident) about(t remediate.Target) {
	if !t.IsZero() {
		i.Target = t.String()
	}
}

func (i *incident) issue(at time.Time, kind, text string) {
	i.Issues = append(i.Issues, Issue{At: at, Kind: kind, Text: text})
}

func (i *incident) hear(f remediate.Fact) {
	switch b := f.Body.(type) {
	case remediate.CommandGiven:
		i.word(b, f.At)
	case remediate.Joined:
		if !b.Found {
			i.release(f.At)
		}
	case remediate.Judged:
		i.judged(b, f.At)
	case remediate.Rated:
		i.Severity = b.To
	case remediate.Started:
		i.started(b, f.At)
	case remediate.Finished:
		i.finished(b, f.At)
	case remediate.Escalated:
		i.Called = append(i.Called, Call{At: f.At, Who: b.Tell, Why: b.Why})
	case remediate.Healed:
		i.Times.Good, i.attempt = b.FirstGood, b.Attempt
	case remediate.Reopened:
		i.Times.Good, i.attempt, i.well = time.Time{}, "", time.Time{}
		i.issue(f.At, IssueReopened, b.Why)
	case remediate.Closed:
		i.Times.Closed, i.Why = f.At, b.Why
		if i.Times.Good.IsZero() && b.Verified {
			i.Times.Good = i.well
		}
	default:
		i.troubled(f)
	}
}

// troubled notes what did not go as it should and needs no more than its words.
func (i *incident) troubled(f remediate.Fact) {
	switch b := f.Body.(type) {
	case remediate.Exhausted:
		i.issue(f.At, IssueExhausted, remediate.Describe(b))
	case remediate.BreakerCounted:
		if b.State == "open" {
			i.issue(f.At, IssueBreaker, "the breaker opened until "+b.Until.UTC().Format("15:04:05"))
		}
	case remediate.Late, remediate.Rerouted:
		i.issue(f.At, IssueLate, remediate.Describe(b))
	case remediate.CommandRefused:
		i.issue(f.At, IssueWord, remediate.Describe(b))
	}
}

// aside are words by which nobody decides what is done.
var aside = map[string]bool{remediate.Ack: true, remediate.Unack: true, remediate.Rate: true}

func (i *incident) word(b remediate.CommandGiven, at time.Time) {
	if b.Command == remediate.Note {
		i.Lessons = append(i.Lessons, Lesson{At: at, By: b.By, Text: b.Reason})
		return
	}
	i.Words = append(i.Words, Word{At: at, By: b.By, Command: b.Command, Reason: b.Reason})
	i.hand = i.hand || !aside[b.Command]
	if b.Command == remediate.Run {
		i.release(at)
	}
}

// release takes up an incident that was only listed.
func (i *incident) release(at time.Time) {
	if i.Found {
		i.Found, i.Times.Since = false, at
	}
}

// judged notes which guards stand in the way, once until it is otherwise. The
// pause between two steps is as it should be, and so is that nothing is done
// where there is no remedy. That the target was moved is somebody's work.
func (i *incident) judged(b remediate.Judged, at time.Time) {
	i.about(b.Target)
	if b.Plan != nil {
		i.step = b.Plan.Step
	}
	if (b.Decision == remediate.Allowed || b.Decision == remediate.Observed && b.Plan != nil && i.Drill != "") && i.Times.Decided.IsZero() {
		i.Times.Decided = at
	}
	now := map[string]string{}
	for _, v := range b.Verdicts {
		switch v.Decision {
		case remediate.Waiting, remediate.Denied, remediate.Held:
			now[v.Guard] = string(v.Decision)
			if i.stands[v.Guard] != now[v.Guard] && v.Guard != "settle" && i.ToldOnly == "" {
				i.Issues = append(i.Issues, Issue{At: at, Kind: IssueGuard, Guard: v.Guard, Text: v.String()})
			}
			i.hand = i.hand || v.Guard == "moved"
		}
	}
	i.stands = now
}

func (i *incident) started(b remediate.Started, at time.Time) {
	switch {
	case b.Ask != nil:
		i.asked[b.ID] = *b.Ask
	case b.Tell != nil:
		i.telling[b.ID] = *b.Tell
	case b.Act != nil:
		i.acted(*b.Act, b.ID, at)
	}
}

func (i *incident) acted(a remediate.Act, id string, at time.Time) {
	if i.Times.Acted.IsZero() {
		i.Times.Acted = at
	}
	n := len(i.Attempts) - 1
	if n < 0 || i.Attempts[n].ID != a.Attempt {
		i.Attempts = append(i.Attempts, Attempt{ID: a.Attempt, Step: i.step, At: at})
		n++
	}
	i.Attempts[n].Acts = append(i.Attempts[n].Acts, Act{At: at, Kind: a.Kind, Target: a.Target.String(), Undo: a.Undo, id: id})
	if !a.Undo && id == a.Attempt {
		i.risked(at)
	}
}

// risked notes how old the newest backup was when a procedure began. The guard
// judges once, before the first act: what the rest takes, the writers of a database
// that is being restored stand still, and nothing more is lost by it.
func (i *incident) risked(at time.Time) {
	if i.policy == nil || i.policy.Guards.Backup == nil || i.newest.IsZero() {
		return
	}
	allowed := i.policy.Guards.Backup.Max
	age := durationOf(at.Sub(i.newest))
	if i.RPO == nil || age > i.RPO.Age {
		i.RPO = &RPO{Age: age, Allowed: allowed, Met: age <= allowed}
	}
}

func (i *incident) finished(b remediate.Finished, at time.Time) {
	if ask, ok := i.asked[b.ID]; ok {
		delete(i.asked, b.ID)
		i.answered(ask, b, at)
		return
	}
	if tell, ok := i.telling[b.ID]; ok {
		delete(i.telling, b.ID)
		i.told(tell, b, at)
		return
	}
	for k := range i.Attempts {
		for n := range i.Attempts[k].Acts {
			if a := &i.Attempts[k].Acts[n]; a.id == b.ID {
				a.Outcome, a.Text = b.Outcome, b.Text
				if b.Outcome != remediate.OK {
					i.issue(at, IssueAct, a.Kind+" "+a.Target+": "+b.Outcome+said(b.Text))
				}
			}
		}
	}
}

func (i *incident) answered(ask remediate.Ask, b remediate.Finished, at time.Time) {
	switch ask.Purpose {
	case remediate.ForGuards:
		i.backedUp(ask, b)
	case remediate.ForConfirmation:
		i.well = time.Time{}
		if b.Outcome == remediate.OK {
			i.well = b.FirstGood
		}
	case remediate.ForVerification, remediate.ForGoingOn:
		if ask.Purpose == remediate.ForGoingOn && b.Outcome == remediate.OK {
			return // what came of the attempt is yet to be seen
		}
		saw := seen(b)
		if n := len(i.Attempts); n > 0 {
			i.Attempts[n-1].Verified, i.Attempts[n-1].Saw = b.Outcome, saw
		}
		if b.Outcome != remediate.OK {
			i.issue(at, IssueVerification, b.Outcome+said(saw))
		}
	}
}

// backedUp notes the newest good backup that the guard was told of. What it was
// not told, or cannot be a time, is not known.
func (i *incident) backedUp(ask remediate.Ask, b remediate.Finished) {
	if i.policy == nil || i.policy.Guards.Backup == nil {
		return
	}
	i.newest = time.Time{}
	for k, q := range ask.Questions {
		var args struct {
			Query string `json:"query"`
		}
		if q.Kind != "promql" || k >= len(b.Answers) || json.Unmarshal(q.Args, &args) != nil || args.Query != i.policy.Guards.Backup.Newest {
			continue
		}
		value, err := strconv.ParseFloat(b.Answers[k].Values[remediate.ValueNumber], 64)
		if err == nil && b.Answers[k].Err == "" && value > 0 && value < 1e11 {
			i.newest = time.UnixMilli(int64(1000 * value))
		}
	}
}
