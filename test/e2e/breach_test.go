//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/scenarios"
	"github.com/x0tta6bl4/remediated/test/vault"
)

// Somebody uses the password of the tellers. A person says no; it is rotated; nobody
// uses the new one, and the stolen role stays open; and the release was tampered with
// as well.
func TestBreach(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	bank, err := scenarios.OpenBank(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := bank.Close(); err != nil {
			t.Error(err)
		}
	})
	usual := setup{policies: scenarios.SecurityBreachPolicies, kubeconfig: daemonAccount(t, b), people: anna, keep: true}
	grantPrinted(t, b, filepath.Join(startDaemon(t, b, usual).dir, "remediated.yml"))
	for _, c := range []struct {
		name string
		tell func(*breach)
	}{
		{"a person says no", (*breach).isDenied},
		{"it is rotated", (*breach).isRotated},
		{"nobody uses the new password", (*breach).isNotUsed},
		{"the release was tampered with", (*breach).isTamperedWith},
	} {
		t.Run(c.name, func(t *testing.T) {
			quiet(t, b)
			usual.keep = false
			h := &breach{daemon: startDaemon(t, b, usual), bank: bank, thief: new(scenarios.Thief)}
			t.Cleanup(h.thief.End)
			c.tell(h)
		})
	}
}

// breach is one story of them.
type breach struct {
	*daemon
	bank  *scenarios.Bank
	thief *scenarios.Thief
	begun time.Time
}

func (h *breach) isDenied() {
	h.steal()
	h.untouched()
	h.say("deny", "--reason=it was me")
	h.forget()
	h.end()
	h.untouched()
	h.checkInUse(h.thief.Role)
	h.stop()
	h.checkWords("deny", "close")
	h.checkDecidedAgain()
}

func (h *breach) isRotated() {
	h.steal()
	h.untouched()
	h.say("approve", "--reason=that is nobody of us")
	h.await("healed/1", 1)
	h.must(h.thief.LockedOut(h.t.Context()))
	h.checkInUse(h.other())
	h.awaitFiled(1)
	h.wantRequests("create networkpolicies", "job credential-scan", "job credential-new", "patch deployments", "delete networkpolicies", "job credential-retire")
	s, err := scenarios.Named("security-breach")
	h.must(err)
	row := h.row(s, h.begun)
	record, _ := operate(h.t, "incident", "record", "i1", "--url="+webURL)
	if !strings.Contains(record, "objective 2h: met") {
		h.t.Error("the record does not say that it was in time")
	}
	h.t.Log(record)
	h.stop()
	h.checkWords("approve")
	h.checkOrder()
	h.checkHealed("security-breach", 2*time.Hour)
	h.checkNothingRefused(h.begun)
	h.checkSlack(1)
	h.checkPaged(true)
	h.checkToldOf("approve by anna", "-a1: isolate", "-a1-4: restart", "-a1-6: job", "healed: ")
	h.checkNoSecretIsKept()
	h.checkDecidedAgain()
	h.t.Log(row)
}

// The pods' template has the stolen password written out: restarted, they use it
// again. What they need is not taken from them, whoever else has it.
func (h *breach) isNotUsed() {
	const env = "/spec/template/spec/containers/0/env"
	s, before := h.secret(), h.kubectl("get", "deployment", scenarios.Teller, "--output=jsonpath={.spec.template.spec.containers[0].env}")
	h.kubectl("set", "env", "deployment/"+scenarios.Teller, "PGUSER="+s["username"], "PGPASSWORD="+s["password"])
	h.rolledOut()
	h.must(h.bank.Know(h.t.Context()))
	h.steal()
	h.say("approve")
	h.awaitStep(2)
	h.wantRequests("create networkpolicies", "job credential-scan", "job credential-new", "patch deployments", "delete networkpolicies")
	if err := h.thief.LockedOut(h.t.Context()); err == nil || !strings.Contains(err.Error(), "still connected") {
		h.t.Errorf("the stolen role is not as it was: %v", err)
	}
	h.must(h.bank.AtWork(h.t.Context()))
	if got := h.one("SELECT rolcanlogin FROM pg_roles WHERE rolname = '" + h.thief.Role + "'"); got != "t" {
		h.t.Errorf("the role that the tellers use is closed")
	}
	h.wantIsolated(false) // it was lifted, to see who connects
	h.say("deny", "--reason=the release has the password written out")
	h.change(env, before)
	h.rolledOut()
	h.must(h.bank.Know(h.t.Context()))
	h.forget()
	h.end()
	h.stop()
	h.checkWords("approve", "deny", "close")
	h.checkPaged(true)
	h.checkToldOf("-a1-5: lift_isolation", "verification: failed: not within 15s: postgres")
	h.checkShown("postgres")
	h.checkDecidedAgain()
}

// What the tellers run is not what it was: it gets no new password, and stays cut
// off, until it is rolled back.
func (h *breach) isTamperedWith() {
	h.change("/spec/template/spec/containers/0/command/2", `"while echo 'INSERT INTO transfers DEFAULT VALUES;'; do sleep 0.5; done | tee /dev/null | psql --no-psqlrc --quiet"`)
	h.rolledOut()
	before := h.secret()
	h.steal()
	h.say("approve")
	h.awaitStep(2)
	h.wantRequests("create networkpolicies", "job credential-scan")
	h.wantIsolated(true)
	if after := h.secret(); after["password"] != before["password"] {
		h.t.Error("what was tampered with would be handed a new password")
	}
	h.say("approve", "--reason=roll it back")
	h.await("healed/1", 1)
	h.must(h.thief.LockedOut(h.t.Context()))
	h.checkInUse(h.other())
	if got := h.kubectl("get", "deployment", scenarios.Teller, "--output=jsonpath={.spec.template.spec.containers[0].command[2]}"); strings.Contains(got, "tee") {
		h.t.Errorf("the tellers run %s", got)
	}
	h.awaitFiled(1)
	h.wantRequests("create networkpolicies", "job credential-scan",
		"job credential-new", "patch deployments", "job credential-scan", "delete networkpolicies", "job credential-retire")
	h.stop()
	h.checkWords("approve", "approve")
	h.checkHealed("security-breach", 2*time.Hour)
	h.checkNothingRefused(h.begun)
	h.checkShown("is not what is known to be good")
	h.checkDecidedAgain()
}

// steal has the thief come in, and waits until a person is asked.
func (h *breach) steal() {
	h.t.Helper()
	h.begun = time.Now()
	h.must(h.thief.Steal(h.t.Context(), h.bed))
	h.awaitPagesOf("oncall", 1)
	h.awaitStatus(1, remediate.StatusApproval)
}

// forget has the thief leave, and what was seen of him be forgotten: that is how
// people end an alarm that they dealt with.
func (h *breach) forget() {
	h.t.Helper()
	h.thief.End()
	eventually(h.t, 30*time.Second, func() string {
		if err := h.bed.WipePushgateway(h.t.Context()); err != nil {
			return err.Error()
		}
		return firing(h.t, h.bed, false)()
	})
}

// end closes the incident by hand: the alert is over, and yet the role is not closed,
// so nothing says that it is well.
func (h *breach) end() {
	h.t.Helper()
	if out, code := operate(h.t, "incident", "close", "i1", "--by=anna", "--url="+webURL); code != 0 {
		h.t.Fatal(out)
	}
	h.awaitFiled(1)
}

// awaitStep waits until a person is asked about a step.
func (h *breach) awaitStep(n int) {
	h.t.Helper()
	eventually(h.t, 2*time.Minute, func() string {
		if words := fmt.Sprintf("step %d: approve", n); !h.log.contains(words) {
			return "it has not said " + words
		}
		return ""
	})
	h.awaitStatus(1, remediate.StatusApproval)
}

// untouched wants that nothing was done so far.
func (h *breach) untouched() {
	h.t.Helper()
	h.wantRequests()
	h.wantIsolated(false)
}

// wantRequests wants these changes, in this order. A Job is called after what it
// was made from.
func (h *breach) wantRequests(want ...string) {
	h.t.Helper()
	var got []string
	for _, e := range h.changes(h.begun) {
		if e.Response.Code >= 300 {
			h.t.Errorf("%s %s was answered %d", e.Verb, e.URI, e.Response.Code)
		}
		what := e.Verb + " " + e.Object.Resource
		if e.Object.Resource == "jobs" {
			var job batchv1.Job
			h.must(json.Unmarshal(e.Request, &job))
			what = "job " + strings.TrimPrefix(job.Annotations["remediated/from"], "cronjob/"+scenarios.RotationNamespace+"/")
		}
		got = append(got, what)
	}
	if !slices.Equal(got, want) {
		h.t.Errorf("the cluster was told %q, want %q", got, want)
	}
}

func (h *breach) wantIsolated(want bool) {
	h.t.Helper()
	_, err := h.bed.Client().NetworkingV1().NetworkPolicies(scenarios.BankNamespace).Get(h.t.Context(), "remediated-isolates-deployment-"+scenarios.Teller, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		h.t.Fatal(err)
	}
	if (err == nil) != want {
		h.t.Errorf("the tellers are isolated: %t, want %t", err == nil, want)
	}
}

// checkInUse wants the tellers to be at work by this role, and all transfers there.
func (h *breach) checkInUse(role string) {
	h.t.Helper()
	h.must(h.bank.AtWork(h.t.Context()))
	if got := h.one("SELECT string_agg(DISTINCT usename, ' ') FROM pg_stat_activity WHERE application_name LIKE 'teller-%'"); got != role {
		h.t.Errorf("the tellers are connected by %s, want %s", got, role)
	}
	if got := h.secret()["username"]; got != role {
		h.t.Errorf("the Secret names %s, want %s", got, role)
	}
	if got := h.one("SELECT count(*) FROM transfers WHERE id <= 1000"); got != "1000" {
		h.t.Errorf("of the first 1000 transfers there are %s", got)
	}
	h.wantIsolated(false)
}

// checkNoSecretIsKept wants no password in the journal and in the log.
func (h *breach) checkNoSecretIsKept() {
	h.t.Helper()
	exported, _ := operate(h.t, "journal", "export", "--evidence", "--storage.path="+h.storage)
	for what, text := range map[string]string{"journal": exported, "log": h.log.String()} {
		if text == "" || strings.Contains(text, h.secret()["password"]) {
			h.t.Errorf("the %s is empty, or has the new password", what)
		}
	}
}

// other is the role that takes turns with the stolen one.
func (h *breach) other() string {
	if h.thief.Role == "teller_a" {
		return "teller_b"
	}
	return "teller_a"
}

// secret is what the tellers are told to use.
func (h *breach) secret() map[string]string {
	h.t.Helper()
	s, err := h.bed.Client().CoreV1().Secrets(scenarios.BankNamespace).Get(h.t.Context(), scenarios.TellerSecret, metav1.GetOptions{})
	h.must(err)
	return map[string]string{"username": string(s.Data["username"]), "password": string(s.Data["password"])}
}

func (h *breach) kubectl(args ...string) string {
	h.t.Helper()
	out, err := h.bed.Kubectl(h.t.Context(), "", append(args, "--namespace="+scenarios.BankNamespace)...)
	h.must(err)
	return out
}

// change gives what stands at a path of the tellers another value, in JSON.
func (h *breach) change(path, value string) {
	h.t.Helper()
	h.kubectl("patch", "deployment", scenarios.Teller, "--type=json", fmt.Sprintf(`--patch=[{"op": "replace", "path": %q, "value": %s}]`, path, value))
}

// rolledOut waits until the tellers are what their template says, and at work.
func (h *breach) rolledOut() {
	h.t.Helper()
	h.kubectl("rollout", "status", "deployment/"+scenarios.Teller, "--timeout=60s")
	eventually(h.t, 30*time.Second, func() string { return said(h.bank.AtWork(h.t.Context())) })
}

// one asks for one value.
func (h *breach) one(query string) string {
	h.t.Helper()
	got, err := h.bank.SQL(vault.Database, query)
	h.must(err)
	return got
}
