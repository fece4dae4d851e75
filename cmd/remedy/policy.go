package main

import (
	"slices"

	"github.com/alecthomas/kingpin/v2"

	"github.com/x0tta6bl4/remediated/policies"
)

func (c *cli) policyCommands(cmd *kingpin.CmdClause) {
	c.lintCommand(cmd)
	c.testCommand(cmd)
	c.rightsCommands(cmd)
	c.docCommand(cmd)
	c.backtestCommand(cmd)
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
