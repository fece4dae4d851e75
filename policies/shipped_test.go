package policies

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// TestExampleAndShippedPolicies lays out an installation as the documentation
// describes it: the example configuration beside the shipped policies.
func TestExampleAndShippedPolicies(t *testing.T) {
	files := map[string]string{
		"remediated.yml":      read(t, "../deploy/remediated.example.yml"),
		"teams/shop/web.yaml": strings.ReplaceAll(goodPolicy, "NAME", "web"),
	}
	names, err := fs.Glob(Shipped(), "*.yaml")
	if err != nil || len(names) < 10 {
		t.Fatalf("the shipped files are %v, %v", names, err)
	}
	for _, name := range names {
		b, err := fs.ReadFile(Shipped(), name)
		if err != nil {
			t.Fatal(err)
		}
		files["policies/"+name] = string(b)
	}
	inFolder(t, files)
	c := testCatalogue()
	l, problems := Load("remediated.yml", c)
	if len(problems) > 0 {
		t.Fatalf("the example has problems:\n%s", render(t, problems))
	}
	if !reflect.DeepEqual(l.Config.Runbooks, remediate.DefaultRunbooks()) {
		t.Errorf("the example shows other runbooks than the defaults: %+v", l.Config.Runbooks)
	}
	if got := l.Config.ReplicaLabels; !reflect.DeepEqual(got, remediate.DefaultReplicaLabels()) {
		t.Errorf("the example shows other replica labels than the defaults: %v", got)
	}
	if got := l.Config.Storm; !reflect.DeepEqual(got, defaultStorm()) {
		t.Errorf("the example shows another storm than the default: %+v", got)
	}
	wantShipped(t, l)
}

func wantShipped(t *testing.T, l *Loaded) {
	t.Helper()
	for _, tc := range []struct {
		policy   string
		severity remediate.Severity
		rto      time.Duration
		alert    map[string]string
	}{
		{"pod-restarts", remediate.P2, 30 * time.Second, map[string]string{"alertname": "PodRestarts", "namespace": "x", "pod": "y"}},
		{"postgres-down", remediate.P2, 5 * time.Minute, map[string]string{"alertname": "PostgresDown", "job": "database"}},
		{"disk-space", remediate.P3, 10 * time.Minute, map[string]string{"alertname": "DiskSpaceRunningOut", "instance": "x:9100", "mountpoint": "/y"}},
		{"data-lost", remediate.P1, 2 * time.Hour, map[string]string{"alertname": "DataLost", "database": "x", "table": "y", "good_until": "2026-01-14T10:30:00Z"}},
		{"cluster-lost", remediate.P1, 45 * time.Minute, map[string]string{"alertname": "ClusterLost", "cluster": "prod"}},
		{"cluster-back", remediate.P2, 45 * time.Minute, map[string]string{"alertname": "FailBack", "cluster": "prod"}},
		{"security-breach", remediate.P1, 2 * time.Hour, map[string]string{"alertname": "PostgresCredentialStolen", "role": "x0tta6bl4_api_a"}},
		{"bad-release", remediate.P2, 5 * time.Minute, map[string]string{"alertname": "RolloutStuck", "namespace": "x", "deployment": "y"}},
		{"bad-helm-release", remediate.P2, 30 * time.Minute, map[string]string{"alertname": "RolloutStuck", "namespace": "x0tta6bl4", "deployment": "y", "release": "x0tta6bl4"}},
		{"network-partition", remediate.P2, 30 * time.Minute, map[string]string{"alertname": "NetworkPartition", "job": "mesh", "namespace": "x"}},
		{"redis-down", remediate.P3, time.Minute, map[string]string{"alertname": "RedisDown", "job": "cache"}},
		{"memory-hog", remediate.P3, 10 * time.Minute, map[string]string{"alertname": "PodMemoryNearLimit", "namespace": "x", "pod": "y", "container": "z"}},
		{"redis-full", remediate.P3, time.Minute, map[string]string{"alertname": "RedisMemoryFull", "job": "cache"}},
	} {
		p := l.Rulebook.Policy(tc.policy)
		if p == nil {
			t.Errorf("there is no policy %s", tc.policy)
			continue
		}
		if p.Severity != tc.severity || time.Duration(p.Objective) != tc.rto {
			t.Errorf("%s: %s, objective %s; want %s, %s", tc.policy, p.Severity, p.Objective, tc.severity, tc.rto)
		}
		if p.Mode != remediate.ModeObserve {
			t.Errorf("%s: mode %s; what is shipped acts only when its user says so", tc.policy, p.Mode)
		}
		if got := l.Rulebook.Match(remediate.LabelsOf(tc.alert)); len(got) != 1 || got[0] != p {
			t.Errorf("%s does not match %v", tc.policy, tc.alert)
		}
		wantCareful(t, p)
		delete(tc.alert, "alertname")
		if got := l.Rulebook.Match(remediate.LabelsOf(tc.alert)); len(got) != 0 {
			t.Errorf("%s matches %v, an alert of another name", got[0].Name, tc.alert)
		}
	}
}

// wantCareful holds a shipped policy to what all of them have: bounds on how
// often they act, and evidence before what they end. None names another one,
// since each may be taken by itself.
func wantCareful(t *testing.T, p *remediate.Policy) {
	t.Helper()
	g := p.Guards
	if g.Cooldown == 0 || len(g.Budget) == 0 || g.Flapping.Heals == 0 || g.Attempts == 0 {
		t.Errorf("%s may act as often as it likes: %+v", p.Name, g)
	}
	for _, s := range p.Steps {
		if !s.Evidence {
			t.Errorf("%s: step %q keeps no evidence of what it ends", p.Name, s.Name)
		}
	}
	for _, d := range g.Depends {
		if d.Policy != "" {
			t.Errorf("%s depends on the policy %s, which may not be there", p.Name, d.Policy)
		}
	}
	if owner := strings.HasPrefix(p.Target, "owner/"); owner && (g.Healthy == nil || g.Healthy.Nodes == 0 || !g.Healthy.ControlPlane) {
		t.Errorf("%s restarts workloads anywhere, and does not look whether it is the cluster that is ill", p.Name)
	}
}

// TestExampleRefused shows that the example is held to the same rules: with a
// team's file that reaches into another namespace it does not load.
func TestExampleRefused(t *testing.T) {
	inFolder(t, map[string]string{
		"remediated.yml":      read(t, "../deploy/remediated.example.yml"),
		"teams/shop/web.yaml": strings.ReplaceAll(named("web"), "deployment/shop/", "deployment/bank/"),
	})
	if err := os.CopyFS("policies", Shipped()); err != nil {
		t.Fatal(err)
	}
	l, problems := Load("remediated.yml", testCatalogue())
	if l != nil || len(problems) != 1 || problems[0].File != filepath.Join("teams", "shop", "web.yaml") {
		t.Errorf("loaded: %v, problems:\n%s", l != nil, render(t, problems))
	}
}
