package remediate

import (
	"fmt"
	"maps"
	"slices"
)

// A drill on the table: people practise by an alert that says of itself that it
// is one. It goes the way of every alert, through Alertmanager, policies and
// guards, and the world is asked as ever; but nothing is done, nobody is called,
// and what would be is shown in a place of its own. It is never in the way of an
// incident: it holds no object, is nobody's root, makes no storm, and ends when
// people are needed in earnest.

// DrillLabel is the label by which an alert says that it is a drill, and which.
const DrillLabel = "remediated_drill"

// sameWorld tells whether one incident may wait for, or be told of by, another:
// a drill is nothing that anybody waits for.
func (i *Incident) sameWorld(root *Incident) bool { return root.Drill == "" || root.Drill == i.Drill }

// endDrills closes the drills when something is open that people are needed for.
func (h *handler) endDrills() {
	if len(h.s.index.drills) == 0 {
		return
	}
	i := h.s.earnest(h.told)
	if i == nil {
		return
	}
	for _, n := range slices.Sorted(maps.Keys(h.s.index.drills)) {
		h.close(h.s.Incidents[n], fmt.Sprintf("the drill is over: i%d is no drill", i.ID))
	}
}

// Earnest returns the oldest open incident that keeps people from drills, nil
// when there is none: P1 or P2, not healed, of a policy by which people are told.
func Earnest(s *State, books Rulebooks) *Incident {
	h := &handler{books: books, s: s, now: s.At}
	return s.earnest(h.told)
}

func (s *State) earnest(told func(*Incident) bool) *Incident {
	for _, n := range slices.Sorted(maps.Keys(s.Incidents)) {
		i := s.Incidents[n]
		if i.Drill == "" && i.Severity != P3 && i.Healed.IsZero() && i.Status != StatusClosed && told(i) {
			return i
		}
	}
	return nil
}
