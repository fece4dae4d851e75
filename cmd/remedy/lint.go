package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/alecthomas/kingpin/v2"

	"github.com/x0tta6bl4/remediated/cmd/internal/catalogue"
	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/policies/lint"
	"github.com/x0tta6bl4/remediated/policies/promql"
)

// lintJob is one call of lint: what is checked, and what it is held against.
type lintJob struct {
	files         []string
	rules         []string // patterns of files
	external      []string // labels that are added to the alerts of those
	prometheus    []string // addresses
	alertmanagers []string // addresses
	fatal         bool     // warnings fail
}

func (c *cli) lintCommand(cmd *kingpin.CmdClause) {
	var j lintJob
	command := cmd.Command("lint", "Check a configuration and the policies that it names, as the daemon would at its start, "+
		"and hold them against the rules of Prometheus and the configuration of Alertmanager. "+
		"It exits with 0 when nothing is wrong or there are warnings only, 1 when there is an error "+
		"(also when something cannot be read or asked), 2 when it is not told right what to do, "+
		"and with --lint-fatal 3 when there are warnings only.")
	command.Arg("file", "Configuration files.").Default("remediated.yml").StringsVar(&j.files)
	command.Flag("rules", "A file of Prometheus's rules, or a pattern for such. All of them together are all rules that there are. Repeatable.").
		PlaceHolder("FILE").StringsVar(&j.rules)
	command.Flag("external-label", "The name of a label that Prometheus adds to all alerts of the rules in --rules, by external_labels or relabelling. Repeatable.").
		PlaceHolder("NAME").StringsVar(&j.external)
	command.Flag("prometheus", "Address of a Prometheus that is asked for its rules, beside those of --rules. Repeatable.").
		PlaceHolder("URL").StringsVar(&j.prometheus)
	command.Flag("alertmanager", "Address of an Alertmanager that is asked for its configuration. Repeatable.").
		PlaceHolder("URL").StringsVar(&j.alertmanagers)
	command.Flag("lint-fatal", "Let warnings fail, with exit code 3.").BoolVar(&j.fatal)
	c.commands[command.FullCommand()] = func(ctx context.Context) error { return c.lint(ctx, j) }
}

// lint shows what is wrong with each configuration.
func (c *cli) lint(ctx context.Context, j lintJob) error {
	if err := j.checkAddresses(); err != nil {
		return err
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // it ends soon, and there is little that it does not need until then
	rules, problems := readRules(j.rules, j.external)
	rulesRead := !policies.HasErrors(problems)
	ok, kinds := []string{}, catalogue.New()
	for _, file := range j.files {
		loaded, found := policies.Load(file, kinds)
		found = append(found, catalogue.Check(file, loaded)...)
		if loaded != nil && !policies.HasErrors(found) {
			ok = append(ok, fmt.Sprintf("%s: %s", file, fit(len(loaded.Rulebook.Policies))))
		}
		if loaded != nil {
			found = append(found, loaded.CheckQueries(promql.Read)...)
		}
		if loaded != nil && rulesRead {
			found = append(found, j.around(ctx, loaded, rules)...)
		}
		problems = append(problems, found...)
	}
	if err := c.showLint(problems, ok); err != nil {
		return err
	}
	switch {
	case policies.HasErrors(problems):
		return errShown
	case j.fatal && len(problems) > 0:
		return errWarned
	}
	return nil
}

func (c *cli) showLint(problems []policies.Problem, ok []string) error {
	if c.output != "json" {
		return c.showProblems(problems, ok)
	}
	if problems == nil {
		problems = []policies.Problem{} // [] and not null
	}
	return c.showData(problems)
}

// around holds what was loaded against what stands around it. Rules that are not
// all there are none to hold it against.
func (j lintJob) around(ctx context.Context, loaded *policies.Loaded, rules []policies.AlertRule) (problems []policies.Problem) {
	all := true
	for _, at := range j.prometheus {
		more, err := rulesOf(ctx, loaded, at)
		if err != nil {
			problems, all = append(problems, unasked(at, err)), false
		}
		rules = append(rules[:len(rules):len(rules)], more...)
	}
	if all && len(j.rules)+len(j.prometheus) > 0 {
		problems = append(problems, loaded.CheckRules(rules)...)
	}
	for _, at := range j.alertmanagers {
		a, err := configurationOf(ctx, loaded, at)
		if err != nil {
			problems = append(problems, unasked(at, err))
			continue
		}
		problems = append(problems, a.Check(loaded.Config, loaded.Rulebook, rules)...)
	}
	return problems
}

// assumed is what is taken for granted of rules in files.
const assumed = "if Prometheus adds it on the way, by external_labels or relabelling, say so with --external-label"

// readRules reads the files of rules that patterns find. Alerts of theirs get these
// external labels and no others.
func readRules(patterns, external []string) (rules []policies.AlertRule, problems []policies.Problem) {
	for _, pattern := range patterns {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			problems = append(problems, policies.Problem{
				File: pattern, Severity: policies.Error, Message: "no file of rules is found", Hint: "write the path of one, or a pattern such as 'rules/*.yml'",
			})
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				problems = append(problems, policies.Problem{File: name, Severity: policies.Error, Message: "the file cannot be read: " + err.Error()})
				continue
			}
			more, wrong := lint.ReadRules(name, text)
			for i := range more {
				more[i].Added, more[i].Assuming = policies.OnlyLabels(external...), assumed
				promql.Know(&more[i])
			}
			rules, problems = append(rules, more...), append(problems, wrong...)
		}
	}
	return rules, problems
}

// fit says how many policies there is nothing wrong with.
func fit(policies int) string {
	if policies == 1 {
		return "1 policy is fit to be loaded"
	}
	return fmt.Sprintf("%d policies are fit to be loaded", policies)
}
