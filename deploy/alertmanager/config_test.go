// Package alertmanager_test has Alertmanager's own code judge the configuration
// that is shipped for it.
package alertmanager_test

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/eventrecorder"
	"github.com/prometheus/alertmanager/inhibit"
	"github.com/prometheus/alertmanager/provider/mem"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/policies/lint"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/web/webtest"
)

const file = "remediated.yml"

func read(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestConfiguration(t *testing.T) {
	for _, wrong := range claims(t, read(t)) {
		t.Error(wrong)
	}
}

// shortOnes are the configurations that people are shown to begin with: where each
// begins and ends, in which file.
var shortOnes = map[string]*regexp.Regexp{
	"../../docs/install.md":                  regexp.MustCompile("(?s)```yaml\n( *)(route:.*?)```"),
	"../helm/remediated/templates/NOTES.txt": regexp.MustCompile(`(?s)\n( *)(route:.*?)\n\n`),
}

// TestShortOnes holds them to the same, but for the Watchdog and the holding of pages,
// which they leave out.
func TestShortOnes(t *testing.T) {
	for file, where := range shortOnes {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m := where.FindSubmatch(b)
		if m == nil {
			t.Fatalf("%s has no route", file)
		}
		text := strings.ReplaceAll(string(m[1])+string(m[2]), "\n"+string(m[1]), "\n")[len(m[1]):]
		text = regexp.MustCompile(`\{\{.*?\}\}`).ReplaceAllString(text, "x") // what Helm fills in
		check := func(text string) string {
			a, err := lint.ReadAlertmanager(file, strings.Replace(text, "name: people #", "name: people\n    pagerduty_configs: [{routing_key_file: /k}] #", 1))
			if err != nil {
				t.Fatalf("%v:\n%s", err, text)
			}
			book := &remediate.Rulebook{Policies: []remediate.Policy{{Name: "db", When: []string{`alertname="PostgresDown"`}}}}
			return fmt.Sprint(a.Check(&policies.Config{}, book, nil))
		}
		if got := check(text); got != "[]" {
			t.Errorf("%s: %s", file, got)
		}
		const top = "    - receiver: people"
		if got := check(strings.Replace(text, top, "    - {receiver: people, matchers: ['a=\"b\"', 'alertname=\"c\"']}", 1)); !strings.Contains(got, "and to nobody else") {
			t.Errorf("%s: without its last route it is said: %s", file, got)
		}
	}
}

// TestSpoiltConfiguration shows that the claims can fail: each case spoils the
// configuration in a way that somebody once had it. What lint says of it is
// tested there; here it is seen that it is heard.
func TestSpoiltConfiguration(t *testing.T) {
	text := read(t)
	for name, c := range map[string]struct{ from, to, want string }{
		"paging ends where we begin":    {"group_interval: 10s # also how long an alert waits that joins a group\n      continue: true", "group_interval: 10s", "goes to remediated, want remediated people"},
		"the top is left for good":      {"\n    - receiver: people\n", "\n", "goes to remediated, want remediated people"},
		"the watchdog pages":            {"receiver: nobody # or", "receiver: people # or", "Watchdog"},
		"what holds a page is told":     {"receiver: nobody\n    # What else", "receiver: people\n    # What else", "RemediationInProgress"},
		"ours come back":                {"'alertname=~\"Remediation.+\"'", "'alertname=~\"RemediationX.+\"'", "RemediationFailed"},
		"we hear late":                  {"group_wait: 1s", "group_wait: 30s", "remediated is told of an alert after 30s"},
		"redirects are followed":        {"follow_redirects: false", "follow_redirects: true", "follow_redirects"},
		"anybody may post":              {"          authorization:\n            credentials_file: /etc/alertmanager/remediated.token", "          #", "token"},
		"any database is held":          {"namespace, job, instance]\n  - source_matchers: ['alertname=\"RemediationInProgress\"', 'source=\"remediated\"', 'held_alertname=\"RedisDown\"']", "namespace, job]\n  - source_matchers: ['alertname=\"RemediationInProgress\"', 'source=\"remediated\"', 'held_alertname=\"RedisDown\"']", "another instance is held"},
		"any alert is held":             {"target_matchers: ['alertname=\"PostgresDown\"', ", "target_matchers: [", "another alert is held"},
		"critical ones are held":        {"'alertname=\"PostgresDown\"', 'severity!~\"(?i)p1|critical\"'", "'alertname=\"PostgresDown\"'", "critical one is held"},
		"what anybody says holds":       {"'source=\"remediated\"', 'held_alertname=\"PostgresDown\"'", "'held_alertname=\"PostgresDown\"'", "not ours holds"},
		"a label that is ours":          {"equal: [cluster, namespace, job, instance]\n  - source_matchers: ['alertname=\"RemediationInProgress\"', 'source=\"remediated\"', 'held_alertname=\"RedisDown\"']", "equal: [cluster, policy, instance]\n  - source_matchers: ['alertname=\"RemediationInProgress\"', 'source=\"remediated\"', 'held_alertname=\"RedisDown\"']", "is not held"},
		"a shipped policy is forgotten": {"held_alertname=\"PodRestarts\"", "held_alertname=\"PodRestart\"", "PodRestarts, of a shipped policy, cannot be held"},
	} {
		t.Run(name, func(t *testing.T) {
			if n := strings.Count(text, c.from); n != 1 {
				t.Fatalf("%q is %d times in %s, want once", c.from, n, file)
			}
			wrong := strings.Join(claims(t, strings.Replace(text, c.from, c.to, 1)), "\n")
			if !strings.Contains(wrong, c.want) {
				t.Errorf("what is wrong with it is\n%s\nwant %q", wrong, c.want)
			}
		})
	}
}

// claims returns what of the claims is not true of a configuration.
func claims(t *testing.T, text string) []string {
	t.Helper()
	c, err := config.Load(text)
	if err != nil {
		return []string{err.Error()}
	}
	return slices.Concat(linted(text), routes(c), receiver(c), inhibition(t, c))
}

// routes: who is told of what.
func routes(c *config.Config) (wrong []string) {
	root := dispatch.NewRoute(c.Route, nil)
	own := func(name string) model.LabelSet {
		return model.LabelSet{"alertname": model.LabelValue(name), "source": remediate.OwnSource}
	}
	for _, r := range []struct {
		labels model.LabelSet
		want   string
	}{
		{model.LabelSet{"alertname": "PostgresDown", "severity": "P2"}, "remediated people"},
		{model.LabelSet{"alertname": "ApiDown", "severity": "P1"}, "remediated people"},
		{model.LabelSet{"alertname": "Anything"}, "remediated people"},
		{model.LabelSet{"alertname": "RemediationPaused"}, "remediated people"}, // Prometheus's word about us
		{model.LabelSet{"alertname": "Watchdog"}, "remediated nobody"},
		{own(remediate.InProgressAlert), "nobody"},
		{own(remediate.FailedAlert), "people"},
		{own(remediate.ApprovalAlert), "people"},
		{own(remediate.JournalAlert), "people"},
		{own(remediate.StormAlert), "people"},
		{own(remediate.WatchdogAlert), "people"},
		{own(remediate.UntoldAlert), "people"},
	} {
		var to []string
		for _, m := range root.Match(r.labels) {
			to = append(to, m.RouteOpts.Receiver)
		}
		if got := strings.Join(to, " "); got != r.want {
			wrong = append(wrong, fmt.Sprintf("%s goes to %s, want %s", r.labels, got, r.want))
		}
	}
	return wrong
}

// linted: what `remedy policy lint --alertmanager` says of it, for a policy that
// has the page held.
func linted(text string) (wrong []string) {
	a, err := lint.ReadAlertmanager(file, text)
	if err != nil {
		return []string{err.Error()}
	}
	book := &remediate.Rulebook{Policies: []remediate.Policy{{Name: "db", When: []string{`alertname="PostgresDown"`}, HoldPage: true}}}
	ours := &policies.Config{Raise: true, Watchdog: &policies.Watchdog{When: []string{`alertname="Watchdog"`}, Within: 2 * time.Minute}}
	for _, p := range a.Check(ours, book, nil) {
		wrong = append(wrong, p.String())
	}
	return wrong
}

// receiver: what our webhook wants of the way to it.
func receiver(c *config.Config) (wrong []string) {
	for _, r := range c.Receivers {
		if r.Name != "remediated" {
			continue
		}
		for _, w := range r.WebhookConfigs {
			for what, well := range map[string]bool{
				"follow_redirects": !w.HTTPConfig.FollowRedirects,
				"token":            w.HTTPConfig.Authorization != nil && w.HTTPConfig.Authorization.CredentialsFile != "",
			} {
				if !well {
					wrong = append(wrong, "the receiver remediated is not right about "+what)
				}
			}
		}
	}
	return wrong
}

// inhibition: which pages are held, by what the daemon really raises.
func inhibition(t *testing.T, c *config.Config) (wrong []string) {
	t.Helper()
	database := model.LabelSet{"alertname": "PostgresDown", "job": "database", "instance": "db-0:9187", "severity": "P2", "namespace": "shop"}
	held := holding(t, database)
	with := func(name, value model.LabelName) model.LabelSet {
		ls := database.Clone()
		ls[name] = model.LabelValue(value)
		return ls
	}
	own := model.LabelSet{"source": remediate.OwnSource, "alertname": remediate.FailedAlert, "namespace": "shop", "job": "database", "instance": "db-0:9187"}
	mutes := inhibitor(t, c, held)
	for what, m := range map[string]struct {
		labels model.LabelSet
		held   bool
	}{
		"the alert that we work on":   {database, true},
		"the same of another replica": {with("replica", "b"), true},
		"another instance":            {with("instance", "db-1:9187"), false},
		"another alert":               {with("alertname", "DatabaseSlow"), false},
		"the Watchdog":                {with("alertname", "Watchdog"), false},
		"a critical one":              {with("severity", "critical"), false},
		"a P1":                        {with("severity", "P1"), false},
		"a p1":                        {with("severity", "p1"), false},
		"one of ours":                 {own, false},
		"what holds":                  {labelSet(held.Labels), false},
	} {
		if got := mutes(m.labels); got != m.held {
			wrong = append(wrong, map[bool]string{true: what + " is held", false: what + " is not held"}[got])
		}
	}
	over := held
	over.EndsAt = time.Now().Add(-time.Second)
	if inhibitor(t, c, over)(database) {
		wrong = append(wrong, "what has run out holds")
	}
	strange := labelSet(held.Labels)
	strange["source"] = "somebody"
	if inhibitor(t, c, remediate.Alert{Labels: remediateLabels(strange), StartsAt: held.StartsAt, EndsAt: held.EndsAt})(database) {
		wrong = append(wrong, "what is not ours holds")
	}
	return append(wrong, shipped(t, c)...)
}

// shipped: there is a rule for each alert that a shipped policy answers.
func shipped(t *testing.T, c *config.Config) (wrong []string) {
	t.Helper()
	for _, name := range shippedAlerts(t) {
		ls := model.LabelSet{"alertname": model.LabelValue(name), "severity": "P2", "namespace": "shop", "pod": "db-0", "instance": "x"}
		hold := ls.Clone()
		hold["alertname"], hold["source"], hold[remediate.HeldName] = remediate.InProgressAlert, remediate.OwnSource, model.LabelValue(name)
		a := remediate.Alert{Labels: remediateLabels(hold), StartsAt: time.Now().Add(-time.Minute), EndsAt: time.Now().Add(time.Minute)}
		if !inhibitor(t, c, a)(ls) {
			wrong = append(wrong, name+", of a shipped policy, cannot be held")
		}
	}
	return wrong
}

// shippedAlerts are the names of the alerts that the shipped policies answer.
func shippedAlerts(t *testing.T) (names []string) {
	t.Helper()
	files, err := fs.Glob(policies.Shipped(), "*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no shipped policies: %v", err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, ".test.yaml") || name == "kubernetes-mixin.yaml" { // whose alerts come from elsewhere
			continue
		}
		b, err := fs.ReadFile(policies.Shipped(), name)
		if err != nil {
			t.Fatal(err)
		}
		var f struct {
			Policies []struct {
				When []string `yaml:"when"`
			} `yaml:"policies"`
		}
		if err := yaml.Unmarshal(b, &f); err != nil {
			t.Fatal(err)
		}
		for _, p := range f.Policies {
			names = append(names, strings.TrimSuffix(strings.TrimPrefix(p.When[0], `alertname="`), `"`))
		}
	}
	return names
}

// holding has the core work on an alert, and returns what it raises meanwhile.
func holding(t *testing.T, labels model.LabelSet) remediate.Alert {
	t.Helper()
	w := webtest.Play(t, "set verify=ok/9m")
	book, err := webtest.Rulebook(`
policies:
- {name: db, when: ['alertname="PostgresDown"'], severity: P2, mode: act, holdPage: true, target: deployment/shop/db, steps: [{name: restart, do: [{kind: restart}], verify: {all: [{kind: postgres}], within: 10m}}]}
`)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Load(book); err != nil {
		t.Fatal(err)
	}
	if err := w.Hear(remediate.Heard{Alert: remediate.Alert{Labels: remediateLabels(labels), StartsAt: w.Now()}, Firing: true}); err != nil {
		t.Fatal(err)
	}
	var raised []remediate.Alert
	now := w.Now()
	if err := w.Look(t.Context(), func(s *remediate.State, books remediate.Rulebooks) { raised = remediate.Raised(s, books, now) }); err != nil {
		t.Fatal(err)
	}
	if len(raised) != 1 || raised[0].Name() != remediate.InProgressAlert {
		t.Fatalf("raised %+v", raised)
	}
	a := raised[0]
	a.EndsAt = time.Now().Add(a.EndsAt.Sub(a.StartsAt)) // the world's time is not Alertmanager's
	a.StartsAt = time.Now()
	return a
}

func remediateLabels(set model.LabelSet) remediate.Labels {
	m := map[string]string{}
	for name, value := range set {
		m[string(name)] = string(value)
	}
	return remediate.LabelsOf(m)
}

func labelSet(ls remediate.Labels) model.LabelSet {
	out := model.LabelSet{}
	for _, l := range ls {
		out[model.LabelName(l.Name)] = model.LabelValue(l.Value)
	}
	return out
}

// inhibitor returns what an Alertmanager that was told of an alert says of the
// pages of others: whether they are held.
func inhibitor(t *testing.T, c *config.Config, told remediate.Alert) func(model.LabelSet) bool {
	t.Helper()
	ctx, log := t.Context(), slog.New(slog.DiscardHandler)
	alerts, err := mem.NewAlerts(ctx, time.Hour, 0, nil, log, eventrecorder.NopRecorder(), prometheus.NewRegistry(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(alerts.Close)
	err = alerts.Put(ctx, &alert.Alert{
		Alert:     model.Alert{Labels: labelSet(told.Labels), StartsAt: told.StartsAt, EndsAt: told.EndsAt},
		UpdatedAt: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	i := inhibit.NewInhibitor(alerts, c.InhibitRules, log, eventrecorder.NopRecorder())
	ended := make(chan struct{})
	go func() { defer close(ended); i.Run() }()
	i.WaitForLoading()
	t.Cleanup(func() { i.Stop(); <-ended })
	return func(ls model.LabelSet) bool { return i.Mutes(context.Background(), ls) }
}
