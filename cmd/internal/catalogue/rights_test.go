package catalogue_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/x0tta6bl4/remediated/cmd/internal/catalogue"
	"github.com/x0tta6bl4/remediated/remediate"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata")

// objects act on more than their own target, some of it in another cluster.
var objects = []string{aPolicy("a", "act", "deployment/shop/db", "restart: {}, target: statefulset/queue/jobs}, {restart: {}, target: dr/deployment/shop/db")}

// What is applied: one that is changed, and one that is made.
const (
	maintenance = `{manifest: {apiVersion: v1, kind: Service, metadata: {name: shop}, spec: {selector: {app: maintenance}}}, from: {app: shop}}`
	shut        = `{manifest: {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: shut}, spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}}}`
)

// rights are policies, whose roles and fence are in testdata; those in the
// cluster dr, and with a Lease, where the name says so.
var rights = map[string][]string{
	"applied": {aPolicy("a", "act", "deployment/$namespace/web", "apply: "+maintenance+"}, {unapply: "+maintenance+"}, {apply: "+shut+"}, {unapply: "+shut)},
	"node":    {strings.ReplaceAll(aPolicy("a", "act", "node/$node", "cordon: {}}, {uncordon: {}}, {drain: {}"), "[namespace, pod]", "[node]")},
	"lease":   {aPolicy("a", "act", "deployment/shop/db", "restart: {}")},
	"named":   {aPolicy("a", "act", "deployment/shop/db", "restart: {}")},
	"objects": objects, "objects-dr": objects,
	"observe": {aPolicy("a", "observe", "deployment/shop/db", "restart: {}")},
	"owner":   {aPolicy("a", "act", "owner/$namespace/$pod", "restart: {}")},
	"paused":  {aPolicy("a", "act", "deployment/shop/web", "pause: {}}, {resume: {}")},
	"pods":    {aPolicy("a", "act", "pod/shop/web-${pod}", "evict_pod: {}"), aPolicy("b", "act", "pod/shop/$pod", "delete_pod: {bypass_pdb: true}")},
	"sets": {
		aPolicy("a", "act", "statefulset/shop/db", "restart: {}"), aPolicy("b", "act", "statefulset/shop/cache", "restart: {}"),
		aPolicy("c", "act", "daemonset/$namespace/agent", "restart: {}"),
	},
}

func aPolicy(name, mode, target, do string) string {
	return `
  - name: ` + name + `
    when: ['alertname="` + name + `"']
    per: [namespace, pod]
    severity: P2
    mode: ` + mode + `
    target: ` + target + `
    guards: {cooldown: 1m, budget: [{actions: 1, per: 1h}]}
    steps: [{name: step, do: [{` + do + `}], verify: {all: [{rollout: $target}], for: 1s, within: 1m}}]
`
}

// decoded are the real types of what is printed.
var decoded = map[string]func() any{
	"Lease":                            func() any { return new(coordinationv1.Lease) },
	"Role":                             func() any { return new(rbacv1.Role) },
	"RoleBinding":                      func() any { return new(rbacv1.RoleBinding) },
	"ClusterRole":                      func() any { return new(rbacv1.ClusterRole) },
	"ClusterRoleBinding":               func() any { return new(rbacv1.ClusterRoleBinding) },
	"ValidatingAdmissionPolicy":        func() any { return new(admissionv1.ValidatingAdmissionPolicy) },
	"ValidatingAdmissionPolicyBinding": func() any { return new(admissionv1.ValidatingAdmissionPolicyBinding) },
}

// What is printed is as in testdata, and is what the API server takes.
func TestRights(t *testing.T) {
	for name, written := range rights {
		book := bookOf(t, written)
		daemon := catalogue.Daemon{Namespace: "ops", Account: "remediated"}
		if strings.HasSuffix(name, "-dr") {
			daemon.Cluster = "dr"
		}
		if name == "lease" {
			daemon.Lease = "healer"
		}
		var out bytes.Buffer
		if err := catalogue.WriteRBAC(&out, book, daemon); err != nil {
			t.Fatal(err)
		}
		if err := catalogue.WriteFence(&out, book, daemon); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", name+".yaml")
		if *update {
			if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := out.String(); got != string(want) {
			t.Errorf("%s is not as in %s; rewrite it with -update and read the difference. Got\n%s", name, file, got)
		}
		for text := range strings.SplitSeq(strings.TrimPrefix(out.String(), "---\n"), "---\n") {
			strictly(t, text)
		}
	}
}

func strictly(t *testing.T, text string) {
	t.Helper()
	var meta metav1.TypeMeta
	if err := yaml.Unmarshal([]byte(text), &meta); err != nil {
		t.Fatal(err)
	}
	object, ok := decoded[meta.Kind]
	if !ok {
		t.Fatalf("a %s is printed", meta.Kind)
	}
	if err := yaml.UnmarshalStrict([]byte(text), object()); err != nil {
		t.Errorf("%v in\n%s", err, text)
	}
}

// The fence knows the sorts of requests that the acts send, and none beside
// them; it holds one account, and fails closed.
func TestFenceKnowsWhatIsSent(t *testing.T) {
	for name, want := range map[string][]string{
		"named":   {`"CREATE events.events.k8s.io"`, `"UPDATE deployments.apps"`},
		"observe": nil,
		"owner":   {`"CREATE events.events.k8s.io"`, `"CREATE pods/eviction"`, `"UPDATE daemonsets.apps"`, `"UPDATE deployments.apps"`, `"UPDATE statefulsets.apps"`},
		"pods":    {`"CREATE events.events.k8s.io"`, `"CREATE pods/eviction"`, `"DELETE pods"`},
		"sets":    {`"CREATE events.events.k8s.io"`, `"CREATE pods/eviction"`, `"UPDATE daemonsets.apps"`, `"UPDATE statefulsets.apps"`},
	} {
		var out bytes.Buffer
		if err := catalogue.WriteFence(&out, bookOf(t, rights[name]), catalogue.Daemon{Namespace: "ops", Account: "healer"}); err != nil {
			t.Fatal(err)
		}
		var fence admissionv1.ValidatingAdmissionPolicy
		text, _, _ := strings.Cut(strings.TrimPrefix(out.String(), "---\n"), "---\n")
		if err := yaml.UnmarshalStrict([]byte(text), &fence); err != nil {
			t.Fatal(err)
		}
		s := fence.Spec
		if got := s.Validations[0].Expression; got != "variables.what in ["+strings.Join(want, ", ")+"]" {
			t.Errorf("%s: it knows %s, want %s", name, got, want)
		}
		if len(s.Validations) != len(want)+1 {
			t.Errorf("%s: %d validations for %d sorts", name, len(s.Validations), len(want))
		}
		if *s.FailurePolicy != admissionv1.Fail || !strings.HasSuffix(s.MatchConditions[0].Expression, `== "system:serviceaccount:ops:healer"`) {
			t.Errorf("%s: it fails %s, for %s", name, *s.FailurePolicy, s.MatchConditions[0].Expression)
		}
		if slices.ContainsFunc(s.Validations, func(v admissionv1.Validation) bool { return *v.Reason != metav1.StatusReasonForbidden }) {
			t.Errorf("%s: not all refusals are said to be that", name)
		}
	}
}

func bookOf(t *testing.T, written []string) *remediate.Rulebook {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "p.yaml", "policies:"+strings.Join(written, ""))
	return load(t, dir, "policies: [{files: ['p.yaml']}]").Rulebook
}
