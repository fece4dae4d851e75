package remediate

import (
	"fmt"
	"time"
)

// A storm is so much trouble at once that it must have one cause. It is an
// alert of our own, and as such opens an incident that people hear of, once.

// leastTargets is how many targets must be known before a share of them says
// anything.
const leastTargets = 10

// weather begins a storm, or ends it.
func (h *handler) weather() {
	book := h.books[h.s.Rulebook]
	if book == nil {
		return
	}
	switch {
	case h.s.Storm == 0:
		if why := h.gathers(book.Storm); why != "" {
			h.raise(StormAlert, why+": acts are held back, but for what others depend on", why+", which has a cause that no single remedy mends")
		}
	case !h.stormEnds().After(h.now):
		h.fall(StormAlert)
	}
	h.s.index.storm = h.stormWake()
}

// gathers says why a storm begins, "" when none does.
func (h *handler) gathers(set *Storm) string {
	if set == nil {
		return ""
	}
	if n, _ := spent(h.s.Opens, h.now, set.Incidents, time.Duration(set.Per)); set.Incidents > 0 && n >= set.Incidents {
		return fmt.Sprintf("%d incidents were opened within %s", n, set.Per)
	}
	broken, known := h.s.broken()
	if set.Share > 0 && known >= leastTargets && float64(broken) >= set.Share*float64(known) {
		return fmt.Sprintf("%d of %d known targets have an open incident", broken, known)
	}
	return ""
}

// broken counts the known targets, and those that an open incident is about.
func (s *State) broken() (broken, known int) { return s.index.broken, len(s.Targets) }

// stormEnds is when the storm that is on ends: when for as long as Calm less
// than half of what begins one was there, and less than what begins one is
// still held by it. While more is there it is a minute from now, to look again:
// to let go of so many at once would be the storm that it was, and each of them
// would call for people by itself.
func (h *handler) stormEnds() time.Time {
	set := h.books[h.s.Rulebook].Storm
	if set == nil {
		return h.now
	}
	broken, known := h.s.broken()
	if set.Share > 0 && known >= leastTargets && float64(broken) >= set.Share*float64(known)/2 {
		return h.now.Add(time.Minute)
	}
	if held := len(h.s.index.waiters[rootKey(h.s.Storm)]); set.Incidents > 0 && held >= set.Incidents {
		return h.now.Add(time.Minute)
	}
	ends := h.s.Incidents.Get(h.s.Storm).Opened
	if half := (set.Incidents + 1) / 2; set.Incidents > 0 && len(h.s.Opens) >= half {
		if below := h.s.Opens[len(h.s.Opens)-half].Add(time.Duration(set.Per)); below.After(ends) {
			ends = below
		}
	}
	return ends.Add(time.Duration(set.Calm))
}

// stormWake is when to look whether the storm is over, zero when there is none.
func (h *handler) stormWake() time.Time {
	if h.s.Storm == 0 || h.books[h.s.Rulebook] == nil {
		return time.Time{}
	}
	return wholeMillisecond(h.stormEnds())
}
