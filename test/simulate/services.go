package simulate

import (
	"slices"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

const cluster = "prod"

// service is what truly is, which nobody in the simulation is told but by
// alerts and answers.
type service struct {
	namespace, name string
	root            *service // works only while that one does
	raises          []string // names of the alerts by which it is heard of
	twins           bool     // two replicas of Prometheus watch it
	trouble         *trouble // its own, nil while it has none

	well time.Time // since when it works; zero while it does not
	ill  time.Time // since when it does not

	// What the cluster has of it.
	uid, template int
	attempt       string // our annotation
	refused       string // why it may not be acted on
	mode          string // its annotation
}

// trouble is why a service does not work and what would help.
type trouble struct {
	cure  string // the act that helps; "" when none does
	after int    // how often it must be done
}

func (s *service) works() bool {
	return s.trouble == nil && (s.root == nil || s.root.works())
}

func (s *service) target() remediate.Target {
	return remediate.Target{Cluster: cluster, Kind: "deployment", Namespace: s.namespace, Name: s.name}
}

// pod is the name of its pod in alerts.
func (s *service) pod() string { return s.name + "-7d4b9c-x" }

// newServices are two roots with their leaves, and two that stand alone.
func newServices() []*service {
	db := &service{namespace: "shop", name: "db", raises: []string{"RootDown"}, twins: true}
	cache := &service{namespace: "web", name: "cache", raises: []string{"RootDown", "Slow"}}
	all := []*service{
		db, cache,
		{namespace: "shop", name: "cart", root: db, raises: []string{"LeafDown"}},
		{namespace: "shop", name: "till", raises: []string{"LeafDown", "Slow"}},
		{namespace: "web", name: "front", root: cache, raises: []string{"LeafDown"}, twins: true},
		{namespace: "ops", name: "batch", raises: []string{"Slow"}},
	}
	for _, s := range all {
		s.well, s.uid, s.template = epoch, 1, 1
	}
	return all
}

// look takes down who works by now and who does not.
func (w *world) look() {
	for _, s := range w.services {
		switch works := s.works(); {
		case works && s.well.IsZero():
			s.well = w.now
		case !works && !s.well.IsZero():
			s.well, s.ill = time.Time{}, w.now
		}
	}
}

func (w *world) breakDown(s *service, t trouble) {
	s.trouble = &t
	w.look()
}

// heal takes the trouble away, unless it is another one by now.
func (w *world) heal(s *service, t *trouble) {
	if s.trouble == t {
		s.trouble = nil
		w.look()
	}
}

// serviceOf returns the service behind a target, nil when there is none.
func (w *world) serviceOf(t remediate.Target) *service {
	k := slices.IndexFunc(w.services, func(s *service) bool {
		return s.namespace == t.Namespace && (s.name == t.Name || t.Kind == "owner" && s.pod() == t.Name)
	})
	if k < 0 {
		return nil
	}
	return w.services[k]
}

// effect is what the world keeps of an act: by its ID, whatever is sent twice
// is done once.
type effect struct {
	act   remediate.Act
	times int // how often it was asked for
}

// carryOut does what an act says, once for each ID.
func (w *world) carryOut(id string, a remediate.Act) (outcome, text string) {
	if e := w.effects[id]; e != nil {
		e.times++
		return remediate.OK, "it was done already"
	}
	s := w.serviceOf(a.Target)
	switch {
	case s == nil:
		return remediate.Refused, remediate.RefusedGone
	case s.refused != "":
		return remediate.Refused, s.refused
	case a.UID != "" && a.UID != uidOf(s), a.Template != "" && a.Template != templateOf(s):
		return remediate.Refused, "the object is another one by now"
	}
	w.effects[id] = &effect{act: a, times: 1}
	if a.Kind == "restart" || a.Kind == "rollback" {
		s.attempt = a.Attempt
	}
	if t := s.trouble; t != nil && t.cure == a.Kind {
		if t.after--; t.after <= 0 {
			d := diceFor(w.seed, "start "+id)
			w.in(d.between(2*time.Second, 20*time.Second), func() { w.heal(s, t) })
		}
	}
	return remediate.OK, a.Kind + "ed"
}
