package scenarios

import (
	"io/fs"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/x0tta6bl4/remediated/policies"
)

// What is told of the policy of the scenario is true of the one that is shipped:
// it is for the same alerts and does the same, in the same order, elsewhere.
func TestDataLossIsAsShipped(t *testing.T) {
	shipped, err := fs.ReadFile(policies.Shipped(), "data-lost.yaml")
	if err != nil {
		t.Fatal(err)
	}
	here := strings.NewReplacer(
		"deployment/orders/postgres", "deployment/x0tta6bl4/x0tta6bl4-db", "deployment/orders/"+OrdersWriter, "deployment/x0tta6bl4/x0tta6bl4-api",
		"cronjob/orders/", "cronjob/x0tta6bl4/",
	).Replace(DataLossPolicies)
	want := procedure(t, strings.ReplaceAll(string(shipped), "service_account: postgres-restore, ", ""))
	if got := procedure(t, here); !reflect.DeepEqual(got, want) {
		t.Errorf("the scenario has\n%+v\nshipped is\n%+v", got, want)
	}
	if got := procedure(t, strings.Replace(here, "    undo:\n    - scale: {restore: true}\n", "    undo:\n", 1)); reflect.DeepEqual(got, want) {
		t.Error("half of the undo can be left out, and it is not seen")
	}
}

// done is what is done for which alerts.
type done struct {
	When, Per []string
	Target    string
	Steps     []struct {
		Do, Undo []map[string]any
		Approval struct{ By []string }
		Evidence bool
	}
}

// procedure reads the first policy, without its times.
func procedure(t *testing.T, text string) done {
	t.Helper()
	var file struct{ Policies []done }
	if err := yaml.Unmarshal([]byte(text), &file); err != nil || len(file.Policies) == 0 || len(file.Policies[0].Steps) == 0 {
		t.Fatalf("%v: %+v", err, file)
	}
	for _, s := range file.Policies[0].Steps {
		for _, act := range append(s.Do, s.Undo...) {
			delete(act, "within")
		}
	}
	return file.Policies[0]
}
