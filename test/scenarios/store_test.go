package scenarios

import (
	"io/fs"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

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

// The step that upgrades is the one of deploy/helm/README.md, and fits where it is
// said to.
func TestTheStepThatUpgradesIsOfTheReadme(t *testing.T) {
	const forward = "from: cronjob/releases/helm-upgrade, service_account: helm-upgrade"
	for name, tc := range map[string]struct {
		text               string
		back, on, policies int
	}{
		"back":    {HelmReleasePolicies, 1, 0, 2},
		"forward": {HelmForwardPolicies, 0, 1, 2},
		"both":    {HelmBothPolicies, 1, 1, 2},
	} {
		var all struct {
			Policies []struct {
				Name  string
				Steps []map[string]any
			}
		}
		if err := yaml.Unmarshal([]byte(tc.text), &all); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(all.Policies) != tc.policies || len(all.Policies[0].Steps) != tc.back+tc.on || strings.Count(tc.text, "cronjob/releases/helm-rollback") != tc.back || strings.Count(tc.text, forward) != tc.on {
			t.Errorf("%s:\n%s", name, tc.text)
		}
	}
}
