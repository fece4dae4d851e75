package main

import (
	"sync"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// notices knows since when each destination of each incident waits for what it
// is to show. Its methods may be called from any goroutine.
type notices struct {
	mu    sync.Mutex
	since map[place]time.Time
	tells map[string]place // those under way, by ID
}

// place is where an incident is shown.
type place struct {
	incident    uint64
	destination string
}

func newNotices() *notices {
	return &notices{since: map[place]time.Time{}, tells: map[string]place{}}
}

// fact follows tells from their beginning to their arrival. What failed waits
// on; what is no longer to be told does not.
func (n *notices) fact(f remediate.Fact) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch b := f.Body.(type) {
	case remediate.Started:
		if b.Tell != nil {
			n.begin(b, f.At)
		}
	case remediate.Finished:
		at, told := n.tells[b.ID]
		if delete(n.tells, b.ID); told && (b.Outcome == remediate.OK || b.Outcome == remediate.Refused) {
			delete(n.since, at)
		}
	case remediate.Filed:
		for at := range n.since {
			if at.incident == b.Incident {
				delete(n.since, at)
			}
		}
	}
}

func (n *notices) begin(b remediate.Started, at time.Time) {
	p := place{b.Incident, b.Tell.Destination}
	n.tells[b.ID] = p
	if _, waits := n.since[p]; !waits {
		n.since[p] = at
	}
}

// resume takes up what was waiting when the daemon started.
func (n *notices) resume(s *remediate.State) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, i := range s.Incidents.All() {
		for d, shown := range i.Shown {
			if !shown.Since.IsZero() {
				n.since[place{i.ID, d}] = shown.Since
			}
		}
		for _, p := range i.Pending {
			if p.Tell != nil {
				n.tells[p.ID] = place{i.ID, p.Tell.Destination}
			}
		}
	}
}

// oldest is how long the one that waits longest has waited, 0 when none does.
func (n *notices) oldest(now time.Time) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	var age time.Duration
	for _, since := range n.since {
		age = max(age, now.Sub(since))
	}
	return age
}
