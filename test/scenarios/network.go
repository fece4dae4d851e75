package scenarios

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/test/bed"
)

// networkPartition has the network cut for as long as it takes to see it, and then
// whole again: the policy waits for that, and a person says yes to its restart.
var networkPartition = Scenario{
	Name: "network-partition", Fault: "The network between the API's pods is cut, and mended: they gave each other up meanwhile, and do not find together.",
	Policies: PartitionPolicies, Policy: "network-partition", Objective: 30 * time.Minute, Approvers: []string{"anna"},
	Strike: cutForGood, Works: MeshWorks,
}

// PartitionPolicies is the shipped policy for a network that is cut, as YAML. It
// waits less long until the network counts as whole.
var PartitionPolicies = strings.Replace(acting("network-partition.yaml"), "[2m]", "[5s]", 1)

// How the API's pods reach each other, as PromQL: all by their sessions, and all by
// new connections for a while.
const (
	meshWhole    = `count(mesh_peer_up{job="mesh"} == 1) == 6`
	networkWhole = `min(min_over_time(mesh_peer_dial_success{job="mesh"}[5s])) == 1`
)

// cutForGood has the pods give up whom they lose, and cuts one off until that is
// told. Nobody makes them find together but a restart.
func cutForGood(ctx context.Context, b *bed.Bed) error {
	if err := b.Quarantine(ctx, bed.Namespace, API); err != nil {
		return err
	}
	if err := CutNetwork(ctx, b); err != nil {
		return err
	}
	if err := b.AwaitQuery(ctx, `ALERTS{alertname="NetworkPartition", alertstate="firing"}`); err != nil {
		return err
	}
	if err := b.Mend(ctx); err != nil {
		return err
	}
	if err := b.AwaitQuery(ctx, networkWhole); err != nil {
		return err
	}
	if whole, err := b.Query(ctx, meshWhole); err != nil || len(whole) > 0 {
		return fmt.Errorf("they have found together by themselves (%v, %w): a fault that hits nothing proves nothing", whole, err)
	}
	return nil
}

// CutNetwork cuts one of the API's pods off from the others, once all reach each
// other, and returns when it is seen.
func CutNetwork(ctx context.Context, b *bed.Bed) error {
	if err := MeshWorks(ctx, b); err != nil {
		return err
	}
	pods, err := b.Pods(ctx, bed.Namespace, API)
	if err != nil {
		return err
	}
	if err := b.Partition(ctx, pods[:1], pods[1:]); err != nil {
		return err
	}
	return b.AwaitQuery(ctx, `count(mesh_peer_dial_success{job="mesh"} == 0) == 4 and count(mesh_peer_up{job="mesh"} == 0) == 4`)
}

// MeshWorks wants the API's pods to reach each other.
func MeshWorks(ctx context.Context, b *bed.Bed) error {
	if err := b.AwaitQuery(ctx, meshWhole); err != nil {
		return fmt.Errorf("the API's pods do not reach each other: %w", err)
	}
	return nil
}
