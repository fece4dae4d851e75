// Package prometheus_test has Prometheus's own tool judge the alert rules.
package prometheus_test

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/alertmanager/pkg/labels"
	"go.yaml.in/yaml/v3"

	"github.com/x0tta6bl4/remediated/policies"
)

const (
	rules = "remediated.rules.yml"
	tests = "remediated.rules.test.yml"
)

// promtool runs Prometheus's tool in a folder. Without it nothing is known of
// the rules, and a test that cannot know must not pass.
func promtool(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatal("promtool is missing, without which the alert rules cannot be tested: apt-get install prometheus")
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRules(t *testing.T) {
	if out, err := promtool(t, ".", "check", "rules", "--lint-fatal", rules); err != nil {
		t.Errorf("promtool check rules: %v\n%s", err, out)
	}
	if out, err := promtool(t, ".", "test", "rules", tests); err != nil {
		t.Errorf("promtool test rules: %v\n%s", err, out)
	}
}

// TestSpoiltRules shows that the tests of the rules can fail: each case spoils
// one rule, in a way that somebody once had it.
func TestSpoiltRules(t *testing.T) {
	text := read(t, rules)
	for name, tc := range map[string]struct{ from, to, alert string }{
		"a rate that a crash loop never reaches": {
			between(t, text, "          increase(kube", "        for: 5m"), "          rate(kube_pod_container_status_restarts_total[15m]) > 0.1\n", "PodRestarts",
		},
		"restarts alone, too few in a long crash loop": {
			between(t, text, "            or\n          max without", "        for: 5m"), "", "PodRestarts",
		},
		"the state alone, gone while the container runs": {"[5m])\n          ) == 1", "[15s])\n          ) == 1", "PodRestarts"},
		"only what the exporter says":                    {"            or up{job=\"database\"} == 0\n", "", "PostgresDown"},
		"the other exporters' name is forgotten":         {"            or postgresql_up{job=\"database\"} == 0\n", "", "PostgresDown"},
		"any job's database":                             {`pg_up{job="database"}`, `pg_up`, "PostgresDown"},
		"the moment's failure":                           {"            or up{job=\"database\"} == 0\n        for: 30s", "            or up{job=\"database\"} == 0\n        for: 0s", "PostgresDown"},
		"only what the cache's exporter says":            {"            or up{job=\"cache\"} == 0\n", "", "RedisDown"},
		"any condition of a rollout":                     {"or on (cluster, namespace, deployment)\n          max without (reason) (\n            kube_deployment_status_condition{condition=\"Progressing\", status=\"false\"}", "or on (cluster, namespace, deployment)\n          max without (reason) (\n            kube_deployment_status_condition{status=\"false\"}", "RolloutStuck"},
		"a release that has no name":                     {`annotation_meta_helm_sh_release_name!=""`, `annotation_meta_helm_sh_release_name=""`, "RolloutStuck"},
		"any annotated Deployment":                       {"            max without (reason) (\n              kube_deployment_status_condition{condition=\"Progressing\", status=\"false\"}\n            ) == 1\n          )\n", "            max without (reason) (\n              kube_deployment_status_condition{condition=\"Progressing\", status=\"false\"}\n            )\n          )\n", "RolloutStuck"},
		"once with its release and once without":         {"or on (cluster, namespace, deployment)", "or", "RolloutStuck"},
		"a rollout that is not paused":                   {"expr: kube_deployment_spec_paused == 1", "expr: kube_deployment_spec_paused", "RolloutPaused"},
		"a rollout that is paused for a while":           {"paused == 1\n        for: 1h\n        labels: {severity: P3}\n        annotations:\n          summary: 'The rollout", "paused == 1\n        for: 30m\n        labels: {severity: P3}\n        annotations:\n          summary: 'The rollout", "RolloutPaused"},
		"each reason on its own":                         {"max without (reason) (\n            kube_deployment_status_condition{condition=\"Progressing\"", "(\n            kube_deployment_status_condition{condition=\"Progressing\"", "RolloutStuck"},
		"a cache that makes room by itself":              {"            and on (job, instance) redis_instance_info{maxmemory_policy=\"noeviction\"}\n", "", "RedisMemoryFull"},
		"a share of no limit":                            {`(redis_memory_max_bytes{job="cache"} > 0)`, `redis_memory_max_bytes{job="cache"}`, "RedisMemoryFull"},
		"any job's Redis":                                {`redis_memory_used_bytes{job="cache"} / (redis_memory_max_bytes{job="cache"} > 0)`, "redis_memory_used_bytes / (redis_memory_max_bytes > 0)", "RedisMemoryFull"},
		"memory that is taken all day":                   {"            and predict_linear(pod_container:memory_of_limit:ratio[15m], 900) > 1\n            and predict_linear(pod_container:memory_of_limit:ratio[5m], 900) > 1\n", "", "PodMemoryNearLimit"},
		"memory that grows for a moment":                 {"            and predict_linear(pod_container:memory_of_limit:ratio[15m], 900) > 1\n", "", "PodMemoryNearLimit"},
		"caches that are filled":                         {"            and predict_linear(pod_container:memory_of_limit:ratio[5m], 900) > 1\n", "", "PodMemoryNearLimit"},
		"memory that there is room for":                  {"pod_container:memory_of_limit:ratio > 0.8", "pod_container:memory_of_limit:ratio > 0.5", "PodMemoryNearLimit"},
		"a container that was there before":              {"max by (namespace, pod, container) (container_memory_working_set_bytes)", "container_memory_working_set_bytes", "PodMemoryNearLimit"},
		"any limit":                                      {`kube_pod_container_resource_limits{resource="memory"}`, "kube_pod_container_resource_limits", "PodMemoryNearLimit"},
		"any job's mesh":                                 {`mesh_peer_up{job="mesh"}`, "mesh_peer_up", "NetworkPartition"},
		"a pod that was replaced":                        {"mesh_peer_up{job=\"mesh\"}) == 0\n        for: 1m", "mesh_peer_up{job=\"mesh\"}) == 0\n        for: 0s", "NetworkPartition"},
		"most of them reach each other":                  {"expr: min by (job, namespace)", "expr: max by (job, namespace)", "NetworkPartition"},
		"a single failed connection":                     {"> 0.01", "> 0", "DatabaseConnectionsFailing"},
		"read-only file systems are full by nature":      {"            and node_filesystem_readonly == 0\n", "", "DiskSpaceRunningOut"},
		"those in memory too":                            {`{fstype!~"tmpfs|ramfs|squashfs|iso9660|overlay"}`, "", "DiskSpaceRunningOut"},
		"exactly a tenth is enough":                      {"node_filesystem_size_bytes < 0.1", "node_filesystem_size_bytes <= 0.1", "DiskSpaceRunningOut"},
		"what is not paused":                             {"expr: remediated_paused == 1", "expr: remediated_paused", "RemediationPaused"},
		"a disk that is nearly full":                     {"          remediated_journal_room_bytes < 256 * 1024 * 1024\n            or remediated_journal_room_bytes < 4", "          remediated_journal_room_bytes < 4", "RemediationStorageFilling"},
		"a disk that fills":                              {"            or remediated_journal_room_bytes < 4 * 1024 * 1024 * 1024 and predict_linear(remediated_journal_room_bytes[6h], 24 * 3600) < 0\n", "", "RemediationStorageFilling"},
		"a large disk that fills slowly":                 {"remediated_journal_room_bytes < 4 * 1024 * 1024 * 1024 and predict", "predict", "RemediationStorageFilling"},
		"a release that is not held":                     {"expr: remediated_upgrade_held == 1", "expr: remediated_upgrade_held", "RemediationReleaseHeld"},
		"what is not lost":                               {"expr: remediated_alerts_without_outcome > 0", "expr: remediated_alerts_without_outcome", "RemediationAlertsLost"},
		"webhooks that come again":                       {`{outcome=~"garbage|oversized"}`, `{outcome!="accepted"}`, "RemediationAlertsUnread"},
		"a daemon that is started anew":                  {"{job=\"remediated\"} == 0\n        for: 2m", "{job=\"remediated\"} == 0\n        for: 0s", "RemediationDown"},
		"any job":                                        {"expr: up{job=\"remediated\"} == 0", "expr: up == 0", "RemediationDown"},
		"a replica that follows":                         {"max without (instance, pod) (remediated_leader)", "remediated_leader", "RemediationNobodyLeads"},
		"another installation's leader":                  {"max without (instance, pod) (remediated_leader)", "max(remediated_leader)", "RemediationNobodyLeads"},
		"a moment without a leader":                      {"(remediated_leader) == 0\n        for: 1m", "(remediated_leader) == 0\n        for: 0s", "RemediationNobodyLeads"},
		"what waits a little":                            {"remediated_intake_oldest_waiting_seconds > 30", "remediated_intake_oldest_waiting_seconds > 20", "RemediationFallsBehind"},
		"what waits for a moment":                        {"remediated_intake_oldest_waiting_seconds > 30\n        for: 1m", "remediated_intake_oldest_waiting_seconds > 30\n        for: 0s", "RemediationFallsBehind"},
		"one that is being tried":                        {"remediated_outbound_breaker_open > 0", "remediated_outbound_breaker_open == 1", "RemediationCannotReach"},
		"one that came back":                             {"remediated_outbound_breaker_open > 0\n        for: 5m", "remediated_outbound_breaker_open > 0\n        for: 0s", "RemediationCannotReach"},
		"a remedy that is being tried again":             {"remediated_remedy_breakers_open > 0\n        for: 5m", "remediated_remedy_breakers_open > 0\n        for: 0s", "RemediationRemedyStopped"},
		"a configuration that is mended at once":         {"remediated_config_last_reload_successful == 0\n        for: 5m", "remediated_config_last_reload_successful == 0\n        for: 0s", "RemediationReloadFailed"},
		"a configuration without problems":               {"expr: remediated_config_last_reload_successful == 0", "expr: remediated_config_last_reload_successful", "RemediationReloadFailed"},
		"a dead man's switch that there is none of":      {"(remediated_heartbeat_timestamp_seconds > 0)", "remediated_heartbeat_timestamp_seconds", "RemediationHeartbeatUnheard"},
		"a beat that was missed":                         {"> 0) > 900", "> 0) > 90", "RemediationHeartbeatUnheard"},
		"a pause of half an hour":                        {"remediated_paused == 1\n        for: 1h", "remediated_paused == 1\n        for: 20m", "RemediationPaused"},
		"a backup of any kind will do for the day":       {`{backup="postgres", type="full"}) > 26`, `{backup="postgres"}) > 26`, "BackupStale"},
		"the configuration is forgotten":                 {"            or time() - max by (backup) (backup_last_success_timestamp_seconds{backup=\"config\"}) > 26 * 3600\n", "", "BackupStale"},
		"a repository that is broken is none the wiser":  {"            or min by (backup) (backup_repository_ok) == 0\n", "", "BackupStale"},
		"what was never backed up":                       {"            or absent(backup_last_success_timestamp_seconds{backup=\"postgres\"})\n", "", "BackupStale"},
		"a single failure of the archiver":               {"            and increase(pg_stat_archiver_archived_count[3m]) == 0\n", "", "WALArchiveFailing"},
		"an archiver that hangs":                         {"            or\n          pg_stat_archiver_last_archive_age > 240\n            and", "            and", "WALArchiveFailing"},
		"a database that rests":                          {between(t, text, "            and on (job, instance) sum by", "        for: 1m"), "", "WALArchiveFailing"},
		"a restore that fails":                           {"            or min by (backup) (backup_last_attempt_ok{run=\"restore-check\"}) == 0\n", "", "RestoreUnverified"},
		"a month of any length":                          {"> 35 * 86400", "> 350 * 86400", "RestoreUnverified"},
		"the moment goes on while rows are missing":      {"              unless on (database, table) postgres_table_rows < 0.5 * max_over_time(postgres_table_rows[1d])\n", "", "DataLost"},
		"the moment is forgotten while rows are missing": {between(t, text, "          or\n          max by (database, table) (last", "      # The moment is a label"), "", "DataLost"},
		"a backup from after the moment":                 {"min(postgres_table_last_good_timestamp_seconds) > min(backup_window_start_timestamp_seconds)", "min(postgres_table_last_good_timestamp_seconds)", "postgres_restorable_timestamp_seconds"},
		"a repository that cannot be used":               {"            and on () min(backup_repository_ok) == 1\n", "", "postgres_restorable_timestamp_seconds"},
		"the moment as seconds":                          {between(t, text, `'{{ $value | humanizeT`, "\n        annotations:\n          summary: 'Half"), `'{{ $value }}'`, "DataLost"},
		"half of them is a loss":                         {"unless on (database, table) postgres_table_rows < 0.5", "unless on (database, table) postgres_table_rows <= 0.5", "postgres_table_last_good_timestamp_seconds"},
		"a table that is filled anew":                    {"        for: 90s", "        for: 0s", "DataLost"},
		"counts of a database that rests":                {"(postgres_table_counted_timestamp_seconds) > 600", "(postgres_table_counted_timestamp_seconds) > 6000", "RowsUncounted"},
		"API servers alone":                              {"            and on (cluster) max by (cluster) (probe_success{job=\"cluster\"}) == 0\n", "", "ClusterLost"},
		"each API server on its own":                     {"          max by (cluster) (up{job=\"apiserver\"}) == 0", "          min by (cluster) (up{job=\"apiserver\"}) == 0", "ClusterLost"},
		"we who are cut off":                             {"            and on () max(up{job=\"apiserver\"}) == 1\n", "", "ClusterLost"},
		"what anybody looks at":                          {`probe_success{job="cluster"}`, `probe_success`, "ClusterLost"},
		"an upgrade":                                     {"            and on () max(up{job=\"apiserver\"}) == 1\n        for: 2m", "            and on () max(up{job=\"apiserver\"}) == 1\n        for: 30s", "ClusterLost"},
		"what is lost grows when all is lost":            {"            and on (cluster) max by (cluster) (up{job=\"apiserver\"}) == 1\n", "", "cluster_archive_lag_seconds"},
		"another database's archive":                     {`last_archive_age{job="database"}`, "last_archive_age", "cluster_archive_lag_seconds"},
		"a credential that was changed since":            {"            unless on (role) max by (role) (postgres_foreign_session_timestamp_seconds) <= on (role) max by (role) (postgres_credential_timestamp_seconds)\n", "", "PostgresCredentialStolen"},
		"used at the moment when it was made":            {"<= on (role) max by (role) (postgres_credential", "< on (role) max by (role) (postgres_credential", "PostgresCredentialStolen"},
		"a role that is closed":                          {"            unless on (role) max by (role) (postgres_role_login) == 0\n", "", "PostgresCredentialStolen"},
		"a tenth and a bit of memory":                    {"MemTotal_bytes < 0.1", "MemTotal_bytes < 0.12", "MemoryPressure"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if n := strings.Count(text, tc.from); n != 1 {
				t.Fatalf("%q is %d times in the rules, want once", tc.from, n)
			}
			dir := t.TempDir()
			spoilt := strings.Replace(text, tc.from, tc.to, 1)
			for file, s := range map[string]string{rules: spoilt, tests: testsOf(t, tc.alert)} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(s), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			out, err := promtool(t, dir, "test", "rules", tests)
			// A rule that does not parse fails as well, but names nothing.
			if err == nil || !strings.Contains(out, "alertname: "+tc.alert) && !strings.Contains(out, "expr: \""+tc.alert) {
				t.Errorf("the tests of %s do not notice; promtool: %v\n%s", tc.alert, err, out)
			}
		})
	}
}

// testsOf are the tests of the rules that say what an alert or a record of this name
// is to be. All of them for each spoilt rule would take minutes.
func testsOf(t *testing.T, name string) string {
	t.Helper()
	var file map[string]any
	if err := yaml.Unmarshal([]byte(read(t, tests)), &file); err != nil {
		t.Fatal(err)
	}
	file["tests"] = slices.DeleteFunc(file["tests"].([]any), func(test any) bool {
		says := func(list, key string) bool {
			cases, _ := test.(map[string]any)[list].([]any)
			return slices.ContainsFunc(cases, func(c any) bool {
				return strings.HasPrefix(c.(map[string]any)[key].(string), name)
			})
		}
		return !says("alert_rule_test", "alertname") && !says("promql_expr_test", "expr")
	})
	b, err := yaml.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func between(t *testing.T, text, from, to string) string {
	t.Helper()
	i := strings.Index(text, from)
	j := strings.Index(text[max(i, 0):], to)
	if i < 0 || j < 0 {
		t.Fatalf("the rules have nothing between %q and %q", from, to)
	}
	return text[i : i+j]
}

// rule is what a policy needs to know of an alert.
type rule struct {
	Alert  string            `yaml:"alert"`
	Record string            `yaml:"record"`
	Expr   string            `yaml:"expr"`
	Labels map[string]string `yaml:"labels"`
}

// TestTheBedCountsAlike: what the end-to-end tests and the demo show of lost data and
// of a stolen credential is true of the rules that are shipped, which only wait longer.
func TestTheBedCountsAlike(t *testing.T) {
	for group, least := range map[string]int{"data": 3, "access": 1} {
		shipped, there := inGroup(t, rules, "remediated-"+group), inGroup(t, "../../test/bed/config/rules.yml", "bed-"+group)
		for name, r := range there {
			if want := shipped[name]; r.Expr != want.Expr || !maps.Equal(r.Labels, want.Labels) {
				t.Errorf("%s of the bed is %s with %v, shipped is %s with %v", name, r.Expr, r.Labels, want.Expr, want.Labels)
			}
		}
		if len(there) < least {
			t.Errorf("the bed has only %d of the rules of %s", len(there), group)
		}
	}
}

// inGroup are the rules of a group of a file, by the alert or the metric that each
// makes.
func inGroup(t *testing.T, path, group string) map[string]rule {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string `yaml:"name"`
			Rules []rule `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal([]byte(read(t, path)), &file); err != nil {
		t.Fatal(err)
	}
	made := map[string]rule{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if g.Name == group {
				made[r.Alert+r.Record] = r
			}
		}
	}
	return made
}

// TestRulesFeedThePolicies: an alert that is renamed here and not there, or the
// other way round, would silently remedy nothing.
func TestRulesFeedThePolicies(t *testing.T) {
	var file struct {
		Groups []struct {
			Rules []rule `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal([]byte(read(t, rules)), &file); err != nil {
		t.Fatal(err)
	}
	byAlert := map[string]rule{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			byAlert[r.Alert] = r
		}
	}
	for _, p := range shippedPolicies(t) {
		if p.Name == "cluster-back" {
			continue // people ask for it, by an alert that they raise
		}
		alert := strings.TrimSuffix(strings.TrimPrefix(p.When[0], `alertname="`), `"`)
		r, ok := byAlert[alert]
		if !ok {
			t.Errorf("policy %s waits for %s, which no rule raises", p.Name, alert)
			continue
		}
		for _, m := range p.When[1:] {
			if why := r.feeds(t, m); why != "" {
				t.Errorf("policy %s wants %s, which the rule %s does not %s", p.Name, m, alert, why)
			}
		}
		if r.Labels["severity"] != p.Severity {
			t.Errorf("policy %s is %s, its alert is labelled %q", p.Name, p.Severity, r.Labels["severity"])
		}
	}
}

// feeds says what a rule does not do of what a matcher of its policy wants, ""
// when it does it all. A label that the rule makes itself, or keeps, is held against the
// alerts that the tests of the rules expect.
func (r rule) feeds(t *testing.T, matcher string) string {
	t.Helper()
	m, err := labels.ParseMatcher(matcher)
	if err != nil {
		t.Fatal(err)
	}
	made := expected(t, r.Alert, m.Name)
	if r.Labels[m.Name] == "" {
		if !slices.ContainsFunc(made, m.Matches) && !strings.Contains(r.Expr, matcher) {
			return "select"
		}
		return ""
	}
	for _, value := range made {
		if !m.Matches(value) {
			return "make: it makes " + value
		}
	}
	if len(made) == 0 {
		return "make in any test"
	}
	return ""
}

// expected are the values of a label of an alert, in the tests of the rules.
func expected(t *testing.T, alert, label string) (values []string) {
	t.Helper()
	var file struct {
		Tests []struct {
			Alerts []struct {
				Name     string `yaml:"alertname"`
				Expected []struct {
					Labels map[string]string `yaml:"exp_labels"`
				} `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		} `yaml:"tests"`
	}
	if err := yaml.Unmarshal([]byte(read(t, tests)), &file); err != nil {
		t.Fatal(err)
	}
	for _, test := range file.Tests {
		for _, a := range test.Alerts {
			for _, e := range a.Expected {
				if a.Name == alert {
					values = append(values, e.Labels[label])
				}
			}
		}
	}
	return values
}

type policy struct {
	Name     string   `yaml:"name"`
	When     []string `yaml:"when"`
	Severity string   `yaml:"severity"`
}

func shippedPolicies(t *testing.T) []policy {
	t.Helper()
	names, err := fs.Glob(policies.Shipped(), "*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no shipped policies: %v", err)
	}
	var out []policy
	for _, name := range names {
		if strings.HasSuffix(name, ".test.yaml") || name == "kubernetes-mixin.yaml" { // whose alerts come from elsewhere
			continue
		}
		b, err := fs.ReadFile(policies.Shipped(), name)
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			Policies []policy `yaml:"policies"`
		}
		if err := yaml.Unmarshal(b, &file); err != nil {
			t.Fatal(err)
		}
		out = append(out, file.Policies...)
	}
	return out
}
