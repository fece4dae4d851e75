package scenarios

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/policies"
)

// The policy of the scenario is the one that is shipped: it acts, is quicker, and is
// about the store alone.
func TestBadHelmReleaseIsAsShipped(t *testing.T) {
	shipped, err := fs.ReadFile(policies.Shipped(), "bad-release.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for old, here := range map[string]string{
		"mode: observe": "mode: act", "for: 1m, within: 10m": "for: 2s, within: 10m", "cooldown: 30m": "cooldown: 1s",
		`namespace="x0tta6bl4"`: `namespace="store"`, "target: deployment/x0tta6bl4/x0tta6bl4-api": "target: deployment/store/web",
	} {
		if n := strings.Count(string(shipped), old); n == 0 || strings.Contains(HelmReleasePolicies, old) || strings.Count(HelmReleasePolicies, here) < n {
			t.Errorf("%q is %d times in what is shipped, and here it is not each time %q", old, n, here)
		}
	}
	if got, want := strings.Count(HelmReleasePolicies, "\n"), strings.Count(string(shipped), "\n"); got != want || strings.Contains(HelmReleasePolicies, "x0tta6bl4") {
		t.Errorf("it has %d lines, shipped are %d:\n%s", got, want, HelmReleasePolicies)
	}
}
