package alertmanager

import (
	"context"
	"slices"

	"github.com/prometheus/alertmanager/api/v2/models"
)

// What suppresses an alert is a human's word to stop, unless we said it
// ourselves: a silence made so that nobody is called while a remedy is under
// way must not stop that remedy. Our own alerts are known by their labels, see
// [remediate.Labels.Own].

// OwnCreator is who made the silences that are ours, see [silence.mark].
const OwnCreator = "remediated"

// stops are what Alertmanager says suppresses an alert. Each list is sorted.
type stops struct {
	silences   []string // ids
	inhibitors []string // fingerprints of the inhibiting alerts
	intervals  []string // names of muting time intervals
	unnamed    bool     // suppressed, and it does not say by what
}

// stopsOf reads the status of a listed alert.
func stopsOf(s *models.AlertStatus) stops {
	out := stops{silences: set(s.SilencedBy), inhibitors: set(s.InhibitedBy), intervals: set(s.MutedBy)}
	out.unnamed = out.none() && *s.State == models.AlertStatusStateSuppressed
	return out
}

// with returns all that either names: silences are passed around between the
// Alertmanagers, and a human who said stop is heard also by hearsay.
func (s stops) with(t stops) stops {
	return stops{
		silences: set(s.silences, t.silences), inhibitors: set(s.inhibitors, t.inhibitors),
		intervals: set(s.intervals, t.intervals), unnamed: s.unnamed || t.unnamed,
	}
}

// none tells whether nothing suppresses the alert.
func (s stops) none() bool {
	return len(s.silences)+len(s.inhibitors)+len(s.intervals) == 0 && !s.unnamed
}

// set returns what is in any of the lists, sorted and once each.
func set(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return slices.Compact(all)
}

// unnamed stands for what suppresses an alert when Alertmanager does not say.
const unnamed = "something that Alertmanager does not name"

// register is where the names in stops are looked up. What it says depends on
// neither the time nor on which Alertmanager answered: each new text of an
// alert's stops is a fact that is kept for ever and told to people.
type register struct {
	silences map[string]silence // by id
	alerts   map[string]seen    // by fingerprint: those that may inhibit
}

// registerOf looks up what the stops of these alerts name. all are the alerts
// of an unfiltered listing; nil has one made when it is needed.
func (c *Client) registerOf(ctx context.Context, of, all []seen) register {
	var ids []string
	inhibited := false
	for _, s := range of {
		ids = append(ids, s.stops.silences...)
		inhibited = inhibited || len(s.stops.inhibitors) > 0
	}
	r := register{silences: c.silences(ctx, set(ids)), alerts: map[string]seen{}}
	if !inhibited {
		return r
	}
	if all == nil {
		all = merge(c.alerts(ctx, nil))
	}
	for _, s := range all {
		if f := s.alert.Fingerprint; f != "" {
			r.alerts[f] = s
		}
	}
	return r
}

// words returns what suppresses an alert, for people, sorted; nothing when it
// is active or suppressed by nobody but us.
func (r register) words(s stops) []string {
	var out []string
	for _, id := range s.silences {
		if known, ok := r.silences[id]; !ok {
			out = append(out, "silence "+oneLine(id, maxName))
		} else if known.mark() == "" {
			out = append(out, known.String())
		}
	}
	if f := r.inhibitor(s.inhibitors, ""); f != "" {
		out = append(out, r.inhibition(f))
	}
	for _, name := range s.intervals {
		out = append(out, "muted by time interval "+oneLine(name, maxName))
	}
	if s.unnamed {
		out = append(out, unnamed)
	}
	return set(out)
}

// inhibitor returns which of the inhibiting alerts is named: usual, while that
// one fires, else the first that is not our own. "" when all are ours.
//
// Of several alerts that inhibit one, Alertmanager names any, another one each
// time it is asked. If we passed that on, each listing would be news.
func (r register) inhibitor(fingerprints []string, usual string) string {
	if len(fingerprints) == 0 {
		return ""
	}
	if _, fires := r.alerts[usual]; fires {
		return usual
	}
	for _, f := range fingerprints {
		if s, known := r.alerts[f]; !known || !s.alert.Labels.Own() {
			return f
		}
	}
	return ""
}

// inhibition says which alert inhibits.
func (r register) inhibition(fingerprint string) string {
	text := "inhibited by alert " + short(fingerprint)
	if s, known := r.alerts[fingerprint]; known && s.alert.Name() != "" {
		text += " " + oneLine(s.alert.Name(), maxName)
	}
	return text
}

// doubtful says why nobody knows whether anybody but us suppresses the alert:
// nothing is known to, and a silence of it could not be looked up. "" when that
// is known.
func (r register) doubtful(s stops) string {
	known, lost := s, ""
	known.silences = nil
	for _, id := range s.silences {
		if _, found := r.silences[id]; found {
			known.silences = append(known.silences, id)
		} else {
			lost = oneLine(id, maxName)
		}
	}
	if lost == "" || len(r.words(known)) > 0 {
		return ""
	}
	return "silence " + lost + " could not be looked up"
}
