package simulate

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
)

// planted is broken where something is paused while a human has an incident:
// at least a trouble, a takeover and a pause are needed.
var planted = Law{"planted: nothing is paused while a human is at work", func(s *story, f remediate.Fact) error {
	b, ok := f.Body.(remediate.CommandGiven)
	for _, i := range s.open {
		if ok && b.Command == remediate.Pause && i.taken {
			return fmt.Errorf("%s is paused", b.Scope)
		}
	}
	return nil
}}

// A failure is made small, and the one line that is printed replays it.
func TestFailuresShrinkAndReplay(t *testing.T) {
	laws := append([]Law{planted}, Laws...)
	var out, errs bytes.Buffer
	if code := CommandLine([]string{"-seed", "1", "-seeds", "6", "-steps", "400"}, laws, &out, &errs); code != 1 {
		t.Fatalf("exit code %d: %s%s", code, out.String(), errs.String())
	}
	line, rest, _ := strings.Cut(out.String(), "\n")
	command, reason, ok := strings.Cut(line, " # ")
	if !ok || !strings.Contains(reason, planted.Name) || !strings.HasSuffix(reason, "is paused") {
		t.Fatalf("the line does not say what broke which law: %s", line)
	}
	args := strings.Fields(strings.TrimPrefix(command, "go run ./test/simulate/cmd/simulate "))
	keep, err := ParseKeep(args[len(args)-1])
	if err != nil || len(keep) > 12 {
		t.Errorf("not made small: %s", line)
	}
	out.Reset()
	if code := CommandLine(args, laws, &out, &errs); code != 1 || out.String() != line+"\n" {
		t.Errorf("the line does not replay it (exit code %d):\n%s\n%s", code, line, out.String())
	}
	out.Reset()
	if code := CommandLine(args, Laws, &out, &errs); code != 0 {
		t.Errorf("without the planted law it fails too: %s", out.String())
	}
	for _, other := range strings.Split(strings.TrimSpace(rest), "\n") {
		if strings.HasPrefix(other, "go run") && !strings.Contains(other, planted.Name) {
			t.Errorf("another law is broken: %s", other)
		}
	}
}

// Shrinking gives up after so many tries, and returns what it has.
func TestShrinkIsBounded(t *testing.T) {
	runs := 0
	counting := Law{"counting", func(s *story, f remediate.Fact) error {
		if _, first := f.Body.(remediate.Founded); first {
			runs++
		}
		return planted.Holds(s, f)
	}}
	c := Case{Seed: 1, Steps: 400}
	for c.Run([]Law{counting}).Broken == nil {
		c.Seed++
	}
	runs = 0
	small := Shrink(c, counting.Name, []Law{counting}, 10)
	if runs != 11 || len(small.Keep) >= 400 || small.Run([]Law{counting}).Broken == nil {
		t.Errorf("%d runs for 10 tries and a first, %d steps are left", runs, len(small.Keep))
	}
}

// The same case is the same day, fact for fact, also in pieces and at once.
func TestDaysRepeat(t *testing.T) {
	story := func(c Case) string {
		var b bytes.Buffer
		c.Run(append([]Law{telling(&b)}, Laws...))
		return b.String()
	}
	for _, c := range []Case{{Seed: 7, Steps: 200}, {Seed: 8, Steps: 200, Keep: []int{3, 4, 5, 50, 199}}} {
		if story(c) != story(c) {
			t.Errorf("%s is another day each time", c)
		}
	}
	all := Case{Seed: 7, Steps: 200}
	if story(all) != story(Case{Seed: 7, Steps: 200, Keep: upTo(200)}) {
		t.Error("all steps are another day when they are named")
	}
}

func TestKeep(t *testing.T) {
	for _, s := range []string{"none", "0", "3,17-21,40", "0-499"} {
		keep, err := ParseKeep(s)
		if err != nil || ranges(keep) != s {
			t.Errorf("%s is read as %v, %v", s, keep, err)
		}
	}
	for _, s := range []string{"", "x", "3-", "5-3", "3,2", "3,3", "-1", "1.5"} {
		if keep, err := ParseKeep(s); err == nil {
			t.Errorf("%q is read as %v", s, keep)
		}
	}
	if got := (Case{Seed: 42, Steps: 500, Keep: []int{3, 17, 18, 19, 40}}).String(); got != "-seed 42 -steps 500 -keep 3,17-19,40" {
		t.Error(got)
	}
}

func TestCommandRefuses(t *testing.T) {
	for _, args := range [][]string{{"-keep", "7,3"}, {"-seed", "x"}, {"-nonsense"}} {
		var out, errs bytes.Buffer
		if code := CommandLine(args, Laws, &out, &errs); code != 2 || errs.Len() == 0 {
			t.Errorf("%v: exit code %d, %q", args, code, errs.String())
		}
	}
	var out, errs bytes.Buffer
	if code := CommandLine([]string{"-seed", "3", "-steps", "30"}, Laws, &out, &errs); code != 0 || !strings.Contains(out.String(), "all laws hold") {
		t.Errorf("exit code %d: %s", code, out.String())
	}
}

// Every kind of step happens, or it would be there for nothing.
func TestEverythingHappens(t *testing.T) {
	s := Explore(1, 8, 200, nil)
	for _, h := range happenings {
		if s.Happened[h.name] == 0 {
			t.Errorf("%q never happens", h.name)
		}
	}
	if s.Facts == 0 || s.Acts == 0 || s.Incidents == 0 || s.Lived == 0 || s.Seeds != 8 || s.Steps != 1600 {
		t.Errorf("not counted: %+v", s)
	}
	again := Explore(1, 8, 200, nil)
	again.Took = s.Took
	if !reflect.DeepEqual(s, again) {
		t.Error("the same seeds come to something else")
	}
}
