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

// A Helm release is bad. A person says no; there is no revision to go back to; it is
// under way by somebody; and it is put back.
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
	usual := setup{policies: scenarios.HelmReleasePolicies, kubeconfig: daemonAccount(t, b), people: anna, keep: true}
	grantPrinted(t, b, filepath.Join(startDaemon(t, b, usual).dir, "remediated.yml"))
	for _, c := range []struct {
		name string
		tell func(*helmRelease)
	}{
		{"a person says no", (*helmRelease).isDenied},
		{"it is rolled back", (*helmRelease).isRolledBack},
		{"no revision was good", (*helmRelease).hasNoGoodRevision},
	} {
		t.Run(c.name, func(t *testing.T) {
			quiet(t, b)
			usual.keep = false
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
