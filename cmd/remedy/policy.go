package main

import (
	"context"
	"slices"

	"github.com/alecthomas/kingpin/v2"

	"github.com/x0tta6bl4/remediated/cmd/internal/catalogue"
	"github.com/x0tta6bl4/remediated/policies"
)

func (c *cli) policyCommands(cmd *kingpin.CmdClause) {
	c.lintCommand(cmd)
	c.testCommand(cmd)
	c.backtestCommand(cmd)

	rbac := cmd.Command("rbac", "Print the smallest roles that the daemon needs for these policies, as YAML for kubectl apply.")
	file := rbac.Arg("file", "Configuration file.").Default("remediated.yml").String()
	namespace := rbac.Flag("namespace", "Namespace of the daemon's ServiceAccount.").Default("remediated").String()
	account := rbac.Flag("service-account", "The daemon's ServiceAccount.").Default("remediated").String()
	c.commands[rbac.FullCommand()] = func(context.Context) error { return c.rbac(*file, *namespace, *account) }
}

// rbac prints what the policies of a configuration need. It grants nothing.
func (c *cli) rbac(file, namespace, account string) error {
	loaded, problems := policies.Load(file, catalogue.New())
	if policies.HasErrors(problems) {
		if err := c.showProblems(problems, nil); err != nil {
			return err
		}
		return errShown
	}
	return catalogue.WriteRBAC(c.out.w, loaded.Rulebook, namespace, account)
}

// showProblems shows what is wrong, and then what is well. What a terminal obeys
// is taken out: files and servers may be other people's.
func (c *cli) showProblems(problems []policies.Problem, ok []string) error {
	shown := slices.Clone(problems)
	for i := range shown {
		p := &shown[i]
		p.File, p.Message, p.Hint, p.Source = clean(p.File), clean(p.Message), clean(p.Hint), clean(p.Source)
	}
	if err := policies.Render(c.out.w, shown); err != nil {
		return err
	}
	for _, line := range ok {
		c.out.printf("%s\n", line)
	}
	return c.out.err
}
