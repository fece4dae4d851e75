//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/bed"
	"github.com/x0tta6bl4/remediated/test/scenarios"
)

// A right that is missing stops the act at the API server; people hear which
// one it is. Nothing else is tried in its place.
func TestMissingRightIsNamed(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	kubeconfig := daemonAccount(t, b)
	apply(t, b, strings.Replace(daemonRole, "verbs: [get, patch]", "verbs: [get]", 1))
	t.Cleanup(func() { apply(t, b, daemonRole) })
	awaitRight(t, b, kubeconfig, "no", "patch", "deployments.apps")
	begun := time.Now()
	d := startDaemon(t, b, setup{policies: strings.Replace(postedPolicies, "severity: P1", "severity: P2", 1), kubeconfig: kubeconfig})
	a := newPosted(t, nil)
	fire(t, b, a)
	d.awaitPages(1) // a P2: somebody is called because nothing helped
	story := d.story(1)
	for _, words := range []string{"not allowed", `cannot patch resource "deployments"`, "role"} {
		if !strings.Contains(story, words) {
			t.Errorf("the story does not say %q:\n%s", words, story)
		}
	}
	resolve(t, b, a)
	d.awaitFiled(1)
	d.stop()
	d.checkRefused(begun)
	for _, f := range d.facts() {
		switch b := f.Body.(type) {
		case remediate.Healed:
			t.Error("it was healed, and nothing was done")
		case remediate.Closed:
			if b.Why != "its alerts resolved, and it is well" {
				t.Errorf("it was closed because %s", b.Why)
			}
		}
	}
}

// grants are policies, what the role that is printed for them must allow, and
// what it must not beside the usual.
var grants = []struct {
	name, policies string
	alert          map[string]string // its labels, where they matter
	pods           string            // selects pods, one of which the alert is about
	may            []string
	mayNot         []string
}{
	{
		name: "a deployment by name", policies: postedPolicies,
		may:    []string{"get deployments.apps", "patch deployments.apps", "get namespaces"},
		mayNot: []string{"list deployments.apps", "get pods", "patch statefulsets.apps", "create pods/eviction"},
	}, {
		name: "whatever owns a pod", policies: scenarios.Policies,
		alert: map[string]string{"alertname": "PodRestarts", "namespace": bed.Namespace}, pods: api,
		may: []string{"get pods", "patch deployments.apps", "patch statefulsets.apps"},
	},
}

// The roles that the command line prints for the loaded policies are enough to
// heal by them, inside of the fence that it prints, and allow nothing that they
// do not need.
func TestPrintedRoleIsEnoughAndNotMore(t *testing.T) {
	b := connect(t)
	kubeconfig := daemonAccount(t, b)
	for _, c := range grants {
		t.Run(c.name, func(t *testing.T) {
			quiet(t, b)
			begun := time.Now()
			d := startDaemon(t, b, setup{policies: c.policies, kubeconfig: kubeconfig, keep: true})
			grantPrinted(t, b, filepath.Join(d.dir, "remediated.yml"))
			for _, what := range c.may {
				awaitRight(t, b, kubeconfig, "yes", strings.Fields(what)...)
			}
			for _, what := range append(c.mayNot, never...) {
				awaitRight(t, b, kubeconfig, "no", strings.Fields(what)...)
			}
			d.start()
			a := newPosted(t, c.alert)
			if c.pods != "" {
				a.labels["pod"] = podOf(t, b, c.pods)
			}
			fire(t, b, a)
			d.await("healed/1", 1)
			resolve(t, b, a)
			d.awaitFiled(1)
			d.stop()
			d.checkActs(begun, 1)
			d.checkNothingRefused(begun)
		})
	}
}

// never is what no policy of the tests needs.
var never = []string{
	"delete deployments.apps", "create deployments.apps", "update deployments.apps", "delete pods", "create pods", "create pods/exec",
	"list nodes", "list namespaces", "patch namespaces", "list poddisruptionbudgets.policy",
	"get secrets", "list secrets", "get configmaps", "create serviceaccounts/token", "create rolebindings.rbac.authorization.k8s.io",
	"impersonate users",
}

// grantPrinted gives the daemon's account what remedy prints for a
// configuration, in place of what the other tests give it, and fences it in.
func grantPrinted(t *testing.T, b *bed.Bed, config string, flags ...string) {
	t.Helper()
	of := append([]string{config, "--namespace=" + bed.Namespace, "--service-account=" + account}, flags...)
	printed := remedy(t, append([]string{"policy", "rbac"}, of...)...) + remedy(t, append([]string{"policy", "fence"}, of...)...)
	kubectl := func(stdin string, args ...string) {
		t.Helper()
		if _, err := b.Kubectl(context.Background(), stdin, args...); err != nil {
			t.Fatal(err)
		}
	}
	kubectl(daemonRole, "delete", "--filename=-")
	apply(t, b, printed)
	t.Cleanup(func() {
		kubectl(printed, "delete", "--filename=-")
		apply(t, b, daemonRole)
	})
}

// remedy runs the command line.
func remedy(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"run", "../../cmd/remedy"}, args...)...)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("remedy %s: %v\n%s", strings.Join(args, " "), err, &problems)
	}
	return string(out)
}

// podOf returns one of the pods that a selector picks.
func podOf(t *testing.T, b *bed.Bed, selector string) string {
	t.Helper()
	pods, err := b.Pods(t.Context(), bed.Namespace, selector)
	if err != nil || len(pods) == 0 {
		t.Fatalf("%d pods fit %s (%v)", len(pods), selector, err)
	}
	return pods[0].Name
}

// awaitRight waits until the API server says whether the account may do it.
func awaitRight(t *testing.T, b *bed.Bed, kubeconfig, want string, what ...string) {
	t.Helper()
	eventually(t, 20*time.Second, func() string {
		args := append([]string{"--kubeconfig", kubeconfig, "--namespace", bed.Namespace, "auth", "can-i"}, what...)
		answer, _ := b.Kubectl(t.Context(), "", args...) // it fails when the answer is no
		if got := strings.TrimSpace(answer); got != want {
			return strings.Join(what, " ") + ": " + got + ", want " + want
		}
		return ""
	})
}

func apply(t *testing.T, b *bed.Bed, manifest string) {
	t.Helper()
	if err := b.Apply(context.Background(), manifest); err != nil {
		t.Fatal(err)
	}
}
