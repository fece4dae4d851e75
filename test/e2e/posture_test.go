//go:build e2e

package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate/posture"
	"github.com/x0tta6bl4/remediated/test/bed"
)

// posturePolicies act on each of the bed's workloads, on one that is not there,
// and on what only an alert says. One counts on a backup that nobody makes.
var posturePolicies = "policies:\n" +
	postureOn("api", "deployment/x0tta6bl4/x0tta6bl4-api", "") +
	postureOn("cache", "deployment/x0tta6bl4/x0tta6bl4-redis", "") +
	postureOn("db", "deployment/x0tta6bl4/x0tta6bl4-db", "guards: {backup: {newest: 'max(backup_that_nobody_makes)', max: 24h}}") +
	postureOn("lost", "deployment/x0tta6bl4/x0tta6bl4-lost", "") +
	postureOn("loop", "owner/$namespace/$pod", "per: [namespace, pod]")

func postureOn(name, target, more string) string {
	return `
- name: ` + name + `
  when: ['alertname="` + name + `"', 'namespace!=""', 'pod!=""']
  severity: P2
  target: ` + target + `
  ` + more + `
  steps: [{name: restart, do: [{restart: {}}], verify: {all: [{rollout: $target}], within: 3m}}]
`
}

// What is wrong with the bed's own workloads is found; what is mended is not
// found any more.
func TestPosture(t *testing.T) {
	b := connect(t)
	config := filepath.Join(startDaemon(t, b, setup{policies: posturePolicies, kubeconfig: b.AdminKubeconfig, keep: true}).dir, "remediated.yml")
	found := postureOf(t, config)
	for target, want := range map[string][]string{
		"bed/deployment/x0tta6bl4/x0tta6bl4-api":   {posture.Spread, posture.Requests},
		"bed/deployment/x0tta6bl4/x0tta6bl4-redis": {posture.Replicas, posture.Liveness, posture.Requests, posture.Memory},
		"bed/deployment/x0tta6bl4/x0tta6bl4-db":    {posture.Replicas, posture.Liveness, posture.Requests, posture.Memory, posture.Backup},
		"bed/deployment/x0tta6bl4/x0tta6bl4-lost":  {posture.Looking},
		"bed/owner/$namespace/$pod":                {posture.Looking},
	} {
		if got := checksOf(found, target); !slices.Equal(got, want) {
			t.Errorf("of %s is found %q, want %q", target, got, want)
		}
	}
	i := slices.IndexFunc(found, func(f posture.Finding) bool { return f.Check == posture.Spread })
	if !strings.Contains(found[i].Message, "all 3 of its pods are on the node ") {
		t.Errorf("where its pods are: %+v", found[i])
	}

	const api = "x0tta6bl4-api"
	kubectl(t, b, "set", "resources", "deployment/"+api, "--requests=cpu=1m,memory=8Mi", "--limits=memory=256Mi")
	t.Cleanup(func() {
		kubectl(t, b, "rollout", "undo", "deployment/"+api)
		kubectl(t, b, "rollout", "status", "deployment/"+api, "--timeout=60s")
	})
	kubectl(t, b, "rollout", "status", "deployment/"+api, "--timeout=60s")
	if got := checksOf(postureOf(t, config), "bed/deployment/x0tta6bl4/x0tta6bl4-api"); !slices.Equal(got, []string{posture.Spread}) {
		t.Errorf("with requests and a limit, %q is found", got)
	}

	patch := func(least string) {
		t.Helper()
		kubectl(t, b, "patch", "poddisruptionbudget", api, "--type=merge", "--patch", `{"spec":{"minAvailable":`+least+`}}`)
	}
	t.Cleanup(func() { patch("2") })
	for _, c := range []struct {
		least string
		want  []string
	}{{"3", []string{posture.Evictions, posture.Spread}}, {"2", []string{posture.Spread}}} {
		patch(c.least)
		eventually(t, 30*time.Second, func() string { // its controller counts a moment later
			if got := checksOf(postureOf(t, config), "bed/deployment/x0tta6bl4/x0tta6bl4-api"); !slices.Equal(got, c.want) {
				return "with " + c.least + " that must be available is found " + strings.Join(got, ", ")
			}
			return ""
		})
	}
}

// viewerRole gives the account viewer what the page says is enough.
const viewerRole = `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: viewer, namespace: x0tta6bl4}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: viewer, namespace: x0tta6bl4}]
`

// An account without rights is told which one it lacks; with some of them, what
// can be read is judged.
func TestPostureNamesTheMissingRight(t *testing.T) {
	b := connect(t)
	some := daemonAccount(t, b)
	awaitRight(t, b, some, "yes", "get", "deployments.apps")
	var who [2]string
	for i, name := range []string{"nobody", "viewer"} {
		var err error
		if who[i], err = b.Kubeconfig(t.Context(), bed.Namespace, name); err != nil {
			t.Fatal(err)
		}
	}
	apply(t, b, viewerRole)
	awaitRight(t, b, who[1], "yes", "list", "poddisruptionbudgets.policy")
	config := filepath.Join(startDaemon(t, b, setup{policies: posturePolicies, kubeconfig: some, keep: true}).dir, "remediated.yml")
	for _, c := range []struct {
		args   []string
		says   string // "": no right is missing
		judged bool
	}{
		{nil, `cannot list resource "poddisruptionbudgets" in API group "policy"`, true},
		{[]string{"--kubeconfig", who[0]}, `cannot get resource "deployments" in API group "apps"`, false},
		{[]string{"--kubeconfig", who[1]}, "", true},
	} {
		found := postureOf(t, config, c.args...)
		missing := func(f posture.Finding) bool {
			return strings.Contains(f.Message, cmp.Or(c.says, "cannot")) && f.Severity == posture.Error
		}
		if got := slices.ContainsFunc(found, missing); got != (c.says != "") {
			t.Errorf("%q: that it says %q is %t: %+v", c.args, c.says, got, found)
		}
		if judged := slices.ContainsFunc(found, func(f posture.Finding) bool { return f.Check == posture.Replicas }); judged != c.judged {
			t.Errorf("%q: that replicas were judged is %t", c.args, judged)
		}
	}
}

// postureOf runs the command, which must find something.
func postureOf(t *testing.T, config string, args ...string) (found []posture.Finding) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"run", "../../cmd/remedy", "-o", "json", "check", "posture", config}, args...)...)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		t.Fatalf("remedy check posture: %v, exit code %d\n%s%s", err, code, out, &problems)
	}
	if err := json.Unmarshal(out, &found); err != nil {
		t.Fatalf("%v\n%s%s", err, out, &problems)
	}
	return found
}

// kubectl is called in the bed's namespace, also when the test is over.
func kubectl(t *testing.T, b *bed.Bed, args ...string) {
	t.Helper()
	if _, err := b.Kubectl(context.Background(), "", append(args, "--namespace", bed.Namespace)...); err != nil {
		t.Error(err)
	}
}

// checksOf are the checks that found something of a target.
func checksOf(found []posture.Finding, target string) (checks []string) {
	for _, f := range found {
		if f.Target == target {
			checks = append(checks, f.Check)
		}
	}
	return checks
}
