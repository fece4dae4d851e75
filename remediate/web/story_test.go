package web_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/web"
	"github.com/x0tta6bl4/remediated/remediate/web/webtest"
)

// tellStory renders a story as the tests below compare it.
func tellStory(events []web.Event) string {
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "%s %s", e.Tone, e.Text)
		if e.Times > 0 {
			fmt.Fprintf(&b, " x%d", e.Times)
		}
		b.WriteByte('\n')
		for _, d := range e.Details {
			if d.Word != string(remediate.Allowed) {
				fmt.Fprintf(&b, "  %s %s\n", d.Word, strings.TrimSpace(d.Name+" "+d.Text))
			}
		}
	}
	return b.String()
}

// stories are what happens, and what is told of it.
var stories = []struct {
	name, script string
	want         []string // in this order, other lines between them
	never        string
}{
	{"a page that gets through late", "set tell=later\nalert ErrorsAfterDeploy namespace=shop\npass 10s\nset tell=ok\npass 1m", []string{
		"wait Telling pagerduty/oncall did not get through", "  later 429 Too Many Requests; the next try is at 10:00:30 UTC", "  ok",
	}, "did not arrive"},
	{"a page that never does", "set tell=failed\nalert ErrorsAfterDeploy namespace=shop\npass 3m", []string{
		"bad Telling pagerduty/oncall did not arrive", "  failed",
	}, "quiet Told pagerduty"},
	{"an act that is refused", "set act=refused\nalert PostgresDown namespace=shop\npass 5s", []string{
		"bad Attempt a1: restart prod/deployment/shop/db", "  refused the object is another one by now",
	}, "Looking whether"},
	{"healed, lost, and healed again", "set verify=ok/42s\nset probe=failed\nalert PostgresDown namespace=shop\npass 55s\nset probe=ok\npass 2m", []string{
		"good Healed: good again after 12s, within the objective of 5m",
		"wait Looked again: failed", "  failed postgres: connection refused", "bad Reopened: postgres: connection refused", "good Attempt a2", "good Healed",
	}, ""},
	{"what repeats itself is told once", "set workload=unknown\nalert PostgresDown namespace=shop\npass 30m", []string{
		"wait Step 1, restart the database: not now", "  unknown workload connection refused", "  wait target it is not known",
	}, "denied"},
	{"a human's words", "set act=silent\nalert ErrorsAfterDeploy namespace=shop\ndeny i1 by=anna plan=shown reason=wait_for_bert\nrun i1 by=bert\napprove i1 by=bert plan=shown\ntakeover i1 by=carl", []string{
		"busy anna denied the plan", ": wait for bert", "busy bert said run", "busy bert approved the plan", "busy Attempt a1", "busy carl took it over: no further acts",
	}, ""},
	{"a drill", "alert ErrorsAfterDeploy namespace=shop remediated_drill=d7\npass 20m", []string{
		"  note it is a drill, d7: nothing is broken", ": it would be done, if this were no drill", "wait manager would have been called",
	}, "Calling"},
	{"an incident that goes on", "set tell=later\nalert ErrorsAfterDeploy namespace=shop\npass 2m\nset tell=ok\npass 30m", []string{
		"bad Late: rung 1: oncall was due at 10:00:00: 429", "quiet Update: 5m of 30m: approval: plan", "wait The objective of 30m is missed in 5m", "bad The objective of 30m is missed",
	}, ""},
	{"an acknowledgement taken back", "alert ErrorsAfterDeploy namespace=shop\nack i1 by=anna\nunack i1 by=bert reason=wrong_number", []string{
		"wait Calling oncall", "busy anna acknowledged it", "busy bert took the acknowledgement back: people are called anew: wrong number", "wait Calling oncall",
	}, ""},
	{"alerts that come and go", "alert ErrorsAfterDeploy namespace=shop pod=a\nalert ErrorsAfterDeploy namespace=shop pod=b\nresolve ErrorsAfterDeploy namespace=shop pod=a", []string{
		"quiet Another alert joined", "quiet An alert resolved; still firing: 1",
	}, ""},
}

func TestStories(t *testing.T) {
	for _, c := range stories {
		t.Run(c.name, func(t *testing.T) {
			w, _ := play(t, "")
			_ = w.Play(c.script) // a word that does not fit ends it, which is part of what is told
			facts, err := w.Facts(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			got := tellStory(web.Story(facts))
			rest := got
			for _, line := range c.want {
				_, after, found := strings.Cut(rest, line)
				if !found {
					t.Fatalf("the story does not say %q (there)\n%s", line, got)
				}
				rest = after
			}
			if c.never != "" && strings.Contains(got, c.never) {
				t.Errorf("the story says %q\n%s", c.never, got)
			}
			if n := strings.Count(got, "\n"); n > 60 {
				t.Errorf("the story has %d lines\n%s", n, got)
			}
		})
	}
}

// factsOf are facts of i1 that follow each other by a second; those of one
// group happen at once.
func factsOf(groups ...[]remediate.Body) (facts []remediate.Fact) {
	at := time.Date(2026, 1, 14, 10, 0, 0, 0, time.UTC)
	for _, bodies := range groups {
		for _, b := range bodies {
			facts = append(facts, remediate.Fact{Seq: uint64(len(facts) + 1), At: at, Body: b})
		}
		at = at.Add(time.Second)
	}
	return facts
}

// asked is an ask and what came of it.
func asked(purpose string, r remediate.Result) []remediate.Body {
	return []remediate.Body{
		remediate.Started{ID: "q4m2x7kd-i1-q7", Incident: 1, Ask: &remediate.Ask{
			Purpose: purpose, Questions: []remediate.Question{{Kind: "promql"}}, Hold: model.Duration(30 * time.Second),
		}},
		remediate.Finished{ID: "q4m2x7kd-i1-q7", Incident: 1, Result: r},
	}
}

// TestStoriesOfEachFact tells facts by themselves.
func TestStoriesOfEachFact(t *testing.T) {
	saw := func(text string) []remediate.Answer {
		return []remediate.Answer{{Kind: "promql", OK: true, Text: text}}
	}
	rate := remediate.CommandGiven{Command: remediate.Rate, By: "anna", Incident: 1, Value: "P3", Reason: "only the backup"}
	for _, c := range []struct {
		name  string
		facts []remediate.Fact
		want  string
	}{
		{"a human rates it", factsOf([]remediate.Body{rate, remediate.Rated{Incident: 1, From: "P1", To: "P3", Why: "anna says so"}}),
			"busy anna rated it P3: only the backup\n  note it was P1\n"},
		{"a human's word that changed nothing", factsOf([]remediate.Body{rate}), "busy anna rated it P3: only the backup\n"},
		{"it is measured to be worse, after a human's word", factsOf([]remediate.Body{rate}, []remediate.Body{remediate.Rated{Incident: 1, From: "P3", To: "P1", Why: "0.62 of the requests fail"}}),
			"busy anna rated it P3: only the backup\nbad It is P1, no longer P3: 0.62 of the requests fail\n"},
		{"the word before it is gone", factsOf([]remediate.Body{remediate.Rated{Incident: 1, From: "P1", To: "P3", Why: "anna says so"}}), "quiet It is P3, no longer P1: anna says so\n"},
		{"break-glass", factsOf([]remediate.Body{remediate.CommandGiven{Command: remediate.Override, By: "anna", Incident: 1, Guard: "cooldown", Reason: "the disk is full"}}),
			"busy anna let the guard cooldown pass for the next attempt: the disk is full\n"},
		{"an alert that is doubted, twice", factsOf([]remediate.Body{remediate.AlertDoubted{}}, []remediate.Body{remediate.AlertDoubted{}}),
			"quiet A webhook tells of an alert that may have resolved already: what is listed next settles it x2\n"},
		{"a confirmation", factsOf(asked(remediate.ForConfirmation, remediate.Result{Outcome: remediate.OK, Text: "held for 30s"})),
			"good Its alerts resolved; looking whether it is well: promql, good for 30s\n  ok held for 30s\n"},
		{"a confirmation that fails", factsOf(asked(remediate.ForConfirmation, remediate.Result{Outcome: remediate.Failed, Text: "connection refused"})),
			"bad Its alerts resolved; looking whether it is well: promql, good for 30s\n  failed connection refused\n"},
		{"a look back", factsOf(asked(remediate.ForSettling, remediate.Result{Outcome: remediate.Failed, Text: "connection refused"})),
			"bad The attempt broke off; looking whether it helped all the same: promql, good for 30s\n  failed connection refused\n"},
		{"the impact", factsOf(asked(remediate.ForImpact, remediate.Result{Outcome: remediate.OK, Answers: saw("0.62, at least 0.5 is P1")})),
			"quiet Measured how bad it is\n  saw promql 0.62, at least 0.5 is P1\n"},
		{"an impact that nobody knows", factsOf(asked(remediate.ForImpact, remediate.Result{Outcome: remediate.Unknown, Text: "no answer by its deadline"})),
			"quiet Measured how bad it is\n  unknown no answer by its deadline\n"},
		{"evidence", factsOf(asked(remediate.ForEvidence, remediate.Result{Outcome: remediate.OK, Answers: saw("the logs of db, 2 kB")})),
			"good Keeping what there is to be seen, before it is destroyed\n  ok \n  saw promql the logs of db, 2 kB\n"},
		{"evidence that cannot be kept", factsOf(asked(remediate.ForEvidence, remediate.Result{Outcome: remediate.Failed, Text: "pods/log is forbidden"})),
			"bad Keeping what there is to be seen, before it is destroyed\n  failed pods/log is forbidden\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := tellStory(web.Story(c.facts)); got != c.want {
				t.Errorf("told\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// TestAnyPartOfTheFactsCanBeTold cuts the facts of many incidents at each end:
// an incident is looked at in the middle of its life, and old facts may be gone.
func TestAnyPartOfTheFactsCanBeTold(t *testing.T) {
	w, _ := play(t, everything)
	told := 0
	for n := uint64(1); n <= 7; n++ {
		facts, err := w.Facts(t.Context(), n)
		if err != nil || len(facts) == 0 {
			t.Fatalf("i%d: %d facts, %v", n, len(facts), err)
		}
		for k := range facts {
			for _, part := range [][]remediate.Fact{facts[:k], facts[k:]} {
				events := web.Story(part)
				told += len(events)
				if !slices.IsSortedFunc(events, func(a, b web.Event) int { return a.At.Compare(b.At) }) {
					t.Fatalf("i%d, part %d: out of order\n%s", n, k, tellStory(events))
				}
			}
		}
	}
	if told == 0 {
		t.Error("nothing was told")
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 42 * time.Second: "42s", 200 * time.Second: "3m20s", 17*time.Minute + 30*time.Second: "17m",
		time.Hour: "1h", 125 * time.Minute: "2h5m", 13*time.Hour + 5*time.Minute: "13h", 99 * time.Hour: "4d3h", 500 * time.Hour: "20d",
	} {
		if got := web.Span(d); got != want {
			t.Errorf("Span(%s) = %q, want %q", d, got, want)
		}
	}
	if web.Ago(0) != "now" || web.Ago(-time.Minute) != "now" || web.Ago(time.Minute) != "1m ago" {
		t.Errorf("Ago: %q %q %q", web.Ago(0), web.Ago(-time.Minute), web.Ago(time.Minute))
	}
}

// A service that is down for twenty minutes is not a hundred lines: the first try and the last are told.
func TestTriesThatEndAlikeAreToldOnce(t *testing.T) {
	why := func(n int) remediate.Body {
		return remediate.Delayed{ID: "t1", Incident: 1, Until: webtest.Epoch.Add(time.Duration(n) * time.Minute), Why: "429"}
	}
	bodies := []remediate.Body{remediate.Started{ID: "t1", Incident: 1, Tell: &remediate.Tell{Destination: "slack"}}}
	for n := range 40 {
		bodies = append(bodies, why(n))
	}
	bodies = append(bodies, remediate.Delayed{ID: "t1", Incident: 1, Why: "503"}, why(50), why(51))
	var got []string
	for _, e := range web.Story(factsOf(bodies)) {
		for _, d := range e.Details {
			text, _, _ := strings.Cut(d.Text, ";")
			got = append(got, text)
		}
	}
	if want := []string{"429", "429, 40 times", "503", "429", "429"}; !slices.Equal(got, want) {
		t.Errorf("told is %q, want %q", got, want)
	}
}
