package remediate_test

import (
	"testing"
	"time"

	. "github.com/x0tta6bl4/remediated/remediate"
)

// TestLawsCanFail hands every law a run that breaks it, made by hand: a law
// that nothing can break says nothing.
func TestLawsCanFail(t *testing.T) {
	db := Target{Cluster: "prod", Kind: "deployment", Namespace: "shop", Name: "db"}
	alert := Alert{Labels: LabelsOf(map[string]string{"alertname": "A"})}
	id := IdentityOf(alert.Labels, nil)
	book := bookOf(t, `policies: [{name: p, when: ['alertname="A"'], severity: P2, mode: act, target: deployment/shop/db, guards: {budget: [{actions: 1, per: 1h}]}, steps: [{name: s, do: [{kind: restart}], verify: {all: [{kind: http}], within: 1m}}]},
  {name: careful, when: ['alertname="B"'], severity: P2, mode: approve, target: deployment/shop/db, steps: [{name: s, do: [{kind: restart}], verify: {all: [{kind: http}], within: 1m}}]}]`)
	loaded := RulebookLoaded{Digest: book.Digest()}
	opened := func(n uint64, policy string) Opened {
		return Opened{Incident: n, Policy: policy, Rulebook: book.Digest(), Alert: id}
	}
	act := func(name string, n uint64) Started {
		return Started{ID: name, Incident: n, Act: &Act{Target: db}}
	}
	ask := Started{ID: "q", Incident: 1, Ask: &Ask{Purpose: ForGuards}}
	tellOf := func(name, action string) Started {
		return Started{ID: name, Incident: 1, Tell: &Tell{Destination: "pagerduty/oncall", Notice: Notice{Action: action}}}
	}
	done := func(name string) Finished { return Finished{ID: name, Incident: 1, Result: Result{Outcome: OK}} }
	allowed := Judged{Incident: 1, Decision: Allowed, Hash: "abcdef"}
	first := opened(1, "p")
	listed := first
	listed.Found = true
	drill := first
	drill.Drill = "d1"
	practised := Started{ID: "t", Incident: 1, Tell: &Tell{Destination: Slack, Notice: Notice{Drill: "d1"}}}
	shown := Started{ID: "t", Incident: 1, Tell: &Tell{Destination: Slack}}

	for name, runs := range map[string][][]Body{
		laws[0].name:  {{first, act("a", 1)}, {first, Judged{Incident: 1, Decision: Denied}, act("a", 1)}},
		laws[1].name:  {{act("a", 1), act("b", 2)}},
		laws[2].name:  {{loaded, first, act("a", 1), act("b", 1)}},
		laws[3].name:  {{first, BreakerCounted{Breaker: "p on " + db.String(), State: "open", Until: epoch.Add(time.Hour)}, act("a", 1)}},
		laws[4].name:  {{listed, act("a", 1)}, {drill, act("a", 1)}, {first, CommandGiven{Incident: 1, Command: TakeOver}, act("a", 1)}},
		laws[5].name:  {{tellOf("t1", "trigger"), tellOf("t2", "trigger")}, {tellOf("t1", "resolve"), done("t1"), tellOf("t2", "trigger")}},
		laws[6].name:  {{done("x")}, {ask, done("q"), done("q")}, {ask, ask}},
		laws[7].name:  {{Closed{Incident: 1}, act("a", 1)}, {Closed{Incident: 1}, Healed{Incident: 1}}},
		laws[8].name:  {{ask, done("q"), nil, nil, nil, allowed, act("a", 1)}, {act("a", 1)}},
		laws[9].name:  {{first, CommandGiven{Command: Pause, Scope: "policy/p"}, act("a", 1)}, {first, CommandGiven{Command: Pause, Scope: "all"}, act("a", 1)}, {CommandGiven{Command: Pause, Scope: "all"}, PauseEnded{Scope: "all"}}},
		laws[10].name: {{opened(1, "careful"), allowed, act("a", 1)}, {opened(1, "careful"), allowed, CommandGiven{Incident: 1, Command: Approve, Plan: "ffffff"}, act("a", 1)}},
		laws[11].name: {{AlertFiring{ID: id}, AlertFiring{ID: id}}, {AlertResolved{ID: id}, AlertResolved{ID: id}}, {AlertSuppressed{ID: id, By: []string{"s"}}, AlertSuppressed{ID: id, By: []string{"s"}}}, {AlertReleased{ID: id}}},
		laws[12].name: {{loaded, AlertFiring{ID: id, Alert: alert}}, {loaded, AlertFiring{ID: id, Alert: alert}, Filed{}, first}},
		laws[13].name: {{drill, tellOf("t1", "trigger")}, {first, practised}, {drill, shown}},
	} {
		for _, bodies := range runs {
			w := &world{t: t, state: NewState(), books: Rulebooks{book.Digest(): book}}
			for k, b := range bodies { // a second each; nil is a second in which nothing happens
				if b != nil {
					w.heard = append(w.heard, Fact{Seq: uint64(k + 1), At: epoch.Add(time.Duration(k) * time.Second), Body: b})
				}
			}
			if lawOf(name).broken(w) == nil {
				t.Errorf("law %q holds for\n%s", name, w.story(w.heard))
			}
		}
	}
	if len(laws) != 14 {
		t.Errorf("there are %d laws: break the new ones here too", len(laws))
	}
}

func lawOf(name string) law {
	for _, l := range laws {
		if l.name == name {
			return l
		}
	}
	panic("no law " + name)
}

// TestIndexLawCanFail: an incident that the indexes do not know is noticed.
func TestIndexLawCanFail(t *testing.T) {
	w := newWorld(t)
	w.load(bookOf(t, `policies: [{name: p, when: ['alertname="A"'], severity: P2, mode: act}]`))
	w.must(w.hear(Heard{Alert: w.alert([]string{"A"}), Firing: true}))
	w.must(IndexesFit(w.state, w.books))
	w.state.Incidents.Get(1).Key = "another"
	if IndexesFit(w.state, w.books) == nil {
		t.Error("an index that does not fit is not noticed")
	}
}

// TestAnswersAgeInAMassWake: more is to be decided than one call decides, so an
// answer waits for its turn; by then it is too old to act on, also after a
// crash in between.
func TestAnswersAgeInAMassWake(t *testing.T) {
	for _, crash := range []bool{false, true} {
		w := newWorld(t)
		w.set["tell"], w.set["ask"] = "silent", "silent"
		w.load(bookOf(t, `policies:
- {name: many, when: ['alertname="A"'], per: [n], severity: P1, mode: act, target: deployment/shop/$n, steps: [{name: s, do: [{kind: restart}], verify: {all: [{kind: http}], within: 1m}}]}
- {name: one, when: ['alertname="B"'], severity: P3, mode: act, target: deployment/shop/one, steps: [{name: s, do: [{kind: restart}], verify: {all: [{kind: http}], within: 1m}}]}`))
		for n := range 2100 {
			w.must(w.hear(Heard{Alert: benchLike("A", n, w.now), Firing: true}))
		}
		w.must(w.hear(Heard{Alert: benchLike("B", 0, w.now), Firing: true}))
		one := w.state.Last
		w.now = w.now.Add(time.Second)
		load := Loaded{Digest: w.state.Rulebook, Policies: []string{"many", "one"}} // wakes them all
		for _, in := range []Input{load} {
			rs, err := Handle(w.books, w.state, w.now, in)
			w.must(err)
			w.keep(rs)
		}
		var answers []Answer
		for _, p := range w.state.Incidents.Get(one).Pending {
			if p.Ask != nil {
				for _, q := range p.Ask.Questions {
					w.set["workload"] = "ok"
					answers = append(answers, w.answer(q))
				}
				rs, err := Handle(w.books, w.state, w.now, Reported{ID: p.ID, Incident: one, At: w.now, Result: Result{Outcome: OK, Answers: answers}})
				w.must(err)
				w.keep(rs)
			}
		}
		if i := w.state.Incidents.Get(one); !i.Asked || i.Status != StatusDeciding {
			t.Fatalf("the answer was judged at once (%s): more incidents must be woken for this test", i.Status)
		}
		w.now = w.now.Add(time.Minute)
		if crash {
			w.refold()
		}
		w.must(w.hear(Tick{}))
		if err := answersAreFresh(w); err != nil {
			t.Error(err)
		}
	}
}

func benchLike(name string, n int, at time.Time) Alert {
	a := benchAlert(n, at)
	m := map[string]string{"alertname": name, "n": a.Labels.Get("pod")}
	a.Labels = LabelsOf(m)
	return a
}
