package policies_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/x0tta6bl4/remediated/policies"
)

// A configuration and its policies are read as the daemon reads them. A problem says
// where it is and what would be right.
func ExampleLoad() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	for name, text := range map[string]string{
		"remediated.yml": "cluster: prod\nalertmanagers: [{url: 'http://localhost:9093'}]\npolicies: [{files: [shop.yaml]}]\n",
		"shop.yaml":      "policies:\n  - name: shop-down\n    when: ['alertname=\"ShopDown\"']\n    severity: P4\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			fmt.Println(err)
			return
		}
	}
	loaded, problems := policies.Load(filepath.Join(dir, "remediated.yml"), policies.Catalogue{})
	for _, p := range problems {
		if p.Severity == policies.Error {
			fmt.Printf("%s:%d:%d: %s\n%s\n", filepath.Base(p.File), p.Line, p.Column, p.Message, p.Hint)
		}
	}
	fmt.Println("to be used:", loaded != nil)
	// Output:
	// shop.yaml:4:15: "P4" is not a severity
	// known here: P1, P2, P3
	// to be used: false
}
