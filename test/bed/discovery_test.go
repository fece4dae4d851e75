package bed

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func apiPod(name, ip string) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: Namespace, Labels: map[string]string{"app": "x0tta6bl4-api"}},
		Status:     v1.PodStatus{PodIP: ip},
	}
}

func TestDiscoveryListsPodsWithAnAddress(t *testing.T) {
	ending, other := apiPod("api-3", "10.244.1.3"), apiPod("other", "10.244.1.4")
	now := metav1.Now()
	ending.DeletionTimestamp = &now
	other.Labels = nil
	b := &Bed{client: fake.NewClientset(apiPod("api-1", "10.244.1.1"), apiPod("api-2", ""), ending, other)}
	w := httptest.NewRecorder()
	b.discover(w, httptest.NewRequest(http.MethodGet, "/", nil))
	want := `[{"targets":["10.244.1.1:8080"],"labels":{"namespace":"x0tta6bl4","pod":"api-1"}}]` + "\n"
	if w.Body.String() != want || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("it answers %s (%s), want %s", w.Body, w.Header().Get("Content-Type"), want)
	}
}

func TestDiscoveryFailsWhenPodsCannotBeListed(t *testing.T) {
	client := fake.NewClientset()
	client.PrependReactor("list", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("the API server is away")
	})
	w := httptest.NewRecorder()
	(&Bed{client: client}).discover(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("it answers %d, and Prometheus would forget the pods", w.Code)
	}
}
