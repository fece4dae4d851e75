package remediate_test

import (
	"encoding/binary"
	"testing"
	"time"

	. "github.com/x0tta6bl4/remediated/remediate"
)

// outcomes hears alerts one after the other.
type outcomes struct {
	t     *testing.T
	state *State
	books Rulebooks
	now   time.Time
	wrote []Record // at the last that was heard
}

func newOutcomes(t *testing.T) *outcomes {
	t.Helper()
	o := &outcomes{t: t, state: NewState(), books: Rulebooks{}, now: time.Date(2026, 1, 14, 10, 0, 0, 0, time.UTC)}
	if _, err := Found(o.state, o.now, "q4m2x7kd"); err != nil {
		t.Fatal(err)
	}
	book := &Rulebook{Cluster: "prod", Runbooks: DefaultRunbooks(), ReplicaLabels: DefaultReplicaLabels(), Policies: []Policy{{Name: "tells", When: []string{`alertname="Down"`}, Severity: P2, Mode: ModeAct}}}
	if err := book.Compile(); err != nil {
		t.Fatal(err)
	}
	o.books[book.Digest()] = book
	o.hear(Loaded{Digest: book.Digest(), Policies: []string{"tells"}})
	return o
}

func (o *outcomes) hear(in Input) {
	o.t.Helper()
	o.now = o.now.Add(time.Minute)
	var err error
	if o.wrote, err = Handle(o.books, o.state, o.now, in); err != nil {
		o.t.Fatal(err)
	}
}

func (o *outcomes) of(in Heard) AlertOutcome { return OutcomeOf(o.books, o.state, in, o.wrote) }

func alerted(name string, firing bool, starts time.Time) Heard {
	return Heard{Alert: Alert{Labels: LabelsOf(map[string]string{"alertname": name}), StartsAt: starts}, Firing: firing}
}

// Whatever becomes of an alert has a name, and what has none is lost.
func TestOutcomeOf(t *testing.T) {
	o := newOutcomes(t)
	starts := o.now
	own := alerted("RemediationStorm", true, starts)
	own.Alert.Labels = LabelsOf(map[string]string{"alertname": "RemediationStorm", "source": OwnSource})
	replica := alerted("Down", false, starts)
	replica.Alert.Labels = LabelsOf(map[string]string{"alertname": "Down", "replica": "a"})
	for k, step := range []struct {
		in   Input
		want AlertOutcome
	}{
		{alerted("Down", true, starts), AlertTaken},
		{alerted("Down", true, starts), AlertTaken},
		{alerted("Other", true, starts), AlertUnmatched},
		{alerted("Other", true, starts), AlertRepeated},
		{alerted("Never", false, starts), AlertEnded},
		{alerted("Other", false, starts), AlertEnded},
		{own, AlertOwn},
		{replica, AlertQuestion},
		{Listing{At: starts, Complete: true}, ""},
		{alerted("Down", false, starts), AlertEnded},
		{alerted("Down", true, starts), AlertQuestion}, // a peer that is behind
		{alerted("Again", true, starts), AlertUnmatched},
	} {
		o.hear(step.in)
		if heard, ok := step.in.(Heard); ok {
			if got := o.of(heard); got != step.want {
				t.Errorf("step %d, %v: %s, want %s", k, heard, got, step.want)
			}
		}
	}
}

// An alert that a human has closed the incident of fires on, and is known to.
func TestOutcomeOfWhatAHumanClosed(t *testing.T) {
	o := newOutcomes(t)
	down := alerted("Down", true, o.now)
	o.hear(down)
	o.hear(Command{Command: Close, Incident: 1, By: "anna", Reason: "it is meant to be down"})
	o.hear(down)
	if got := o.of(down); got != AlertRepeated {
		t.Errorf("got %s", got)
	}
}

func TestOutcomeOfWhatIsTooMuch(t *testing.T) {
	o := newOutcomes(t)
	var id AlertID
	for n := range uint64(100_000) {
		binary.BigEndian.PutUint64(id[:], n)
		o.state.Known[id] = &Known{}
	}
	other, down := alerted("Other", true, o.now), alerted("Down", true, o.now)
	o.hear(other)
	if got := o.of(other); got != AlertForgotten {
		t.Errorf("an alert that no policy concerns: %s", got)
	}
	o.hear(down)
	if got := o.of(down); got != AlertTaken {
		t.Errorf("an alert that one concerns: %s", got)
	}
}

// An alert whose incident is over in the moment in which it began, as that of a drill
// that is broken off, had one.
func TestOutcomeOfWhatIsOverAtOnce(t *testing.T) {
	o := newOutcomes(t)
	down := alerted("Down", true, o.now)
	o.hear(down)
	wrote := o.wrote
	o.hear(Command{Command: Close, Incident: 1, By: "anna", Reason: "it is meant to be down"})
	if got := OutcomeOf(o.books, o.state, down, append(wrote, o.wrote...)); got != AlertTaken {
		t.Errorf("got %s", got)
	}
}

// What was never heard, or is known otherwise than it was told, is lost.
func TestOutcomeOfWhatWasLost(t *testing.T) {
	o := newOutcomes(t)
	down := alerted("Down", true, o.now)
	for name, in := range map[string]Heard{"matched": down, "unmatched": alerted("Other", true, o.now)} {
		if got := o.of(in); got != AlertLost {
			t.Errorf("%s and never heard: %s", name, got)
		}
	}
	o.hear(down)
	if got := o.of(alerted("Down", false, o.now)); got != AlertLost {
		t.Errorf("it is over, and is known to fire: %s", got)
	}
}
