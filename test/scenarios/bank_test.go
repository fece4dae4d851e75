package scenarios

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/policies"
)

// The policy of the scenario is the one that is shipped: it acts, is quicker, and is
// about the bank alone.
func TestSecurityBreachIsAsShipped(t *testing.T) {
	shipped, err := fs.ReadFile(policies.Shipped(), "security-breach.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for old, here := range map[string]string{
		"mode: observe": "mode: act", "for: 1m\n": "for: 2s\n", "for: 15s\n": "for: 2s\n", "within: 5m\n": "within: 15s\n",
		"dsn_file: /etc/remediated/db.dsn": "dsn_file: orders.dsn", "target: deployment/x0tta6bl4/x0tta6bl4-api": "target: deployment/bank/teller",
	} {
		if n := strings.Count(string(shipped), old); n == 0 || strings.Contains(SecurityBreachPolicies, old) || strings.Count(SecurityBreachPolicies, here) < n {
			t.Errorf("%q is %d times in what is shipped, and here it is not each time %q", old, n, here)
		}
	}
	if n := strings.Count(SecurityBreachPolicies, "x0tta6bl4"); n != strings.Count(SecurityBreachPolicies, `database="x0tta6bl4"`) {
		t.Errorf("something of what is shipped is meant still:\n%s", SecurityBreachPolicies)
	}
	want := strings.Count(string(shipped), "\n") // nothing is added, and nothing left out
	if got := strings.Count(SecurityBreachPolicies, "\n"); got != want {
		t.Errorf("it has %d lines, shipped are %d", got, want)
	}
}
