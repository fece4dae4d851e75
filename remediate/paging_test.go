package remediate_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/x0tta6bl4/remediated/remediate"
)

// scene is how a guard comes to stand in the way: the policy's guards and
// steps, and commands before and after the alert fires.
type scene struct {
	guards, steps, book string
	before, after       string
}

const (
	oneStep  = "[{name: s, do: [{kind: restart}], verify: {all: [{kind: http}], within: 1m}}]"
	twoSteps = "[{name: s, do: [{kind: restart}], verify: {all: [{kind: http}], within: 1m}}, {name: t, do: [{kind: rollback}], verify: {all: [{kind: http}], within: 1m}}]"
	approved = "[{name: s, approval: {within: %s}, do: [{kind: restart}], verify: {all: [{kind: http}], within: 1m}}]"
	// other works on the same target and pages nobody; root is what others may
	// depend on.
	other = "- {name: other, when: ['alertname=\"Other\"'], severity: P3, mode: act, target: deployment/shop/db, steps: [{name: s, do: [{kind: restart}], verify: {all: [{kind: http}], within: 20m}}]}\n" +
		"- {name: root, when: ['alertname=\"Root\"'], severity: P2, mode: act, target: deployment/shop/root, steps: [{name: s, do: [{kind: restart}], verify: {all: [{kind: http}], within: 20m}}]}\n"
	patient = "[{name: s, do: [{kind: restart}], verify: {all: [{kind: http}], within: 20m}}]"
)

// scenes are the situations of docs/paging.md, by what stands there.
var scenes = map[string]scene{
	"everything is paused":                             {before: "pause all by=anna"},
	"a human set the mode to observe":                  {before: "mode all by=anna value=observe"},
	"a new release only observes":                      {before: "release 1.5 held"},
	"the policy is gone from the rulebook":             {before: "world ask=ok/5s", after: "rulebook\n  policies:\n  - {name: none, when: ['alertname=\"None\"'], severity: P3, mode: observe}"},
	"what is done would not be remembered":             {before: "degrade the disk is full"},
	"somebody took it over":                            {before: "world alert=unknown", after: "takeover i1 by=anna"},
	"all of its alerts are silenced":                   {before: "listing\n  Down namespace=shop suppressed=s1"},
	"outside of the hours in which automation may act": {guards: "window: {only: [{times: [{start_time: '11:00', end_time: '12:00'}]}]}"},
	"there is a storm":                                 {book: "storm: {incidents: 1, per: 1h}\n"},
	"it is held for its root":                          {guards: "depends: [{policy: root}]", before: "world verify=silent\nalert Root"},
	"another incident is at work on the target":        {before: "world verify=silent\nalert Other"},
	"the last step ended a moment ago":                 {guards: "settle: 1h", steps: twoSteps, before: "world verify=failed"},
	"another incident worked on the target before":     {guards: "cooldown: 1h", before: "alert Other\nresolve Other"},
	"its attempts are used up":                         {guards: "attempts: 1", steps: twoSteps, before: "world verify=failed"},
	"it was healed again and again":                    {guards: "flapping: {heals: 1, per: 1h}", before: "alert Down namespace=shop\nresolve Down namespace=shop\npass 1m"},
	"too many acts were done":                          {guards: "budget: [{actions: 1, per: 1h}]", before: "alert Down namespace=shop\nresolve Down namespace=shop\npass 1m"},
	"its remedy does not help":                         {guards: "breaker: {failures: 1, reset: 1h}", steps: twoSteps, before: "world verify=failed"},
	"nobody knows whether the alert fires":             {before: "world alert=unknown"},
	"its target may not be acted on":                   {before: "world workload=refused"},
	"nobody knows how its target is":                   {before: "world workload=unknown"},
	"somebody else changed the target":                 {steps: patient, before: "world alert=unknown confirm=silent", after: "world alert=firing workload=moved\npass 15s"},
	"too little is left for one more disruption":       {guards: "healthy: {available: 2}", before: "world workload=1"},
	"the newest backup is too old":                     {guards: "backup: {newest: b, max: 1h}", before: "world promql=0"},
	"a plan waits for a human":                         {steps: fmt.Sprintf(approved, "1h")},
	"nobody approved the plan in time":                 {steps: fmt.Sprintf(approved, "2m")},
	"a human denied the plan":                          {steps: fmt.Sprintf(approved, "1h"), after: "deny i1 by=bob plan=shown"},
}

// TestPaging plays each cell of the table in docs/paging.md.
func TestPaging(t *testing.T) {
	rows, played := pagingTable(t), map[string]bool{}
	for _, row := range rows {
		sc, ok := scenes[row.situation]
		if !ok {
			t.Errorf("docs/paging.md: nothing plays the situation %q", row.situation)
			continue
		}
		played[row.situation] = true
		for k, severity := range []Severity{P1, P2, P3} {
			t.Run(fmt.Sprintf("%s/%s/%s", row.guard, row.situation, severity), func(t *testing.T) {
				if got := sc.play(t, row.guard, severity); got != row.paged[k] {
					t.Errorf("%s is paged %s, the table says %s", severity, got, row.paged[k])
				}
			})
		}
	}
	for s := range scenes {
		if !played[s] {
			t.Errorf("docs/paging.md has no row for %q", s)
		}
	}
	for _, name := range GuardNames() {
		if !slices.ContainsFunc(rows, func(r pagingRow) bool { return r.guard == name }) {
			t.Errorf("docs/paging.md has no row for the guard %s", name)
		}
	}
}

type pagingRow struct {
	guard, situation string
	paged            []string
}

func pagingTable(t *testing.T) []pagingRow {
	text, err := os.ReadFile("../docs/paging.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []pagingRow
	for _, line := range strings.Split(string(text), "\n") {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if len(cells) == 5 && cells[0] != "guard" {
			rows = append(rows, pagingRow{cells[0], cells[1], cells[2:]})
		}
	}
	return rows
}

// play lets the alert fire in the scene and says when the incident is paged:
// at once is as soon as the guard stands in the way.
func (sc scene) play(t *testing.T, guard string, severity Severity) string {
	w := newWorld(t)
	steps := sc.steps
	if steps == "" {
		steps = oneStep
	}
	w.load(bookOf(t, sc.book+"policies:\n"+other+fmt.Sprintf(
		"- {name: p, when: ['alertname=\"Down\"'], per: [namespace], severity: %s, mode: act, target: deployment/shop/db, guards: {%s}, steps: %s}", severity, sc.guards, steps)))
	for _, part := range []string{sc.before, "alert Down namespace=shop", sc.after} {
		for _, c := range commandsOf(part) {
			if c != "" {
				w.must(w.do(c))
				w.settle()
			}
		}
	}
	w.pass(30 * time.Minute)
	w.checkLaws()
	return whenPaged(w, guard)
}

// whenPaged looks at the last incident of the policy p.
func whenPaged(w *world, guard string) string {
	var incident uint64
	var opened, stood time.Time
	roots := map[string]bool{}
	for _, f := range w.heard {
		switch b := f.Body.(type) {
		case Opened:
			if b.Policy == "p" {
				clear(roots)
				incident, opened, stood = b.Incident, f.At, time.Time{}
			}
		case Judged:
			inTheWay := slices.ContainsFunc(b.Verdicts, func(v Verdict) bool { return v.Guard == guard && v.Decision != Allowed })
			for _, v := range b.Verdicts {
				roots[v.For] = roots[v.For] || b.Incident == incident
			}
			if b.Incident == incident && inTheWay && (stood.IsZero() || b.Decision == Denied) {
				stood = f.At
			}
		case Escalated:
			switch {
			case roots[fmt.Sprintf("root/i%d", b.Incident)]:
				return "by its root"
			case b.Incident != incident:
			case f.At.Equal(opened) || f.At.Equal(stood):
				return "at once"
			case f.At.Equal(opened.Add(5 * time.Minute)):
				return "after 5m"
			default:
				return "after " + f.At.Sub(opened).String()
			}
		}
	}
	if stood.IsZero() {
		w.t.Fatalf("the guard %s never stood in the way:\n%s", guard, w.story(w.heard))
	}
	return "never"
}
