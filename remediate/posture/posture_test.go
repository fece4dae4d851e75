package posture

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// whole is a workload of which nothing can be said.
func whole() Workload {
	return Workload{
		Wanted: 3, Available: 3, Apart: Preferred, Nodes: []string{"n1", "n2", "n1"},
		Budgets:    []Budget{{Name: "web", Counted: true, Pods: 3, Healthy: 2}},
		Containers: []Container{{"web", true, true, true, true}, {"proxy", true, true, true, true}},
	}
}

// Each check says what it is for, and nothing when that is mended.
func TestJudge(t *testing.T) {
	unguarded := Target{acted: true}
	for _, c := range []struct {
		name   string
		target Target
		change func(*Workload)
		check  string // "" for nothing
		says   string
	}{
		{name: "nothing is wrong", change: func(*Workload) {}},

		{name: "one replica", change: func(w *Workload) { w.Wanted, w.Available, w.Nodes = 1, 1, nil }, check: Replicas, says: "1 wanted"},
		{name: "none", change: func(w *Workload) { w.Wanted, w.Available, w.Budgets, w.Nodes = 0, 0, nil, nil }, check: Replicas, says: "0 wanted"},
		{name: "one is available", change: func(w *Workload) { w.Available = 1 }, check: Replicas, says: "1 of 3 available"},
		{name: "two are", change: func(w *Workload) { w.Available = 2 }},
		{name: "a DaemonSet of one node", change: func(w *Workload) { *w = Workload{PerNode: true, Wanted: 1, Available: 0, Containers: w.Containers} }},

		{name: "no budget", change: func(w *Workload) { w.Budgets = nil }, check: Evictions, says: "no PodDisruptionBudget"},
		{name: "two budgets", change: func(w *Workload) { w.Budgets = append(w.Budgets, Budget{Name: "all"}) }, check: Evictions, says: "web, all cover the same pods"},
		{name: "a budget of all pods", change: func(w *Workload) { w.Budgets[0].Healthy = 3 }, check: Evictions, says: "web allows no disruption ever: 3 of 3"},
		{name: "a budget of more", change: func(w *Workload) { w.Budgets[0].Healthy = 5 }, check: Evictions, says: "5 of 3"},
		{name: "pods are missing now", change: func(w *Workload) { w.Budgets[0].Pods = 2 }},
		{name: "other pods are in it, too", change: func(w *Workload) { w.Budgets[0].Pods, w.Budgets[0].Healthy = 6, 5 }},
		{name: "it is not counted yet", change: func(w *Workload) { w.Budgets[0] = Budget{Name: "web"} }, check: Evictions, says: "not counted yet"},

		{name: "nothing keeps them apart", change: func(w *Workload) { w.Apart = Anywhere }, check: Spread, says: "nothing keeps its 3 replicas"},
		{name: "all are on one", change: func(w *Workload) { w.Nodes = []string{"n1", "n1", "n1"} }, check: Spread, says: "all 3 of its pods are on the node n1; require it"},
		{name: "all were put on one", change: func(w *Workload) { w.Apart, w.Nodes = Required, []string{"n1", "n1"} }, check: Spread, says: "on the node n1; restart it"},
		{name: "one runs", change: func(w *Workload) { w.Nodes = []string{"n1"} }},
		{name: "they are required apart", change: func(w *Workload) { w.Apart = Required }},

		{name: "no readiness probe", change: func(w *Workload) { w.Containers[1].Readiness = false }, check: Readiness, says: "no readiness probe in container proxy;"},
		{name: "no liveness probe", change: func(w *Workload) { w.Containers[0].Liveness, w.Containers[1].Liveness = false, false }, check: Liveness, says: "in container web, proxy;"},
		{name: "no requests", change: func(w *Workload) { w.Containers[0].Requests = false }, check: Requests, says: "in container web;"},
		{name: "no memory limit", change: func(w *Workload) { w.Containers[0].MemoryLimit = false }, check: Memory, says: "no memory limit in container web;"},

		{name: "a volume that is held", change: func(w *Workload) { w.Once = "data" }, check: Volume, says: "its volume claim data"},

		{name: "data without a guard", target: unguarded, change: func(w *Workload) { w.Claims = []string{"data", "wal"} }, check: Backup, says: "it holds data (data, wal)"},
		{name: "data with one", target: Target{acted: true, guarded: true}, change: func(w *Workload) { w.Claims = []string{"data"} }},
		{name: "data that is not acted on", change: func(w *Workload) { w.Claims = []string{"data"} }},
		{name: "no data", target: unguarded, change: func(*Workload) {}},

		{name: "a bare pod", change: func(w *Workload) { *w = Workload{Alone: "a bare pod: nothing would bring it back"} }, check: Owner, says: "a bare pod"},
		{name: "what is not known", change: func(w *Workload) {
			w.Budgets, w.Unread = nil, map[string]error{Evictions: errors.New("cannot list")}
		}, check: Evictions, says: "it is not known: cannot list"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := whole()
			c.change(&w)
			var got []string
			for _, f := range judge(c.target, w) {
				if f.Severity != Error || f.Hint == "" {
					t.Errorf("%+v is not amiss, or does not say what to do", f)
				}
				got = append(got, f.Check+": "+f.Message+"; "+f.Hint)
			}
			switch {
			case c.check == "" && len(got) > 0:
				t.Errorf("it says %q", got)
			case c.check != "" && (len(got) != 1 || !strings.HasPrefix(got[0], c.check+": ") || !strings.Contains(got[0], c.says)):
				t.Errorf("it says %q, want %s alone, with %q", got, c.check, c.says)
			}
		})
	}
}

var now = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

func TestJudgeBackup(t *testing.T) {
	g := &remediate.Backup{Newest: "newest", Max: model.Duration(24 * time.Hour)}
	for _, c := range []struct {
		name string
		ago  time.Duration
		err  error
		says string // "" for nothing
	}{
		{"it is new enough", 24 * time.Hour, nil, ""},
		{"it is too old", 24*time.Hour + time.Second, nil, "24h0m1s old, at most 1d are allowed"},
		{"it is not made yet", -time.Hour, nil, "1h0m0s from now"},
		{"there is none", 0, errors.New("the query returned no series"), "is not known: newest: the query returned no series"},
	} {
		found := judgeBackup(Target{}, g, float64(now.Add(-c.ago).Unix()), c.err, now)
		switch {
		case c.says == "" && len(found) > 0:
			t.Errorf("%s: %+v", c.name, found)
		case c.says != "" && (len(found) != 1 || found[0].Check != Backup || found[0].Hint == "" || !strings.Contains(found[0].Message, c.says)):
			t.Errorf("%s: %+v, want %q", c.name, found, c.says)
		}
	}
}

// world is a world of these workloads and numbers.
type world struct {
	workloads map[string]Workload
	numbers   map[string]float64
}

func (w world) Posture(_ context.Context, t remediate.Target) (Workload, error) {
	found, ok := w.workloads[t.String()]
	if !ok {
		return Workload{}, errors.New(t.String() + ": it is gone")
	}
	return found, nil
}

func (w world) Number(_ context.Context, query string) (float64, error) {
	n, ok := w.numbers[query]
	if !ok {
		return 0, errors.New("no series")
	}
	return n, nil
}

// Every target is looked at once, for all policies that are about it or act on
// it, and of what is not looked at it is said why.
func TestCheck(t *testing.T) {
	restart := []remediate.Step{{Do: []remediate.Do{{Kind: "restart"}}}}
	backup := &remediate.Backup{Newest: "newest", Max: model.Duration(time.Hour)}
	book := &remediate.Rulebook{Cluster: "prod", Policies: []remediate.Policy{
		{Name: "web-down", Target: "deployment/shop/web", Steps: restart},
		{Name: "db-down", Target: "deployment/shop/db", Steps: restart, Guards: remediate.Guards{Backup: backup}},
		{Name: "db-lost", Target: "dr/deployment/shop/db", Steps: []remediate.Step{{
			Do:     []remediate.Do{{Kind: "scale", Target: "deployment/shop/web"}},
			Undo:   []remediate.Do{{Kind: "scale", Target: "prod/deployment/shop/web"}},
			Verify: remediate.Verify{All: []remediate.Check{{Kind: "rollout", Target: "deployment/shop/other"}}},
		}}},
		{Name: "web-slow", Target: "deployment/shop/web"},
		{Name: "crash-loop", Target: "owner/$namespace/$pod", Steps: restart, Guards: remediate.Guards{Backup: backup}},
		{Name: "node-lost", Target: "node/n1", Steps: restart},
		{Name: "told-only"},
	}}
	stateful := whole()
	stateful.Claims = []string{"data"}
	w := world{
		workloads: map[string]Workload{
			"prod/deployment/shop/web": whole(), "prod/deployment/shop/db": stateful, "dr/deployment/shop/db": stateful,
		},
		numbers: map[string]float64{"newest": float64(now.Unix())},
	}
	found, well := Check(t.Context(), book, w, now)
	want := []string{
		"error dr/deployment/shop/db (db-lost): backup: it holds data (data)",
		"error dr/deployment/shop/web (db-lost): target: dr/deployment/shop/web: it is gone",
		"note prod/owner/$namespace/$pod (crash-loop): target: not looked at: which object",
		"note prod/node/n1 (node-lost): target: not looked at: a node",
	}
	foundIs(t, found, want)
	var names []string
	for _, t := range well {
		names = append(names, t.Name+" ("+strings.Join(t.Policies, ", ")+")")
	}
	if want := []string{"prod/deployment/shop/web (web-down, db-lost, web-slow)", "prod/deployment/shop/db (db-down)"}; !reflect.DeepEqual(names, want) {
		t.Errorf("well are %q, want %q", names, want)
	}

	w.numbers = nil // the guards' backups are now unknown, of templates, too
	found, _ = Check(t.Context(), book, w, now)
	const unknown = ": backup: when the newest good backup was made is not known: newest: no series"
	foundIs(t, found, []string{
		"error prod/deployment/shop/db (db-down)" + unknown, want[0], want[1], want[2],
		"error prod/owner/$namespace/$pod (crash-loop)" + unknown, want[3],
	})
}

func foundIs(t *testing.T, found []Finding, want []string) {
	t.Helper()
	var got []string
	for i, f := range found {
		line := string(f.Severity) + " " + f.Target + " (" + strings.Join(f.Policies, ", ") + "): " + f.Check + ": " + f.Message
		if i < len(want) && strings.HasPrefix(line, want[i]) {
			line = want[i]
		}
		got = append(got, line)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
