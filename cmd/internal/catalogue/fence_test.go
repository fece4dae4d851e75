package catalogue_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/x0tta6bl4/remediated/cmd/internal/catalogue"
	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/action"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden, and the reference and the schemas in docs")

// What is printed for the shipped policies, as they are and once they may act,
// and for the demo's.
func TestPrintedRights(t *testing.T) {
	acting := func(text string) string { // those that have a target, and so steps
		return strings.ReplaceAll(text, "mode: observe\n    target:", "mode: act\n    target:")
	}
	for name, c := range map[string]struct {
		files  string
		change func(string) string
	}{
		"shipped":      {"../../../policies/shipped/*.yaml", strings.Clone},
		"shipped-acts": {"../../../policies/shipped/*.yaml", acting},
		"demo":         {"../../../test/demo/policies.yaml", strings.Clone},
	} {
		t.Run(name, func(t *testing.T) {
			book := loadChanged(t, c.files, c.change).Rulebook
			var roles, fence bytes.Buffer
			if err := catalogue.WriteRBAC(&roles, book, "ops", "healer"); err != nil {
				t.Fatal(err)
			}
			if err := catalogue.WriteFence(&fence, book, "ops", "healer"); err != nil {
				t.Fatal(err)
			}
			compare(t, name+".roles", roles.Bytes())
			compare(t, name+".fence", fence.Bytes())
			for _, printed := range []string{roles.String(), fence.String()} {
				decode(t, printed)
			}
			if has, want := strings.Contains(roles.String(), "remediated-act"), name != "shipped"; has != want {
				t.Errorf("it has a role to act: %v, want %v", has, want)
			}
		})
	}
}

// A fence that says nothing of an action would refuse it everywhere.
func TestEveryActionHasAFence(t *testing.T) {
	for _, k := range action.Kinds() {
		for _, target := range k.Targets {
			if k.Fence == nil {
				t.Fatalf("%s has no fence", k.Name)
			}
			scope := action.Scope{Kind: target, Namespace: "shop", Name: "db"}
			writes := k.Fence(scope, json.RawMessage(`{}`))
			if len(writes) < 2 {
				t.Errorf("%s of a %s writes %q, want its Event and what it does", k.Name, target, writes)
			}
			for _, w := range writes {
				if !strings.Contains(w, "variables.write == '") || !strings.Contains(w, "variables.where == 'shop'") {
					t.Errorf("%s of a %s: its write is held to no object: %s", k.Name, target, w)
				}
			}
		}
	}
}

// A namespace that an alert names may not be one of the cluster's own.
func TestFenceOfALabel(t *testing.T) {
	p := strings.NewReplacer("MODE", "act", "deployment/shop/db", "owner/$namespace/$pod", "per: [namespace]", "per: [namespace, pod]")
	dir := t.TempDir()
	write(t, dir, "p.yaml", p.Replace(policy))
	var out bytes.Buffer
	if err := catalogue.WriteFence(&out, load(t, dir, "policies: [{files: ['p.yaml']}]").Rulebook, "ops", "healer"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"!(variables.where in ['kube-node-lease', 'kube-public', 'kube-system'])", "apps/v1/daemonsets", "apps/v1/statefulsets"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the fence lacks %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "variables.name == '") {
		t.Errorf("the name of a pod is taken for its owner's:\n%s", out.String())
	}
}

// Who only observes may write nothing at all.
func TestFenceOfAnObserver(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "p.yaml", strings.ReplaceAll(policy, "MODE", string(remediate.ModeObserve)))
	var out bytes.Buffer
	if err := catalogue.WriteFence(&out, load(t, dir, "policies: [{files: ['p.yaml']}]").Rulebook, "ops", "healer"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `expression: "false"`) {
		t.Errorf("it may write:\n%s", out.String())
	}
}

// loadChanged loads policy files whose text was changed.
func loadChanged(t *testing.T, pattern string, change func(string) string) *policies.Loaded {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files (%v)", pattern, len(files), err)
	}
	dir := t.TempDir()
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, filepath.Base(file), change(string(b)))
	}
	return load(t, dir, "policies: [{files: ['*.yaml']}]")
}

// decode reads each object strictly as what it says that it is.
func decode(t *testing.T, printed string) {
	t.Helper()
	kinds := map[string]any{
		"Role": &rbacv1.Role{}, "RoleBinding": &rbacv1.RoleBinding{}, "ClusterRole": &rbacv1.ClusterRole{}, "ClusterRoleBinding": &rbacv1.ClusterRoleBinding{},
		"ValidatingAdmissionPolicy": &admissionv1.ValidatingAdmissionPolicy{}, "ValidatingAdmissionPolicyBinding": &admissionv1.ValidatingAdmissionPolicyBinding{},
	}
	objects := slices.Collect(strings.SplitSeq(printed, "---\n"))[1:]
	if len(objects) < 2 || len(objects)%2 != 0 {
		t.Errorf("%d objects, want each with its binding", len(objects))
	}
	for _, text := range objects {
		var is struct{ Kind string }
		if err := yaml.Unmarshal([]byte(text), &is); err != nil || kinds[is.Kind] == nil {
			t.Fatalf("kind %q (%v) of\n%s", is.Kind, err, text)
		}
		if err := yaml.UnmarshalStrict([]byte(text), kinds[is.Kind]); err != nil {
			t.Errorf("%v in\n%s", err, text)
		}
	}
}

// compare holds what was printed to a golden file.
func compare(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s (-update) differs; got\n%s", file, got)
	}
}
