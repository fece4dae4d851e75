package main

import (
	"context"
	"fmt"

	"github.com/alecthomas/kingpin/v2"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

func (c *cli) upgradeCommands(cmd *kingpin.CmdClause) {
	show := cmd.Command("show", "Show which decisions of the last days this release comes to otherwise than the one before it. Exit code 1 when there are any, or nobody knows.")
	c.commands[show.FullCommand()] = c.showUpgrade
	accept := cmd.Command("accept", "Let a release act that is held (--upgrade.hold), whatever it decides otherwise.")
	word, release := new(web.Word), ""
	accept.Flag("reason", "Why, for those who read it later.").Required().StringVar(&word.Reason)
	accept.Flag("release", "The release that may act, as show names it. Default: the one that is held.").StringVar(&release)
	c.commands[accept.FullCommand()] = func(ctx context.Context) error { return c.acceptUpgrade(ctx, *word, release) }
}

// showUpgrade shows what the release decides otherwise.
func (c *cli) showUpgrade(ctx context.Context) error {
	var u web.UpgradeChanges
	raw, err := c.get(ctx, "/api/v1/upgrade", nil, &u)
	if err != nil {
		return err
	}
	if c.forProgram() {
		err = c.answer(raw)
	} else {
		c.out.upgrade(u)
		err = c.out.err
	}
	if err == nil && (u.Changed > 0 || u.Why != "") {
		return errShown
	}
	return err
}

// acceptUpgrade lets the release act that is held.
func (c *cli) acceptUpgrade(ctx context.Context, word web.Word, release string) error {
	if word.Value = release; release == "" {
		var u web.UpgradeChanges
		if _, err := c.get(ctx, "/api/v1/upgrade", nil, &u); err != nil {
			return err
		}
		word.Value = u.Release
	}
	b, err := c.post(ctx, "/api/v1/upgrade/"+remediate.Accept, word)
	if err != nil {
		return err
	}
	return c.said(b, "release "+word.Value, "accepted: it acts from now on as its policies let it")
}

// upgrade tells which release decides, and what it decides otherwise.
func (p *printer) upgrade(u web.UpgradeChanges) {
	p.changes(u.Changes, u.Changed)
	if len(u.Changes) > 0 {
		p.printf("\n")
	}
	for _, line := range aboutUpgrade(u.Upgrade) {
		p.printf("%s\n", line)
	}
}

// aboutUpgrade says how it stands with an upgrade.
func aboutUpgrade(u web.Upgrade) []string {
	first := "release " + u.Release + " decides since " + stamp(u.Since)
	if u.From != "" {
		first += ", before it " + u.From
	}
	lines := []string{first}
	switch {
	case u.Says != "":
		lines = append(lines, u.Says)
	case u.Held:
		lines = append(lines, "what it decides is being compared with what was decided before it")
	}
	switch {
	case u.Held:
		lines = append(lines, "it only observes: remedy upgrade accept --reason WHY lets it act")
	case u.Accepted != "":
		lines = append(lines, "it may act, as "+u.Accepted+" has accepted")
	}
	return lines
}

// changes shows decisions that are others: the first of so many.
func (p *printer) changes(changes []web.Change, all int) {
	for n, c := range changes {
		if n > 0 {
			p.printf("\n")
		}
		about := ""
		if c.Incident != 0 {
			about = fmt.Sprintf(", i%d", c.Incident)
		}
		p.printf("record %d, of %s%s\n", c.Seq, c.At.UTC().Format("2006-01-02T15:04:05.000Z"), about)
		for _, side := range []struct {
			name  string
			lines []string
		}{{"was", c.Was}, {"is", c.Is}} {
			p.printf("%s\n", side.name)
			for _, line := range side.lines {
				p.printf("    %s\n", line)
			}
		}
	}
	if more := all - len(changes); more > 0 {
		p.printf("\nand %d more\n", more)
	}
}
