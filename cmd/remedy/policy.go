package main

import (
	"context"
	"io"
	"slices"

	"github.com/alecthomas/kingpin/v2"

	"github.com/x0tta6bl4/remediated/cmd/internal/catalogue"
	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/remediate"
)

func (c *cli) policyCommands(cmd *kingpin.CmdClause) {
	c.lintCommand(cmd)

	rbac := cmd.Command("rbac", "Print the smallest roles that the daemon needs for these policies, as YAML for kubectl apply.")
	a := accountFlags(rbac)
	c.commands[rbac.FullCommand()] = func(context.Context) error { return c.printFor(a, catalogue.WriteRBAC) }
	c.fenceCommand(cmd)
}

// account is a configuration and whom the daemon that uses it is to a cluster.
type account struct{ file, namespace, name string }

func accountFlags(cmd *kingpin.CmdClause) *account {
	a := new(account)
	cmd.Arg("file", "Configuration file.").Default("remediated.yml").StringVar(&a.file)
	cmd.Flag("namespace", "Namespace of the daemon's ServiceAccount.").Default("remediated").StringVar(&a.namespace)
	cmd.Flag("service-account", "The daemon's ServiceAccount.").Default("remediated").StringVar(&a.name)
	return a
}

// printFor prints what the policies of a configuration need. It grants nothing.
func (c *cli) printFor(a *account, write func(w io.Writer, book *remediate.Rulebook, namespace, account string) error) error {
	loaded, problems := policies.Load(a.file, catalogue.New())
	if policies.HasErrors(problems) {
		if err := c.showProblems(problems, nil); err != nil {
			return err
		}
		return errShown
	}
	return write(c.out.w, loaded.Rulebook, a.namespace, a.name)
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
