package remediate_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	. "github.com/x0tta6bl4/remediated/remediate"
)

// The labels by which a rule holds a page, and for how long.
func TestHoldIsEqualToWhatItHolds(t *testing.T) {
	w := newWorld(t)
	w.play(holdBook(t, "") + "world verify=ok/2m\nalert DbDown namespace=shop severity=warning source=blackbox\nalert DbDown namespace=shop pod=b\npass 10s")
	got := strings.Split(raised(w), "\n")
	slices.Sort(got)
	want := []string{
		`{alertname="RemediationInProgress", held_alertname="DbDown", incident="i1", namespace="shop", pod="b", policy="db"} +2m0s DbDown at deployment/shop/db is being worked on by policy db; people are called when it is not over by 10:05:00 UTC`,
		`{alertname="RemediationInProgress", held_alertname="DbDown", incident="i1", namespace="shop", policy="db", severity="warning"} +2m0s DbDown at deployment/shop/db is being worked on by policy db; people are called when it is not over by 10:05:00 UTC`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("raised\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if a := Raised(w.state, w.books, w.now)[0]; !a.StartsAt.Equal(epoch) {
		t.Errorf("it fires since %s, not since the alert does", a.StartsAt)
	}
}

// holdBook is a policy that holds the page, with these fields of it replaced, and
// one that does not.
func holdBook(t tb, fields string) string {
	t.Helper()
	policy := map[string]any{}
	for _, text := range []string{holdPolicy, "{" + fields + "}"} {
		if err := yaml.Unmarshal([]byte(text), &policy); err != nil {
			t.Fatal(err)
		}
	}
	b, err := json.Marshal(policy)
	if err != nil {
		t.Fatal(err)
	}
	return "rulebook\n  policies:\n  - " + string(b) + "\n  - " + bluntPolicy + "\n"
}

const (
	holdPolicy  = `{name: db, when: ['alertname="DbDown"'], per: [namespace], severity: P2, mode: act, holdPage: true, target: deployment/shop/db, steps: [{name: restart, do: [{kind: restart}], verify: {all: [{kind: postgres}], for: 5s, within: 10m}}]}`
	bluntPolicy = `{name: blunt, when: ['alertname="DbDown"'], severity: P2, mode: act, target: deployment/shop/other, steps: [{name: restart, do: [{kind: restart}], verify: {all: [{kind: postgres}], for: 5s, within: 10m}}]}`
)

// TestHold plays until when a page is held, and what ends that at once.
func TestHold(t *testing.T) {
	const begins = "world verify=ok/9m\nalert DbDown namespace=shop\n"
	at := "{page: on need, after: %s, ladder: [{tell: oncall, wait: 5m}]}"
	for name, c := range map[string]struct {
		fields, script string
		want           string // how long the page is held from then on; "" is not at all
	}{
		"from the first moment":               {script: begins, want: "5m0s"},
		"and to the last":                     {script: begins + "pass 4m59s", want: "1s"},
		"not longer":                          {script: begins + "pass 5m"},
		"to the objective":                    {fields: "objective: 3m", script: begins, want: "3m0s"},
		"an hour is too long":                 {fields: "objective: 1h", script: begins, want: "5m0s"},
		"to the first rung":                   {fields: "runbooks: {P2: " + fmt.Sprintf(at, "90s") + "}", script: begins, want: "1m30s"},
		"a later rung is too late":            {fields: "runbooks: {P2: " + fmt.Sprintf(at, "20m") + "}", script: begins, want: "5m0s"},
		"nobody is ever paged":                {fields: "runbooks: {P2: {page: never}}", script: begins, want: "5m0s"},
		"people are told at once":             {fields: "runbooks: {P2: {page: at once, ladder: [{tell: oncall, wait: 5m}]}}", script: begins},
		"it waits for an answer":              {script: "world ask=silent\n" + begins, want: "5m0s"},
		"nobody knows how its target is":      {script: "world workload=unknown\n" + begins, want: "5m0s"},
		"healed, and it still fires":          {script: "alert DbDown namespace=shop\npass 30s", want: "4m30s"},
		"healed, and it fires no more":        {script: "alert DbDown namespace=shop\npass 30s\nresolve DbDown namespace=shop"},
		"it came back":                        {script: "alert DbDown namespace=shop\npass 30s\nworld probe=failed verify=ok/9m\npass 20s"},
		"the policy does not say so":          {fields: "holdPage: false", script: begins},
		"of P1":                               {fields: "severity: P1", script: begins},
		"it became P1":                        {script: begins + "severity i1 by=anna value=P1"},
		"a human approves":                    {fields: "mode: approve", script: begins},
		"it observes":                         {fields: "mode: observe", script: begins},
		"set to approve":                      {script: begins + "mode namespace/shop by=anna value=approve"},
		"the object says observe":             {script: "world mode=observe\n" + begins},
		"it was only found":                   {script: "alert DbDown namespace=shop ago=1h"},
		"found, and a human says run":         {script: "alert DbDown namespace=shop ago=1h\npass 10s\nrun i1 by=anna"},
		"acknowledged":                        {script: begins + "ack i1 by=anna"},
		"taken over":                          {script: begins + "takeover i1 by=anna"},
		"denied":                              {script: "pause policy/db by=anna\n" + begins},
		"paused in the middle":                {script: begins + "pass 10s\npause namespace/shop by=anna"},
		"paused somewhere else":               {script: begins + "pass 10s\npause namespace/home by=anna", want: "4m50s"},
		"every step was tried":                {script: "world verify=failed/1s\nalert DbDown namespace=shop\npass 20s"},
		"the journal keeps nothing":           {script: begins + "pass 10s\ndegrade the disk is full"},
		"silenced by a human":                 {script: begins + "listing complete\n  DbDown namespace=shop suppressed=s1"},
		"a label is missing":                  {script: "world verify=ok/9m\nalert DbDown"},
		"closed":                              {script: "world workload=unknown\n" + begins + "close i1 by=anna"},
		"another incident of it is not held":  {fields: "continue: true", script: begins},
		"but that one only observes":          {fields: "continue: true", script: "mode policy/blunt by=anna value=observe\n" + begins, want: "5m0s"},
		"the policy is gone":                  {script: begins + "rulebook\n  policies: []"},
		"the policy says so no more":          {script: begins + holdBook(t, "holdPage: false")},
		"when the daemon was away for longer": {script: begins + "down 1h"},
		"when it was away for a moment":       {script: begins + "down 1m", want: "4m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.play(holdBook(t, c.fields) + c.script)
			if got := heldFor(w); got != c.want {
				t.Errorf("held for %q, want %q\n%s", got, c.want, w.story(w.heard))
			}
		})
	}
}

// heldFor is for how long pages are held if nothing more happens, "" when none
// is. No alert may claim more.
func heldFor(w *world) string {
	w.t.Helper()
	var ends, claims time.Time
	for at := w.now; at.Before(w.now.Add(time.Hour)); at = at.Add(time.Second) {
		for _, a := range Raised(w.state, w.books, at) {
			if a.Name() != InProgressAlert {
				continue
			}
			ends = at.Add(time.Second)
			if a.EndsAt.After(claims) {
				claims = a.EndsAt
			}
			if a.EndsAt.After(at.Add(2 * time.Minute)) {
				w.t.Errorf("at %s it fires until %s, longer than its lease", at, a.EndsAt)
			}
		}
	}
	if ends.IsZero() {
		return ""
	}
	if !claims.Equal(ends) {
		w.t.Errorf("it is held until %s, and was said to be until %s", ends, claims)
	}
	return ends.Sub(w.now).String()
}

// TestRaisedLaws lives through every story of testdata, with every policy made
// to hold pages, and looks at what is raised after each moment.
func TestRaisedLaws(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenario files: %v", err)
	}
	held := 0
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t)
			for _, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
				commands, _, asks := strings.Cut(strings.TrimSpace(block), "\n----")
				for _, c := range commandsOf(commands) {
					if asks {
						held += w.doHolding(c)
					}
				}
			}
		})
	}
	if held < 1000 {
		t.Errorf("only %d held pages were looked at", held)
	}
}

// doHolding carries out a command of a story, in small steps of time, with every
// policy holding pages, and returns how many it has seen held.
func (w *world) doHolding(command string) (held int) {
	w.t.Helper()
	first, rest, _ := strings.Cut(command, "\n")
	words := strings.Fields(first)
	switch words[0] {
	case "rulebook":
		book := bookOf(w.t, rest)
		for k := range book.Policies {
			book.Policies[k].HoldPage = true
		}
		w.must(book.Compile())
		w.load(book)
	case "pass":
		d, err := time.ParseDuration(words[1])
		w.must(err)
		for step := max(time.Second, d/100); d > 0; d -= step {
			w.pass(min(step, d))
			held += w.raisedIsLawful()
		}
	default:
		_ = w.do(command) // what is refused in the story is refused here
	}
	w.settle()
	return held + w.raisedIsLawful()
}

// raisedIsLawful holds what is raised against what must always be true of it,
// by the state alone, and returns how many pages are held.
func (w *world) raisedIsLawful() (held int) {
	w.t.Helper()
	seen := map[string]bool{}
	for _, a := range Raised(w.state, w.books, w.now) {
		if a.Name() == JournalAlert { // it is about no incident
			if w.state.Degraded() == "" {
				w.t.Errorf("%s is raised, and all can be remembered", a.Labels)
			}
			continue
		}
		n, err := strconv.ParseUint(strings.TrimPrefix(a.Labels.Get("incident"), "i"), 10, 64)
		w.must(err)
		i := w.state.Incidents.Get(n)
		p := w.books[i.Rulebook].Policy(i.Policy)
		switch {
		case seen[a.Labels.String()]:
			w.t.Errorf("%s is raised twice", a.Labels)
		case !a.Labels.Own(), !a.EndsAt.After(w.now), a.StartsAt.After(w.now), a.EndsAt.After(w.now.Add(5 * time.Minute)):
			w.t.Errorf("%s fires from %s to %s, at %s", a.Labels, a.StartsAt, a.EndsAt, w.now)
		case p.Mode == ModeObserve, i.Status == StatusObserved, i.Found, !i.Closed.IsZero():
			w.t.Errorf("%s is raised for i%d, which is %s by a policy that may %s", a.Labels, n, i.Status, p.Mode)
		}
		seen[a.Labels.String()] = true
		if a.Name() != InProgressAlert {
			continue
		}
		held++
		ends := i.Since.Add(5 * time.Minute)
		if o := i.Since.Add(time.Duration(p.Objective)); p.Objective > 0 && o.Before(ends) {
			ends = o
		}
		switch {
		case a.EndsAt.After(ends), a.EndsAt.After(w.now.Add(2 * time.Minute)):
			w.t.Errorf("a page of i%d is held until %s, by right until %s, at %s", n, a.EndsAt, ends, w.now)
		case i.Severity == P1, i.Ladder.Told > 0, i.Acked != "", i.Exhausted, i.Status == StatusDenied, i.Status == StatusHeld, i.Status == StatusApproval, p.Mode != ModeAct:
			w.t.Errorf("a page of i%d is held, which is %s, %s, told %d, acknowledged %q", n, i.Severity, i.Status, i.Ladder.Told, i.Acked)
		}
	}
	return held
}

// TestRaisedOnRandomDays lives through days as [TestSimulation] does, with every
// policy holding pages.
func TestRaisedOnRandomDays(t *testing.T) {
	if err := flag.Set("rapid.nofailfile", "true"); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		s := &simulation{world: newWorld(rt), rt: rt, fires: map[string]Alert{}}
		for range rapid.IntRange(1, 2).Draw(rt, "rulebooks") {
			book := s.rulebook()
			for k := range book.Policies {
				book.Policies[k].HoldPage = true
			}
			s.must(book.Compile())
			s.books = append(s.books, book)
		}
		s.load(s.books[0])
		for n := range rapid.IntRange(5, 30).Draw(rt, "steps") {
			if n%3 == 0 {
				s.weather()
			}
			s.step()
			s.settle()
			s.raisedIsLawful()
		}
	})
}
