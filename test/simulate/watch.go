package simulate

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// What is held against the state, between the facts. What the laws of facts
// say of what happened, this says of what is waited for.

// overlooked says what should have gone on by now and did not: whoever waits
// does so for something that has a name and an end.
func overlooked(s *remediate.State, now time.Time) error {
	for _, n := range s.Incidents.Numbers() {
		i := s.Incidents.Get(n)
		if why := stuck(s, i, now.Add(-slack)); why != "" {
			return fmt.Errorf("i%d, %s: %s", n, i.Status, why)
		}
	}
	return overdue(s, now.Add(-slack))
}

func stuck(s *remediate.State, i *remediate.Incident, late time.Time) string {
	for _, p := range i.Pending {
		if p.Deadline.Before(late) {
			return p.ID + " is past its deadline"
		}
	}
	waits := func(what func(remediate.Started) bool) bool {
		return slices.ContainsFunc(i.Pending, func(p remediate.Pending) bool { return what(p.Started) })
	}
	asked := func(b remediate.Started) bool { return b.Ask != nil }
	switch i.Status {
	case remediate.StatusDeciding:
		if !waits(asked) {
			return "nothing was asked"
		}
	case remediate.StatusActing:
		if !waits(func(b remediate.Started) bool { return b.Act != nil || b.Ask != nil }) {
			return "nothing is done"
		}
	case remediate.StatusVerifying, remediate.StatusHealed:
		if !waits(asked) && (i.Status == remediate.StatusVerifying || i.Probed.Add(time.Minute).Before(late)) {
			return "nothing is looked at"
		}
	case remediate.StatusWaiting, remediate.StatusDenied, remediate.StatusHeld, remediate.StatusApproval:
		if !waits(asked) {
			return waitsInVain(s, i, late)
		}
	case remediate.StatusClosed:
		if len(i.Pending) == 0 && !slices.ContainsFunc(slices.Collect(maps.Values(i.Shown)), func(sh remediate.Showed) bool { return sh.Failures > 0 }) {
			return "all was told, and it is not filed"
		}
	}
	return ""
}

// waitsInVain looks at who waits for a guard to change its mind: until when, or
// for what.
func waitsInVain(s *remediate.State, i *remediate.Incident, late time.Time) string {
	if !i.Until.IsZero() {
		if i.Until.Before(late) {
			return fmt.Sprintf("it was to be judged anew at %s", i.Until)
		}
		return ""
	}
	if i.Status == remediate.StatusApproval {
		return "it waits for a human without end"
	}
	for _, v := range i.Verdicts {
		if v.Decision == remediate.Allowed || v.Decision == remediate.Observed {
			continue
		}
		if v.Reason == "" {
			return "guard " + v.Guard + " gives no reason"
		}
		for t, o := range s.Targets {
			if v.For == "target/"+t.String() && o.Holder == 0 {
				return "it waits for " + v.For + ", and nobody is at work there"
			}
		}
		if v.For == "paused" && len(s.Paused) == 0 {
			return "it waits for a pause to end, and nothing is paused"
		}
	}
	return ""
}

// overdue says which pause should have ended by now.
func overdue(s *remediate.State, late time.Time) error {
	for scope, c := range s.Paused {
		if !c.Until.IsZero() && c.Until.Before(late) {
			return fmt.Errorf("%s is paused, and was to be until %s", scope, c.Until)
		}
	}
	return nil
}

// unheard says which alert fires and is not known, or is known and does not
// fire, once all can be heard and was listed. Those that are our own nobody else
// knows.
func unheard(w *world, s *remediate.State, own map[remediate.AlertID]bool) error {
	fires := map[remediate.AlertID]bool{}
	for _, l := range w.listing().Alerts {
		id := remediate.IdentityOf(l.Alert.Labels, remediate.DefaultReplicaLabels())
		fires[id] = true
		if k := s.Known[id]; k == nil || !k.Firing {
			return fmt.Errorf("%s fires at Alertmanager and is not known to", l.Alert.Labels)
		}
	}
	for id, k := range s.Known {
		if k.Firing && !fires[id] && !own[id] {
			return fmt.Errorf("%s is known to fire since %s, and does not at Alertmanager", id, k.StartsAt)
		}
	}
	return nil
}

// unfinished says what is left over when all is well and was for long. What
// there is not can never be seen to be well: a human must say that it is over.
func unfinished(w *world, s *remediate.State) error {
	for _, n := range s.Incidents.Numbers() {
		i := s.Incidents.Get(n)
		if len(i.Firing) == 0 && (w.serviceOf(i.Target) == nil || i.Owed > 0) {
			continue // nor is anything taken back while a human keeps us from acting
		}
		return fmt.Errorf("i%d is %s, %d of its alerts fire, %d dealings are open, and it was to be over", n, i.Status, len(i.Firing), len(i.Pending))
	}
	return nil
}

// unique says what was done twice: the world does a thing once for each ID, so
// it is enough that no two acts of one attempt are alike but in their place.
func unique(effects map[string]*effect) error {
	seen := map[string]string{}
	for _, id := range slices.Sorted(maps.Keys(effects)) {
		a := effects[id].act
		key := fmt.Sprintf("%s/%d/%v", a.Attempt, a.Index, a.Undo)
		if other := seen[key]; other != "" {
			return fmt.Errorf("%s and %s are the same act of the same attempt, and both were done", other, id)
		}
		seen[key] = id
	}
	return nil
}
