package policies

import (
	"strings"
	"testing"
)

// rulesOfCases are what Prometheus has in TestCheckRules.
func rulesOfCases() []AlertRule {
	return []AlertRule{
		{Name: "PostgresDown", Labels: map[string]string{"severity": "critical", "team": "{{ $labels.team }}", "env": ""}, Source: "rules.yml:4", Active: []map[string]string{
			{"alertname": "PostgresDown", "severity": "critical", "namespace": "monitoring", "exported_namespace": "shop", "job": "database"},
			{"alertname": "PostgresDown", "severity": "critical", "job": "queue"},
		}},
		{Name: "PostgresSlow", Labels: map[string]string{"severity": "warning"}, Source: "rules.yml:9"},
		{Name: "PostgresSlow", Labels: map[string]string{"severity": "info"}, Source: "rules.yml:15"},
		{Name: "Watchdog", Source: "rules.yml:20"},
		{Name: "QueueLong", Labels: map[string]string{"severity": "warning", "node": "{{ $labels.instance }}"}, Source: "rules.yml:25", May: OnlyLabels("queue")},
		{Name: "DiskFull", Source: "rules.yml:30", May: LabelNames{Names: []string{"pod"}}, Assuming: "as far as is known"},
	}
}

// Each case is what a policy says after its name, and what is said of it; none
// where nothing is wrong. The good ones stand beside the bad ones.
func TestCheckRules(t *testing.T) {
	for name, c := range map[string]struct{ says, want string }{
		"a renamed alert":                     {`when: ['alertname="PostgresDwn"']`, `policies/p.yml:3:12: warning: no rule raises the alert PostgresDwn: did you mean "PostgresDown"? It is at rules.yml:4`},
		"the alert there is":                  {`when: ['alertname="PostgresDown"']`, ""},
		"an alert that nothing is like":       {`when: ['alertname="Disk"']`, "no rule raises the alert Disk: write the name of an alert that there is, or"},
		"one of a choice":                     {`when: ['alertname=~"PostgresDown|MariaDown"']`, "no rule raises the alert MariaDown"},
		"both of a choice":                    {`when: ['alertname=~"PostgresDown|PostgresSlow"']`, ""},
		"an expression for nothing":           {`when: ['alertname=~"Maria.+"']`, `no rule raises an alert that alertname=~"Maria.+" selects`},
		"an expression":                       {`when: ['alertname=~"Post.+"']`, ""},
		"any alert of a job":                  {`when: ['job="database"', 'severity="page"']`, ""},
		"another severity":                    {`when: ['alertname="PostgresDown"', 'severity="page"']`, `policies/p.yml:3:40: warning: no alert satisfies severity="page": the rule PostgresDown at rules.yml:4 sets severity to "critical": let the policy`},
		"the severity of one of two rules":    {`when: ['alertname="PostgresSlow"', 'severity="info"']`, ""},
		"the severity of neither":             {`when: ['alertname="PostgresSlow"', 'severity=~"critical|page"']`, `the rule PostgresSlow at rules.yml:9 sets severity to "warning"`},
		"an expression with an end":           {`when: ['alertname="PostgresSlow"', 'severity=~"critical$"']`, `sets severity to "warning"`},
		"a label that a template gives":       {`when: ['alertname="PostgresDown"', 'team="shop"']`, ""},
		"a label that is taken away":          {`when: ['alertname="PostgresDown"', 'env="prod"']`, `sets env to ""`},
		"a label of the series":               {`when: ['alertname="PostgresDown"', 'job="database"']`, ""},
		"a label that an alert lacks":         {"when: ['alertname=\"PostgresDown\"', 'job=\"queue\"']\n    per: [namespace]", "policies/p.yml:4:11: warning: an active alert PostgresDown has no label namespace: it is told and never acted on: have the rule at rules.yml:4 keep"},
		"a label that all have":               {"when: ['alertname=\"PostgresDown\"']\n    per: [job]", ""},
		"a label that another's alert lacks":  {"when: ['alertname=\"PostgresDown\"', 'job=\"other\"']\n    per: [namespace]", ""},
		"a label that is the exporter's":      {"when: ['alertname=\"PostgresDown\"', 'job=\"database\"']\n    per: [namespace]", `has exported_namespace="shop" beside namespace="monitoring", which is the exporter's: scrape with honor_labels: true`},
		"a dependency on an alert":            {"when: ['alertname=\"PostgresDown\"']\n    guards: {depends: [{alert: ['alertname=\"PostgresSlow\"']}]}", ""},
		"a dependency on an alert gone":       {"when: ['alertname=\"PostgresDown\"']\n    guards: {depends: [{alert: ['alertname=\"DiskGone\"']}]}", "policies/p.yml:4:33: warning: no rule raises the alert DiskGone"},
		"a label that is aggregated away":     {"when: ['alertname=\"QueueLong\"']\n    per: [queue, namespace]", "policies/p.yml:4:18: warning: no alert QueueLong has a label namespace: the expression of the rule at rules.yml:25 takes it away: it is told and never acted on: have the expression at rules.yml:25 keep namespace, for example by (namespace), or do without it here"},
		"one that is left":                    {"when: ['alertname=\"QueueLong\"']\n    per: [queue]", ""},
		"one that the rule sets":              {"when: ['alertname=\"QueueLong\"']\n    per: [severity, alertname]", ""},
		"one that a template of it sets":      {"when: ['alertname=\"QueueLong\"']\n    per: [node]", ""},
		"one that is matched":                 {"when: ['alertname=\"QueueLong\"', 'job=\"mq\"']", `policies/p.yml:3:37: warning: no alert satisfies job="mq": the expression of the rule QueueLong at rules.yml:25 leaves no label job: have the expression`},
		"one that must not be there":          {"when: ['alertname=\"QueueLong\"', 'job=\"\"']", ""},
		"one that is in the target":           {"when: ['alertname=\"DiskFull\"']\n    per: [pod]\n    target: owner/shop/$pod", "policies/p.yml:4:11: warning: no alert DiskFull has a label pod: the expression of the rule at rules.yml:30 takes it away: it is told and never acted on: have the expression at rules.yml:30 keep pod, for example by (pod), or do without it here; as far as is known"},
		"any other than what is taken away":   {"when: ['alertname=\"DiskFull\"']\n    per: [namespace]", ""},
		"a rule that is not meant":            {"when: ['alertname=~\"QueueLong|DiskFull\"', 'namespace=\"shop\"']\n    per: [namespace]", ""},
		"one of two rules":                    {"when: ['alertname=~\"QueueLong|DiskFull\"']\n    per: [namespace]", "no alert QueueLong has a label namespace"},
		"what a dependency takes":             {"when: ['alertname=\"PostgresDown\"']\n    per: [job]\n    guards: {depends: [{alert: ['alertname=\"QueueLong\"', 'job=\"$job\"']}]}", `policies/p.yml:5:58: warning: no alert satisfies job="$job": the expression of the rule QueueLong`},
		"what a dependency may take":          {"when: ['alertname=\"PostgresDown\"']\n    per: [job]\n    guards: {depends: [{alert: ['alertname=\"QueueLong\"', 'queue=\"$job\"']}]}", ""},
		"what a dependency has for a value":   {"when: ['alertname=\"PostgresDown\"']\n    per: [job]\n    guards: {depends: [{alert: ['alertname=\"QueueLong\"', 'severity=\"$job\"']}]}", ""},
		"an alert without the name of a rule": {`when: ['alertname!="Watchdog"', 'job="database"']`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l, problems := loadCase(t, "policy-rules", "policies:\n  - name: p\n    "+c.says+"\n    severity: P3\n")
			if l == nil {
				t.Fatal(render(t, problems))
			}
			var said []string
			for _, p := range l.CheckRules(rulesOfCases()) {
				if p.File == "policies/p.yml" {
					said = append(said, p.String())
				}
			}
			if got := strings.Join(said, "\n"); !strings.Contains(got, c.want) || c.want == "" && got != "" {
				t.Errorf("it is said\n%s\nwant %q", got, c.want)
			}
		})
	}
}

// The alert that always fires is one of a rule, too.
func TestCheckRulesOfTheWatchdog(t *testing.T) {
	for alert, want := range map[string]string{
		"Watchdog": "",
		"Watchdg":  `remediated.yml:13:19: warning: no rule raises the alert Watchdg: did you mean "Watchdog"? It is at rules.yml:20`,
	} {
		l, problems := loadCase(t, "config-watchdog", goodConfig+"watchdog: {when: ['alertname=\""+alert+"\"'], within: 5m}\n")
		if l == nil {
			t.Fatal(render(t, problems))
		}
		var got string
		for _, p := range l.CheckRules(rulesOfCases()) {
			if p.File == "remediated.yml" {
				got += p.String()
			}
		}
		if got != want {
			t.Errorf("%s: it is said\n%s\nwant %q", alert, got, want)
		}
	}
}
