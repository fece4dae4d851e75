package catalogue_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/x0tta6bl4/remediated/cmd/internal/catalogue"
	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/action"
	"github.com/x0tta6bl4/remediated/remediate/probe"
)

// The shipped policies, and the example configuration's, are held to the kinds
// that there really are.
func TestShippedPoliciesLoad(t *testing.T) {
	dir := t.TempDir()
	var files []string
	err := fs.WalkDir(policies.Shipped(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(policies.Shipped(), path)
		files = append(files, path)
		return errOr(err, os.WriteFile(filepath.Join(dir, filepath.Base(path)), b, 0o600))
	})
	if err != nil || len(files) < 3 {
		t.Fatalf("shipped policies: %v, %v", files, err)
	}
	loaded := load(t, dir, "people: [{name: anna, slack: U1, roles: [approver]}, {name: ben, slack: U2, roles: [approver]}]\npolicies: [{files: ['*.yaml']}]")
	if len(loaded.Rulebook.Policies) < 3 {
		t.Errorf("%d policies", len(loaded.Rulebook.Policies))
	}
}

// A policy that only observes needs no right to change anything.
func TestRBACIsTheSmallest(t *testing.T) {
	for _, mode := range []string{"observe", "act"} {
		dir := t.TempDir()
		write(t, dir, "p.yaml", strings.ReplaceAll(policy, "MODE", mode))
		var out bytes.Buffer
		if err := catalogue.WriteRBAC(&out, load(t, dir, "policies: [{files: ['p.yaml']}]").Rulebook, catalogue.Daemon{Namespace: "ops", Account: "remediated"}); err != nil {
			t.Fatal(err)
		}
		got := out.String()
		for _, want := range []string{"kind: Role\n", "namespace: shop", "kind: RoleBinding", "namespace: ops"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: the role lacks %q:\n%s", mode, want, got)
			}
		}
		for _, never := range []string{"ClusterRole", "'*'", "secrets", "exec"} {
			if strings.Contains(got, never) {
				t.Errorf("%s: the role has %q:\n%s", mode, never, got)
			}
		}
		for _, only := range []string{"patch", "remediated-act"} {
			if has := strings.Contains(got, only); has != (mode == "act") {
				t.Errorf("%s: has %s: %v\n%s", mode, only, has, got)
			}
		}
	}
}

// A namespace that is taken from a label may be any.
func TestRBACOfALabelIsAClusterRole(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "p.yaml", strings.NewReplacer("MODE", "act", "deployment/shop/db", "deployment/$namespace/db").Replace(policy))
	var out bytes.Buffer
	if err := catalogue.WriteRBAC(&out, load(t, dir, "policies: [{files: ['p.yaml']}]").Rulebook, catalogue.Daemon{Namespace: "ops", Account: "remediated"}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "kind: ClusterRole\n") {
		t.Errorf("no ClusterRole:\n%s", out.String())
	}
}

// What a policy says it looks at is what it may look at.
func TestRBACFollowsThePolicy(t *testing.T) {
	const (
		budgets    = "poddisruptionbudgets"
		nodes      = "nodes"
		readyz     = "/readyz"
		logs       = "pods/log"
		events     = "- events.k8s.io" // of what was done, which every act needs
		namespaces = "namespaces"
		eviction   = "pods/eviction"
	)
	all := []string{budgets, nodes, readyz, logs, events, namespaces, eviction, "kind: ClusterRole\n"}
	for _, tc := range []struct {
		name   string
		change func(*remediate.Policy)
		want   []string // of all
	}{
		{"nothing special", func(*remediate.Policy) {}, []string{events, namespaces}},
		{"a floor of replicas", func(p *remediate.Policy) { p.Guards.Healthy = &remediate.Healthy{Available: 1, Ready: 0.5} }, []string{events, namespaces}},
		{"headroom", func(p *remediate.Policy) { p.Guards.Healthy = &remediate.Healthy{Headroom: true} }, []string{events, namespaces, budgets}},
		{"nodes", func(p *remediate.Policy) { p.Guards.Healthy = &remediate.Healthy{Nodes: 0.7} }, []string{events, namespaces, nodes, "kind: ClusterRole\n"}},
		{"control plane", func(p *remediate.Policy) { p.Guards.Healthy = &remediate.Healthy{ControlPlane: true} }, []string{events, namespaces, readyz, "kind: ClusterRole\n"}},
		{"probes of the cluster", func(p *remediate.Policy) {
			p.Steps[0].Verify.All = []remediate.Check{{Kind: "node", Args: json.RawMessage(`{"name":"worker-1"}`)}, {Kind: "control_plane"}}
		}, []string{events, namespaces, nodes, readyz, "kind: ClusterRole\n"}},
		{"evidence", func(p *remediate.Policy) { p.Steps[0].Evidence = true }, []string{events, namespaces, logs}},
		{"evidence where nothing is ever done", func(p *remediate.Policy) { p.Steps[0].Evidence, p.Mode = true, remediate.ModeObserve }, []string{namespaces}},
		{"floors where nothing is ever done", func(p *remediate.Policy) {
			p.Mode, p.Guards.Healthy = remediate.ModeObserve, &remediate.Healthy{Headroom: true, Nodes: 1, ControlPlane: true}
		}, []string{namespaces, budgets, nodes, readyz, "kind: ClusterRole\n"}},
		{"taking back", func(p *remediate.Policy) {
			p.Target, p.Steps[0].Do, p.Steps[0].Undo = "pod/shop/db-0", nil, []remediate.Do{{Kind: "evict_pod"}}
		}, []string{events, namespaces, eviction}},
		{"no target", func(p *remediate.Policy) { p.Target = "" }, nil},
	} {
		got := printed(t, tc.change)
		for _, what := range all {
			if has, want := strings.Contains(got, what), slices.Contains(tc.want, what); has != want {
				t.Errorf("%s: has %q: %v, want %v\n%s", tc.name, what, has, want, got)
			}
		}
	}
}

// What belongs to no namespace is in a role of its own, and takes nothing of
// the target's along.
func TestRBACOfTheClusterIsApart(t *testing.T) {
	got := printed(t, func(p *remediate.Policy) {
		p.Guards.Healthy = &remediate.Healthy{Nodes: 0.7, ControlPlane: true}
	})
	var objects []rbacv1.ClusterRole // a Role has the same fields
	for text := range strings.SplitSeq(strings.TrimPrefix(got, "---\n"), "---\n") {
		var o rbacv1.ClusterRole
		if err := yaml.Unmarshal([]byte(text), &o); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, o)
	}
	var kinds []string
	for _, o := range objects {
		kinds = append(kinds, o.Kind+" "+o.Name)
	}
	if !slices.Equal(kinds, []string{
		"ClusterRole remediated-ask", "ClusterRoleBinding remediated-ask", "Role remediated-ask", "RoleBinding remediated-ask", "Role remediated-act", "RoleBinding remediated-act",
	}) {
		t.Fatalf("got %q\n%s", kinds, got)
	}
	want := []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"nodes"}, Verbs: []string{"list"}},
		{NonResourceURLs: []string{"/readyz"}, Verbs: []string{"get"}},
	}
	if !reflect.DeepEqual(objects[0].Rules, want) {
		t.Errorf("the cluster's: %+v, want %+v", objects[0].Rules, want)
	}
	for _, r := range append(objects[2].Rules, objects[4].Rules...) {
		if len(r.NonResourceURLs) > 0 || slices.Contains(r.Resources, "nodes") {
			t.Errorf("a Role cannot give %+v", r)
		}
	}
}

// What a probe names is all that may be read of its kind.
func TestRBACOfAProbeNamesItsObject(t *testing.T) {
	got := printed(t, func(p *remediate.Policy) {
		p.Steps[0].Verify.All = []remediate.Check{
			{Kind: "pvc", Args: json.RawMessage(`{"name":"data-db-0"}`)},
			{Kind: "backup", Args: json.RawMessage(`{"max_age":"25h","cron_job":"db-backup"}`)},
			{Kind: "node", Args: json.RawMessage(`{"name":"worker-1"}`)},
		}
	})
	for _, want := range []string{
		"  resourceNames:\n  - data-db-0\n  resources:\n  - persistentvolumeclaims\n  verbs:\n  - get\n",
		"  - batch\n  resourceNames:\n  - db-backup\n  resources:\n  - cronjobs\n  verbs:\n  - get\n",
		"  resourceNames:\n  - worker-1\n  resources:\n  - nodes\n  verbs:\n  - get\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the roles lack\n%s:\n%s", want, got)
		}
	}
	if strings.Count(got, "- nodes\n") != 1 || strings.Index(got, "- nodes\n") > strings.Index(got, "kind: Role\n") {
		t.Errorf("nodes are read by more than a ClusterRole:\n%s", got)
	}
}

// What is done elsewhere needs its rights there, and none of them at the target.
func TestRBACElsewhere(t *testing.T) {
	got := printed(t, func(p *remediate.Policy) {
		p.Steps[0].Do = []remediate.Do{{Kind: "job", Args: []byte(`{"from":"cronjob/ops/free"}`)}}
	})
	there := map[string][]rbacv1.PolicyRule{}
	for text := range strings.SplitSeq(strings.TrimPrefix(got, "---\n"), "---\n") {
		var o rbacv1.Role
		if err := yaml.Unmarshal([]byte(text), &o); err != nil {
			t.Fatal(err)
		}
		if o.Kind == "Role" && o.Name == "remediated-act" {
			there[o.Namespace] = o.Rules
		}
	}
	want := map[string][]rbacv1.PolicyRule{
		"ops": {
			{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list"}},
			{APIGroups: []string{""}, Resources: []string{"pods/log"}, Verbs: []string{"get"}},
			{APIGroups: []string{"batch"}, Resources: []string{"cronjobs"}, ResourceNames: []string{"free"}, Verbs: []string{"get"}},
			{APIGroups: []string{"batch"}, Resources: []string{"jobs"}, Verbs: []string{"create", "get"}},
		},
		"shop": {
			{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: []string{"get"}},
			{APIGroups: []string{"events.k8s.io"}, Resources: []string{"events"}, Verbs: []string{"create"}},
		},
	}
	if !reflect.DeepEqual(there, want) {
		t.Errorf("got %+v\nwant %+v", there, want)
	}
}

// The page for those who write policies shows every kind with its words.
func TestThePageShowsEveryKind(t *testing.T) {
	b, err := os.ReadFile("../../../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	c := catalogue.New()
	shown := 0
	show := func(known []string, name, example, doc string) {
		row := "| `" + example + "` | " + doc + " |\n"
		switch is := strings.Contains(string(b), row); {
		case slices.Contains(known, name) && !is:
			t.Errorf("docs/policies.md lacks the row\n%s", row)
		case is && !slices.Contains(known, name):
			t.Errorf("docs/policies.md shows %s, which is of no use in a policy", name)
		}
		shown++
	}
	for _, k := range action.Kinds() {
		show(c.Actions, k.Name, k.Example, k.Doc)
	}
	for _, k := range probe.Kinds() {
		show(c.Probes, k.Name, k.Example, k.Doc)
	}
	if shown < len(c.Actions)+len(c.Probes) || shown < 8 {
		t.Errorf("only %d kinds were looked for", shown)
	}
}

// What the page shows of probes can be asked.
func TestTheProbesOfThePageAreValid(t *testing.T) {
	b, err := os.ReadFile("../../../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	c, shown := catalogue.New(), 0
	for _, block := range regexp.MustCompile("(?s)```yaml\n(- .*?)```").FindAllStringSubmatch(string(b), -1) {
		var items []map[string]json.RawMessage
		if err := yaml.Unmarshal([]byte(block[1]), &items); err != nil {
			t.Fatal(err)
		}
		for _, item := range items {
			for kind, args := range item {
				if err := c.Probe(kind, args); err != nil {
					t.Errorf("%s %s: %v", kind, args, err)
				}
				shown++
			}
		}
	}
	if shown < 4 {
		t.Errorf("only %d probes are shown", shown)
	}
}

// The policies that the page shows are loaded as they stand there, and what stands in
// one for what the next act counts on is asked.
func TestThePoliciesOfThePageAreValid(t *testing.T) {
	b, err := os.ReadFile("../../../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)```yaml\n(policies:.*?)```").FindAllStringSubmatch(string(b), -1)
	if len(shown) < 2 {
		t.Fatalf("only %d policy files are shown", len(shown))
	}
	asked := 0
	for _, block := range shown {
		dir := t.TempDir()
		write(t, dir, "p.yaml", block[1])
		for _, p := range load(t, dir, "people: [{name: anna, roles: [approver]}]\npolicies: [{files: ['p.yaml']}]").Rulebook.Policies {
			for _, s := range p.Steps {
				for _, act := range s.Do {
					if act.Verify != nil {
						asked += len(act.Verify.All)
					}
				}
			}
		}
	}
	if asked < 2 {
		t.Errorf("only %d looks stand between two acts", asked)
	}
}

// Before a process ends, what there is to be seen of it is kept, unless the
// policy says otherwise.
func TestEvidenceOfWhatThereIs(t *testing.T) {
	for evidence, want := range map[string]bool{"": true, "evidence: false": false} {
		dir := t.TempDir()
		write(t, dir, "p.yaml", strings.NewReplacer("MODE", "act", "do: [", evidence+"\n        do: [").Replace(policy))
		book := load(t, dir, "policies: [{files: ['p.yaml']}]").Rulebook
		if got := book.Policies[0].Steps[0].Evidence; got != want {
			t.Errorf("%q: evidence is kept: %v, want %v", evidence, got, want)
		}
	}
	c := catalogue.New()
	leave := []string{"apply", "cordon", "dns_update", "isolate", "lift_isolation", "pause", "resume", "silence", "unapply", "uncordon", "unsilence"} // the processes as they are
	for _, kind := range c.Actions {
		if c.Destructive(kind) == slices.Contains(leave, kind) {
			t.Errorf("%s is said to be destructive: %v", kind, c.Destructive(kind))
		}
	}
	if c.Destructive("reboot") {
		t.Error("an action that there is not is said to be destructive")
	}
}

// printed is what is printed for one policy that acts, once it was changed.
func printed(t *testing.T, change func(*remediate.Policy)) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "p.yaml", strings.ReplaceAll(policy, "MODE", "act"))
	book := load(t, dir, "policies: [{files: ['p.yaml']}]").Rulebook
	book.Policies[0].Steps[0].Evidence = false // true without a word, since restarting ends processes
	change(&book.Policies[0])
	var out bytes.Buffer
	if err := catalogue.WriteRBAC(&out, book, catalogue.Daemon{Namespace: "ops", Account: "remediated"}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// No check of a verification is one of the decider's own questions.
func TestWhatIsNoCheck(t *testing.T) {
	for _, kind := range []string{"alert", "alerts", "workload", "cluster", "evidence"} {
		if slices.Contains(catalogue.New().Probes, kind) {
			t.Errorf("a policy may verify by %s", kind)
		}
	}
	if !slices.Contains(catalogue.New().Probes, "rollout") {
		t.Error("a policy may not verify by rollout")
	}
}

const policy = `
policies:
  - name: db
    when: ['alertname="Down"']
    per: [namespace]
    severity: P2
    mode: MODE
    target: deployment/shop/db
    guards: {budget: [{actions: 1, per: 1h}]}
    steps:
      - name: restart
        do: [{restart: {}}]
        verify: {all: [{rollout: $target}], for: 1s, within: 1m}
`

const config = `
cluster: prod
alertmanagers: [{url: 'http://localhost:9093'}]
prometheus: {url: 'http://localhost:9090'}
clusters: [{name: prod}, {name: dr}]
name_servers: [{name: primary, address: ns1.ops.example, key: {name: remediated, secret_file: k}, zones: [shop.example]}]
notify: {pagerduty: {routing_keys: {oncall: {file: k}, manager: {file: k}, director: {file: k}}}}
`

func load(t *testing.T, dir, groups string) *policies.Loaded {
	t.Helper()
	path := write(t, dir, "remediated.yml", config+groups+"\n")
	write(t, dir, "k", strings.Repeat("0", 32))
	loaded, problems := policies.Load(path, catalogue.New())
	for _, p := range problems {
		t.Errorf("%s", p)
	}
	if loaded == nil {
		t.FailNow()
	}
	return loaded
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func errOr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
