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

	. "github.com/x0tta6bl4/remediated/remediate"
)

var update = flag.Bool("update", false, "rewrite the expected output of the scenario files")

// TestScenarios tells the stories of testdata/*.txt. A story is a sequence of
// blocks: commands, a line ----, and the facts that followed. Run with -update
// to write the facts anew, and read the difference as code. What the commands
// mean is said in testdata/README.md.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenario files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			w := newWorld(t)
			told := tell(w, file, !*update)
			w.checkLaws()
			if *update {
				w.must(os.WriteFile(file, []byte(told), 0o644))
			}
		})
	}
}

// TestRestartAnywhere tells every story again and throws the state away before
// each single input. The facts must be the same to the last byte: nothing that
// matters lives outside the journal.
func TestRestartAnywhere(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txt")
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			steady, restarted := newWorld(t), newWorld(t)
			restarted.forgetful = true
			tell(steady, file, false)
			tell(restarted, file, false)
			if steady.state.Head == restarted.state.Head {
				return
			}
			for k, f := range restarted.heard {
				if k >= len(steady.heard) || steady.records[k].Sum != restarted.records[k].Sum {
					t.Fatalf("after restarts record %d is\n%s", k+1, restarted.story([]Fact{f}))
				}
			}
			t.Fatalf("after restarts there are %d records, without %d", len(restarted.records), len(steady.records))
		})
	}
}

// tell tells the story of a file and returns it with what followed; strict
// holds that against what the file says.
func tell(w *world, file string, strict bool) string {
	w.t.Helper()
	text, err := os.ReadFile(file)
	w.must(err)
	var out strings.Builder
	for n, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		commands, want, asks := strings.Cut(strings.TrimSpace(block), "\n----")
		if !asks { // a comment
			fmt.Fprintf(&out, "%s\n\n", block)
			continue
		}
		from := len(w.heard)
		var said strings.Builder
		for _, c := range commandsOf(commands) {
			if err := w.do(c); err != nil {
				fmt.Fprintf(&said, "refused: %v\n", err)
			}
			w.settle()
		}
		got := strings.TrimSpace(said.String() + w.story(w.heard[from:]))
		if got != strings.TrimSpace(want) && strict {
			w.t.Errorf("%s: block %d\n%s\n---- got\n%s\n---- want\n%s", file, n+1, commands, got, strings.TrimSpace(want))
		}
		fmt.Fprintf(&out, "%s\n\n", strings.TrimSpace(commands+"\n----\n"+got))
	}
	return strings.TrimSpace(out.String()) + "\n"
}

// commandsOf joins indented lines to the one they belong to.
func commandsOf(block string) []string {
	var cs []string
	for _, line := range strings.Split(block, "\n") {
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, " ") && len(cs) > 0:
			cs[len(cs)-1] += "\n" + line
		default:
			cs = append(cs, line)
		}
	}
	return cs
}

// do carries out one command of a scenario.
func (w *world) do(command string) error {
	first, rest, _ := strings.Cut(command, "\n")
	words := strings.Fields(first)
	switch words[0] {
	case "rulebook":
		w.load(bookOf(w.t, rest))
	case "world":
		for _, s := range words[1:] {
			k, v, _ := strings.Cut(s, "=")
			w.set[k] = v
		}
	case "pass":
		d, err := time.ParseDuration(words[1])
		w.must(err)
		w.pass(d)
	case "alert", "resolve":
		return w.hear(Heard{Alert: w.alert(words[1:]), Firing: words[0] == "alert"})
	case "alerts": // so many that differ in their label n
		n, err := strconv.Atoi(words[1])
		w.must(err)
		for k := range n {
			w.must(w.hear(Heard{Alert: w.alert(append(slices.Clone(words[2:]), fmt.Sprintf("n=n%d", k))), Firing: true}))
		}
	case "reject":
		c := w.command(words)
		for _, s := range words {
			if name, ok := strings.CutPrefix(s, "command="); ok {
				c.Command = name
			}
		}
		why := c.Reason
		c.Reason = ""
		return w.hear(Rejected{CommandGiven: CommandGiven(c), Why: why})
	case "trouble":
		return w.hear(Trouble{Alert: words[1], Firing: words[2] == "begins", Summary: strings.Join(words[3:], " ")})
	case "listing":
		return w.hear(w.listing(words[1:], rest))
	case "report":
		return w.hear(w.report(words[1:]))
	case "restart":
		w.refold()
		return w.hear(Tick{})
	case "down":
		d, err := time.ParseDuration(words[1])
		w.must(err)
		w.now = w.now.Add(d)
		w.refold()
		return w.hear(Tick{})
	case "release":
		w.lead(words[1], slices.Contains(words, "held"))
	case "compared":
		return w.hear(w.comparison(words[1:]))
	case "degrade":
		w.state.Degrade(strings.Join(words[1:], " "))
	case "jump":
		d, err := time.ParseDuration(words[1])
		w.must(err)
		return w.hear(Jumped{By: d})
	case "leap": // the wall clock is set forward, while we are there
		d, err := time.ParseDuration(words[1])
		w.must(err)
		w.now = w.now.Add(d)
		return w.hear(Jumped{By: d})
	case "hide":
		w.hidden = words[1:]
	default:
		return w.hear(w.command(words))
	}
	return nil
}

// alert reads NAME label=value ... ; ago=1h is how long it has fired.
func (w *world) alert(words []string) Alert {
	labels := map[string]string{"alertname": words[0]}
	a := Alert{StartsAt: w.now, Annotations: map[string]string{"summary": words[0] + " says its rule"}}
	for _, s := range words[1:] {
		k, v, _ := strings.Cut(s, "=")
		switch k {
		case "ago":
			d, err := time.ParseDuration(v)
			w.must(err)
			a.StartsAt = w.now.Add(-d)
		case "ends":
			d, err := time.ParseDuration(v)
			w.must(err)
			a.EndsAt = w.now.Add(-d)
		case "suppressed":
		case "group":
			a.Group = v
		default:
			labels[k] = v
		}
	}
	a.Labels = LabelsOf(labels)
	return a
}

// listing reads the alerts that are listed, one an indented line; complete and
// begun=1s, which is how long ago it was begun, may stand before them.
func (w *world) listing(words []string, rest string) Listing {
	l := Listing{At: w.now, Complete: slices.Contains(words, "complete")}
	for _, s := range words {
		if ago, ok := strings.CutPrefix(s, "begun="); ok {
			d, err := time.ParseDuration(ago)
			w.must(err)
			l.At = w.now.Add(-d)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(rest), "\n") {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		a := ListedAlert{Alert: w.alert(words)}
		for _, s := range words {
			if by, ok := strings.CutPrefix(s, "suppressed="); ok {
				a.Suppressed = strings.Split(by, ",")
			}
		}
		l.Alerts = append(l.Alerts, a)
	}
	return l
}

// lead has another release decide, as a restart with it does.
func (w *world) lead(release string, hold bool) {
	w.t.Helper()
	w.refold()
	r, led, err := Lead(w.state, w.now, release, hold)
	w.must(err)
	if led {
		w.keep([]Record{r})
	}
	w.must(w.hear(Tick{}))
}

// comparison reads RELEASE facts=1204 changed=3 [why it broke off].
func (w *world) comparison(words []string) Comparison {
	c := Comparison{Release: words[0], Since: epoch}
	var why []string
	for _, s := range words[1:] {
		k, v, _ := strings.Cut(s, "=")
		n, err := strconv.Atoi(v)
		switch k {
		case "facts":
			c.Facts = uint64(n)
		case "changed":
			c.Changed = n
		default:
			why, err = append(why, s), nil
		}
		w.must(err)
	}
	c.Why = strings.Join(why, " ")
	return c
}

// report reads i1-a1 ok [text]: a result that comes by itself.
func (w *world) report(words []string) Reported {
	n, err := strconv.ParseUint(strings.TrimPrefix(strings.Split(words[0], "-")[0], "i"), 10, 64)
	w.must(err)
	return Reported{ID: "q4m2x7kd-" + words[0], Incident: n, At: w.now, Result: Result{
		Outcome: words[1], Text: strings.Join(words[2:], " "),
	}}
}

// command reads ack|takeover|... i1 by=anna plan=... reason=... guard=...
// value=..., or pause, resume and mode with a scope, and until=...
func (w *world) command(words []string) Command {
	c := Command{Command: words[0]}
	for _, s := range words[1:] {
		k, v, named := strings.Cut(s, "=")
		switch {
		case k == "by":
			c.By = v
		case k == "plan" && v == "shown":
			if i := w.state.Incidents.Get(c.Incident); i != nil {
				c.Plan = i.Hash
			}
		case k == "plan":
			c.Plan = v
		case k == "reason":
			c.Reason = v
		case k == "guard":
			c.Guard = v
		case k == "value":
			c.Value = v
		case k == "until": // so long after the beginning
			d, err := time.ParseDuration(v)
			w.must(err)
			c.Until = epoch.Add(d)
		case k == "page":
			c.Page = v == "true"
		case slices.Contains([]string{Drill, LiveDrill, EndDrill}, c.Command) && named: // other labels than these
			c.Labels = append(c.Labels, Label{Name: k, Value: v})
		case slices.Contains([]string{Pause, Resume, SetMode, Drill, LiveDrill, EndDrill}, c.Command):
			c.Scope = s
		case !named:
			n, err := strconv.ParseUint(strings.TrimPrefix(s, "i"), 10, 64)
			w.must(err)
			c.Incident = n
		}
	}
	return c
}

// bookOf reads a rulebook in YAML, with the shipped runbooks where it has none.
func bookOf(t tb, text string) *Rulebook {
	t.Helper()
	var v map[string]any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	for k, d := range map[string]any{
		"cluster": "prod", "replicaLabels": DefaultReplicaLabels(), "runbooks": DefaultRunbooks(),
		"destinations": []string{"slack", "slack/thread", "pagerduty/oncall", "pagerduty/manager", "pagerduty/director"},
	} {
		if _, ok := v[k]; !ok {
			v[k] = d
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	book, err := DecodeRulebook(b)
	if err != nil {
		t.Fatal(err)
	}
	return book
}
