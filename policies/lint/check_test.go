package lint_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/config"

	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/policies/lint"
	"github.com/x0tta6bl4/remediated/remediate"
)

const shipped = "../../deploy/alertmanager/remediated.yml"

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// shown is a configuration as Alertmanager itself shows it.
func shown(t *testing.T, text string) string {
	t.Helper()
	c, err := config.Load(text)
	if err != nil {
		t.Fatal(err)
	}
	return c.String()
}

// said is what is found to be wrong with a configuration of Alertmanager, by a
// configuration of ours that uses all that depends on it.
func said(t *testing.T, text string, rules ...policies.AlertRule) string {
	t.Helper()
	a, err := lint.ReadAlertmanager("am", text)
	if err != nil {
		t.Fatal(err)
	}
	book := &remediate.Rulebook{Policies: []remediate.Policy{
		{Name: "db", When: []string{`alertname="PostgresDown"`, `job="database"`}, HoldPage: true},
		{Name: "any", When: []string{`team="shop"`}},
	}}
	ours := &policies.Config{Raise: true, Watchdog: &policies.Watchdog{When: []string{`alertname="Watchdog"`}, Within: 5 * time.Minute}}
	var b strings.Builder
	for _, p := range a.Check(ours, book, rules) {
		b.WriteString(p.String() + "\n")
	}
	return b.String()
}

func TestNothingIsWrongWithWhatIsShipped(t *testing.T) {
	text := read(t, shipped)
	for how, text := range map[string]string{"as it is written": text, "as Alertmanager shows it": shown(t, text)} {
		if got := said(t, text); got != "" {
			t.Errorf("%s:\n%s", how, got)
		}
	}
}

// Each case spoils what is shipped; it is looked at as Alertmanager shows it,
// without addresses and secrets.
func TestCheck(t *testing.T) {
	text := read(t, shipped)
	for name, c := range map[string]struct{ from, to, want string }{
		"what resolved is not told":       {"send_resolved: true", "send_resolved: false", "remediated is not told what has resolved: write send_resolved: true"},
		"alerts are cut off":              {"max_alerts: 0", "max_alerts: 100", "of a group with more than 100 alerts the others are not told"},
		"another body":                    {"max_alerts: 0", "payload: {text: x}", "error: remediated cannot read a body that is not Alertmanager's own"},
		"a hang is waited for":            {"timeout: 10s", "timeout: 0s", "is waited for as long as it is tried"},
		"nothing is waited for":           {"timeout: 10s", "timeout: 1s", "an answer is waited for 1s"},
		"a timeout that is never reached": {"timeout: 10s", "timeout: 30s", "the timeout of 30s is never reached: a group is tried for 10s at a time"},
		"our route is gone":               {"'alertname!=\"Watchdog\"'", "'alertname=\"Other\"'", "the alert PostgresDown of the policy db goes to people and not to remediated"},
		"our route ends it":               {"group_interval: 10s # also how long an alert waits that joins a group\n      continue: true", "group_interval: 10s", "PostgresDown of the policy db goes to remediated and to nobody else"},
		"somebody is before us":           {"    # Everything, at once.", "    - {receiver: people, matchers: ['alertname=~\"Post.+\"']}\n    # Everything, at once.", "the alert PostgresDown of the policy db goes to people and not"},
		"we hear late":                    {"group_wait: 1s", "group_wait: 30s", "remediated is told of an alert after 30s"},
		"and of others later":             {"group_interval: 10s", "group_interval: 5m", "of an alert that joins a group after 5m0s"},
		"all in one":                      {"  group_by: [alertname, cluster, namespace]\n", "", "all alerts in one body"},
		"not at night":                    {"      group_wait: 1s\n", "      group_wait: 1s\n      mute_time_intervals: [night]\n", "nothing while this route is muted"},
		"the Watchdog is not repeated":    {"repeat_interval: 1m\n", "repeat_interval: 4h\n", "error: the alert that always fires is told again after up to 4h0m30s, and people are called after 5m0s"},
		"it is looked for too late":       {"group_interval: 30s", "group_interval: 5m", "told again after up to 6m0s"},
		"the Watchdog goes elsewhere":     {"    - matchers: ['alertname=\"Watchdog\"']\n      receiver: remediated", "    - matchers: ['alertname=\"Watchdog\"']\n      receiver: nobody", "error: the alert that always fires goes to nobody and not to remediated"},
		"people hear before a hold":       {"group_wait: 30s", "group_wait: 10s", "people is told after 10s, before its page may be held"},
		"and long after":                  {"group_interval: 1m", "group_interval: 5m", "people is told up to 5m0s after"},
		"no rule holds it":                {"held_alertname=\"PostgresDown\"", "held_alertname=\"PostgresUp\"", "the page for the alert PostgresDown of the policy db is never held"},
		"what holds pages":                {"receiver: nobody\n    # What else", "receiver: people\n    # What else", "people is told of RemediationInProgress"},
		"ours are told to nobody":         {"      receiver: people\n      group_by: [alertname, cluster]", "      receiver: nobody\n      group_by: [alertname, cluster]", "nobody is told of RemediationFailed"},
	} {
		t.Run(name, func(t *testing.T) {
			if n := strings.Count(text, c.from); n != 1 {
				t.Fatalf("%q is %d times in %s, want once", c.from, n, shipped)
			}
			spoilt := strings.Replace(text, c.from, c.to, 1)
			if strings.Contains(c.to, "[night]") {
				spoilt += "time_intervals: [{name: night, time_intervals: [{times: [{start_time: '00:00', end_time: '06:00'}]}]}]\n"
			}
			if got := said(t, shown(t, spoilt)); !strings.Contains(got, c.want) {
				t.Errorf("it is said\n%s\nwant %q", got, c.want)
			}
		})
	}
}

// Which of the receivers is ours is seen by its address, or by its name where
// the address is not shown.
func TestWhichReceiverIsOurs(t *testing.T) {
	text := read(t, shipped)
	renamed := strings.NewReplacer("receiver: remediated", "receiver: automation", "name: remediated", "name: automation").Replace(text)
	begin, end := strings.Index(text, "    webhook_configs:"), strings.Index(text, "# While remediated is at work")
	if begin < 0 || end < begin {
		t.Fatal("the webhook is not where it was")
	}
	none := text[:begin] + "    pagerduty_configs: [{routing_key_file: /k}]\n\n" + text[end:]
	for name, c := range map[string]struct{ text, want string }{
		"by its address":               {renamed, ""},
		"neither":                      {shown(t, renamed), "am: warning: it cannot be told which of the receivers is remediated: the addresses of automation are not shown: let the name"},
		"there is none":                {shown(t, none), "am: warning: no receiver has a webhook to remediated"},
		"another's webhook":            {strings.Replace(text, lint.WebhookPath, "/hook", 1), "no receiver has a webhook to remediated"},
		"by its name, in a file":       {strings.Replace(text, "url: http://remediated:9096"+lint.WebhookPath, "url_file: /etc/url", 1), ""},
		"behind a proxy with a prefix": {strings.Replace(renamed, ":9096/", ":9096/automation/", 1), ""},
	} {
		if got := said(t, c.text); !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: it is said\n%s\nwant %q", name, got, c.want)
		}
	}
}

// What a label's value decides that is not known is not said to be wrong; what
// the rules of Prometheus say of it is.
func TestLabelsThatAreNotKnown(t *testing.T) {
	const everything = "['alertname!=\"Watchdog\"']"
	rule := func(severity string) policies.AlertRule {
		return policies.AlertRule{Name: "PostgresDown", Labels: map[string]string{"severity": severity}, Source: "rules.yml:1"}
	}
	const goesElsewhere = "the alert PostgresDown of the policy db goes to people and not to remediated"
	for name, c := range map[string]struct {
		matchers string
		rules    []policies.AlertRule
		want     string
	}{
		"a label of the series":             {"['namespace=\"shop\"']", nil, ""},
		"a label that the policy fixes":     {"['job=\"queue\"']", nil, goesElsewhere},
		"and as it fixes it":                {"['job=\"database\"']", nil, ""},
		"a label that no rule is known for": {"['severity=\"page\"']", nil, ""},
		"a label that the rule sets":        {"['severity=\"page\"']", []policies.AlertRule{rule("critical")}, goesElsewhere},
		"and as it sets it":                 {"['severity=\"page\"']", []policies.AlertRule{rule("page")}, ""},
		"one of two rules":                  {"['severity=\"page\"']", []policies.AlertRule{rule("page"), rule("critical")}, goesElsewhere},
		"a template":                        {"['severity=\"page\"']", []policies.AlertRule{rule("{{ $labels.severity }}")}, ""},
		"a matcher that we cannot read":     {"['\"a b\"=\"c\"']", nil, ""},
		"the old way to write it":           {"[]\n      match: {job: queue}", nil, goesElsewhere},
		"and with an expression":            {"[]\n      match_re: {job: 'que.+'}", nil, goesElsewhere},
	} {
		text := strings.Replace(read(t, shipped), everything, c.matchers, 1)
		var got []string
		for line := range strings.Lines(said(t, text, c.rules...)) {
			if strings.Contains(line, "PostgresDown of the policy db") { // what the policy any is for lacks other labels
				got = append(got, line)
			}
		}
		if all := strings.Join(got, ""); !strings.Contains(all, c.want) || c.want == "" && all != "" {
			t.Errorf("%s: it is said\n%s\nwant %q", name, all, c.want)
		}
	}
}

// A problem is shown where it stands in what Alertmanager shows.
func TestWhereItStands(t *testing.T) {
	a, err := lint.ReadAlertmanager("am", "route:\n  receiver: x\n  group_by: [alertname]\n  group_wait: 1s\n  group_interval: 7m\nreceivers:\n- name: x\n  webhook_configs:\n  - url: http://r"+lint.WebhookPath+"\n    timeout: 10s\n")
	if err != nil {
		t.Fatal(err)
	}
	got := a.Check(&policies.Config{}, &remediate.Rulebook{Policies: []remediate.Policy{{Name: "p", When: []string{`alertname="A"`}}}}, nil)
	var b strings.Builder
	if err := policies.Render(&b, got[len(got)-1:]); err != nil {
		t.Fatal(err)
	}
	want := "am:5:19: warning: remediated is told of an alert that joins a group after 7m0s\n    5 |   group_interval: 7m\n      |                   ^^\n      = write group_interval: 10s for the route to remediated\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &b, want)
	}
}

// Lists may have items that are nothing; a receiver that a route names may not be
// there.
func TestItemsThatAreNothing(t *testing.T) {
	got := said(t, "route:\n  receiver: lost\n  routes: [null, {receiver: remediated}]\nreceivers:\n- null\n- {name: remediated, webhook_configs: [null, {url: 'http://r"+lint.WebhookPath+"', timeout: 10s}]}\ninhibit_rules: [null]\n")
	if !strings.Contains(got, "of the policy db goes to remediated and to nobody else") {
		t.Errorf("it is said\n%s", got)
	}
}

func TestWhatIsNoConfiguration(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "has no route",
		"receivers: []":             "has no route",
		"{":                         "read the configuration of Alertmanager: yaml: line 1",
		"route: {group_wait: soon}": `not a valid duration`,
	} {
		if _, err := lint.ReadAlertmanager("am", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
