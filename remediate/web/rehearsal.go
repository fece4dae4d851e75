package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Bounds of what is rehearsed.
const (
	maxAlert    = 16 << 10 // bytes of an alert
	recentsMost = 12       // alerts that fire, to pick from
	turnsMost   = 100      // inputs that an alert may lead to
)

// rehearsalPage says what would be done about an alert.
type rehearsalPage struct {
	Alert   string // as it was typed
	Unread  string // why it cannot be read
	Labels  remediate.Labels
	Would   []would
	Recents []remediate.Alert // some that fire, to pick from
}

// would is an incident that the alert would open.
type would struct {
	Opened remediate.Opened
	Judged *remediate.Judged // nil: it is not judged
	Calls  []string          // who would be called at once
	Tells  []string          // and where it would be shown
}

// Tone is that of the decision.
func (w would) Tone() Tone {
	if w.Opened.ToldOnly != "" || w.Judged == nil {
		return Wait
	}
	return decided[w.Judged.Decision].tone
}

// Says is the decision in words.
func (w would) Says() string {
	switch {
	case w.Opened.ToldOnly != "":
		return "nothing can be done by itself: " + w.Opened.ToldOnly
	case w.Judged == nil:
		return "it would only be listed"
	}
	return decided[w.Judged.Decision].text
}

func (s *server) rehearsalPage(w http.ResponseWriter, r *http.Request) error {
	p := page{Title: "What would it do?", Nav: "policies", Rehearsal: &rehearsalPage{Alert: r.URL.Query().Get("alert")}}
	var err error
	if p.Status, err = s.overview(r.Context()); err != nil {
		return err
	}
	v := p.Rehearsal
	if v.Recents, err = s.firing(r.Context()); err != nil {
		return err
	}
	if v.Alert == "" {
		return s.write(w, r, http.StatusOK, p)
	}
	if v.Labels, err = readAlert(v.Alert); err != nil {
		v.Unread = err.Error()
		return s.write(w, r, http.StatusBadRequest, p)
	}
	if v.Would, err = s.rehearse(r.Context(), v.Labels); err != nil {
		return err
	}
	return s.write(w, r, http.StatusOK, p)
}

// firing are alerts of open incidents, the newest of each policy.
func (s *server) firing(ctx context.Context) ([]remediate.Alert, error) {
	newest := map[string]uint64{}
	var alerts []remediate.Alert
	err := s.look(ctx, func(st *remediate.State, _ remediate.Rulebooks) {
		for n, b := range st.Incidents.Briefs() {
			if b.Status != remediate.StatusClosed {
				newest[b.Policy] = max(newest[b.Policy], n)
			}
		}
		for _, policy := range slices.Sorted(maps.Keys(newest)) {
			if len(alerts) == recentsMost {
				break
			}
			if ls := st.Incidents.Look(newest[policy]).Alert.Labels; len(ls) > 0 {
				alerts = append(alerts, remediate.Alert{Labels: slices.Clone(ls)})
			}
		}
	})
	return alerts, err
}

// readAlert reads the labels of an alert: JSON as a webhook or Alertmanager's API
// has it, or labels as name="value", in braces or a line each.
func readAlert(text string) (remediate.Labels, error) {
	text = strings.TrimSpace(text)
	if len(text) > maxAlert {
		return nil, fmt.Errorf("an alert has at most %d bytes", maxAlert)
	}
	ls, err := labelsInJSON(text)
	if err != nil {
		ls, err = labelsInLines(text)
	}
	switch {
	case err != nil:
		return nil, err
	case ls["alertname"] == "":
		return nil, errors.New(`the alert has no label alertname; want for example alertname="PostgresDown"`)
	}
	return remediate.LabelsOf(ls), nil
}

func labelsInJSON(text string) (map[string]string, error) {
	if strings.HasPrefix(text, "[") {
		var all []json.RawMessage
		if err := json.Unmarshal([]byte(text), &all); err != nil || len(all) == 0 {
			return nil, errors.New("want an alert in the list")
		}
		text = string(all[0])
	}
	var one struct {
		Labels map[string]string
		Alerts []struct{ Labels map[string]string }
	}
	if err := json.Unmarshal([]byte(text), &one); err == nil {
		if len(one.Alerts) > 0 {
			return one.Alerts[0].Labels, nil
		}
		if len(one.Labels) > 0 {
			return one.Labels, nil
		}
	}
	var ls map[string]string
	err := json.Unmarshal([]byte(text), &ls)
	return ls, err
}

func labelsInLines(text string) (map[string]string, error) {
	ls := map[string]string{}
	for n, line := range strings.Split(text, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		ms, err := labels.ParseMatchers(strings.TrimSpace(line))
		if err != nil {
			return nil, fmt.Errorf(`line %d: %w; want name="value" on each line, or {name="value", ...}, or an alert in JSON`, n+1, err)
		}
		for _, m := range ms {
			if m.Type != labels.MatchEqual {
				return nil, fmt.Errorf("line %d: %s: an alert has one value of each label; want %s=\"...\"", n+1, m, m.Name)
			}
			ls[m.Name] = m.Value
		}
	}
	return ls, nil
}

// rehearse has the decider decide about an alert that begins to fire now, on what
// of the state guards look at: budgets, breakers, pauses, modes, and who is at
// work on what. Nothing of it is written down or done. What guards would ask of
// the world is answered as [assumed] says.
func (s *server) rehearse(ctx context.Context, ls remediate.Labels) ([]would, error) {
	var st *remediate.State
	books := remediate.Rulebooks{}
	err := s.look(ctx, func(live *remediate.State, all remediate.Rulebooks) {
		st = alone(live)
		maps.Copy(books, all)
	})
	if err != nil {
		return nil, err
	}
	st.Rewake(books)
	now := s.opt.Now()
	if st.At.After(now) {
		now = st.At
	}
	r := rehearsing{books: books, st: st, now: now}
	err = r.hear(remediate.Heard{Alert: remediate.Alert{Labels: ls, StartsAt: now}, Firing: true})
	return r.would, err
}

// alone is a copy of what guards look at, without the incidents that are open: as
// if the alert were the only one.
func alone(live *remediate.State) *remediate.State {
	st := remediate.NewState()
	st.Seq, st.At, st.Journal, st.Release, st.FoundedAt, st.Last = live.Seq, live.At, live.Journal, live.Release, live.FoundedAt, live.Last
	st.Rulebook, st.Generation, st.PolicySince, st.Head = live.Rulebook, live.Generation, live.PolicySince, live.Head
	st.Targets, st.Breakers, st.Acts, st.Heals, st.Opens, st.Storm = live.Targets, live.Breakers, live.Acts, live.Heals, live.Opens, live.Storm
	st.Paused, st.Modes = live.Paused, live.Modes
	return st.Copy()
}

// rehearsing is a rehearsal under way.
type rehearsing struct {
	books remediate.Rulebooks
	st    *remediate.State
	now   time.Time
	would []would
	turns int
}

// hear hands an input to the decider, notes what it comes to, and answers what is
// asked for before anything is done.
func (r *rehearsing) hear(in remediate.Input) error {
	if r.turns++; r.turns > turnsMost {
		return problemf(http.StatusInternalServerError, "the rehearsal does not come to an end")
	}
	records, err := remediate.Handle(r.books, r.st, r.now, in)
	if err != nil {
		return problemf(http.StatusInternalServerError, "the rehearsal broke off: %v", err)
	}
	for _, rec := range records {
		f, err := rec.Fact()
		if err != nil {
			return err
		}
		if err := r.note(f.Body); err != nil {
			return err
		}
	}
	return nil
}

func (r *rehearsing) note(b remediate.Body) error {
	if opened, ok := b.(remediate.Opened); ok {
		r.would = append(r.would, would{Opened: opened})
		return nil
	}
	k := slices.IndexFunc(r.would, func(w would) bool { return w.Opened.Incident == remediate.IncidentOf(b) })
	if k < 0 {
		return nil
	}
	switch b := b.(type) {
	case remediate.Judged:
		r.would[k].Judged = &b
	case remediate.Escalated:
		r.would[k].Calls = append(r.would[k].Calls, b.Tell)
	case remediate.Started:
		switch {
		case b.Tell != nil:
			r.would[k].Tells = append(r.would[k].Tells, b.Tell.Destination)
		case b.Ask != nil && (b.Ask.Purpose == remediate.ForGuards || b.Ask.Purpose == remediate.ForImpact):
			return r.hear(remediate.Reported{ID: b.ID, Incident: b.Incident, At: r.now, Result: answersTo(*b.Ask)})
		}
	}
	return nil
}

func answersTo(a remediate.Ask) remediate.Result {
	res := remediate.Result{Outcome: remediate.OK}
	for _, q := range a.Questions {
		res.Answers = append(res.Answers, assumed(q))
	}
	return res
}

// assumed is what a rehearsal takes the world to answer: the alert fires, one of
// two replicas is there, every node is ready. What PromQL would say nobody knows.
func assumed(q remediate.Question) remediate.Answer {
	a := remediate.Answer{Kind: q.Kind, OK: true, Text: "assumed"}
	switch q.Kind {
	case "alert":
		a.Values = map[string]string{remediate.ValueState: "firing"}
	case "workload":
		a.Values = map[string]string{
			remediate.ValueTarget: q.Target.String(), remediate.ValueUID: "assumed", remediate.ValueTemplate: "assumed",
			remediate.ValueReplicas: "2", remediate.ValueAvailable: "1", remediate.ValueHeadroom: "1",
		}
	case "cluster":
		a.Values = map[string]string{remediate.ValueNodes: "3", remediate.ValueNodesReady: "3", remediate.ValueControlPlane: "ready"}
	case "alerts":
		a.Values = map[string]string{remediate.ValueCount: "0"}
	case "promql":
		a.OK, a.Text, a.Err = false, "", "a rehearsal does not ask Prometheus"
	}
	return a
}
