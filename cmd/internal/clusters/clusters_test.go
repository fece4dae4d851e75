package clusters_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/cmd/internal/clusters"
	"github.com/x0tta6bl4/remediated/policies"
)

func TestAClusterThatIsNotConfigured(t *testing.T) {
	if _, err := clusters.Config(policies.Cluster{Name: "prod", Kubeconfig: filepath.Join(t.TempDir(), "lost")}); err == nil || !strings.Contains(err.Error(), "cluster prod") {
		t.Errorf("got %v", err)
	}
}
