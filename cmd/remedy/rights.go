package main

import (
	"context"
	"io"

	"github.com/alecthomas/kingpin/v2"

	"github.com/x0tta6bl4/remediated/cmd/internal/catalogue"
	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/remediate"
)

// rightsCommands print what bounds the daemon in a cluster. They grant nothing.
func (c *cli) rightsCommands(cmd *kingpin.CmdClause) {
	for _, r := range []struct {
		name, help string
		write      func(w io.Writer, book *remediate.Rulebook, namespace, account string) error
	}{
		{"rbac", "Print the smallest roles that the daemon needs for these policies, as YAML for kubectl apply.", catalogue.WriteRBAC},
		{"fence", "Print an admission policy that holds the daemon to what these policies do, whatever its roles, as YAML for kubectl apply.", catalogue.WriteFence},
	} {
		one := cmd.Command(r.name, r.help)
		file := one.Arg("file", "Configuration file.").Default("remediated.yml").String()
		namespace := one.Flag("namespace", "Namespace of the daemon's ServiceAccount.").Default("remediated").String()
		account := one.Flag("service-account", "The daemon's ServiceAccount.").Default("remediated").String()
		c.commands[one.FullCommand()] = func(context.Context) error {
			book, err := c.rulebook(*file)
			if err != nil {
				return err
			}
			return r.write(c.out.w, book, *namespace, *account)
		}
	}
}

// rulebook reads a configuration's policies. What is wrong with them is shown.
func (c *cli) rulebook(file string) (*remediate.Rulebook, error) {
	loaded, problems := policies.Load(file, catalogue.New())
	if policies.HasErrors(problems) {
		if err := c.showProblems(problems, nil); err != nil {
			return nil, err
		}
		return nil, errShown
	}
	return loaded.Rulebook, nil
}
