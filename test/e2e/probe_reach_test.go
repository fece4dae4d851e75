//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/probe"
	"github.com/x0tta6bl4/remediated/test/bed"
	"github.com/x0tta6bl4/remediated/test/scenarios"
)

// The probe sees a cut and its sides. A pod of which nobody says anything any more
// is none that is reached, and neither is one that is new until somebody does.
func TestReachOnBed(t *testing.T) {
	b := connect(t)
	all := func() { t.Helper(); says(t, b, true, "all of 3 reach each other, 6 pairs") }
	all()

	if err := scenarios.CutNetwork(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	pods, err := b.Pods(t.Context(), bed.Namespace, api)
	if err != nil {
		t.Fatal(err)
	}
	alone := pods[0].Name
	says(t, b, false, "4 of 6 pairs do not reach each other", alone+" -> "+pods[1].Name, pods[2].Name+" -> "+alone, "2 sides: ")
	if err := b.Mend(t.Context()); err != nil {
		t.Fatal(err)
	}
	all()

	if err := b.HangPod(t.Context(), bed.Namespace, alone); err != nil {
		t.Fatal(err)
	}
	says(t, b, false, "4 of 6 pairs have no fresh word", alone+" -> "+pods[1].Name, pods[2].Name+" -> "+alone)
	if _, err := b.Kubectl(t.Context(), "", "delete", "pod", "--namespace", bed.Namespace, alone, "--grace-period=0", "--force"); err != nil {
		t.Fatal(err)
	}
	all()
}

// says waits until the probe answers so of the API, by what Prometheus knows.
func says(t *testing.T, b *bed.Bed, ok bool, words ...string) {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", b.AdminKubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	p, err := probe.New(probe.Options{Clusters: map[string]*rest.Config{"bed": config}, Prometheus: b.Prometheus})
	if err != nil {
		t.Fatal(err)
	}
	question := remediate.Question{
		Kind: "reach", Args: []byte(`{"series":"mesh_peer_up{job=\"mesh\"}","from":"pod","to":"peer"}`),
		Target: remediate.Target{Cluster: "bed", Kind: "deployment", Namespace: bed.Namespace, Name: "x0tta6bl4-api"},
	}
	eventually(t, time.Minute, func() string {
		a := p.Perform(t.Context(), remediate.Started{Ask: &remediate.Ask{Purpose: remediate.ForGuards, Questions: []remediate.Question{question}}}).Answers[0]
		for _, w := range words {
			if a.OK != ok || !strings.Contains(a.Text+a.Err, w) {
				return fmt.Sprintf("%+v, want %v, %q", a, ok, words)
			}
		}
		return ""
	})
}
