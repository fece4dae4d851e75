// Package chart_test has Helm itself judge the chart, and holds what it renders.
// test/e2e installs it.
package chart_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/x0tta6bl4/remediated/test/bed"
)

var update = flag.Bool("update", false, "write what is rendered to the golden files")

// helm runs Helm. What it says is returned when it fails, what it prints otherwise.
func helm(t *testing.T, args ...string) (string, error) {
	t.Helper()
	path, err := bed.BuildHelm(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return out.String() + problems.String(), err
	}
	return out.String(), nil
}

// render renders the chart as the release and in the namespace that the README installs.
func render(t *testing.T, args ...string) string {
	t.Helper()
	out, err := helm(t, append([]string{"template", "remediated", ".", "--namespace=remediated"}, args...)...)
	if err != nil {
		t.Fatalf("helm template %s: %v\n%s", args, err, out)
	}
	return out
}

// What is rendered, by the values. That of the default ones is shipped as plain
// manifests.
var goldens = map[string]string{
	"default":  "../../kubernetes/remediated.yaml",
	"existing": "testdata/existing.yaml",
	"all":      "testdata/all.yaml",
}

func TestGolden(t *testing.T) {
	for name, golden := range goldens {
		t.Run(name, func(t *testing.T) {
			values := "--values=" + filepath.Join("testdata", name+".values.yaml")
			if out, err := helm(t, "lint", ".", "--strict", values); err != nil {
				t.Errorf("helm lint: %v\n%s", err, out)
			}
			got := render(t, values)
			checkRestricted(t, got)
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("what is rendered is not what %s has; see the difference with go test ./deploy/helm/remediated -update and git diff", golden)
			}
		})
	}
}

// checkRestricted wants of each pod what Pod Security "restricted" asks, a root that
// is not written to, and limits. That an API server admits it is seen in test/e2e.
func checkRestricted(t *testing.T, manifests string) {
	t.Helper()
	pods := podsOf(t, manifests)
	if len(pods) == 0 {
		t.Error("there is no pod")
	}
	for name, p := range pods {
		s := p.SecurityContext
		if s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.SeccompProfile == nil || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
			t.Errorf("%s: its security context is %+v", name, s)
		}
		if p.HostNetwork || p.HostPID || p.HostIPC || p.AutomountServiceAccountToken == nil {
			t.Errorf("%s: it is on the host's network or processes, or nothing is said of its token", name)
		}
		for _, c := range p.Containers {
			s := c.SecurityContext
			if s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem ||
				s.Capabilities == nil || len(s.Capabilities.Drop) != 1 || s.Capabilities.Drop[0] != "ALL" || len(s.Capabilities.Add) > 0 {
				t.Errorf("%s: the security context of %s is %+v", name, c.Name, s)
			}
			if c.Resources.Limits.Memory().IsZero() {
				t.Errorf("%s: %s has no limit of memory", name, c.Name)
			}
		}
	}
}

// podsOf are the pods that the manifests make, by what makes them.
func podsOf(t *testing.T, manifests string) map[string]corev1.PodSpec {
	t.Helper()
	pods := map[string]corev1.PodSpec{}
	for _, o := range documents(t, manifests) {
		switch o["kind"] {
		case "Deployment":
			pods["the Deployment"] = into[appsv1.Deployment](t, o).Spec.Template.Spec
		case "CronJob":
			c := into[batchv1.CronJob](t, o)
			pods["the CronJob "+c.Name] = c.Spec.JobTemplate.Spec.Template.Spec
		}
	}
	return pods
}

// documents are the objects of manifests.
func documents(t *testing.T, manifests string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for text := range strings.SplitSeq(manifests, "\n---\n") {
		var o map[string]any
		if err := yaml.Unmarshal([]byte(text), &o); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if o != nil {
			all = append(all, o)
		}
	}
	return all
}

// into has an object in its type; a field that the type does not know is an error.
func into[T any](t *testing.T, o any) T {
	t.Helper()
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	var out T
	if err := yaml.UnmarshalStrict(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// What cannot be right is refused, and it is said what would be.
func TestRefused(t *testing.T) {
	for _, c := range []struct{ set, want string }{
		{"replicas=3", "replicas is 3 and must be 1: the journal is SQLite"},
		{"replicas=0", "minimum: got 0, want 1"},
		{"files.remediated\\.yml=null", "files has no remediated.yml"},
		{"files.\\.\\./up=x", "does not match pattern"},
		{"files./etc/x=x", "does not match pattern"},
		{"image.digest=abc", "'/image/digest': 'abc' does not match pattern"},
		{"image.pullPolicy=Sometimes", "value must be one of 'Always', 'IfNotPresent', 'Never'"},
		{"secrets=", "'/secrets'"},
		{"secrets[0].value=hunter2", "additional properties 'value' not allowed"},
		{"rights.namespace=other,rights.rbac=x", `rights were printed for the namespace "other" and the release is in "remediated"`},
		{"rights.namespace=remediated,rights.serviceAccount=other,rights.fence=x", `rights were printed for the ServiceAccount "other" and the daemon's is "remediated"`},
		{"rights.lease=remediated/remediated", "'/rights/lease'"},
		{"reloadInterval=often", "'/reloadInterval': 'often' does not match pattern"},
		{"externalURL=remediated.example", "'/externalURL'"},
		{"logLevel=loud", "'/logLevel'"},
		{"extraArgs[0]=upgrade.hold", "'/extraArgs/0'"},
		{"persistence.size=much", "'/persistence/size'"},
		{"service.type=ExternalName", "'/service/type'"},
		{"prometheusRule.groups[0]=all", "'/prometheusRule/groups/0'"},
		{"cronJobs[0].name=drill", "missing properties 'schedule', 'args'"},
		{"persistance.size=1Gi", "additional properties 'persistance' not allowed"},
	} {
		t.Run(c.set, func(t *testing.T) {
			out, err := helm(t, "template", "remediated", ".", "--namespace=remediated", "--set="+c.set)
			if err == nil || !strings.Contains(out, c.want) {
				t.Errorf("%v, want %q in\n%s", err, c.want, out)
			}
		})
	}
}

// The rules and the dashboard are those that are shipped beside the chart.
func TestShippedTexts(t *testing.T) {
	manifests := documents(t, render(t, "--set=dashboard.enabled=true,prometheusRule.enabled=true",
		"--set=prometheusRule.groups={remediated,remediated-backup,remediated-data,remediated-clusters,remediated-access}"))
	board, err := os.ReadFile("../../grafana/remediated.json")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := os.ReadFile("../../prometheus/remediated.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	var want any
	if err := yaml.Unmarshal(rules, &want); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, o := range manifests {
		metadata, _ := o["metadata"].(map[string]any)
		switch {
		case o["kind"] == "PrometheusRule":
			seen++
			if got, want := compact(t, o["spec"]), compact(t, want); got != want {
				t.Errorf("the rules are\n%s\nwant\n%s", got, want)
			}
		case metadata["name"] == "remediated-dashboard":
			seen++
			if into[corev1.ConfigMap](t, o).Data["remediated.json"] != string(board) {
				t.Error("the dashboard is not deploy/grafana/remediated.json")
			}
		}
	}
	if seen != 2 {
		t.Errorf("of the rules and the dashboard %d are there", seen)
	}
}

func compact(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
