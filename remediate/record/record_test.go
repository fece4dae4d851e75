package record_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	. "github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/record"
)

var epoch = time.Date(2026, 10, 14, 10, 0, 0, 0, time.UTC)

// minutes after the epoch.
func at(m float64) time.Time { return epoch.Add(time.Duration(m * float64(time.Minute))) }

func minutes(n int) model.Duration { return model.Duration(time.Duration(n) * time.Minute) }

// story is a history that is made by hand.
type story []Fact

func (s *story) tell(m float64, bodies ...Body) {
	for _, b := range bodies {
		*s = append(*s, Fact{Seq: uint64(len(*s) + 1), At: at(m), Body: b})
	}
}

// book has a policy with an objective of 5 minutes and a backup that may be an
// hour old, one whose P1 runbook of its own says 45 minutes, and one without
// either. P2 pages on need, P1 at once.
func book(t *testing.T) *Rulebook {
	t.Helper()
	b := &Rulebook{
		Cluster: "prod",
		Runbooks: map[Severity]Runbook{
			P1: {Objective: minutes(30), Page: PageAtOnce, Ladder: []Rung{{Tell: "oncall", Wait: minutes(5)}}},
			P2: {Page: PageOnNeed, After: minutes(5), Ladder: []Rung{{Tell: "oncall", Wait: minutes(5)}}},
		},
		Policies: []Policy{
			{Name: "db", Severity: P2, Mode: ModeAct, Objective: minutes(5), Guards: Guards{Backup: &Backup{Newest: "newest", Max: minutes(60)}}},
			{Name: "web", Severity: P1, Mode: ModeAct, Runbooks: map[Severity]Runbook{P1: {Objective: minutes(45), Page: PageAtOnce}}},
			{Name: "cache", Severity: P2, Mode: ModeAct},
		},
	}
	return b
}

func opened(n uint64, policy string, s Severity) []Body {
	id := AlertID{byte(n)}
	return []Body{
		AlertFiring{ID: id, Alert: Alert{Labels: LabelsOf(map[string]string{"alertname": "Down", "job": policy}), StartsAt: at(-2)}},
		Opened{Incident: n, Alert: id, Policy: policy, Rulebook: "book", Severity: s, Target: Target{Cluster: "prod", Kind: "deployment", Namespace: "shop", Name: policy}},
	}
}

func judged(n uint64, d Decision, vs ...Verdict) Judged {
	return Judged{Incident: n, Decision: d, Verdicts: vs, Plan: &Plan{Step: "restart it"}}
}

func act(n uint64, a int, kind string) Started {
	id := fmt.Sprintf("j-i%d-a%d", n, a)
	return Started{ID: id, Incident: n, Act: &Act{Attempt: id, Kind: kind, Target: Target{Cluster: "prod", Kind: "deployment", Namespace: "shop", Name: "x"}}}
}

func ended(n uint64, id, outcome, text string) Finished {
	return Finished{ID: fmt.Sprintf("j-i%d-%s", n, id), Incident: n, Result: Result{Outcome: outcome, Text: text}}
}

func ask(n uint64, id, purpose string, questions ...Question) Started {
	return Started{ID: fmt.Sprintf("j-i%d-%s", n, id), Incident: n, Ask: &Ask{Purpose: purpose, Questions: questions}}
}

func good(n uint64, id string, first float64) Finished {
	f := ended(n, id, OK, "")
	f.FirstGood, f.Answers = at(first), []Answer{{Kind: "postgres", OK: true, Text: "answers"}}
	return f
}

func tell(n uint64, id, destination, action string) Started {
	return Started{ID: fmt.Sprintf("j-i%d-%s", n, id), Incident: n, Tell: &Tell{Destination: destination, Notice: Notice{Action: action}}}
}

// backedUp asks for the newest backup and is told.
func backedUp(n uint64, id string, a Answer) []Body {
	f := ended(n, id, OK, "")
	f.Answers = []Answer{{Kind: "alert", OK: true}, a}
	return []Body{ask(n, id, ForGuards, Question{Kind: "alert"}, Question{Kind: "promql", Args: json.RawMessage(`{"query":"newest"}`)}), f}
}

func unix(m float64) Answer {
	return Answer{Kind: "promql", OK: true, Values: map[string]string{ValueNumber: fmt.Sprint(at(m).Unix())}}
}

func records(t *testing.T, s story) []record.Record {
	t.Helper()
	b := book(t)
	if err := b.Compile(); err != nil {
		t.Fatal(err)
	}
	log := record.New(record.Between(at(-60), time.Time{}), func(string) (*Rulebook, error) { return b, nil })
	for _, f := range s {
		if err := log.Hear(f); err != nil {
			t.Fatal(err)
		}
	}
	return log.Records()
}

// healedInThree is good after three minutes, by the second attempt.
func healedInThree() story {
	var s story
	s.tell(0, opened(1, "db", P2)...)
	s.tell(0, tell(1, "t1", "slack", "show"))
	s.tell(0, judged(1, Waiting, Verdict{Guard: "window", Decision: Waiting, Reason: "not at night"}, Verdict{Guard: "mode", Decision: Allowed}))
	s.tell(0.25, ended(1, "t1", OK, ""))
	s.tell(0.5, judged(1, Waiting, Verdict{Guard: "window", Decision: Waiting, Reason: "still not"}))
	s.tell(1, backedUp(1, "q1", unix(-9))...)
	s.tell(1, judged(1, Allowed, Verdict{Guard: "window", Decision: Allowed}), act(1, 1, "restart"))
	s.tell(1.25, ended(1, "a1", Failed, "forbidden"))
	s.tell(1.5, judged(1, Waiting, Verdict{Guard: "settle", Decision: Waiting, Reason: "10s are left"}))
	s.tell(2, backedUp(1, "q2", unix(-9))...)
	s.tell(2, judged(1, Allowed), act(1, 2, "restart"))
	s.tell(2.25, ended(1, "a2", OK, ""), ask(1, "q3", ForVerification))
	s.tell(3.5, good(1, "q3", 3), Healed{Incident: 1, Attempt: "j-i1-a2", FirstGood: at(3), Took: minutes(3), Objective: minutes(5), Met: true})
	s.tell(4, Closed{Incident: 1, Why: "verified, and its alerts resolved", Verified: true}, Filed{Incident: 1})
	s.tell(600, CommandGiven{Command: Note, By: "anna", Incident: 1, Reason: "give it rights"})
	s.tell(700, CommandGiven{Command: Note, By: "ben", Incident: 1, Reason: "and say so"})
	return s
}

func TestRecord(t *testing.T) {
	met := true
	restart := func(m float64, outcome, text string) []record.Act {
		return []record.Act{{At: at(m), Kind: "restart", Target: "prod/deployment/shop/x", Outcome: outcome, Text: text}}
	}
	want := record.Record{
		Incident: 1, Policy: "db", Alert: "Down", Labels: LabelsOf(map[string]string{"alertname": "Down", "job": "db"}), Target: "prod/deployment/shop/db", Severity: P2,
		Times: record.Times{Fires: at(-2), Opened: at(0), Since: at(0), Decided: at(1), Acted: at(1), Good: at(3), Told: at(0.25), Closed: at(4)},
		Attempts: []record.Attempt{
			{ID: "j-i1-a1", Step: "restart it", At: at(1), Acts: restart(1, Failed, "forbidden")},
			{ID: "j-i1-a2", Step: "restart it", At: at(2), Acts: restart(2, OK, ""), Verified: OK, Saw: "postgres: answers"},
		},
		RTO: record.RTO{Measured: true, Took: minutes(3), Objective: minutes(5), Met: &met},
		RPO: &record.RPO{Age: minutes(11), Allowed: minutes(60), Met: true}, // at the second act: made 9 minutes before the epoch
		Issues: []record.Issue{
			{At: at(0), Kind: record.IssueGuard, Guard: "window", Text: "window: wait, not at night"},
			{At: at(1.25), Kind: record.IssueAct, Text: "restart prod/deployment/shop/x: failed: forbidden"},
		},
		Ending: record.ByAutomation, Why: "verified, and its alerts resolved", PageSaved: true,
		Lessons: []record.Lesson{{At: at(600), By: "anna", Text: "give it rights"}, {At: at(700), By: "ben", Text: "and say so"}},
	}
	got, _ := json.MarshalIndent(records(t, healedInThree())[0], "", " ")
	wanted, _ := json.MarshalIndent(want, "", " ")
	if string(got) != string(wanted) {
		t.Errorf("got %s\nwant %s", got, wanted)
	}
}

// Each of these says otherwise than the incident above in one thing.
func TestEndings(t *testing.T) {
	quick := func(more ...func(*story)) story {
		var s story
		s.tell(0, opened(1, "db", P2)...)
		for _, m := range more {
			m(&s)
		}
		return s
	}
	says := func(m float64, b Body) func(*story) { return func(s *story) { s.tell(m, b) } }
	restarted := says(1, act(1, 1, "restart"))
	healed := says(3, Healed{Incident: 1, Attempt: "j-i1-a1", FirstGood: at(3)})
	closed := says(4, Closed{Incident: 1, Verified: true})
	word := func(command string) func(*story) {
		return says(2, CommandGiven{Command: command, By: "anna", Incident: 1, Value: "P2"})
	}
	called := says(2, Escalated{Incident: 1, Tell: "oncall"})
	for name, c := range map[string]struct {
		s      story
		ending record.Ending
		rto    string
		saved  bool
	}{
		"healed":                        {quick(restarted, healed, closed), record.ByAutomation, "3m of 5m true", true},
		"healed and still firing":       {quick(restarted, healed), record.Open, "3m of 5m true", false},
		"acknowledged":                  {quick(restarted, word(Ack), healed, closed), record.ByAutomation, "3m of 5m true", true},
		"called for":                    {quick(restarted, called, word(Ack), healed, closed), record.ByAutomation, "3m of 5m true", false},
		"approved":                      {quick(restarted, word(Approve), healed, closed), record.WithAPerson, "3m of 5m true", false},
		"moved by somebody":             {quick(says(1, judged(1, Waiting, Verdict{Guard: "moved", Decision: Waiting})), restarted, healed, closed), record.WithAPerson, "3m of 5m true", false},
		"rated worse: it pages at once": {quick(restarted, says(2, Rated{Incident: 1, From: P2, To: P1}), healed, closed), record.ByAutomation, "3m of 5m true", false},
		"noted":                         {quick(restarted, word(Note), healed, closed), record.ByAutomation, "3m of 5m true", true},
		"by itself":                     {quick(says(2, ask(1, "q1", ForConfirmation)), says(3, good(1, "q1", 3)), closed), record.ByItself, "3m of 5m true", false},
		"by itself, after acts in vain": {quick(restarted, says(2, ask(1, "q1", ForConfirmation)), says(3, good(1, "q1", 3)), closed), record.ByItself, "3m of 5m true", false},
		"gone, and not seen to be well": {quick(says(2, ask(1, "q1", ForConfirmation)), says(3, ended(1, "q1", Failed, "")), says(4, Closed{Incident: 1})), record.ByItself, "not measured of 5m", false},
		"seen well, and then not":       {quick(says(1, ask(1, "q1", ForConfirmation)), says(2, good(1, "q1", 2)), says(2, ask(1, "q2", ForConfirmation)), says(3, ended(1, "q2", Failed, "")), closed), record.ByItself, "not measured of 5m", false},
		"seen well, and reopened":       {quick(says(1, ask(1, "q1", ForConfirmation)), says(2, good(1, "q1", 2)), says(2, Healed{Incident: 1, FirstGood: at(2)}), says(3, Reopened{Incident: 1}), closed), record.ByItself, "not measured of 5m", false},
		"dismissed":                     {quick(restarted, word(Close), says(4, Closed{Incident: 1})), record.WithAPerson, "not measured of 5m", false},
		"open in time":                  {quick(says(4, judged(1, Waiting))), record.Open, "not measured of 5m", false},
		"open for too long":             {quick(says(6, judged(1, Waiting))), record.Open, "not measured of 5m false", false},
		"reopened":                      {quick(restarted, healed, says(4, Reopened{Incident: 1, Why: "it is not"}), says(20, Healed{Incident: 1, Attempt: "j-i1-a1", FirstGood: at(20), Met: true}), says(21, Closed{Incident: 1, Verified: true})), record.ByAutomation, "20m of 5m false", true},
		"reopened and not good again":   {quick(restarted, healed, says(4, Reopened{Incident: 1}), says(21, Closed{Incident: 1})), record.ByItself, "not measured of 5m", false},
		"late by a millisecond":         {quick(restarted, says(6, Healed{Incident: 1, Attempt: "a", FirstGood: at(5).Add(time.Millisecond)}), closed), record.ByAutomation, "5m1ms of 5m false", true},
		"on the dot":                    {quick(restarted, says(6, Healed{Incident: 1, Attempt: "a", FirstGood: at(5)}), closed), record.ByAutomation, "5m of 5m true", true},
	} {
		t.Run(name, func(t *testing.T) {
			r := records(t, c.s)[0]
			if got := shown(r.RTO); r.Ending != c.ending || got != c.rto || r.PageSaved != c.saved {
				t.Errorf("ended %q, RTO %s, page saved %v; want %q, %s, %v", r.Ending, got, r.PageSaved, c.ending, c.rto, c.saved)
			}
		})
	}
}

func shown(r record.RTO) string {
	s := "not measured"
	if r.Measured {
		s = r.Took.String()
	}
	s += " of " + r.Objective.String()
	if r.Met != nil {
		s += fmt.Sprint(" ", *r.Met)
	}
	return s
}

// What was found firing is only listed, until a human or a fresh edge releases
// it; then its time counts from there.
func TestFound(t *testing.T) {
	found := func(more ...Body) record.Record {
		var s story
		bodies := opened(1, "db", P2)
		o := bodies[1].(Opened)
		o.Found = true
		s.tell(0, bodies[0], o)
		s.tell(10, more...)
		s.tell(12, Healed{Incident: 1, Attempt: "a", FirstGood: at(12)}, Closed{Incident: 1, Verified: true})
		return records(t, s)[0]
	}
	for name, c := range map[string]struct {
		r      record.Record
		ending record.Ending
		rto    string
	}{
		"left alone":          {found(), record.Listed, "not measured of 5m"},
		"more of the same":    {found(Joined{Incident: 1, Found: true}), record.Listed, "not measured of 5m"},
		"by a fresh edge":     {found(Joined{Incident: 1}), record.ByAutomation, "2m of 5m true"},
		"by a human who runs": {found(CommandGiven{Command: Run, By: "anna", Incident: 1}), record.WithAPerson, "2m of 5m true"},
	} {
		if got := shown(c.r.RTO); c.r.Ending != c.ending || got != c.rto {
			t.Errorf("%s: %q, %s; want %q, %s", name, c.r.Ending, got, c.ending, c.rto)
		}
	}
}

// The objective is the policy's, else its own runbook's, else everybody's.
func TestObjectives(t *testing.T) {
	for policy, want := range map[string]model.Duration{"db": minutes(5), "web": minutes(45), "cache": minutes(30), "storm": minutes(30)} {
		var s story
		s.tell(0, opened(1, policy, P1)...)
		if got := records(t, s)[0].RTO.Objective; got != want {
			t.Errorf("%s: %s, want %s", policy, got, want)
		}
	}
}

// The age of a backup is measured when something is done, by what the guard was
// told last; what it was not told is not known.
func TestRPO(t *testing.T) {
	for name, c := range map[string]struct {
		policy string
		answer Answer
		acts   []Started
		want   string
	}{
		"young":                       {"db", unix(-8), []Started{act(1, 1, "restart")}, "10m true"},
		"too old, and overridden":     {"db", unix(-100), []Started{act(1, 1, "restart")}, "1h42m false"},
		"nothing is done":             {"db", unix(-8), nil, "nothing was done that data could be lost by"},
		"not known":                   {"db", Answer{Kind: "promql", Err: "connection refused"}, []Started{act(1, 1, "restart")}, "not measured: how old the newest good backup was is not known"},
		"an old value, and an error":  {"db", Answer{Kind: "promql", Err: "stale", Values: unix(-8).Values}, []Started{act(1, 1, "restart")}, "not measured: how old the newest good backup was is not known"},
		"no time":                     {"db", Answer{Kind: "promql", Values: map[string]string{ValueNumber: "NaN"}}, []Started{act(1, 1, "restart")}, "not measured: how old the newest good backup was is not known"},
		"a policy that asks for none": {"web", unix(-8), []Started{act(1, 1, "restart")}, "no data was restored: its policy asks for no backup"},
		"only taken back":             {"db", unix(-8), []Started{{ID: "j-i1-a1", Incident: 1, Act: &Act{Attempt: "j-i1-a1", Kind: "restart", Undo: true}}}, "not measured: how old the newest good backup was is not known"},
	} {
		t.Run(name, func(t *testing.T) {
			var s story
			s.tell(0, opened(1, c.policy, P2)...)
			s.tell(1, backedUp(1, "q1", c.answer)...)
			for _, a := range c.acts {
				s.tell(2, a)
			}
			r := records(t, s)[0]
			got := r.NoRPO
			if r.RPO != nil {
				got += fmt.Sprint(r.RPO.Age, " ", r.RPO.Met)
			}
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// The acts of a step that come later lose nothing more, however long the step takes;
// another attempt does.
func TestRPOOfAProcedure(t *testing.T) {
	var s story
	s.tell(0, opened(1, "db", P2)...)
	s.tell(1, backedUp(1, "q1", unix(-8))...)
	later := act(1, 1, "job")
	later.ID += "-2"
	s.tell(2, act(1, 1, "scale"))
	s.tell(80, later)
	if rpo := records(t, s)[0].RPO; rpo == nil || rpo.Age != minutes(10) || !rpo.Met {
		t.Errorf("got %+v, want 10m, met", rpo)
	}
	s.tell(82, act(1, 2, "scale"))
	if rpo := records(t, s)[0].RPO; rpo == nil || rpo.Age != minutes(90) || rpo.Met {
		t.Errorf("after another attempt got %+v, want 90m, missed", rpo)
	}
}

// What was known once is not known for ever.
func TestRPOThatIsNotKnownAnyMore(t *testing.T) {
	var s story
	s.tell(0, opened(1, "db", P2)...)
	s.tell(1, backedUp(1, "q1", unix(-8))...)
	s.tell(2, backedUp(1, "q2", Answer{Kind: "promql", Err: "connection refused"})...)
	s.tell(2, act(1, 1, "restart"))
	if rpo := records(t, s)[0].RPO; rpo != nil {
		t.Errorf("got %+v", rpo)
	}
}

// Who was called, who was reached, and by which way nobody was.
func TestPeople(t *testing.T) {
	var s story
	s.tell(0, opened(1, "db", P2)...)
	s.tell(1, Escalated{Incident: 1, Tell: "oncall", Why: "nothing helps"}, tell(1, "t1", "pagerduty/oncall", "trigger"), tell(1, "t2", "slack", "show"))
	s.tell(2, ended(1, "t1", Failed, "no route"), tell(1, "t3", "pagerduty/oncall", "trigger"), ended(1, "t2", OK, ""))
	s.tell(3, ended(1, "t3", Failed, "no route"), Rerouted{Incident: 1, Tell: "oncall", To: []string{"slack/page/oncall"}, Why: "it was not accepted"})
	s.tell(4, tell(1, "t4", "slack/page/oncall", "trigger"), ended(1, "t4", OK, ""), Late{Incident: 1, What: "rung 1: oncall", Due: at(1), Why: "away"})
	s.tell(5, Escalated{Incident: 1, Tell: "manager", Why: "nobody acknowledged"}, CommandGiven{Command: Ack, By: "anna", Incident: 1})
	s.tell(6, CommandRefused{CommandGiven: CommandGiven{Command: Approve, By: "mallory", Incident: 1}, Why: "not among the people"})
	r := records(t, s)[0]
	if want := []record.Call{{At: at(1), Who: "oncall", Why: "nothing helps", Reached: at(4)}, {At: at(5), Who: "manager", Why: "nobody acknowledged"}}; !reflect.DeepEqual(r.Called, want) {
		t.Errorf("called %+v", r.Called)
	}
	if r.Times.Told != at(2) || r.Times.Called != at(4) || len(r.Words) != 1 || r.Words[0].By != "anna" {
		t.Errorf("told %s, called %s, words %+v", r.Times.Told, r.Times.Called, r.Words)
	}
	var kinds []string
	for _, i := range r.Issues {
		kinds = append(kinds, i.Kind)
	}
	if got := strings.Join(kinds, " "); got != "tell late late word" { // the second failure of the same way is no news
		t.Errorf("issues %s: %+v", got, r.Issues)
	}
}

func TestARulebookThatIsGoneIsAnError(t *testing.T) {
	gone := errors.New("gone")
	log := record.New(record.Only(1), func(string) (*Rulebook, error) { return nil, gone })
	o := opened(1, "db", P2)[1]
	if err := log.Hear(Fact{At: at(0), Body: o}); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
	if err := log.Hear(Fact{At: at(0), Body: opened(2, "db", P2)[1]}); err != nil {
		t.Errorf("of an incident that is not asked for: %v", err)
	}
}

func TestADrillIsCountedApart(t *testing.T) {
	var s story
	begun := opened(1, "db", P2)
	practised := begun[1].(Opened)
	practised.Drill = "d7"
	s.tell(0, begun[0], practised)
	s.tell(0, tell(1, "t1", "slack", "show"))
	s.tell(0.1, judged(1, Observed, Verdict{Guard: "mode", Decision: Observed, Reason: "it is a drill"}))
	s.tell(0.2, ended(1, "t1", OK, ""))
	s.tell(5, Escalated{Incident: 1, Tell: "oncall", Why: "not healed after 5m"})
	s.tell(6, CommandGiven{Command: Ack, By: "anna", Incident: 1})
	open := records(t, s)[0]
	s.tell(9, Closed{Incident: 1, Why: "its alerts resolved, and it is well", Verified: true})
	s.tell(20, CommandGiven{Command: Note, By: "anna", Incident: 1, Reason: "nobody knew the war room"})
	r := records(t, s)[0]
	if open.Ending != record.Open || open.RTO.Met != nil {
		t.Errorf("while it is on it ends %q, %+v", open.Ending, open.RTO)
	}
	if r.Drill != "d7" || r.Ending != record.Practised || r.RTO.Measured || r.RTO.Met != nil || !r.Times.Decided.Equal(at(0.1)) || !r.Times.Told.Equal(at(0.2)) ||
		len(r.Called) != 1 || len(r.Words) != 1 || len(r.Lessons) != 1 || len(r.Issues) != 0 {
		t.Errorf("%+v", r)
	}
	if sum := record.Sum(at(-60), at(60), []record.Record{r}); sum.Drills != 1 || sum.Total.Incidents != 0 {
		t.Errorf("%+v", sum)
	}
}

// What was broken on purpose is mended in earnest, and says so; it is counted apart.
func TestALiveDrillIsCountedApart(t *testing.T) {
	var s story
	begun := opened(1, "db", P2)
	broken := begun[1].(Opened)
	broken.Live = "db-stops"
	s.tell(0, begun[0], broken)
	s.tell(1, Healed{Incident: 1, Attempt: "a1", FirstGood: at(1)})
	s.tell(9, Closed{Incident: 1, Why: "verified, and its alerts resolved", Verified: true})
	r := records(t, s)[0]
	if r.Live != "db-stops" || !r.RTO.Measured || r.PageSaved {
		t.Errorf("%+v", r)
	}
	if sum := record.Sum(at(-60), at(60), []record.Record{r}); sum.Drills != 1 || sum.Total.Incidents != 0 {
		t.Errorf("%+v", sum)
	}
}
