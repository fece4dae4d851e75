package main

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"github.com/x0tta6bl4/remediated/cmd/internal/catalogue"
)

func (c *cli) fenceCommand(cmd *kingpin.CmdClause) {
	fence := cmd.Command("fence", "Print an admission policy that holds the daemon to what these policies do, whatever its roles, as YAML for kubectl apply.")
	a := accountFlags(fence)
	c.commands[fence.FullCommand()] = func(context.Context) error { return c.printFor(a, catalogue.WriteFence) }
}
