package simulate

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

const (
	evaluateEvery = 15 * time.Second // Prometheus looks at its rules
	resendEvery   = time.Minute      // and says again what fires
	forgetAfter   = 5 * time.Minute  // an alert that Prometheus no longer mentions has resolved
	groupWait     = 5 * time.Second
	repeatEvery   = 4 * time.Minute
	listEvery     = time.Minute
	provenAfter   = 5 * time.Minute // what an Alertmanager does not list counts from then on
)

// rule is an alerting rule of Prometheus for one series.
type rule struct {
	labels  remediate.Labels
	key     string   // of its alert at a peer: the labels
	service *service // it fires while that one is ill
	wait    time.Duration
	until   time.Time // of a stray: when it ends
	since   time.Time // it fires since; zero while it does not
	ended   time.Time
}

func newRule(labels map[string]string) *rule {
	ls := remediate.LabelsOf(labels)
	return &rule{labels: ls, key: ls.String()}
}

func rulesOf(services []*service) []*rule {
	var rules []*rule
	for _, s := range services {
		for _, name := range s.raises {
			for n := range 2 {
				if n == 1 && !s.twins {
					break
				}
				r := newRule(map[string]string{
					"alertname": name, "namespace": s.namespace, "service": s.name, "pod": s.pod(), "replica": fmt.Sprint(n),
				})
				r.service, r.wait = s, time.Duration(len(name))*2*time.Second
				rules = append(rules, r)
			}
		}
	}
	return rules
}

func (r *rule) fires(now time.Time) bool {
	if r.service == nil {
		return now.Before(r.until)
	}
	return r.service.well.IsZero() && !now.Before(r.service.ill.Add(r.wait))
}

// peer is one Alertmanager of the pair.
type peer struct {
	name      string
	up        bool
	since     time.Time // when it was started
	deaf      bool      // Prometheus does not reach it
	hidden    bool      // the daemon does not reach it
	entries   map[string]*entry
	silences  map[string]silence
	notifying bool
	repeat    time.Time // what still fires is told again then
}

// entry is an alert as a peer knows it.
type entry struct {
	alert  remediate.Alert
	firing bool
	heard  time.Time // of it, last
	told   bool      // that it fires, in a webhook
}

type silence struct {
	namespace, service string
	until              time.Time
}

func newPeer(name string) *peer {
	return &peer{name: name, up: true, since: epoch.Add(-time.Hour), entries: map[string]*entry{}, silences: map[string]silence{}}
}

// evaluate is what Prometheus does every few seconds.
func (w *world) evaluate() {
	w.in(evaluateEvery, w.evaluate)
	w.strays = slices.DeleteFunc(w.strays, func(r *rule) bool { return r.until.Add(2 * forgetAfter).Before(w.now) })
	for _, r := range slices.Concat(w.rules, w.strays) {
		switch fires := r.fires(w.now); {
		case fires && r.since.IsZero():
			r.since = w.now
		case !fires && !r.since.IsZero():
			r.since, r.ended = time.Time{}, w.now
		}
		for _, p := range w.peers {
			if p.up && !p.deaf {
				w.hear(p, r)
			}
		}
	}
	for _, p := range w.peers {
		w.forget(p)
	}
}

// hear is what a peer makes of what Prometheus says.
func (w *world) hear(p *peer, r *rule) {
	e := p.entries[r.key]
	switch {
	case !r.since.IsZero() && (e == nil || !e.firing):
		at := r.since.Add(diceFor(w.seed, p.name+r.key+r.since.String()).between(-3*time.Second, 3*time.Second))
		p.entries[r.key] = &entry{alert: remediate.Alert{Labels: r.labels, StartsAt: at, Fingerprint: r.key}, firing: true, heard: w.now}
		w.notifyIn(p, groupWait)
	case !r.since.IsZero() && w.now.Sub(e.heard) >= resendEvery:
		e.heard = w.now
	case r.since.IsZero() && e != nil && e.firing:
		e.firing, e.heard, e.alert.EndsAt = false, w.now, r.ended
		w.notifyIn(p, groupWait)
	}
}

// forget lets end what Prometheus no longer mentions, drops what ended, and
// says again what fires.
func (w *world) forget(p *peer) {
	if len(p.entries) > 0 && !w.now.Before(p.repeat) {
		w.notifyIn(p, groupWait)
	}
	for key, e := range p.entries {
		switch silent := w.now.Sub(e.heard) >= forgetAfter; {
		case silent && e.firing:
			e.firing, e.heard, e.alert.EndsAt = false, w.now, w.now
			w.notifyIn(p, groupWait)
		case silent:
			delete(p.entries, key)
		}
	}
}

// suppressed names the silences of an alert.
func (p *peer) suppressed(ls remediate.Labels, now time.Time) []string {
	var by []string
	for id, s := range p.silences {
		if now.Before(s.until) && ls.Get("namespace") == s.namespace && (s.service == "" || ls.Get("service") == s.service) {
			by = append(by, id)
		}
	}
	slices.Sort(by)
	return by
}

// silence makes one, at the peers that hear of it.
func (w *world) silence(d dice, s silence) {
	w.silenced++
	id := fmt.Sprintf("silence-%d", w.silenced)
	for k, p := range w.peers {
		if p.up && (!w.split || k == 0 || d.chance(30)) {
			p.silences[id] = s
		}
	}
}

// restart loses all that the peer knew but its silences, which it keeps on disk.
func (w *world) restart(p *peer) {
	p.since, p.entries = w.now, map[string]*entry{}
}

// told is one alert of a webhook.
type told struct {
	alert  remediate.Alert
	firing bool
}

func (w *world) notifyIn(p *peer, d time.Duration) {
	if p.notifying {
		return
	}
	p.notifying = true
	w.in(d, func() { w.notify(p) })
}

// notify sends what there is to tell. Of two peers that hear each other the
// second mostly holds its tongue.
func (w *world) notify(p *peer) {
	p.notifying = false
	var batch []told
	for _, key := range slices.Sorted(maps.Keys(p.entries)) {
		e := p.entries[key]
		switch {
		case len(p.suppressed(e.alert.Labels, w.now)) > 0:
		case e.firing:
			e.told = true
			batch = append(batch, told{e.alert, true})
		case e.told:
			e.told = false
			batch = append(batch, told{e.alert, false})
		}
	}
	p.repeat = w.now.Add(repeatEvery)
	if !p.up || len(batch) == 0 {
		return
	}
	d := diceFor(w.seed, p.name+w.now.String())
	if first := w.peers[0]; p != first && first.up && !w.split && !d.chance(20) {
		return
	}
	w.post(d, batch)
}

// post is what the network does to a webhook.
func (w *world) post(d dice, batch []told) {
	trouble := w.foul["webhook"]
	if d.chance(4 + trouble) {
		return // lost
	}
	if d.chance(5 + trouble) {
		batch = batch[:1+d.IntN(len(batch))] // truncated
	}
	if d.chance(20) {
		d.Shuffle(len(batch), func(a, b int) { batch[a], batch[b] = batch[b], batch[a] })
	}
	times := 1
	if d.chance(5 + trouble/2) {
		times = 2
	}
	for range times {
		late := d.between(0, time.Second)
		if d.chance(6 + trouble) {
			late = d.between(time.Second, 4*time.Minute)
		}
		w.in(late, func() { w.send(batch, 1) })
	}
}

// send is tried again when the daemon could not take it.
func (w *world) send(batch []told, try int) {
	if !w.deliver(batch) && try < 6 {
		w.in(time.Duration(try)*10*time.Second, func() { w.send(batch, try+1) })
	}
}

// listing is what the peers say together. It lists the alerts in the order of
// their labels.
func (w *world) listing() remediate.Listing {
	l := remediate.Listing{Complete: true}
	all := map[string]remediate.ListedAlert{}
	for _, p := range w.peers {
		if !p.up || p.hidden {
			l.Complete, l.Why = false, p.name+" does not answer"
			continue
		}
		if w.now.Sub(p.since) < provenAfter {
			l.Complete, l.Why = false, p.name+" was started a short while ago"
		}
		for key, e := range p.entries {
			if !e.firing {
				continue
			}
			one, again := all[key]
			if !again || e.alert.StartsAt.Before(one.Alert.StartsAt) {
				one.Alert = e.alert
			}
			one.Suppressed = slices.Concat(one.Suppressed, p.suppressed(e.alert.Labels, w.now))
			slices.Sort(one.Suppressed)
			one.Suppressed = slices.Compact(one.Suppressed)
			all[key] = one
		}
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		l.Alerts = append(l.Alerts, all[key])
	}
	return l
}
