package simulate

import (
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// What the state is held against can be broken too.
func TestOverlooked(t *testing.T) {
	past, ask := epoch.Add(-time.Hour), &remediate.Ask{}
	pending := func(b remediate.Started) []remediate.Pending {
		if b.Deadline.IsZero() {
			b.Deadline = epoch
		}
		return []remediate.Pending{{Started: b}}
	}
	waits := func(v remediate.Verdict) []remediate.Verdict { return []remediate.Verdict{v} }
	free := remediate.Target{Name: "free"}
	for want, i := range map[string]remediate.Incident{
		"past its deadline":       {Status: remediate.StatusDeciding, Pending: pending(remediate.Started{Ask: ask, Deadline: past})},
		"nothing was asked":       {Status: remediate.StatusDeciding},
		"nothing is done":         {Status: remediate.StatusActing},
		"nothing is looked at":    {Status: remediate.StatusVerifying},
		"judged anew":             {Status: remediate.StatusWaiting, Until: past},
		"without end":             {Status: remediate.StatusApproval},
		"gives no reason":         {Status: remediate.StatusDenied, Verdicts: waits(remediate.Verdict{Guard: "x", Decision: remediate.Denied})},
		"nobody is at work there": {Status: remediate.StatusWaiting, Verdicts: waits(remediate.Verdict{Decision: remediate.Waiting, Reason: "busy", For: "target/" + free.String()})},
		"nothing is paused":       {Status: remediate.StatusDenied, Verdicts: waits(remediate.Verdict{Decision: remediate.Denied, Reason: "paused", For: "paused"})},
		"it is not filed":         {Status: remediate.StatusClosed},
	} {
		s := remediate.NewState()
		i.Firing = map[remediate.AlertID]bool{{}: true}
		s.Incidents.Put(&i)
		s.Targets[free] = &remediate.Occupancy{}
		if err := overlooked(s, epoch); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", i, err, want)
		}
		if unfinished(newWorld(1), s) == nil {
			t.Error("an incident that is open is held to be over")
		}
	}
	s := remediate.NewState()
	s.Paused["all"] = remediate.CommandGiven{Command: remediate.Pause, Scope: "all", Until: past}
	if err := overlooked(s, epoch); err == nil || !strings.Contains(err.Error(), "all is paused, and was to be until") {
		t.Errorf("a pause that outlasts its end: %v", err)
	}
	fine := remediate.NewState()
	fine.Paused["all"] = remediate.CommandGiven{Command: remediate.Pause, Scope: "all"}
	fine.Incidents.Put(&remediate.Incident{ID: 1, Status: remediate.StatusWaiting, Until: epoch.Add(time.Minute)})
	fine.Incidents.Put(&remediate.Incident{ID: 2, Status: remediate.StatusDeciding, Pending: pending(remediate.Started{Ask: ask})})
	if err := overlooked(fine, epoch); err != nil {
		t.Error(err)
	}
}

func TestUnheard(t *testing.T) {
	w := newWorld(1)
	w.evaluate()
	s := remediate.NewState()
	if err := unheard(w, s, nil); err != nil {
		t.Fatal(err)
	}
	s.Known[remediate.AlertID{1}] = &remediate.Known{Firing: true}
	if unheard(w, s, nil) == nil {
		t.Error("what is known and does not fire is not noticed")
	}
	clear(s.Known)
	w.breakDown(w.services[0], trouble{})
	w.now = w.now.Add(time.Hour)
	w.evaluate()
	if unheard(w, s, nil) == nil {
		t.Error("what fires and is not known is not noticed")
	}
}

func TestUnique(t *testing.T) {
	once, other := remediate.Act{Attempt: "a1"}, remediate.Act{Attempt: "a1", Index: 1}
	if err := unique(map[string]*effect{"x": {act: once, times: 3}, "y": {act: other}}); err != nil {
		t.Error(err)
	}
	if unique(map[string]*effect{"x": {act: once}, "y": {act: once}}) == nil {
		t.Error("an act that was done twice under two names is not noticed")
	}
}

// The fold is compared: a state that was changed by anything but facts is
// noticed.
func TestFoldIsCompared(t *testing.T) {
	y := newDay(1, nil)
	if err := y.compare(); err != nil {
		t.Fatal(err)
	}
	y.state.Paused["all"] = remediate.CommandGiven{Command: remediate.Pause}
	if y.compare() == nil {
		t.Error("a state that is another than the folded one is not noticed")
	}
}

// A daemon that acts while it cannot write is noticed.
func TestActsWithoutMemoryAreNoticed(t *testing.T) {
	y := newDay(1, nil)
	y.degraded = true
	r, err := remediate.Encode(y.state.Seq, y.state.Head, epoch, remediate.Started{ID: "a", Act: &remediate.Act{}})
	if err != nil {
		t.Fatal(err)
	}
	if y.write([]remediate.Record{r}); y.broken == nil {
		t.Error("an act is begun that would not be remembered, and nobody notices")
	}
}
