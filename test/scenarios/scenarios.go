// Package scenarios breaks things on the bed, each in one way that a policy mends.
// The end-to-end tests hold what follows against its objective, and the demo
// shows it.
package scenarios

import (
	"context"
	_ "embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/test/bed"
)

// Policies are what mends the scenarios, as YAML.
//
//go:embed policies.yaml
var Policies string

// acting is a shipped policy that acts, and is verified as fast as the bed
// measures. Nothing else of it is changed.
func acting(file string) string {
	text, err := fs.ReadFile(policies.Shipped(), file)
	if err != nil {
		panic(err) // it is built in
	}
	return strings.NewReplacer("mode: observe", "mode: act", "for: 2m", "for: 2s", "for: 30s", "for: 2s", "for: 15s", "for: 2s").Replace(string(text))
}

// DataLossPolicies are what restores the orders, as YAML.
//
//go:embed data-loss.yaml
var DataLossPolicies string

// Filled puts the addresses of a bed into policies.
func Filled(text string, b *bed.Bed) string {
	return strings.ReplaceAll(text, "REDIS", b.Redis)
}

// What the bed's own workloads are found by.
const (
	Database = "app=x0tta6bl4-db"
	Cache    = "app=x0tta6bl4-redis"
	API      = "app=x0tta6bl4-api"
)

// Scenario is one way in which something breaks.
type Scenario struct {
	Name  string // as make demo SCENARIO= has it
	Fault string // a sentence
	// Policy is the name of the policy that is to mend it, and Objective how
	// soon: from the alert's arrival to the first good sample.
	Policy    string
	Objective time.Duration
	// Paged says that people are called at once, and told when it is over; Untold
	// that nobody is told but by a digest.
	Paged, Untold bool

	Strike func(context.Context, *bed.Bed) error

	// What only some need: policies of their own, what must be there before them,
	// which the bed's Stop ends, and the people who approve the plan.
	Policies  string // YAML; "" is Policies
	Setup     func(context.Context, *bed.Bed) error
	Approvers []string
	// Place is where the daemon is, when the bed's own cluster is not all that it
	// deals with. It is asked after Setup.
	Place func(context.Context) (Place, error)
	// Return is what people do when it is healed, and without which the alert does
	// not end.
	Return func(context.Context, *bed.Bed) error
	// Works tries in the end what did not work, beside what the policy verified.
	Works func(context.Context, *bed.Bed) error
}

// All are the scenarios that there are, the demo's own first.
var All = []Scenario{
	{
		Name: "database-hangs", Fault: "The database hangs: every process of it is stopped (SIGSTOP). No kubelet notices.",
		Policy: "postgres-down", Objective: 5 * time.Minute, Paged: true, Strike: hang(Database),
	}, {
		Name: "database-cannot-start", Fault: "The database cannot start again until its pod is replaced.",
		Policy: "postgres-down", Objective: 5 * time.Minute, Paged: true, Strike: breakAll(Database),
	}, {
		Name: "cache-hangs", Fault: "The cache hangs: every process of it is stopped (SIGSTOP).",
		Policy: "redis-down", Objective: time.Minute, Strike: hang(Cache),
	}, {
		Name: "cache-cannot-start", Fault: "The cache cannot start again until its pod is replaced.",
		Policy: "redis-down", Objective: time.Minute, Strike: breakAll(Cache),
	}, {
		Name: "pod-crash-loops", Fault: "One pod of the API crash-loops by a state that a fresh one does not have.",
		Policy: "pod-restarts", Objective: 30 * time.Second, Strike: one(API, (*bed.Bed).BreakPod),
	}, {
		Name: "data-loss", Fault: "Somebody drops the table of the orders, while orders come in.",
		Policy: "data-lost", Objective: 2 * time.Hour, Paged: true, Strike: changeOrders("DROP TABLE orders"),
		Policies: DataLossPolicies, Setup: openOrders, Approvers: []string{"anna"},
	}, {
		Name: "bad-release", Fault: "A release of the API runs, and its pods never become ready: the rollout is stuck.",
		Policy: "bad-release", Objective: 5 * time.Minute, Strike: release("x0tta6bl4-api"),
		Setup: repaired,
	}, diskFull, memoryHog, cacheOutOfMemory, databaseRefuses, nodeLost, networkPartition, securityBreach(), clusterFailure(), badHelmRelease(),
}

// Place says how a daemon is configured that deals with more than the bed's own
// cluster.
type Place struct {
	Own      string // the cluster that policies act on that name no other
	Here     string // what the bed's own is called
	Clusters string // YAML: others, each after a comma
	More     string // YAML: more of the configuration
}

func openOrders(ctx context.Context, b *bed.Bed) error {
	o, err := OpenOrders(ctx, b)
	if err == nil {
		b.OnStop(o.Close)
	}
	return err
}

// Named returns the scenario of a name; the error says which there are.
func Named(name string) (Scenario, error) {
	var names []string
	for _, s := range All {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return Scenario{}, fmt.Errorf("there is no scenario %q; there is %s", name, strings.Join(names, ", "))
}

func hang(selector string) func(context.Context, *bed.Bed) error {
	return func(ctx context.Context, b *bed.Bed) error { return b.Hang(ctx, bed.Namespace, selector) }
}

func breakAll(selector string) func(context.Context, *bed.Bed) error {
	return func(ctx context.Context, b *bed.Bed) error { return b.Break(ctx, bed.Namespace, selector) }
}

func release(deployment string) func(context.Context, *bed.Bed) error {
	return func(ctx context.Context, b *bed.Bed) error { return b.Release(ctx, bed.Namespace, deployment) }
}

// repaired puts the workloads back to their manifests after it all.
func repaired(_ context.Context, b *bed.Bed) error {
	b.OnStop(func() error { return b.RepairWorkloads(context.Background()) })
	return nil
}

// one does something to one pod that fits.
func one(selector string, fault func(*bed.Bed, context.Context, string, string) error) func(context.Context, *bed.Bed) error {
	return func(ctx context.Context, b *bed.Bed) error {
		pods, err := b.Pods(ctx, bed.Namespace, selector)
		if err != nil {
			return err
		}
		if len(pods) == 0 {
			return fmt.Errorf("no pod in %s fits %q: a fault that hits nothing proves nothing", bed.Namespace, selector)
		}
		return fault(b, ctx, bed.Namespace, pods[0].Name)
	}
}
