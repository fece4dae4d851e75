package remediate

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// maxKnown is how many firing alerts are remembered that no policy concerns.
// Beyond it they are not written down, and looked at anew with each repeat.
const maxKnown = 100_000

// peerTolerance is by how much the members of a cluster of Alertmanagers may
// differ in when an alert began.
const peerTolerance = 15 * time.Second

// heard takes one alert of a webhook. What is known writes nothing.
func (h *handler) heard(in Heard) {
	id := IdentityOf(in.Alert.Labels, h.replicaLabels())
	k := h.s.Known[id]
	switch {
	case in.Alert.Labels.Own():
		// What we said ourselves comes back to us.
	case !in.Firing && (k == nil || !k.Firing):
	case !in.Firing && h.isReplica(in.Alert.Labels):
		h.doubt(id, k, in) // another replica may still say that it fires
	case !in.Firing:
		h.resolve(id, AlertResolved{ID: id, EndsAt: moment(in.Alert.EndsAt), Via: ViaWebhook})
	case k == nil:
		h.fire(id, in.Alert, nil, ViaWebhook, false)
	case k.Firing:
		h.rematch(id, k, in.Alert, ViaWebhook)
	case in.Alert.StartsAt.After(k.EndsAt.Add(peerTolerance)):
		h.fire(id, in.Alert, nil, ViaWebhook, false)
	default:
		h.doubt(id, k, in) // a peer that is behind may tell of the life that ended already
	}
}

// doubt writes down, once after each edge, that somebody tells otherwise than
// what is known. What is listed next settles it.
func (h *handler) doubt(id AlertID, k *Known, in Heard) {
	if !k.Doubted {
		h.emit(AlertDoubted{ID: id, StartsAt: moment(in.Alert.StartsAt), Resolved: !in.Firing})
	}
}

// isReplica tells whether an alert carries a label by which the members of a
// highly available Prometheus differ.
func (h *handler) isReplica(ls Labels) bool {
	return slices.ContainsFunc(h.replicaLabels(), func(name string) bool { return ls.Get(name) != "" })
}

// rematch looks again at an alert that no incident has, after the rulebook
// changed since it was last looked at. It is no edge: whatever policy it meets
// now finds it firing.
func (h *handler) rematch(id AlertID, k *Known, a Alert, via Via) {
	if k.Generation == h.s.Generation || len(h.s.index.byAlert[id]) > 0 || len(h.match(a.Labels)) == 0 {
		return
	}
	h.fire(id, a, k.Suppressed, via, true)
}

// fire writes the edge down and gives the alert to the incidents it concerns.
func (h *handler) fire(id AlertID, a Alert, suppressed []string, via Via, found bool) {
	policies := h.match(a.Labels)
	if len(policies) == 0 && len(h.s.Known) >= maxKnown {
		return
	}
	a.StartsAt, a.EndsAt = moment(a.StartsAt), time.Time{}
	if a.StartsAt.IsZero() {
		a.StartsAt = h.now
	}
	found = found || a.StartsAt.Before(h.s.FoundedAt)
	h.emit(AlertFiring{ID: id, Alert: a, Via: via, Suppressed: suppressed, Found: found})
	for _, p := range policies {
		h.join(id, a, p, found || a.StartsAt.Before(h.s.PolicySince[p.Name]))
	}
}

// join gives the alert to the open incident of its key, or opens one.
func (h *handler) join(id AlertID, a Alert, p *Policy, found bool) {
	book := h.books[h.s.Rulebook]
	key, missing := p.key(book.Cluster, a.Labels)
	if n, open := h.s.index.byKey[key]; open {
		h.emit(Joined{Incident: n, Alert: id, Found: found})
		if i := h.s.Incidents.Get(n); h.policy(i) != nil {
			h.worsen(i, h.policy(i).severityOf(a.Labels), "alert "+a.Name()+" is labelled so")
		}
		return
	}
	target, toldOnly := p.resolve(book.Cluster, a.Labels)
	if len(missing) > 0 {
		toldOnly = "the alert lacks the label " + strings.Join(missing, ", ") + ", which policy " + p.Name + " keeps incidents apart by"
	}
	h.emit(Opened{
		Incident: h.s.Last + 1, Alert: id, Policy: p.Name, Rulebook: book.Digest(), Key: key,
		Severity: p.severityOf(a.Labels), Target: target, ToldOnly: toldOnly, Found: found,
		Drill: a.Labels.Get(DrillLabel), Live: h.liveOf(p.Name, a, found),
	})
}

// resolve writes the edge down and takes the alert from its incidents.
func (h *handler) resolve(id AlertID, b AlertResolved) {
	h.emit(b)
	for _, n := range slices.Clone(h.s.index.byAlert[id]) {
		i := h.s.Incidents.Get(n)
		if i.Firing[id] {
			h.emit(Left{Incident: n, Alert: id, Firing: len(i.Firing) - 1})
		}
	}
}

// listing holds what is known against what is listed, and writes down only
// where they differ.
func (h *handler) listing(in Listing) {
	listed := make(map[AlertID]ListedAlert, len(in.Alerts))
	var order []AlertID
	for _, l := range in.Alerts {
		if l.Alert.Labels.Own() {
			continue
		}
		id := IdentityOf(l.Alert.Labels, h.replicaLabels())
		first, again := listed[id]
		if !again {
			order, first = append(order, id), l
		}
		first.Suppressed = both(first.Suppressed, l.Suppressed)
		listed[id] = first
	}
	for _, id := range order {
		h.listed(id, listed[id], in.At)
	}
	if !in.Complete {
		return // absence proves nothing
	}
	for _, id := range h.goneFrom(listed, in.At) {
		h.resolve(id, AlertResolved{ID: id, Via: ViaListing})
	}
}

// both returns what suppresses an alert that two replicas tell of: nothing,
// when one of them is not suppressed.
func both(a, b []string) []string {
	if len(a) == 0 || len(b) == 0 {
		return nil
	}
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

func (h *handler) listed(id AlertID, l ListedAlert, begun time.Time) {
	k := h.s.Known[id]
	switch {
	case k == nil:
		h.fire(id, l.Alert, l.Suppressed, ViaListing, false)
	case !k.Firing && k.At.Before(begun):
		h.fire(id, l.Alert, l.Suppressed, ViaListing, false)
	case !k.Firing:
		// It resolved after the listing was begun, which is the later news.
	case len(l.Suppressed) > 0 && !slices.Equal(k.Suppressed, l.Suppressed):
		h.emit(AlertSuppressed{ID: id, By: l.Suppressed})
	case len(l.Suppressed) == 0 && len(k.Suppressed) > 0:
		h.emit(AlertReleased{ID: id})
	default:
		h.rematch(id, k, l.Alert, ViaListing)
	}
}

// goneFrom returns the alerts known to fire that were not listed, in a fixed
// order. One that was heard of after the listing was begun is not among them.
func (h *handler) goneFrom(listed map[AlertID]ListedAlert, begun time.Time) []AlertID {
	var gone []AlertID
	for id, k := range h.s.Known {
		if _, still := listed[id]; k.Firing && !still && !k.Own && k.At.Before(begun) {
			gone = append(gone, id)
		}
	}
	slices.SortFunc(gone, func(a, b AlertID) int { return slices.Compare(a[:], b[:]) })
	return gone
}

func (h *handler) match(ls Labels) []*Policy {
	if book := h.books[h.s.Rulebook]; book != nil {
		return book.Match(ls)
	}
	return nil
}

func (h *handler) replicaLabels() []string {
	if book := h.books[h.s.Rulebook]; book != nil {
		return book.ReplicaLabels
	}
	return DefaultReplicaLabels()
}

// resolve fills in the policy's target, and says why nothing may be done by
// itself when something that a step needs cannot be filled in.
func (p *Policy) resolve(cluster string, ls Labels) (Target, string) {
	if p.Target == "" || len(p.Steps) == 0 {
		return Target{}, "policy " + p.Name + " has no remedy"
	}
	t, err := targetOf(cluster, p.Target, ls)
	if err != nil {
		return Target{}, err.Error()
	}
	for _, d := range p.Guards.Depends {
		if _, err := alertsArgs(d, ls); err != nil {
			return t, err.Error()
		}
	}
	for _, st := range p.Steps {
		for _, d := range slices.Concat(st.Do, st.Undo) {
			if err := fits(t, d.Target, d.Args, ls); err != nil {
				return t, err.Error()
			}
		}
		for _, c := range st.Checks() {
			if err := fits(t, c.Target, c.Args, ls); err != nil {
				return t, err.Error()
			}
		}
	}
	return t, ""
}

// fits says why the target and the arguments of an act or a probe cannot be
// filled in, nil when they can.
func fits(own Target, target string, args json.RawMessage, ls Labels) error {
	if _, err := fill(args, ls); err != nil {
		return err
	}
	_, err := otherTarget(own, target, ls)
	return err
}

// moment is a time as facts keep it.
func moment(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Millisecond)
}

// durationOf is a duration as facts keep it. One that clocks which disagree
// made negative is none.
func durationOf(d time.Duration) model.Duration {
	return model.Duration(max(0, d.Truncate(time.Millisecond)))
}
