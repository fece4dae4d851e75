package alertmanager

import (
	"sync"

	"github.com/x0tta6bl4/remediated/remediate"
)

// memory is what one listing hands on to the next, so that what did not change
// reads the same: of the alerts that were suppressed then, and of no others.
type memory struct {
	mu         sync.Mutex
	silences   map[string]silence
	inhibitors map[remediate.AlertID]string // fingerprint, by the inhibited alert
}

// silence returns what was learnt of a silence.
func (m *memory) silence(id string) (silence, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, known := m.silences[id]
	return s, known
}

// steady lets each inhibited alert keep the inhibiting one that it was said to
// have, and remembers what is said now.
func (m *memory) steady(listed []seen, r register) {
	m.mu.Lock()
	defer m.mu.Unlock()
	inhibitors := map[remediate.AlertID]string{}
	for i, s := range listed {
		id := remediate.IdentityOf(s.alert.Labels, nil)
		if f := r.inhibitor(s.stops.inhibitors, m.inhibitors[id]); f != "" {
			listed[i].stops.inhibitors, inhibitors[id] = []string{f}, f
		}
	}
	m.silences, m.inhibitors = r.silences, inhibitors
}
