package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/alecthomas/kingpin/v2"

	"github.com/x0tta6bl4/remediated/cmd/internal/catalogue"
	"github.com/x0tta6bl4/remediated/policies"
)

func (c *cli) policyCommands(cmd *kingpin.CmdClause) {
	lint := cmd.Command("lint", "Check a configuration and the policies that it names, as the daemon would at its start.")
	files := lint.Arg("file", "Configuration files.").Default("remediated.yml").Strings()
	c.commands[lint.FullCommand()] = func(context.Context) error { return c.lint(*files) }

	rbac := cmd.Command("rbac", "Print the smallest roles that the daemon needs for these policies, as YAML for kubectl apply.")
	file := rbac.Arg("file", "Configuration file.").Default("remediated.yml").String()
	namespace := rbac.Flag("namespace", "Namespace of the daemon's ServiceAccount.").Default("remediated").String()
	account := rbac.Flag("service-account", "The daemon's ServiceAccount.").Default("remediated").String()
	fence := rbac.Flag("fence", "Print, in place of the roles, the admission policy that refuses all else that the ServiceAccount writes.").Bool()
	c.commands[rbac.FullCommand()] = func(context.Context) error { return c.rbac(*file, *namespace, *account, *fence) }
}

// rbac prints what the policies of a configuration need. It grants nothing.
func (c *cli) rbac(file, namespace, account string, fence bool) error {
	loaded, problems := policies.Load(file, catalogue.New())
	if policies.HasErrors(problems) {
		if err := c.showProblems(problems, nil); err != nil {
			return err
		}
		return errShown
	}
	if fence {
		return catalogue.WriteFence(c.out.w, loaded.Rulebook, namespace, account)
	}
	return catalogue.WriteRBAC(c.out.w, loaded.Rulebook, namespace, account)
}

// lint shows what is wrong with each configuration. Warnings do not fail it.
func (c *cli) lint(files []string) error {
	problems, ok := []policies.Problem{}, []string{}
	kinds := catalogue.New()
	for _, file := range files {
		loaded, found := policies.Load(file, kinds)
		found = append(found, catalogue.Check(file, loaded)...)
		problems = append(problems, found...)
		if loaded != nil && !policies.HasErrors(found) {
			n := len(loaded.Rulebook.Policies)
			ok = append(ok, fmt.Sprintf("%s: %d policies are fit to be loaded", file, n))
		}
	}
	if c.output == "json" {
		b, err := json.MarshalIndent(problems, "", "  ")
		if err == nil {
			err = c.out.raw(append(b, '\n'))
		}
		if err != nil {
			return err
		}
	} else if err := c.showProblems(problems, ok); err != nil {
		return err
	}
	if policies.HasErrors(problems) {
		return errShown
	}
	return nil
}

func (c *cli) showProblems(problems []policies.Problem, ok []string) error {
	if err := policies.Render(c.out.w, problems); err != nil {
		return err
	}
	for _, line := range ok {
		c.out.printf("%s\n", line)
	}
	return c.out.err
}
