//go:build e2e

package e2e

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/scenarios"
)

// A Helm release is bad. A person says no; it is put back; it is upgraded to what was
// staged; and there is no revision to go back to.
func TestHelmRelease(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	store, err := scenarios.OpenStore(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	usual := setup{policies: scenarios.HelmBothPolicies, kubeconfig: daemonAccount(t, b), people: anna, keep: true}
	grantPrinted(t, b, filepath.Join(startDaemon(t, b, usual).dir, "remediated.yml"))
	for _, c := range []struct {
		name, policies string
		tell           func(*helmRelease)
	}{
		{"a person says no", scenarios.HelmReleasePolicies, (*helmRelease).isDenied},
		{"it is rolled back", scenarios.HelmReleasePolicies, (*helmRelease).isRolledBack},
		{"it is rolled forward", scenarios.HelmForwardPolicies, (*helmRelease).isRolledForward},
		{"no revision was good", scenarios.HelmReleasePolicies, (*helmRelease).hasNoGoodRevision},
	} {
		t.Run(c.name, func(t *testing.T) {
			quiet(t, b)
			usual.keep, usual.policies = false, c.policies
			c.tell(&helmRelease{daemon: startDaemon(t, b, usual), store: store, begun: time.Now()})
		})
	}
}

// helmRelease is one story of them.
type helmRelease struct {
	*daemon
	store *scenarios.Store
	begun time.Time
}

// history is what Helm knows, oldest first: revision, status and how it came about.
func (h *helmRelease) history() string {
	h.t.Helper()
	text, err := h.store.Helm(h.t.Context(), "history", scenarios.StoreRelease, "--output=json")
	h.must(err)
	var all []struct {
		Status, Description string
	}
	h.must(json.Unmarshal([]byte(text), &all))
	var out []string
	for _, r := range all {
		out = append(out, r.Status+" "+r.Description)
	}
	return strings.Join(out, "; ")
}

// helm does what a human does by Helm.
func (h *helmRelease) helm(args ...string) {
	h.t.Helper()
	_, err := h.store.Helm(h.t.Context(), args...)
	h.must(err)
}

func (h *helmRelease) wantHistory(want string) {
	h.t.Helper()
	if got := h.history(); got != want {
		h.t.Errorf("Helm's history is %q, want %q", got, want)
	}
}

// wantJobs wants that the cluster was told to make so many Jobs, and nothing else.
func (h *helmRelease) wantJobs(n int) {
	h.t.Helper()
	done := h.changes(h.begun)
	for _, e := range done {
		if e.Object.Resource != "jobs" || e.Response.Code >= 300 {
			h.t.Errorf("the cluster was told %s %s: %d", e.Verb, e.URI, e.Response.Code)
		}
	}
	if len(done) != n {
		h.t.Errorf("the cluster was told %d changes, want %d", len(done), n)
	}
}

func (h *helmRelease) isDenied() {
	h.must(h.store.Release(h.t.Context()))
	h.awaitStatus(1, remediate.StatusApproval)
	h.wantJobs(0)
	h.say("deny", "--reason=it only needs time")
	h.wantHistory("superseded Install complete; deployed Upgrade complete")
	h.helm("rollback", scenarios.StoreRelease, "1", "--wait", "--timeout=60s")
	h.awaitFiled(1)
	h.wantJobs(0)
	h.stop()
	h.checkWords("deny")
	h.checkDecidedAgain()
}

func (h *helmRelease) isRolledBack() {
	h.must(h.store.Release(h.t.Context()))
	h.awaitStatus(1, remediate.StatusApproval)
	h.say("approve", "--reason=that was the release")
	h.awaitFiled(1)
	s, err := scenarios.Named("bad-helm-release")
	h.must(err)
	row := h.row(s, h.begun)
	h.wantHistory("superseded Install complete; superseded Upgrade complete; superseded Rollback to 1; superseded Upgrade complete; deployed Rollback to 3")
	h.wantJobs(1)
	greeting, err := h.bed.Kubectl(h.t.Context(), "", "get", "configmap", "web", "--namespace="+scenarios.StoreNamespace, "--output=jsonpath={.data.greeting}")
	if h.must(err); greeting != "ready: yes" {
		h.t.Errorf("beside the pods there is %q still", greeting)
	}
	h.stop()
	h.checkWords("approve")
	h.checkOrder()
	h.checkHealed("bad-helm-release", s.Objective)
	h.checkNothingRefused(h.begun)
	h.checkSlack(1)
	h.checkToldOf("approve by anna", "-a1: job", "healed: ")
	h.checkDecidedAgain()
	h.t.Log(row)
}

// What was before is not to be gone back to: it is upgraded to what was staged, with the
// values that were set. Under the same name nothing is done twice; and a version that
// does not come up is put back, and not tried again.
func (h *helmRelease) isRolledForward() {
	fixed := strings.NewReplacer(`{{ .Values.ready | quote }}, "="`, `"yes", "="`)
	h.must(h.store.Stage(h.t.Context(), "1.0.1", fixed))
	h.must(h.store.Uninstall(h.t.Context()))
	h.must(h.store.Install(h.t.Context(), "yes"))
	h.must(h.store.Release(h.t.Context()))
	h.awaitStatus(1, remediate.StatusApproval)
	h.say("approve", "--reason=the schema has moved")
	h.awaitFiled(1)
	const upgraded = "superseded Install complete; superseded Upgrade complete; deployed Upgrade complete"
	h.wantHistory(upgraded)
	h.wantJobs(1)
	values, err := h.store.Helm(h.t.Context(), "get", "values", scenarios.StoreRelease, "--output=json")
	if h.must(err); strings.TrimSpace(values) != `{"ready":"no"}` {
		h.t.Errorf("the values that were set are %s", values)
	}
	h.stop()
	h.checkHealed("bad-helm-release", 30*time.Minute)
	h.checkNothingRefused(h.begun)
	h.checkToldOf("approve by anna", "-a1: job", "healed: ")
	h.checkDecidedAgain()

	h.wantUpgrade("by-hand", true, "store is at store-1.0.1 already, since revision 3: nothing is done")
	h.must(h.store.Stage(h.t.Context(), "1.0.2", strings.NewReplacer(`{{ .Values.ready | quote }}, "="`, `"never", "="`)))
	h.wantUpgrade("by-hand", false, "store is store-1.0.1, and store-1.0.2 was staged for store-1.0.0")
	h.wantHistory(upgraded)
	h.helm("upgrade", scenarios.StoreRelease, h.store.Chart(), "--set-string=ready=yes", "--wait", "--timeout=60s")
	h.wantUpgrade("by-hand", false, "")
	const back = "; superseded Upgrade complete; failed "
	if is := h.history(); !strings.Contains(is, back) || !strings.HasSuffix(is, "deployed Rollback to 4") {
		h.t.Errorf("what did not come up was not put back: %s", is)
	}
	h.wantUpgrade("by-hand", false, "has upgraded revision 4 already, that failed, and Helm has put it back")
	h.wantUpgrade("by-hand-2", false, "by-hand has upgraded to store-1.0.2 in vain")
}

// wantUpgrade has somebody run the upgrade by hand.
func (h *helmRelease) wantUpgrade(attempt string, ok bool, want string) {
	h.t.Helper()
	if said, err := h.store.Upgrade(h.t.Context(), attempt); (err == nil) != ok || !strings.Contains(said, want) {
		h.t.Errorf("%s: %v, want %q\n%s", attempt, err, want, said)
	}
}

// Released for the first time, it has nothing to go back to: the Job refuses, and
// people hear why.
func (h *helmRelease) hasNoGoodRevision() {
	h.must(h.store.Uninstall(h.t.Context()))
	h.must(h.store.Install(h.t.Context(), "no"))
	h.awaitStatus(1, remediate.StatusApproval)
	h.say("approve")
	h.await("exhausted/1", 1)
	h.wantJobs(1)
	h.wantHistory("deployed Install complete")
	const why = "no revision of store before 1 was good"
	if story := h.story(1); !strings.Contains(story, why) {
		h.t.Errorf("the story does not tell why the Job failed:\n%s", story)
	}
	h.awaitPagesOf("oncall", 1)
	h.helm("upgrade", scenarios.StoreRelease, "--reuse-values", "--set-string=ready=yes", h.store.Chart(), "--wait", "--timeout=60s")
	h.awaitFiled(1)
	h.stop()
	h.checkShown(why)
	h.checkDecidedAgain()
}
