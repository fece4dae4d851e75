package remediate

import (
	"fmt"
	"strings"
	"time"
)

// A storm is so much trouble at once that it must have one cause. It is an
// alert of our own, and as such opens an incident that people hear of, once.

// StormPolicy is the policy of a storm's incident. It has no remedy.
const StormPolicy = "storm"

var stormPolicy = Policy{Name: StormPolicy, Severity: P2, Mode: ModeAct}

// Labels of our own alerts. What carries them is never remediated.
const (
	OwnSource  = "remediated"       // of the label source
	OwnPrefix  = "Remediation"      // of alertname
	StormAlert = "RemediationStorm" // alertname
)

// Own tells whether an alert with these labels is one of ours.
func (ls Labels) Own() bool {
	return ls.Get("source") == OwnSource && strings.HasPrefix(ls.Get("alertname"), OwnPrefix)
}

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
			h.beginStorm(book, why)
		}
	case !h.stormEnds().After(h.now):
		id := IdentityOf(stormLabels(book), nil)
		h.resolve(id, AlertResolved{ID: id, Via: ViaOwn})
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

func (h *handler) beginStorm(book *Rulebook, why string) {
	ls := stormLabels(book)
	id := IdentityOf(ls, nil)
	h.emit(AlertFiring{ID: id, Via: ViaOwn, Alert: Alert{
		Labels: ls, Annotations: map[string]string{"summary": why + ": acts are held back, but for what others depend on"}, StartsAt: h.now,
	}})
	h.emit(Opened{
		Incident: h.s.Last + 1, Alert: id, Policy: StormPolicy, Rulebook: book.Digest(), Key: fmt.Sprintf("%s cluster=%q", StormPolicy, book.Cluster),
		Severity: stormPolicy.Severity, ToldOnly: why + ", which has a cause that no single remedy mends",
	})
}

func stormLabels(book *Rulebook) Labels {
	return LabelsOf(map[string]string{"alertname": StormAlert, "source": OwnSource, "cluster": book.Cluster})
}

// stormEnds is when the storm that is on ends: when for as long as Calm less
// than half of what begins one was there. While more is there it is a minute
// from now, to look again.
func (h *handler) stormEnds() time.Time {
	set := h.books[h.s.Rulebook].Storm
	if set == nil {
		return h.now
	}
	broken, known := h.s.broken()
	if set.Share > 0 && known >= leastTargets && float64(broken) >= set.Share*float64(known)/2 {
		return h.now.Add(time.Minute)
	}
	ends := h.s.Incidents[h.s.Storm].Opened
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
