package posture

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Names of the checks, as a [Finding] has them.
const (
	Replicas  = "replicas"
	Evictions = "budget"
	Spread    = "spread"
	Readiness = "readiness"
	Liveness  = "liveness"
	Requests  = "requests"
	Memory    = "memory"
	Volume    = "volume"
	Backup    = "backup"
	Owner     = "owner"  // a pod that nothing brings back
	Looking   = "target" // it is not there, cannot be read, or is not looked at
)

// enough replicas are those of which one can be lost.
const enough = 2

// check is one thing that a workload must have. It returns what is wrong and
// what to do, "" when nothing is.
type check struct {
	name  string
	judge func(Target, Workload) (message, hint string)
}

var checks = []check{
	{Replicas, replicas},
	{Evictions, evictions},
	{Spread, spread},
	{Readiness, readiness},
	{Liveness, liveness},
	{Requests, requests},
	{Memory, memory},
	{Volume, volume},
	{Backup, guarded},
}

// judge returns what is wrong with a target.
func judge(t Target, w Workload) (out []Finding) {
	if w.Alone != "" {
		return []Finding{t.amiss(Owner, w.Alone, "have a Deployment, StatefulSet or DaemonSet own it")}
	}
	for _, c := range checks {
		message, hint := c.judge(t, w)
		if err := w.Unread[c.name]; err != nil {
			message, hint = "it is not known: "+err.Error(), "give the account that is used the right to read it"
		}
		if message != "" {
			out = append(out, t.amiss(c.name, message, hint))
		}
	}
	return out
}

func replicas(_ Target, w Workload) (message, hint string) {
	switch {
	case w.PerNode:
	case w.Wanted < enough:
		return fmt.Sprintf("%d wanted, and with fewer than %d none can be lost", w.Wanted, enough),
			fmt.Sprintf("set replicas to %d or more; what holds data needs a standby that replicates", enough)
	case w.Available < enough:
		return fmt.Sprintf("%d of %d available, and with fewer than %d none can be lost", w.Available, w.Wanted, enough),
			"see why the others are not: kubectl describe says it"
	}
	return "", ""
}

// evictions judges the disruption budgets. A single pod needs none: one could
// only forbid to drain its node, or say nothing.
func evictions(_ Target, w Workload) (message, hint string) {
	const allowOne = "let it say maxUnavailable: 1"
	switch {
	case w.PerNode: // a drain leaves them where they are
	case len(w.Budgets) > 1:
		var names []string
		for _, b := range w.Budgets {
			names = append(names, b.Name)
		}
		return fmt.Sprintf("the PodDisruptionBudgets %s cover the same pods, of which then none is ever evicted", strings.Join(names, ", ")), "leave one of them"
	case len(w.Budgets) == 0 && w.Wanted >= enough:
		return "no PodDisruptionBudget covers its pods: a drain may end all of them at once", "make one that picks their labels and says maxUnavailable: 1"
	case len(w.Budgets) == 0:
	case !w.Budgets[0].Counted:
		return fmt.Sprintf("what the PodDisruptionBudget %s allows is not counted yet", w.Budgets[0].Name), "look again; if it stays so, see whether the controller-manager runs"
	case w.Budgets[0].never(w.Wanted):
		return fmt.Sprintf("the PodDisruptionBudget %s allows no disruption ever: %d of %d must be healthy, so that no node can be drained",
			w.Budgets[0].Name, w.Budgets[0].Healthy, w.Budgets[0].pods(w.Wanted)), allowOne
	}
	return "", ""
}

// pods are those that there are when all is well: some may be missing now.
func (b Budget) pods(wanted int) int { return max(b.Pods, wanted) }

func (b Budget) never(wanted int) bool { return b.pods(wanted) > 0 && b.Healthy >= b.pods(wanted) }

func spread(_ Target, w Workload) (message, hint string) {
	hint = map[Apart]string{
		Anywhere:  "add topologySpreadConstraints with topologyKey: kubernetes.io/hostname and its own labels",
		Preferred: "require it: whenUnsatisfiable: DoNotSchedule, or a required anti-affinity",
		Required:  "restart it: pods that run already are not moved",
	}[w.Apart]
	switch {
	case w.PerNode || w.Wanted < enough:
	case len(w.Nodes) >= enough && len(slices.Compact(slices.Sorted(slices.Values(w.Nodes)))) == 1:
		return fmt.Sprintf("all %d of its pods are on the node %s", len(w.Nodes), w.Nodes[0]), hint
	case w.Apart == Anywhere:
		return fmt.Sprintf("nothing keeps its %d replicas on different nodes: all may be on one", w.Wanted), hint
	}
	return "", ""
}

// without says which containers lack something.
func (w Workload) without(what string, has func(Container) bool) string {
	var names []string
	for _, c := range w.Containers {
		if !has(c) {
			names = append(names, c.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("no %s in container %s", what, strings.Join(names, ", "))
}

func readiness(_ Target, w Workload) (message, hint string) {
	return w.without("readiness probe", func(c Container) bool { return c.Readiness }),
		"add one that fails while it cannot serve: without it a rollout goes on over pods that do not work"
}

func liveness(_ Target, w Workload) (message, hint string) {
	return w.without("liveness probe", func(c Container) bool { return c.Liveness }),
		"add one that fails when only a restart helps: without it a process that hangs stays"
}

func requests(_ Target, w Workload) (message, hint string) {
	return w.without("requests of CPU and memory", func(c Container) bool { return c.Requests }),
		"set resources.requests: without them its pods are the first to be evicted, and may be put where there is no room"
}

func memory(_ Target, w Workload) (message, hint string) {
	return w.without("memory limit", func(c Container) bool { return c.MemoryLimit }),
		"set resources.limits.memory: without it a leak takes its neighbours with it"
}

func volume(_ Target, w Workload) (message, hint string) {
	if w.Once == "" {
		return "", ""
	}
	return fmt.Sprintf("its volume claim %s can be mounted once only, and its strategy is not Recreate: a new pod would wait for the old one", w.Once),
		"set strategy: {type: Recreate}"
}

// guarded sees to it that what holds data is not acted on without a backup.
func guarded(t Target, w Workload) (message, hint string) {
	if len(w.Claims) == 0 || !t.acted || t.guarded {
		return "", ""
	}
	return fmt.Sprintf("it holds data (%s), and no policy that acts on it has the guard backup", strings.Join(w.Claims, ", ")),
		"write guards: {backup: {newest: PromQL for the time of the newest good backup, max: 24h}}"
}

// judgeBackup says what is wrong with the backup that a policy's guard counts
// on, nil when nothing is. The error is why its time is not known.
func judgeBackup(t Target, g *remediate.Backup, newest float64, err error, now time.Time) []Finding {
	if err != nil {
		return []Finding{t.amiss(Backup, fmt.Sprintf("when the newest good backup was made is not known: %s: %v", g.Newest, err),
			"see that backups are made, and that Prometheus has their time; until then nothing is done by this policy")}
	}
	if ok, why := g.Enough(newest, now); !ok {
		return []Finding{t.amiss(Backup, why, "see why no newer one was made; until then nothing is done by this policy")}
	}
	return nil
}
