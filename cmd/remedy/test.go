package main

import (
	"context"
	"fmt"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/x0tta6bl4/remediated/cmd/internal/catalogue"
	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/policies/replay"
)

// policyTest is one call of remedy policy test.
type policyTest struct {
	cli      *cli
	paths    []string
	only     *regexp.Regexp
	verbose  bool
	coverage bool
	junit    string
}

func (c *cli) testCommand(cmd *kingpin.CmdClause) {
	test := cmd.Command("test", "Run policy tests: files called *.test.yaml, beside the policies. docs/workbench.md says what they look like.")
	t := policyTest{cli: c}
	test.Arg("path", "Files of tests, and folders in which to look for them.").Default(".").StringsVar(&t.paths)
	test.Flag("run", "Only tests whose name matches this regular expression.").Default("").RegexpVar(&t.only)
	test.Flag("verbose", "Show each test, and what followed in it, as a test would expect it.").Short('v').BoolVar(&t.verbose)
	test.Flag("coverage", "Show which policies, steps and refusals no test reaches; and fail when there are any.").BoolVar(&t.coverage)
	test.Flag("junit", "Write the results as JUnit XML to this file, for a pipeline.").PlaceHolder("FILE").StringVar(&t.junit)
	c.commands[test.FullCommand()] = func(context.Context) error { return t.run() }
}

// tested is a file of tests and what came of them.
type tested struct {
	File     string
	Outcomes []*replay.Outcome
}

func (t *policyTest) run() error {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // lives are short, and little of one is kept
	files, err := policies.FindSuites(t.paths...)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return usagef("there are no policy tests in %s: their files end in .test.yaml", strings.Join(t.paths, ", "))
	}
	var all []tested
	problems, kinds := []policies.Problem{}, catalogue.New()
	for _, file := range files {
		suite, found := policies.LoadSuite(file, kinds)
		if problems = append(problems, found...); suite == nil {
			continue
		}
		keep := func(c policies.Case) bool { return t.only.MatchString(c.Name) }
		all = append(all, tested{file, replay.RunAll(suite, keep, runtime.GOMAXPROCS(0))})
	}
	if t.junit != "" {
		if err := writeJUnit(t.junit, all); err != nil {
			return err
		}
	}
	ok, err := t.show(problems, all)
	if err == nil && (policies.HasErrors(problems) || !ok) {
		return errShown
	}
	return err
}

// show shows what came of the tests, and tells whether all is well.
func (t *policyTest) show(problems []policies.Problem, all []tested) (bool, error) {
	reached := reachedBy(all)
	if t.cli.forProgram() {
		return t.showJSON(problems, all, reached)
	}
	if err := t.cli.showProblems(problems, nil); err != nil {
		return false, err
	}
	passed, n, took := 0, 0, time.Duration(0)
	for _, file := range all {
		for _, o := range file.Outcomes {
			n++
			took += o.Took
			if o.Passed() {
				passed++
			}
			t.showOne(file.File, o)
		}
	}
	whole := true
	if t.coverage {
		whole = t.showCoverage(reached)
	}
	t.cli.out.printf("%d of %d tests passed, in %s\n", passed, n, took.Round(time.Microsecond))
	if n == 0 && len(problems) == 0 {
		return false, usagef("no test is called so: %s", t.only)
	}
	return passed == n && whole, t.cli.out.err
}

func (t *policyTest) showOne(file string, o *replay.Outcome) {
	p := t.cli.out
	at := fmt.Sprintf("%s:%d: %s", file, o.Case.Line, o.Case.Name)
	if o.Passed() && !t.verbose {
		return
	}
	if o.Passed() {
		p.printf("ok   %s\n", at)
	} else {
		p.printf("FAIL %s\n", at)
		for line := range strings.Lines(o.Difference()) {
			p.printf("%s\n", strings.TrimSuffix(line, "\n"))
		}
	}
	if t.verbose {
		p.printf("  what followed, as it would be expected:\n")
		for _, h := range o.Followed {
			p.printf("      %s\n", replay.Line(h))
		}
	}
}

// showCoverage shows what no test reaches, and tells whether that is nothing.
func (t *policyTest) showCoverage(reached []replay.Reach) bool {
	p := t.cli.out
	missed := 0
	for _, r := range reached {
		if !r.Reached {
			missed++
			p.printf("not reached: %s: %s\n", r.Policy, r.What)
		}
	}
	p.printf("coverage: %d of %d\n", len(reached)-missed, len(reached))
	return missed == 0
}

func reachedBy(all []tested) []replay.Reach {
	c := replay.NewCoverage()
	for _, file := range all {
		for _, o := range file.Outcomes {
			c.Count(o)
		}
	}
	return c.Reached()
}

// testResult is a test in JSON.
type testResult struct {
	File       string   `json:"file"`
	Line       int      `json:"line"`
	Name       string   `json:"name"`
	Passed     bool     `json:"passed"`
	Followed   []string `json:"followed"`
	Difference string   `json:"difference,omitempty"`
}

func (t *policyTest) showJSON(problems []policies.Problem, all []tested, reached []replay.Reach) (bool, error) {
	out := struct {
		Problems []policies.Problem `json:"problems"`
		Tests    []testResult       `json:"tests"`
		Coverage []replay.Reach     `json:"coverage,omitempty"`
	}{Problems: problems, Tests: []testResult{}}
	ok := true
	for _, file := range all {
		for _, o := range file.Outcomes {
			r := testResult{File: file.File, Line: o.Case.Line, Name: o.Case.Name, Passed: o.Passed(), Difference: o.Difference(), Followed: []string{}}
			for _, h := range o.Followed {
				r.Followed = append(r.Followed, replay.Line(h))
			}
			out.Tests = append(out.Tests, r)
			ok = ok && r.Passed
		}
	}
	if t.coverage {
		out.Coverage = reached
		for _, r := range reached {
			ok = ok && r.Reached
		}
	}
	return ok, t.cli.showData(out)
}
