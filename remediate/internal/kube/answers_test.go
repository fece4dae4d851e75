package kube_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

// What answers in the place of an API server, or beside it, cannot have our token
// sent elsewhere.
func TestRedirectsOfAClusterAreNotFollowed(t *testing.T) {
	elsewhere := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s was asked for with %q", r.URL, r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	asked := ""
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Header.Get("Authorization")
		http.Redirect(w, r, elsewhere.URL, http.StatusFound)
	}))
	defer server.Close()
	config := &rest.Config{Host: server.URL, BearerToken: "sesame", TLSClientConfig: rest.TLSClientConfig{Insecure: true}}
	config.Wrap(kube.Answers)
	client, err := kube.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Pods("shop").List(t.Context(), metav1.ListOptions{})
	if err == nil || !strings.Contains(err.Error(), "and is not followed") || asked != "Bearer sesame" {
		t.Errorf("asked with %q: %v", asked, err)
	}
}
