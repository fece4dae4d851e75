package alertmanager

import (
	"strings"
	"testing"

	"github.com/prometheus/alertmanager/api/v2/models"

	"github.com/x0tta6bl4/remediated/remediate"
)

func question(ls models.LabelSet) remediate.Question {
	return remediate.Question{Kind: QuestionAlert, Labels: labelsOf(ls)}
}

var down = models.LabelSet{"alertname": "Down", "pod": "web-1"}

// checkAnswer tells what every answer must be.
func checkAnswer(t *testing.T, a remediate.Answer) {
	t.Helper()
	if a.Kind != QuestionAlert || a.Text == "" || a.OK == (a.Err != "") || (a.Values[remediate.ValueState] == "") == a.OK {
		t.Errorf("answered %+v", a)
	}
}

func TestAnswer(t *testing.T) {
	larger := models.LabelSet{"alertname": "Down", "pod": "web-1", "zone": "a"}
	muted := listed(down)
	muted.Status.MutedBy = []string{"weekend"}
	for name, c := range map[string]struct {
		fakes  []*fake
		state  string
		by     string
		detail string
	}{
		"firing":               {[]*fake{newFake(listed(down))}, "firing", "", "firing since 2026-01-14 14:02:11 UTC at am-1, not suppressed"},
		"silenced":             {[]*fake{newFake(listed(down, "s-2", "s-1"))}, "suppressed", "silence s-1, silence s-2", "suppressed: silence s-1, silence s-2"},
		"muted":                {[]*fake{newFake(muted)}, "suppressed", "muted by time interval weekend", "suppressed: muted"},
		"silenced at one":      {[]*fake{newFake(listed(down)), newFake(listed(down, "s-1"))}, "suppressed", "silence s-1", ""},
		"known to one":         {[]*fake{newFake(), newFake(listed(down))}, "firing", "", "at am-2"},
		"one is down":          {[]*fake{nil, newFake(listed(down))}, "firing", "", "at am-2"},
		"gone":                 {[]*fake{newFake(), newFake()}, "gone", "", "no longer firing at am-1, am-2"},
		"another pod":          {[]*fake{newFake(listed(models.LabelSet{"alertname": "Down", "pod": "web-2"}))}, "gone", "", ""},
		"one with more labels": {[]*fake{newFake(listed(larger))}, "gone", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := clientOf(t, Options{}, c.fakes...).Answer(ctx, question(down))
			checkAnswer(t, a)
			if !a.OK || a.Values[remediate.ValueState] != c.state || a.Values[remediate.ValueSuppressedBy] != c.by || !strings.Contains(a.Text, c.detail) {
				t.Errorf("answered %+v, want %s, suppressed by %q, %q", a, c.state, c.by, c.detail)
			}
		})
	}
}

// refused tells that an answer is none.
func refused(t *testing.T, a remediate.Answer, want string) {
	t.Helper()
	checkAnswer(t, a)
	if a.OK || !strings.Contains(a.Err, want) {
		t.Errorf("answered %+v, want an error with %q", a, want)
	}
}

func TestNotKnownWhetherItFires(t *testing.T) {
	for name, f := range broken() {
		t.Run(name, func(t *testing.T) {
			refused(t, clientOf(t, Options{}, newFake(), f).Answer(ctx, question(down)), "am-2: ")
		})
	}
	for name, f := range unproven() {
		t.Run(name, func(t *testing.T) {
			refused(t, clientOf(t, Options{}, newFake(), f).Answer(ctx, question(down)), "am-2: ")
		})
	}
}

func TestNotYetLookedAtIsNotActive(t *testing.T) {
	fresh := listed(down)
	*fresh.Status.State = models.AlertStatusStateUnprocessed
	refused(t, clientOf(t, Options{}, newFake(fresh)).Answer(ctx, question(down)), "am-1: it has the alert")
	if a := clientOf(t, Options{}, newFake(fresh), newFake(listed(down))).Answer(ctx, question(down)); a.Values[remediate.ValueState] != "firing" {
		t.Errorf("another has looked at it: %+v", a)
	}
}

func TestQuestionsThatAreRefused(t *testing.T) {
	f := newFake(listed(down))
	c := clientOf(t, Options{ReplicaLabels: func() []string { return []string{"replica"} }}, f)
	a := c.Answer(ctx, remediate.Question{Kind: "promql", Labels: labelsOf(down)})
	refused(t, a, "promql")
	refused(t, c.Answer(ctx, question(nil)), "no labels")
	refused(t, c.Answer(ctx, question(models.LabelSet{"replica": "a"})), "no labels")
	if len(f.asked) > 0 {
		t.Errorf("asked for %v", f.asked)
	}
}

// The replica of Prometheus that told us may be gone while the other still
// sees what is wrong.
func TestReplicaLabelsAreNotPartOfTheQuestion(t *testing.T) {
	f := newFake(listed(models.LabelSet{"alertname": "Down", "pod": "web-1", "replica": "b"}))
	q := question(models.LabelSet{"alertname": "Down", "pod": "web-1", "replica": "a"})
	c := clientOf(t, Options{ReplicaLabels: func() []string { return []string{"replica"} }}, f)
	if a := c.Answer(ctx, q); a.Values[remediate.ValueState] != remediate.AlertStateFiring {
		t.Errorf("answered %+v", a)
	}
	if a := clientOf(t, Options{}, f).Answer(ctx, q); a.Values[remediate.ValueState] != remediate.AlertStateGone {
		t.Errorf("when it is part of the identity: answered %+v", a)
	}
}

// Label values come from outside. Whatever they hold, they are found, and are
// one matcher each.
func TestLabelValuesAreData(t *testing.T) {
	for _, value := range []string{
		`plain`, `with "quotes"`, `back\slash`, `trailing\`, "line\nbreak", "tab\t", `a="b",c="d"`, `"} or {alertname=~".*`,
		`=~".*"`, `ünïcode ☃`, "nul\x00", `{`, `}`, `,`, ` `, `a b`, `%20&filter=x`, strings.Repeat("long", 500), `\n`,
	} {
		ls := models.LabelSet{"alertname": "Down", "value": value}
		f := newFake(listed(ls), listed(models.LabelSet{"alertname": "Down", "value": "other"}))
		a := clientOf(t, Options{}, f).Answer(ctx, question(ls))
		if a.Values[remediate.ValueState] != remediate.AlertStateFiring {
			t.Errorf("%.40q: answered %+v", value, a)
		}
		if n := len(f.filters[0]); n > 2 {
			t.Errorf("%.40q: became %d matchers: %q", value, n, f.filters[0])
		}
		if a := clientOf(t, Options{}, newFake(listed(models.LabelSet{"alertname": "Down", "value": "other"}))).Answer(ctx, question(ls)); a.Values[remediate.ValueState] != remediate.AlertStateGone {
			t.Errorf("%.40q: another alert was taken for it: %+v", value, a)
		}
	}
}

func TestFilterStaysShort(t *testing.T) {
	ls := models.LabelSet{"alertname": "Down", "dotted.name": "x"}
	for i := range 60 {
		ls["l"+strings.Repeat("x", i)] = strings.Repeat("v", maxFilterValue)
	}
	f := newFake(listed(ls))
	if a := clientOf(t, Options{}, f).Answer(ctx, question(ls)); a.Values[remediate.ValueState] != remediate.AlertStateFiring {
		t.Errorf("answered %+v", a)
	}
	filter := strings.Join(f.filters[0], "")
	if len(filter) > maxFilter+500 || !strings.Contains(filter, `alertname="Down"`) || strings.Contains(filter, "dotted") {
		t.Errorf("a filter of %d bytes: %s", len(filter), filter)
	}
}

// A list is enough when it holds the alert; the status is asked for when it
// does not.
func TestStatusIsAskedForOnlyWhenAbsent(t *testing.T) {
	f := newFake(listed(down))
	c := clientOf(t, Options{}, f)
	c.Answer(ctx, question(down))
	if n := f.askedFor("/api/v2/status"); n != 0 {
		t.Errorf("firing: asked %d times", n)
	}
	f.alerts = nil
	c.Answer(ctx, question(down))
	if n := f.askedFor("/api/v2/status"); n != 1 {
		t.Errorf("gone: asked %d times", n)
	}
}
