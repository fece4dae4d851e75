package remediate

import (
	"fmt"
	"maps"
	"reflect"
)

// IndexesFit holds every index against its naive recomputation.
func IndexesFit(s *State, books Rulebooks) error {
	naive := &State{Incidents: s.Incidents, Ended: s.Ended, index: newIndex()}
	naive.reindex()
	if !maps.Equal(naive.index.byKey, s.index.byKey) {
		return fmt.Errorf("index by key is %v, should be %v", s.index.byKey, naive.index.byKey)
	}
	if !reflect.DeepEqual(naive.index.byAlert, s.index.byAlert) {
		return fmt.Errorf("index by alert is %v, should be %v", s.index.byAlert, naive.index.byAlert)
	}
	if !reflect.DeepEqual(naive.index.byPolicy, s.index.byPolicy) {
		return fmt.Errorf("index by policy is %v, should be %v", s.index.byPolicy, naive.index.byPolicy)
	}
	if !maps.Equal(naive.index.ended, s.index.ended) {
		return fmt.Errorf("what ended is in its list %v times, should be %v", s.index.ended, naive.index.ended)
	}
	if !maps.Equal(naive.index.atTarget, s.index.atTarget) || naive.index.broken != s.index.broken {
		return fmt.Errorf("incidents at targets are %v, should be %v", s.index.atTarget, naive.index.atTarget)
	}
	if !reflect.DeepEqual(naive.index.waiters, s.index.waiters) {
		return fmt.Errorf("those who wait are %v, should be %v", s.index.waiters, naive.index.waiters)
	}
	for id, d := range s.index.digested {
		if s.Incidents.Get(id) == nil || d.digest != d.notice.digest() {
			return fmt.Errorf("i%d is to show %+v, with the digest %s", id, d.notice, d.digest)
		}
	}
	h := &handler{books: books, s: s, now: s.At}
	for _, i := range s.Incidents.All() {
		if s.index.touched[i.ID] {
			continue
		}
		k, there := s.index.wakes.at[i.ID]
		want := h.wake(i)
		if want.IsZero() != !there || there && !s.index.wakes.heap[k].when.Equal(want) {
			return fmt.Errorf("i%d wants to wake at %v, the index has %v", i.ID, want, s.index.wakes.heap)
		}
	}
	if s.index.storm != h.stormWake() || s.index.untold != h.untoldAt() || s.index.digest != h.digestWake() {
		return fmt.Errorf("storm, untold and digest want to wake at %v %v %v, should at %v %v %v",
			s.index.storm, s.index.untold, s.index.digest, h.stormWake(), h.untoldAt(), h.digestWake())
	}
	return nil
}

// What holds what plans write and read against encoding/json.
var (
	EncodeByPlan = encodeByPlan
	DecodeByPlan = decodeByPlan
	DecodePlain  = Record.decode
)

// KindCount is how many kinds of facts there are.
func KindCount() int { return len(kinds) }

// GuardNames are the names of all guards, in the order in which they are judged.
func GuardNames() []string {
	var names []string
	for _, g := range append(append([]guard{}, cheapGuards...), askingGuards...) {
		names = append(names, g.name)
	}
	return append(names, "approval")
}

// The formats of the states that checkpoints of journals may have.
const (
	FirstTrimmed = firstTrimmed
	StateFormat  = stateFormat
)

// In these tests whatever may rest does so at once, so that all laws and stories hold
// it against what was folded, of which nothing rests.
func init() { maxAwake = 0 }
