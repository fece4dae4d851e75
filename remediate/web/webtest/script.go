package webtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Do carries out one line of a script:
//
//	pass 50s                                 time goes by
//	set verify=failed/20s act=ok             see [World.Set]
//	alert PostgresDown namespace=shop        an alert fires; ago=1h is how long it has
//	resolve PostgresDown namespace=shop      and resolves
//	ack i1 by=anna reason=... plan=shown     a human's word, also takeover, run, ...
//	override i1 guard=cooldown by=anna       break-glass
//	severity i1 value=P3 by=anna
//	pause all by=anna                        and resume
//	mode policy/x value=observe by=anna
//	release 1.5 held                         another release decides, which only observes
//	compared facts=12 changed=1              what it decides otherwise; kept=... is a change
//	accept by=anna value=1.5 reason=...
//	break history                            see [World.Break]; mend history
//
// A value takes _ for a space.
func (w *World) Do(line string) error {
	words := strings.Fields(line)
	if len(words) == 0 {
		return nil
	}
	args := words[1:]
	switch words[0] {
	case "pass":
		d, err := time.ParseDuration(strings.Join(args, ""))
		if err != nil {
			return err
		}
		return w.Pass(d)
	case "set":
		for _, a := range args {
			what, how, _ := strings.Cut(a, "=")
			w.Set(what, spaced(how))
		}
	case "alert", "resolve":
		a, err := w.alert(args)
		if err != nil {
			return err
		}
		return w.Hear(remediate.Heard{Alert: a, Firing: words[0] == "alert"})
	case "release":
		return w.lead(args)
	case "compared":
		return w.compared(args)
	case "break":
		w.Break(strings.Join(args, ""), errors.New("input/output error"))
	case "mend":
		w.Break(strings.Join(args, ""), nil)
	default:
		c, err := w.command(words[0], args)
		if err != nil {
			return err
		}
		return w.Hear(c)
	}
	return nil
}

// Play carries out the lines of a script.
func (w *World) Play(script string) error {
	for n, line := range strings.Split(script, "\n") {
		if err := w.Do(line); err != nil {
			return fmt.Errorf("line %d, %q: %w", n+1, line, err)
		}
	}
	return nil
}

// lead has another release decide.
func (w *World) lead(args []string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, led, err := remediate.Lead(w.state, w.now, args[0], slices.Contains(args, "held"))
	if err != nil || !led {
		return err
	}
	if err := w.keep([]remediate.Record{r}); err != nil {
		return err
	}
	return w.hear(remediate.Tick{})
}

// compared says what the release decides otherwise.
func (w *World) compared(args []string) error {
	w.mu.Lock()
	c := remediate.Comparison{Release: w.state.Release.Name, Since: Epoch}
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		var err error
		switch name {
		case "facts":
			c.Facts, err = strconv.ParseUint(value, 10, 64)
		case "changed":
			c.Changed, err = strconv.Atoi(value)
		case "kept":
			c.Details = w.keepBlob(`[{"seq":7,"at":"2026-01-14T10:00:00Z","incident":1,"was":["step 1: allow"],"is":["` + spaced(value) + `"]}]`)
		default:
			c.Why = spaced(arg)
		}
		if err != nil {
			w.mu.Unlock()
			return err
		}
	}
	w.mu.Unlock()
	return w.Hear(c)
}

func spaced(s string) string { return strings.ReplaceAll(s, "_", " ") }

func (w *World) alert(args []string) (remediate.Alert, error) {
	if len(args) == 0 {
		return remediate.Alert{}, errors.New("an alert needs a name")
	}
	labels := map[string]string{"alertname": args[0]}
	a := remediate.Alert{StartsAt: w.Now(), Annotations: map[string]string{"summary": args[0] + " for one minute"}}
	for _, arg := range args[1:] {
		name, value, _ := strings.Cut(arg, "=")
		switch name {
		case "ago":
			d, err := time.ParseDuration(value)
			if err != nil {
				return a, err
			}
			a.StartsAt = w.Now().Add(-d)
		case "summary":
			a.Annotations["summary"] = spaced(value)
		default:
			labels[name] = value
		}
	}
	a.Labels = remediate.LabelsOf(labels)
	return a, nil
}

func (w *World) command(command string, args []string) (c remediate.Command, err error) {
	c.Command = command
	for _, arg := range args {
		name, value, named := strings.Cut(arg, "=")
		switch {
		case name == "by":
			c.By = value
		case name == "reason":
			c.Reason = spaced(value)
		case name == "plan" && value == "shown":
			c.Plan = w.Plan(c.Incident)
		case name == "plan":
			c.Plan = value
		case name == "guard":
			c.Guard = value
		case name == "value":
			c.Value = value
		case name == "until":
			c.Until, err = time.Parse(time.RFC3339, value)
		case command == remediate.Pause || command == remediate.Resume || command == remediate.SetMode:
			c.Scope = arg
		case named:
			err = fmt.Errorf("%q is not known", arg)
		default:
			_, err = fmt.Sscanf(arg, "i%d", &c.Incident)
		}
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

// Plan returns the hash of the plan of an open incident, "" when it has none.
func (w *World) Plan(incident uint64) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i := w.state.Incidents.Get(incident); i != nil {
		return i.Hash
	}
	return ""
}

// Rulebook reads a rulebook in YAML, with the shipped runbooks, and with
// Slack and PagerDuty to tell, unless it says otherwise.
func Rulebook(text string) (*remediate.Rulebook, error) {
	var v map[string]any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		return nil, err
	}
	for k, d := range map[string]any{
		"cluster": "prod", "replicaLabels": remediate.DefaultReplicaLabels(), "runbooks": remediate.DefaultRunbooks(),
		"destinations": []string{"slack", "slack/thread", "pagerduty/oncall", "pagerduty/manager", "pagerduty/director"},
	} {
		if _, ok := v[k]; !ok {
			v[k] = d
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return remediate.DecodeRulebook(b)
}

// Play returns a world under the rulebook [Postgres] in which the script
// happened.
func Play(t testing.TB, script string) *World {
	t.Helper()
	w, err := New()
	if err != nil {
		t.Fatal(err)
	}
	book, err := Rulebook(Postgres)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Load(book); err != nil {
		t.Fatal(err)
	}
	if err := w.Play(script); err != nil {
		t.Fatal(err)
	}
	return w
}
