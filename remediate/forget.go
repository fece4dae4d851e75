package remediate

import (
	"maps"
	"time"
)

// What is remembered must not grow with history. Most of it is bounded where it is
// written; here goes what would stay because nothing is ever heard of it again.
// When, is told by the facts alone, so that every fold forgets the same.

// forgetEnded forgets the alerts that resolved so long ago that one which is told as
// firing is news. An alert that resolved again since then stands further behind.
func (s *State) forgetEnded() {
	for len(s.Ended) > 0 {
		id := s.Ended[0]
		k, again := s.Known[id], s.index.ended[id] > 1
		ended := k != nil && !k.Firing && !again
		if ended && s.At.Sub(k.At) < rememberEnd {
			return
		}
		if ended {
			delete(s.Known, id)
		}
		if s.index.ended[id]--; !again {
			delete(s.index.ended, id)
		}
		s.Ended = s.Ended[1:]
	}
}

// forget forgets, once a day, what was done about targets that come and go. What
// lasts is known for good: a storm is judged by its share.
func (s *State) forget(before time.Time) {
	if s.At.Truncate(24 * time.Hour).Equal(before.Truncate(24 * time.Hour)) {
		return
	}
	gone := map[string]bool{}
	for t, o := range s.Targets {
		if !t.lasts() && o.Holder == 0 && s.At.Sub(o.Ended) > Remembered {
			delete(s.Targets, t)
			gone[t.String()] = true
		}
	}
	if len(gone) == 0 {
		return
	}
	ofGone := func(name string) bool {
		_, target := SplitBreaker(name)
		return gone[target]
	}
	maps.DeleteFunc(s.Breakers, func(name string, _ BreakerState) bool { return ofGone(name) })
	maps.DeleteFunc(s.Heals, func(name string, _ []time.Time) bool { return ofGone(name) })
}
