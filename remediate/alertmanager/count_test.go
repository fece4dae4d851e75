package alertmanager

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/alertmanager/api/v2/models"

	"github.com/x0tta6bl4/remediated/remediate"
)

// howMany asks for the alerts that match.
func howMany(t *testing.T, filter ...string) remediate.Question {
	t.Helper()
	args, err := json.Marshal(map[string][]string{"filter": filter})
	if err != nil {
		t.Fatal(err)
	}
	return remediate.Question{Kind: QuestionAlerts, Args: args}
}

func TestAnswerAlerts(t *testing.T) {
	muted := listed(otherNode, "s-9")
	ownHush := ours()["silence"]
	for name, c := range map[string]struct {
		fakes  []*fake
		filter []string
		count  string
		text   string
	}{
		"one":                     {[]*fake{newFake(listed(node), listed(down))}, []string{`alertname="NodeDown"`}, "1", `1 such alert fires: {alertname="NodeDown", node="n1"}`},
		"all must match":          {[]*fake{newFake(listed(node), listed(otherNode))}, []string{`alertname="NodeDown"`, `node=~"n[2-9]"`}, "1", `node="n2"`},
		"some other":              {[]*fake{newFake(listed(node), listed(otherNode))}, []string{`alertname="NodeDown"`, `node!="n1"`}, "1", `node="n2"`},
		"known to both":           {[]*fake{newFake(listed(node)), newFake(listed(node))}, []string{`node="n1"`}, "1", ""},
		"one is down":             {[]*fake{nil, newFake(listed(node))}, []string{`node="n1"`}, "1", ""},
		"none":                    {[]*fake{newFake(listed(down)), newFake()}, []string{`alertname="NodeDown"`}, "0", "no such alert fires at am-1, am-2"},
		"suppressed":              {[]*fake{byAnna(noon)}, []string{`alertname="Down"`}, "0", "no such alert fires at am-1; 1 suppressed"},
		"some suppressed":         {[]*fake{newFake(listed(node), muted)}, []string{`alertname="NodeDown"`}, "1", `{alertname="NodeDown", node="n1"}; 1 suppressed`},
		"suppressed by ourselves": {[]*fake{ownHush}, []string{`alertname="Down"`}, "1", ""},
		"our own":                 {[]*fake{newFake(listed(own))}, []string{`source="remediated"`}, "0", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := clientOf(t, Options{}, c.fakes...).AnswerAlerts(ctx, howMany(t, c.filter...))
			if !a.OK || a.Err != "" || a.Kind != QuestionAlerts || a.Values[remediate.ValueCount] != c.count || !strings.Contains(a.Text, c.text) {
				t.Errorf("answered %+v, want %s, %q", a, c.count, c.text)
			}
		})
	}
}

func TestManyAlertsAreNotAllNamed(t *testing.T) {
	f := newFake()
	for i := range 5 {
		f.alerts = append(f.alerts, listed(models.LabelSet{"alertname": "NodeDown", "node": fmt.Sprintf("n%d\nx", i), "long": strings.Repeat("x", 1000)}))
	}
	a := clientOf(t, Options{}, f).AnswerAlerts(ctx, howMany(t, `alertname="NodeDown"`))
	if a.Values[remediate.ValueCount] != "5" || !strings.HasSuffix(a.Text, " and 2 more") || len(a.Text) > 800 || strings.Contains(a.Text, "\n") {
		t.Errorf("answered %+v", a)
	}
}

// uncounted tells that an answer is none.
func uncounted(t *testing.T, a remediate.Answer, want string) {
	t.Helper()
	if a.OK || a.Kind != QuestionAlerts || a.Text == "" || len(a.Values) > 0 || !strings.Contains(a.Err, want) {
		t.Errorf("answered %+v, want an error with %q", a, want)
	}
}

// Not knowing of a fire is not having none.
func TestNotKnownHowManyFire(t *testing.T) {
	q := howMany(t, `alertname="NodeDown"`)
	for _, fakes := range []map[string]*fake{broken(), unproven()} {
		for name, f := range fakes {
			t.Run(name, func(t *testing.T) {
				uncounted(t, clientOf(t, Options{}, newFake(listed(down)), f).AnswerAlerts(ctx, q), "am-2: ")
			})
		}
	}
	fresh := listed(node)
	*fresh.Status.State = models.AlertStatusStateUnprocessed
	uncounted(t, clientOf(t, Options{}, newFake(fresh)).AnswerAlerts(ctx, q), "am-1: it has not looked yet")
	uncounted(t, clientOf(t, Options{}, newFake(listed(node, "s-1"))).AnswerAlerts(ctx, q), "silence s-1 could not be looked up")
}

func TestCountsThatAreRefused(t *testing.T) {
	f := newFake(listed(node))
	c := clientOf(t, Options{}, f)
	for want, q := range map[string]remediate.Question{
		"kind":                       question(down),
		"nearly every alert":         {Kind: QuestionAlerts},
		"nearly every alert: name":   howMany(t),
		"nearly every alert: name a": howMany(t, `alertname=~".*"`, `job!="x"`, `pod=""`),
		"is not a matcher":           howMany(t, `alertname`),
		"there is filter":            {Kind: QuestionAlerts, Args: json.RawMessage(`{"filters":["a=\"b\""]}`)},
		"arguments":                  {Kind: QuestionAlerts, Args: json.RawMessage(`{"filter":"a=\"b\""}`)},
	} {
		uncounted(t, c.AnswerAlerts(ctx, q), want)
	}
	if len(f.asked) > 0 {
		t.Errorf("asked for %v", f.asked)
	}
}

// What an Alertmanager's answer holds beside what was asked for is not counted.
func TestFilterIsHeldToTheAnswer(t *testing.T) {
	long := strings.Repeat("x", maxFilterValue+1)
	f := newFake(listed(node), listed(models.LabelSet{"alertname": "NodeDown", "node": long}))
	a := clientOf(t, Options{}, f).AnswerAlerts(ctx, howMany(t, `alertname="NodeDown"`, `node="`+long+`"`))
	if a.Values[remediate.ValueCount] != "1" || len(f.filters[0]) != 1 {
		t.Errorf("answered %+v, asked for %q", a, f.filters[0])
	}
}

// Two replicas of Prometheus tell of one alert.
func TestReplicasAreCountedOnce(t *testing.T) {
	a, b := models.LabelSet{"alertname": "NodeDown", "replica": "a"}, models.LabelSet{"alertname": "NodeDown", "replica": "b"}
	o := Options{ReplicaLabels: func() []string { return []string{"replica"} }}
	for _, f := range []*fake{newFake(listed(a), listed(b)), newFake(listed(a, "s-1"), listed(b))} {
		if got := clientOf(t, o, f).AnswerAlerts(ctx, howMany(t, `alertname="NodeDown"`)); got.Values[remediate.ValueCount] != "1" || strings.Contains(got.Text, "replica") {
			t.Errorf("answered %+v", got)
		}
	}
}
