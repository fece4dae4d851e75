package scenarios

import (
	"io/fs"
	"reflect"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/policies"
)

// What is told of the policies of the scenario is true of those that are shipped.
func TestClusterLostIsAsShipped(t *testing.T) {
	shipped, err := fs.ReadFile(policies.Shipped(), "cluster-lost.yaml")
	if err != nil {
		t.Fatal(err)
	}
	here := strings.NewReplacer(
		"deployment/orders/"+StandbyName, "deployment/x0tta6bl4/x0tta6bl4-db", "deployment/orders/"+SitesAPI, "deployment/x0tta6bl4/x0tta6bl4-api",
		"cronjob/orders/", "cronjob/x0tta6bl4/", SitesName, "api.shop.example", LostIP, "192.0.2.10", StandbyIP, "198.51.100.20", "ttl: 5s", "ttl: 60s",
		"scale: {replicas: 1}\n      target: dr/deployment/orders/api", "scale: {replicas: 3}\n      target: dr/deployment/x0tta6bl4/x0tta6bl4-api",
		"{scale: {replicas: 1}, target: dr/deployment/orders/api", "{scale: {replicas: 3}, target: dr/deployment/x0tta6bl4/x0tta6bl4-api",
		"dsn_file: dr.dsn", "dsn_file: /etc/remediated/dr.dsn", `{namespace="orders", pod=~"postgres-.+"}`, `{cluster="dr", namespace="x0tta6bl4", pod=~"x0tta6bl4-db-.+"}`,
	).Replace(ClusterLostPolicies)
	want := procedure(t, strings.ReplaceAll(string(shipped), ", service_account: postgres-restore", ""))
	if got := procedure(t, here); !reflect.DeepEqual(got, want) {
		t.Errorf("the scenario has\n%+v\nshipped is\n%+v", got, want)
	}
	if got, want := procedure(t, back(t, here)), procedure(t, back(t, strings.ReplaceAll(string(shipped), ", service_account: postgres-restore", ""))); !reflect.DeepEqual(got, want) {
		t.Errorf("the way back of the scenario is\n%+v\nshipped is\n%+v", got, want)
	}
	if got := procedure(t, strings.Replace(here, "    - dns_update: {server: primary, name: api.shop.example, restore: true}\n", "", 1)); reflect.DeepEqual(got, want) {
		t.Error("a part of the undo can be left out, and it is not seen")
	}
}

// back is the second of two policies alone.
func back(t *testing.T, text string) string {
	t.Helper()
	at := strings.Index(text, "- name: cluster-back")
	if at < 0 {
		t.Fatal("there is no policy cluster-back")
	}
	at = strings.LastIndex(text[:at], "\n") + 1
	return "policies:\n" + text[at:]
}
