package clusters_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/x0tta6bl4/remediated/cmd/internal/clusters"
	"github.com/x0tta6bl4/remediated/policies"
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
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],
clusters: [{name: c, cluster: {server: "%s", insecure-skip-tls-verify: true}}], users: [{name: u, user: {token: sesame}}]}`, server.URL)
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := clusters.Config(policies.Cluster{Name: "prod", Kubeconfig: kubeconfig})
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.CoreV1().Pods("shop").List(t.Context(), metav1.ListOptions{})
	if err == nil || !strings.Contains(err.Error(), "answers with a redirect, which is not followed") || asked != "Bearer sesame" {
		t.Errorf("asked with %q: %v", asked, err)
	}
}

func TestAClusterThatIsNotConfigured(t *testing.T) {
	if _, err := clusters.Config(policies.Cluster{Name: "prod", Kubeconfig: filepath.Join(t.TempDir(), "lost")}); err == nil || !strings.Contains(err.Error(), "cluster prod") {
		t.Errorf("got %v", err)
	}
}
