package lint_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"

	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/policies/lint"
)

func TestReadRules(t *testing.T) {
	for name, c := range map[string]struct {
		text, want string
		rules      []policies.AlertRule
	}{
		"rules": {
			"groups:\n- name: g\n  rules:\n  - record: x\n    expr: y\n  - alert: A\n    expr: x > 1\n    for: 5m\n    labels: {severity: page}\n  - {alert: B, expr: x}\n",
			"", []policies.AlertRule{{Name: "A", Labels: map[string]string{"severity": "page"}, Source: "r.yml:6", Expr: "x > 1"}, {Name: "B", Source: "r.yml:10", Expr: "x"}},
		},
		"anchors":         {"groups:\n- name: g\n  rules:\n  - {alert: A, expr: x, labels: &l {team: shop}}\n  - {alert: B, expr: x, labels: *l}\n", "", []policies.AlertRule{{Name: "A", Labels: map[string]string{"team": "shop"}, Source: "r.yml:4", Expr: "x"}, {Name: "B", Labels: map[string]string{"team": "shop"}, Source: "r.yml:5", Expr: "x"}}},
		"no rules yet":    {"groups: []\n", "", nil},
		"another file":    {"route: {}\n", "r.yml: error: the file has no groups, so it is no file of rules", nil},
		"no YAML":         {"groups: [\n", "r.yml: error: the file of rules cannot be read: yaml: line", nil},
		"a list of texts": {"groups: [{rules: [x]}]\n", "r.yml: error: the file of rules cannot be read: yaml: unmarshal errors", nil},
		"a nameless rule": {"groups:\n- rules:\n  - {aletr: A, expr: x}\n", "r.yml:3:5: error: a rule has neither alert nor record", nil},
	} {
		rules, problems := lint.ReadRules("r.yml", []byte(c.text))
		var said []string
		for _, p := range problems {
			said = append(said, p.String())
		}
		if got := strings.Join(said, "\n"); !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: it is said %q, want %q", name, got, c.want)
		}
		if !reflect.DeepEqual(rules, c.rules) {
			t.Errorf("%s: read %+v, want %+v", name, rules, c.rules)
		}
	}
}

// The rules of the shipped file are what the shipped policies wait for.
func TestReadShippedRules(t *testing.T) {
	const path = "../../deploy/prometheus/remediated.rules.yml"
	rules, problems := lint.ReadRules(path, []byte(read(t, path)))
	if len(rules) < 5 || len(problems) > 0 {
		t.Errorf("%d rules, problems %v", len(rules), problems)
	}
}

// answer is what Prometheus answers about its rules: one that fires, and one that
// records.
const answer = `{"groups":[{"name":"db","file":"/etc/prometheus/db.yml","interval":5,"limit":0,"rules":[
 {"state":"firing","name":"PostgresDown","query":"pg_up == 0","duration":2,"keepFiringFor":0,"labels":{"severity":"critical"},"annotations":{},
  "alerts":[{"labels":{"alertname":"PostgresDown","job":"database","severity":"critical"},"annotations":{},"state":"firing","activeAt":"2026-11-26T10:00:00Z","value":"0e+00"}],
  "health":"ok","evaluationTime":0.0002,"lastEvaluation":"2026-11-26T10:00:05Z","type":"alerting"},
 {"name":"job:up:sum","query":"sum(up)","health":"ok","evaluationTime":0.0001,"lastEvaluation":"2026-11-26T10:00:05Z","type":"recording"}],
 "evaluationTime":0.0003,"lastEvaluation":"2026-11-26T10:00:05Z"}]}`

func TestLiveRules(t *testing.T) {
	alert := func(more ...string) map[string]string {
		ls := map[string]string{"alertname": "PostgresDown", "job": "database", "severity": "critical"}
		for i := 0; i+1 < len(more); i += 2 {
			ls[more[i]] = more[i+1]
		}
		return ls
	}
	for name, c := range map[string]struct {
		configuration string
		active        []map[string]string
		added         policies.LabelNames
	}{
		"as it is":                     {"global: {scrape_interval: 15s}\n", []map[string]string{alert()}, policies.OnlyLabels()},
		"labels of this Prometheus":    {"global: {external_labels: {cluster: prod, job: other}}\n", []map[string]string{alert("cluster", "prod")}, policies.OnlyLabels("cluster", "job")},
		"replicas are taken for one":   {"alerting: {alert_relabel_configs: [{regex: replica, action: labeldrop}]}\n", []map[string]string{alert()}, policies.OnlyLabels()},
		"nobody knows what it becomes": {"alerting: {alert_relabel_configs: [{target_label: namespace, replacement: shop, action: replace}]}\n", nil, policies.OnlyLabels("namespace")},
		"nor by what is left out":      {"alerting: {alert_relabel_configs: [{target_label: namespace, replacement: shop}]}\n", nil, policies.OnlyLabels("namespace")},
		"for one Alertmanager only":    {"alerting: {alertmanagers: [{alert_relabel_configs: [{target_label: team, replacement: shop}]}]}\n", nil, policies.OnlyLabels("team")},
		"under a name that it tells":   {"alerting: {alert_relabel_configs: [{target_label: 'x_${1}', source_labels: [job]}]}\n", nil, policies.LabelNames{}},
		"under names of its own":       {"alerting: {alert_relabel_configs: [{action: labelmap, regex: 'x_(.+)'}]}\n", nil, policies.LabelNames{}},
	} {
		var rules promv1.RulesResult
		if err := json.Unmarshal([]byte(answer), &rules); err != nil {
			t.Fatal(err)
		}
		got, err := lint.LiveRules(rules, c.configuration)
		want := []policies.AlertRule{{Name: "PostgresDown", Labels: map[string]string{"severity": "critical"}, Active: c.active, Source: "/etc/prometheus/db.yml, group db", Expr: "pg_up == 0", Added: c.added}}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, want)
		}
	}
	if _, err := lint.LiveRules(promv1.RulesResult{}, "{"); err == nil || !strings.Contains(err.Error(), "read Prometheus's configuration") {
		t.Errorf("what is no configuration: %v", err)
	}
}
