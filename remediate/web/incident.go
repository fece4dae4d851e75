package web

import (
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Incident is one incident as the API shows it.
type Incident struct {
	Row
	AsOf    time.Time        `json:"asOf"`             // when this was answered, by the daemon's clock
	Labels  remediate.Labels `json:"labels,omitempty"` // of the alert that opened it: text from outside
	Summary string           `json:"summary,omitempty"`
	Alerts  int              `json:"alerts"`             // all that belong to it
	Only    string           `json:"toldOnly,omitempty"` // why nothing may be done by itself

	Objective model.Duration `json:"objective,omitempty"` // from Opened to Healed, as the policy wants it
	Met       *bool          `json:"met,omitempty"`       // when healed, and there is an objective

	Next     string   `json:"next"`     // what it waits for, and what a human may do
	Commands []string `json:"commands"` // those that fit now: ack, takeover, ...

	Step     int                 `json:"step"` // the one judged last, 1 is the first
	Verdicts []remediate.Verdict `json:"verdicts,omitempty"`
	Until    time.Time           `json:"until,omitzero"`     // when it is judged anew, where that is known
	Approval *Approval           `json:"approval,omitempty"` // when a plan waits for a human
	Tries    []remediate.Attempt `json:"tries,omitempty"`    // the latest 50 attempts
	Pending  []Pending           `json:"pending,omitempty"`  // begun and not ended

	Acked  string `json:"acked,omitempty"` // by whom
	Taken  string `json:"taken,omitempty"` // who took it over
	ToldTo []Told `json:"toldTo,omitempty"`

	Ratings  []Rating   `json:"ratings,omitempty"`  // how its severity changed, oldest first
	Evidence []Evidence `json:"evidence,omitempty"` // what was kept before it was destroyed, oldest first

	Story []Event `json:"story"` // what happened, oldest first
	// Note says what could not be read, so that what is missing is not taken
	// for what did not happen.
	Note string `json:"note,omitempty"`

	facts    []remediate.Fact
	rulebook string   // digest of the one that it was opened under
	seen     []Detail // what the guards were answered last
}

// Seen is what the guards saw of the world when they judged last.
func (v Incident) Seen() []Detail { return v.seen }

// Approval is a plan that waits for a human.
type Approval struct {
	Hash string         `json:"hash"` // approve and deny name it
	Plan remediate.Plan `json:"plan"`
	// Changes are what each of its acts would change, in the plan's order.
	Changes []Changed `json:"changes"`
	// Reach says of each object that it touches how much is at stake, in words and numbers.
	Reach []string `json:"reach"`
}

// Rating is one change of an incident's severity.
type Rating struct {
	At   time.Time          `json:"at"`
	From remediate.Severity `json:"from"`
	To   remediate.Severity `json:"to"`
	By   string             `json:"by,omitempty"` // the human who said so; absent when it was measured
	Why  string             `json:"why,omitempty"`
}

// Pending is one dealing with the world that was begun and has not ended.
type Pending struct {
	ID       string    `json:"id"`             // q4m2x7kd-i42-a1
	What     string    `json:"what"`           // act, ask or tell
	Deadline time.Time `json:"deadline"`       // it is ended as unknown then
	Next     time.Time `json:"next,omitzero"`  // the next try, when one did not get through
	Why      string    `json:"why,omitempty"`  // and why it did not
	Kind     string    `json:"kind,omitempty"` // restart; verification; pagerduty/oncall
}

// Told is what a destination was told last.
type Told struct {
	Destination string    `json:"destination"` // slack, slack/thread, pagerduty/oncall
	Action      string    `json:"action"`      // trigger, acknowledge, resolve or show
	At          time.Time `json:"at"`
	Outcome     string    `json:"outcome"` // ok, failed, unknown; "" while it is under way
	Text        string    `json:"text,omitempty"`
	Link        string    `json:"link,omitempty"` // where people see it, an https address, where that is known
}

// incidentOf shows i. What only facts tell (the story, who was told) is added
// by [addFacts].
func incidentOf(i *remediate.Incident) Incident {
	v := Incident{
		Row: rowOf(i), Labels: slices.Clone(i.Alert.Labels), Summary: i.Alert.Annotations["summary"],
		Alerts: len(i.Alerts), Only: i.ToldOnly, Step: i.Step + 1, Verdicts: slices.Clone(i.Verdicts), Until: i.Until,
		Tries: slices.Clone(i.Attempts), Acked: i.Acked, Taken: i.Taken, Story: []Event{}, rulebook: i.Rulebook,
	}
	if i.Status == remediate.StatusApproval && i.Plan != nil {
		v.Approval = &Approval{Hash: i.Hash, Plan: *i.Plan}
		v.Approval.Plan.Acts = slices.Clone(i.Plan.Acts)
	}
	for _, p := range i.Pending {
		v.Pending = append(v.Pending, pendingOf(p))
	}
	v.Commands = commandsOf(i)
	v.Next = nextOf(i)
	return v
}

func pendingOf(p remediate.Pending) Pending {
	v := Pending{ID: p.ID, Deadline: p.Deadline, Next: p.NotBefore, Why: p.Why}
	switch {
	case p.Act != nil:
		v.What, v.Kind = "act", p.Act.Kind
	case p.Ask != nil:
		v.What, v.Kind = "ask", p.Ask.Purpose
	case p.Tell != nil:
		v.What, v.Kind = "tell", p.Tell.Destination
	}
	return v
}

// rowOf shows i in a list.
func rowOf(i *remediate.Incident) Row {
	r := Row{
		Number: i.ID, Policy: i.Policy, Severity: i.Severity, Status: i.Status, Why: whyOf(i), Target: i.Target,
		Alert: i.Alert.Name(), Firing: len(i.Firing), Attempts: i.Tries, Found: i.Found, Drill: i.Drill, Live: i.Live, Exhausted: i.Exhausted,
		Opened: i.Opened, Closed: i.Closed, Verified: i.Verified,
	}
	if !i.Healed.IsZero() {
		r.Healed, r.Took = i.First, model.Duration(i.First.Sub(i.Opened))
	}
	if n := len(i.Ladder.To); n > 0 {
		r.Told = i.Ladder.To[n-1]
	}
	r.asking = asking(i)
	r.Happening = happening(r)
	return r
}

// decisions are what a status comes of.
var decisions = map[remediate.Status]remediate.Decision{
	remediate.StatusWaiting: remediate.Waiting, remediate.StatusDenied: remediate.Denied, remediate.StatusHeld: remediate.Held,
	remediate.StatusApproval: remediate.Approval, remediate.StatusObserved: remediate.Observed,
}

// whyOf joins the reasons of the verdicts that made the incident stand where
// it stands.
func whyOf(i *remediate.Incident) string {
	if i.Status == remediate.StatusHeld && i.Refused != "" {
		return "approval: denied by " + i.Refused
	}
	return blocking(i.Verdicts, decisions[i.Status])
}

// blocking joins the reasons of the verdicts that say d.
func blocking(vs []remediate.Verdict, d remediate.Decision) string {
	var why []string
	for _, v := range vs {
		if v.Decision == d {
			why = append(why, v.Guard+": "+v.Reason)
		}
	}
	return strings.Join(why, "; ")
}

// fold returns the incident that its facts come to, by the core's own fold,
// nil when they do not tell how it was opened. That all was told of it is left
// out: the core forgets the incident then.
func fold(facts []remediate.Fact) *remediate.Incident {
	s := remediate.NewState()
	var number uint64
	for _, f := range facts {
		switch b := f.Body.(type) {
		case remediate.Filed:
			continue
		case remediate.Opened:
			number = b.Incident
		}
		s.Apply(f)
	}
	i := s.Incidents.Get(number)
	if i != nil && len(i.Alert.Labels) == 0 {
		nameAlert(i, facts)
	}
	return i
}

// nameAlert takes the alert's labels from what was asked and told about it.
func nameAlert(i *remediate.Incident, facts []remediate.Fact) {
	for _, f := range facts {
		b, ok := f.Body.(remediate.Started)
		switch {
		case !ok:
		case b.Tell != nil && len(b.Tell.Notice.Labels) > 0:
			i.Alert.Labels = b.Tell.Notice.Labels
			i.Alert.Annotations = map[string]string{"summary": b.Tell.Notice.Summary}
			return
		case b.Ask != nil && len(i.Alert.Labels) == 0:
			for _, q := range b.Ask.Questions {
				if q.Kind == "alert" {
					i.Alert.Labels = q.Labels
				}
			}
		}
	}
}

// addFacts adds what only the facts tell.
func (v *Incident) addFacts(facts []remediate.Fact) {
	v.Story, v.facts = Story(facts), facts
	told := map[string]int{} // by Started.ID
	guards := ""             // Started.ID of what they asked last
	var answers []remediate.Answer
	var word remediate.Fact // the last human's word
	for _, f := range facts {
		switch b := f.Body.(type) {
		case remediate.CommandGiven:
			word = f
		case remediate.Rated:
			v.Severity = b.To
			v.Ratings = append(v.Ratings, Rating{At: f.At, From: b.From, To: b.To, By: raterOf(word, f.At, b), Why: b.Why})
		case remediate.Healed:
			v.Objective, v.Met = b.Objective, &b.Met
			if b.Objective == 0 {
				v.Met = nil
			}
			v.Healed, v.Took = b.FirstGood, b.Took
		case remediate.Reopened:
			v.Met, v.Healed, v.Took = nil, time.Time{}, 0
		case remediate.Closed:
			v.Why = b.Why
		case remediate.Started:
			if b.Tell != nil {
				told[b.ID] = v.tell(Told{Destination: b.Tell.Destination, Action: b.Tell.Notice.Action, At: f.At})
			}
			if b.Ask != nil && b.Ask.Purpose == remediate.ForGuards {
				guards = b.ID
			}
		case remediate.Delayed:
			if k, ok := told[b.ID]; ok {
				v.ToldTo[k].Text = b.Why
			}
		case remediate.Finished:
			v.addEvidence(f.At, b.Answers)
			if b.ID == guards {
				v.seen, answers = answered(b), b.Answers
			}
			if k, ok := told[b.ID]; ok {
				v.ToldTo[k].At, v.ToldTo[k].Outcome, v.ToldTo[k].Text = f.At, b.Outcome, b.Text
				if leadsIn(b.Link) {
					v.ToldTo[k].Link = b.Link
				}
			}
		}
	}
	v.Happening = happening(v.Row)
	if a := v.Approval; a != nil {
		p := planViewOf(guards, v.Attempts, answers)
		a.Changes, a.Reach = p.changes(a.Plan), p.reach(a.Plan)
	}
}

// raterOf returns who said what a rating came of: the word before it, when that
// was given at the same moment to say so. "" is nobody: it was measured.
func raterOf(word remediate.Fact, at time.Time, b remediate.Rated) string {
	c, ok := word.Body.(remediate.CommandGiven)
	if !ok || c.Command != remediate.Rate || c.Value != string(b.To) || !word.At.Equal(at) {
		return ""
	}
	return c.By
}

// tell replaces what the destination was told before, and returns its place.
func (v *Incident) tell(t Told) int {
	for k := range v.ToldTo {
		if v.ToldTo[k].Destination == t.Destination {
			t.Link = v.ToldTo[k].Link // it is seen where it was seen
			v.ToldTo[k] = t
			return k
		}
	}
	v.ToldTo = append(v.ToldTo, t)
	return len(v.ToldTo) - 1
}
