package scenarios

import (
	"io/fs"
	"reflect"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/policies"
)

// What is told of the policy of the scenario is true of the one that is shipped.
func TestClusterLostIsAsShipped(t *testing.T) {
	shipped, err := fs.ReadFile(policies.Shipped(), "cluster-lost.yaml")
	if err != nil {
		t.Fatal(err)
	}
	here := strings.NewReplacer(
		"dr/deployment/orders/"+StandbyName, "dr/deployment/x0tta6bl4/x0tta6bl4-db", "dr/deployment/orders/"+SitesAPI, "dr/deployment/x0tta6bl4/x0tta6bl4-api",
		"cronjob/orders/", "cronjob/x0tta6bl4/", SitesName, "api.shop.example", LostIP, "192.0.2.10", StandbyIP, "198.51.100.20", "ttl: 5s", "ttl: 60s",
		"{scale: {replicas: 1}, target", "{scale: {replicas: 3}, target",
	).Replace(ClusterLostPolicies)
	want := procedure(t, strings.ReplaceAll(string(shipped), ", service_account: postgres-restore", ""))
	if got := procedure(t, here); !reflect.DeepEqual(got, want) {
		t.Errorf("the scenario has\n%+v\nshipped is\n%+v", got, want)
	}
	if got := procedure(t, strings.Replace(here, "    - dns: {server: primary, name: api.shop.example, restore: true}\n", "", 1)); reflect.DeepEqual(got, want) {
		t.Error("a part of the undo can be left out, and it is not seen")
	}
}
