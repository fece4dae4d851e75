package remediate

import (
	"testing"
	"time"
)

// A state that only folds, as the engine's second one does, holds on to nothing
// of incidents that are over.
func TestFoldingAloneGathersNothing(t *testing.T) {
	s := NewState()
	for n := range uint64(10_000) {
		id := n + 1
		for _, b := range []Body{
			AlertFiring{ID: AlertID{1}},
			Opened{Incident: id, Alert: AlertID{1}, Key: "k", Severity: P2},
			Closed{Incident: id},
			Filed{Incident: id},
		} {
			s.Apply(Fact{At: time.Unix(int64(n), 0), Body: b})
		}
	}
	x := s.index
	if s.Incidents.Len() > 0 || len(x.touched) > 0 || len(x.queue) > 100 || len(x.wakes.heap) > 0 || len(x.byKey)+len(x.byAlert)+len(x.waiters) > 0 {
		t.Errorf("left: %d incidents, %d touched, %d queued, %d wakes, %d keys", s.Incidents.Len(), len(x.touched), len(x.queue), len(x.wakes.heap), len(x.byKey))
	}
}
