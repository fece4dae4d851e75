package probe

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/outbound"
)

var prod = remediate.Target{Cluster: "prod"}

func node(name string, ready corev1.ConditionStatus, cordoned bool) corev1.Node {
	n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.NodeSpec{Unschedulable: cordoned}}
	if ready != "" {
		n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready}}
	}
	return n
}

// plane is an API server that tells of itself and its nodes, two at a time.
type plane struct {
	nodes  []corev1.Node
	readyz string // what /readyz says is amiss, "" for nothing
	status int    // what all is answered with, 0 for as usual
	asked  []string
}

func (a *plane) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.asked = append(a.asked, r.URL.String())
	switch {
	case a.status != 0:
		http.Error(w, "no", a.status)
	case r.URL.Path == "/readyz" && a.readyz != "":
		http.Error(w, a.readyz+"readyz check failed", http.StatusInternalServerError)
	case r.URL.Path == "/readyz":
		fmt.Fprint(w, "ok")
	default:
		list := corev1.NodeList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "NodeList"}}
		from := 0
		fmt.Sscan(r.FormValue("continue"), &from)
		to := min(from+2, len(a.nodes))
		if list.Items = a.nodes[from:to]; to < len(a.nodes) {
			list.Continue = fmt.Sprint(to)
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(list)
	}
}

// prober returns a Prober of a cluster "prod" that is a.
func (a *plane) prober(t *testing.T) *Prober {
	t.Helper()
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	p, err := New(Options{Clusters: map[string]*rest.Config{"prod": {Host: s.URL}}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCluster(t *testing.T) {
	api := &plane{nodes: []corev1.Node{
		node("a", corev1.ConditionTrue, false), node("b", corev1.ConditionFalse, false), node("c", corev1.ConditionUnknown, false),
		node("d", corev1.ConditionTrue, true), node("e", "", false), node("f", corev1.ConditionTrue, false),
	}}
	a := api.prober(t).one(t, "cluster", prod, ``)
	want := "2 of 6 nodes ready (b is not ready, c is not heard of, d is cordoned, 1 more); the control plane is ready"
	if !a.OK || a.Err != "" || a.Text != want {
		t.Errorf("got %+v, want %s", a, want)
	}
	for k, want := range map[string]string{remediate.ValueNodes: "6", remediate.ValueNodesReady: "2", remediate.ValueControlPlane: "ready"} {
		if a.Values[k] != want {
			t.Errorf("%s = %q, want %q", k, a.Values[k], want)
		}
	}
}

func TestClusterAsksForNoMoreThanItIsAsked(t *testing.T) {
	for args, want := range map[string][]string{
		`{"nodes":true}`:                      {"/api/v1/nodes?limit=500"},
		`{"control_plane":true}`:              {"/readyz"},
		`{"nodes":true,"control_plane":true}`: {"/api/v1/nodes?limit=500", "/readyz"},
	} {
		api := &plane{nodes: []corev1.Node{node("a", corev1.ConditionTrue, false)}}
		if a := api.prober(t).one(t, "cluster", prod, args); !a.OK || len(a.Values) == 0 {
			t.Errorf("%s: %+v", args, a)
		}
		if fmt.Sprint(api.asked) != fmt.Sprint(want) {
			t.Errorf("%s: asked %v, want %v", args, api.asked, want)
		}
	}
}

// A control plane that says it is not ready has answered: it does not count
// against it, however often.
func TestAControlPlaneThatIsNotReady(t *testing.T) {
	api := &plane{readyz: "[+]ping ok\n[-]etcd failed: reason withheld\n[-]informer-sync failed: reason withheld\n"}
	p := api.prober(t)
	for range 2 * outbound.Failures {
		a := p.one(t, "cluster", prod, `{"control_plane":true}`)
		if !a.OK || a.Values[remediate.ValueControlPlane] != "not ready: etcd, informer-sync" || a.Text != "the control plane is not ready: etcd, informer-sync" {
			t.Fatalf("got %+v", a)
		}
	}
	api.readyz = "[-]a failed\n[-]b failed\n[-]c failed\n[-]d failed\n[-]e failed\n[-]f failed\n[-]g failed\n"
	if a := p.one(t, "cluster", prod, `{"control_plane":true}`); a.Values[remediate.ValueControlPlane] != "not ready: a, b, c, d, e, 2 more" {
		t.Errorf("many checks: %+v", a)
	}
}

// What stands before an API server does not speak for it.
func TestAClusterThatDoesNotAnswer(t *testing.T) {
	for _, status := range []int{http.StatusForbidden, http.StatusInternalServerError, http.StatusServiceUnavailable} {
		p := (&plane{status: status}).prober(t)
		if a := p.one(t, "cluster", prod, ``); a.OK || a.Values != nil || !strings.Contains(a.Err, "list the nodes") || !strings.Contains(a.Err, "whether it is ready") {
			t.Errorf("%d: %+v", status, a)
		}
	}
	elsewhere := remediate.Target{Cluster: "staging"}
	if a := (&plane{}).prober(t).one(t, "cluster", elsewhere, ``); a.OK || !strings.Contains(a.Err, `cluster "staging" is not configured`) {
		t.Errorf("another cluster: %+v", a)
	}
}

// A part that could not be had is absent, and what was had is told.
func TestAClusterInPart(t *testing.T) {
	api := new(plane)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		api.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	p, err := New(Options{Clusters: map[string]*rest.Config{"prod": {Host: s.URL}}})
	if err != nil {
		t.Fatal(err)
	}
	a := p.one(t, "cluster", prod, ``)
	if _, ok := a.Values[remediate.ValueNodesReady]; a.OK || ok || a.Values[remediate.ValueControlPlane] != "ready" || !strings.Contains(a.Text, "list the nodes: ") {
		t.Errorf("got %+v", a)
	}
}
