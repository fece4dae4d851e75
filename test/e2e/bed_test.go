//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/test/bed"
)

func TestBedHasEverySeries(t *testing.T) {
	b := connect(t)
	for _, expr := range []string{
		`pg_up{job="database", namespace="x0tta6bl4"} == 1`,
		`redis_up{job="cache", namespace="x0tta6bl4"} == 1`,
		`count(kube_pod_status_ready{namespace="x0tta6bl4", condition="true"} == 1) >= 5`,
		`count(kube_pod_container_status_restarts_total{namespace="x0tta6bl4"}) >= 5`,
		`count(up{job="api", namespace="x0tta6bl4", pod=~"x0tta6bl4-api-.+"} == 1) == 3`,
		`count(process_resident_memory_bytes{job="api", namespace="x0tta6bl4"} > 1e6) == 3`,
		`count(mesh_peer_up{job="mesh", namespace="x0tta6bl4", pod=~".+", peer=~".+"} == 1) == 6`,
	} {
		eventually(t, 30*time.Second, holds(t, b, expr))
	}
}

func TestHungDatabaseFiresUntilRestarted(t *testing.T) {
	b := connect(t)
	if err := b.Hang(t.Context(), bed.Namespace, database); err != nil {
		t.Fatal(err)
	}
	eventually(t, 2*time.Minute, firing(t, b, true, `job="database"`))
	rolloutRestart(t, b, "x0tta6bl4-db")
	eventually(t, 2*time.Minute, firing(t, b, false, `job="database"`))
}

func TestKilledDatabaseIsRestartedInPlace(t *testing.T) {
	b := connect(t)
	pod := only(t, b, database)
	before, err := b.PID(t.Context(), bed.Namespace, pod)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.KillPod(t.Context(), bed.Namespace, pod); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, func() string {
		now, err := b.PID(t.Context(), bed.Namespace, pod)
		if err != nil || now == before {
			return fmt.Sprintf("pod %s runs process %d (%v)", pod, now, err)
		}
		return ""
	})
}

func TestBrokenPodCrashLoopsUntilReplaced(t *testing.T) {
	for _, w := range []struct{ selector, deployment string }{
		{cache, "x0tta6bl4-redis"},
		{database, "x0tta6bl4-db"},
	} {
		t.Run(w.deployment, func(t *testing.T) {
			b := connect(t)
			pod := only(t, b, w.selector)
			if err := b.BreakPod(t.Context(), bed.Namespace, pod); err != nil {
				t.Fatal(err)
			}
			eventually(t, time.Minute, holds(t, b, `kube_pod_container_status_waiting_reason{reason="CrashLoopBackOff", pod="`+pod+`"}`))
			eventually(t, 30*time.Second, func() string { // its first restart may still be to come
				logs, err := b.Kubectl(t.Context(), "", "logs", "--namespace", bed.Namespace, pod, "--previous")
				if err != nil || !strings.Contains(logs, "cannot start") {
					return fmt.Sprintf("the log of the previous container is %q (%v)", logs, err)
				}
				return ""
			})
			rolloutRestart(t, b, w.deployment)
			if now := only(t, b, w.selector); now == pod {
				t.Errorf("pod %s was not replaced", pod)
			}
		})
	}
}

func TestBrokenPodLeavesItsSiblingsAlone(t *testing.T) {
	b := connect(t)
	pods, err := b.Pods(t.Context(), bed.Namespace, api)
	if err != nil || len(pods) != 3 {
		t.Fatalf("%d pods of the API (%v), want 3", len(pods), err)
	}
	if err := b.BreakPod(t.Context(), bed.Namespace, pods[0].Name); err != nil {
		t.Fatal(err)
	}
	ready := `sum(kube_deployment_status_replicas_ready{deployment="x0tta6bl4-api"}) == `
	eventually(t, 30*time.Second, holds(t, b, ready+"2"))
	if _, err := b.Kubectl(t.Context(), "", "delete", "pod", "--namespace", bed.Namespace, pods[0].Name); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, holds(t, b, ready+"3"))
}

func TestExecRunsInThePod(t *testing.T) {
	b := connect(t)
	out, err := b.Kubectl(t.Context(), "PING\n", "exec", "--stdin", "--namespace", bed.Namespace, only(t, b, cache),
		"--", "sh", "-c", `redis-cli -h "$POD_IP"`)
	if err != nil || strings.TrimSpace(out) != "PONG" {
		t.Fatalf("redis-cli in the pod answered %q, %v", out, err)
	}
}

// An account has exactly the rights that it is given, and what it changes is in
// the audit log.
func TestServiceAccountIsHeldToItsRole(t *testing.T) {
	b := connect(t)
	const account = "restarter"
	err := b.Apply(t.Context(), `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: restarter, namespace: x0tta6bl4}
rules:
  - {apiGroups: [apps], resources: [deployments], resourceNames: [x0tta6bl4-redis], verbs: [get, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: restarter, namespace: x0tta6bl4}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: restarter}
subjects: [{kind: ServiceAccount, name: restarter, namespace: x0tta6bl4}]
`)
	if err != nil {
		t.Fatal(err)
	}
	config, err := b.Kubeconfig(t.Context(), bed.Namespace, account)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	restart := func(deployment string) error {
		_, err := b.Kubectl(t.Context(), "", "--kubeconfig", config, "--namespace", bed.Namespace, "rollout", "restart", "deployment/"+deployment)
		return err
	}
	eventually(t, 10*time.Second, func() string { // the authorizer hears of the Role by a watch
		if err := restart("x0tta6bl4-redis"); err != nil {
			return err.Error()
		}
		return ""
	})
	if err := restart("x0tta6bl4-db"); err == nil || !strings.Contains(err.Error(), "forbidden") {
		t.Errorf("restarting the database: %v, want forbidden", err)
	}
	mutations, err := b.Mutations(bed.Namespace, account, began)
	if err != nil {
		t.Fatal(err)
	}
	granted := 0
	for _, m := range mutations {
		if m.Response.Code == 200 {
			granted++
			if m.Verb != "patch" || m.Object.Name != "x0tta6bl4-redis" || !strings.Contains(string(m.Request), "restartedAt") {
				t.Errorf("unexpected change: %+v", m)
			}
		}
	}
	if granted != 1 {
		t.Errorf("the audit log shows %d changes, want 1", granted)
	}
}

// Two Alertmanagers that do not hear of each other both deliver a group.
func TestPartitionedAlertmanagersBothDeliver(t *testing.T) {
	b := connect(t)
	if _, err := b.StartSecondAlertmanager(t.Context(), bed.GossipCut); err != nil {
		t.Fatal(err)
	}
	if got := senders(t, b, 2, time.Minute); len(got) != 2 {
		t.Fatalf("the group came from %v, want both", got)
	}
}

// Two that do hear of each other deliver it once.
func TestClusteredAlertmanagersDeliverOnce(t *testing.T) {
	b := connect(t)
	if _, err := b.StartSecondAlertmanager(t.Context(), bed.GossipInTime); err != nil {
		t.Fatal(err)
	}
	if got := senders(t, b, 2, 10*time.Second); len(got) != 1 {
		t.Fatalf("the group came from %v, want one sender", got)
	}
}

// senders makes the database hang and collects who notifies of it, until there
// are enough or time is up; then it heals the database.
func senders(t *testing.T, b *bed.Bed, enough int, within time.Duration) map[string]bool {
	t.Helper()
	deliveries := receive(t)
	if err := b.Hang(t.Context(), bed.Namespace, database); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	deadline := time.After(within)
	for len(found) < enough {
		select {
		case d := <-deliveries:
			if strings.Contains(d.GroupKey, `job="database"`) && d.Status == "firing" {
				found[d.ExternalURL] = true
			}
			continue
		case <-deadline:
		}
		break
	}
	rolloutRestart(t, b, "x0tta6bl4-db")
	eventually(t, 2*time.Minute, firing(t, b, false, `job="database"`))
	return found
}

// A killed bed takes everything with it: what it started is in a PID namespace
// that ends with its first process.
func TestKilledBedLeavesNothing(t *testing.T) {
	connect(t) // without a bed around it the inner one would miss its binaries
	program := filepath.Join(t.TempDir(), "bed")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../bed/cmd/bed").CombinedOutput(); err != nil {
		t.Fatalf("build the bed: %v\n%s", err, out)
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(sig.String(), func(t *testing.T) {
			dir, err := os.MkdirTemp("", "remediated-killed-bed-")
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			cmd := exec.CommandContext(t.Context(), program, "up", "--dir="+dir)
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var addresses bed.Addresses
			if err := json.NewDecoder(out).Decode(&addresses); err != nil {
				t.Fatalf("the inner bed printed no addresses: %v", err)
			}
			tree, err := bed.ProcessTree(cmd.Process.Pid)
			if err != nil || len(tree) < 15 {
				t.Fatalf("the inner bed runs processes %v (%v), want the whole bed", tree, err)
			}
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); sig == syscall.SIGTERM && err != nil {
				t.Errorf("a bed that was asked to stop: %v", err)
			}
			eventually(t, 20*time.Second, func() string {
				left := slices.DeleteFunc(slices.Clone(tree), func(pid int) bool { return syscall.Kill(pid, 0) != nil })
				if len(left) > 0 {
					return fmt.Sprintf("processes %v are still there", left)
				}
				return ""
			})
		})
	}
}
