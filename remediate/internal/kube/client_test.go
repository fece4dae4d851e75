package kube_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

// asked is an API server that has nothing, and what it was asked for.
func asked(t *testing.T) (cfg *rest.Config, log func() string) {
	var lines []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lines = append(lines, fmt.Sprintf("%s %s accepts %s", r.Method, r.URL, r.Header.Get("Accept")))
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	return &rest.Config{Host: server.URL, QPS: -1}, func() string { return strings.Join(lines, "\n") }
}

// looks asks both clients for one and for some of a kind.
func looks[T, L any](ctx context.Context, both ...kube.Objects[T, L]) {
	for _, of := range both {
		_, _ = of.Get(ctx, "x", metav1.GetOptions{ResourceVersion: "0"})
		_, _ = of.List(ctx, metav1.ListOptions{LabelSelector: "a=b", FieldSelector: "c=d", Limit: 7, Continue: "e"})
	}
}

// What the client sends is what client-go's own clients send, in the same words.
func TestClientAsksAsClientGoDoes(t *testing.T) {
	cfg, ours := asked(t)
	c, err := kube.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg, theirs := asked(t)
	all, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, of := t.Context(), &corev1.PodLogOptions{Container: "c", Previous: true, TailLines: new(int64(3))}

	looks(ctx, c.Deployments("shop"), all.AppsV1().Deployments("shop"))
	looks(ctx, c.StatefulSets("shop"), all.AppsV1().StatefulSets("shop"))
	looks(ctx, c.DaemonSets("shop"), all.AppsV1().DaemonSets("shop"))
	looks(ctx, c.ReplicaSets("shop"), all.AppsV1().ReplicaSets("shop"))
	looks(ctx, c.CronJobs("shop"), all.BatchV1().CronJobs("shop"))
	looks(ctx, c.Jobs("shop"), all.BatchV1().Jobs("shop"))
	looks(ctx, c.PodDisruptionBudgets("shop"), all.PolicyV1().PodDisruptionBudgets("shop"))
	looks(ctx, c.Leases("shop"), all.CoordinationV1().Leases("shop"))
	looks(ctx, c.NetworkPolicies("shop"), all.NetworkingV1().NetworkPolicies("shop"))
	looks(ctx, c.HorizontalPodAutoscalers("shop"), all.AutoscalingV2().HorizontalPodAutoscalers("shop"))
	looks(ctx, c.Pods("shop"), all.CoreV1().Pods("shop"))
	looks(ctx, c.Pods(metav1.NamespaceAll), all.CoreV1().Pods(metav1.NamespaceAll))
	looks(ctx, c.PersistentVolumeClaims("shop"), all.CoreV1().PersistentVolumeClaims("shop"))
	looks(ctx, c.Events("shop"), all.CoreV1().Events("shop"))
	looks(ctx, c.Nodes(), all.CoreV1().Nodes())
	looks(ctx, c.Namespaces(), all.CoreV1().Namespaces())
	_ = c.Log("shop", "web-1", of).Do(ctx)
	_ = all.CoreV1().Pods("shop").GetLogs("web-1", of).Do(ctx)
	_ = c.Get("/readyz").Do(ctx)
	_ = all.CoreV1().RESTClient().Get().AbsPath("/readyz").Do(ctx)
	_ = c.EventsV1.Post().Namespace("shop").Resource("events").VersionedParams(&metav1.CreateOptions{FieldManager: "x"}, kube.Parameters).Do(ctx)
	_ = all.EventsV1().RESTClient().Post().Namespace("shop").Resource("events").VersionedParams(&metav1.CreateOptions{FieldManager: "x"}, kube.Parameters).Do(ctx)

	if got, want := ours(), theirs(); got != want || strings.Count(got, "\n") < 30 {
		t.Errorf("it asks for\n%s\nand client-go for\n%s", got, want)
	}
}

// It reads what an API server has, and that something is not there.
func TestClientReads(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/apis/apps/v1/namespaces/shop/deployments/web":
			fmt.Fprint(w, `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","uid":"u"},"spec":{"replicas":3}}`)
		case "/api/v1/nodes":
			fmt.Fprint(w, `{"apiVersion":"v1","kind":"NodeList","metadata":{"continue":"more"},"items":[{"metadata":{"name":"w1"}},{"metadata":{"name":"w2"}}]}`)
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"apiVersion":"v1","kind":"Status","status":"Failure","reason":"NotFound","code":404}`)
		}
	}))
	defer server.Close()
	c, err := kube.NewClient(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	var d *appsv1.Deployment
	if d, err = c.Deployments("shop").Get(t.Context(), "web", metav1.GetOptions{}); err != nil || d.UID != "u" || *d.Spec.Replicas != 3 {
		t.Errorf("%+v, %v", d, err)
	}
	if l, err := c.Nodes().List(t.Context(), metav1.ListOptions{}); err != nil || len(l.Items) != 2 || l.Items[1].Name != "w2" || l.Continue != "more" {
		t.Errorf("%+v, %v", l, err)
	}
	if _, err := c.Pods("shop").Get(t.Context(), "web", metav1.GetOptions{}); !kube.IsGone(err) {
		t.Errorf("no such pod: %v", err)
	}
}
