package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/x0tta6bl4/remediated/remediate/web"
)

// evidence prints what was kept for an incident: the one piece there is, or the
// one whose digest begins so. Of several it says which there are.
func (c *cli) evidence(ctx context.Context, id, digest string) error {
	i, _, err := c.incident(ctx, id)
	if err != nil {
		return err
	}
	fits := slices.DeleteFunc(slices.Clone(i.Evidence), func(e web.Evidence) bool { return !strings.HasPrefix(e.Digest, digest) })
	switch {
	case c.forProgram():
		return c.listed(fits)
	case len(i.Evidence) == 0:
		c.out.printf("Nothing was kept for i%d: nothing was destroyed, or its policy keeps no evidence.\n", i.Number)
		return c.out.err
	case len(fits) == 0:
		return fmt.Errorf("no evidence of i%d has a digest that begins with %q: remedy incident evidence i%d lists what there is", i.Number, digest, i.Number)
	case len(fits) > 1:
		return c.choice(i, fits)
	}
	text, err := c.get(ctx, fmt.Sprintf("/api/v1/incidents/%d/evidence/%s", i.Number, fits[0].Digest), nil, nil)
	if err != nil {
		return err
	}
	return c.out.text(text)
}

// listed writes what there is as JSON.
func (c *cli) listed(all []web.Evidence) error {
	return c.showData(append([]web.Evidence{}, all...))
}

// choice lists what there is, and how to ask for one.
func (c *cli) choice(i web.Incident, all []web.Evidence) error {
	rows := [][]cell{{{"DIGEST", bold}, {"KEPT (UTC)", bold}, {"WHAT", bold}}}
	for _, e := range all {
		rows = append(rows, []cell{{fmt.Sprintf("%.12s", e.Digest), bold}, {text: e.At.UTC().Format("01-02 15:04:05")}, {text: e.Text}})
	}
	c.out.table(rows)
	c.out.printf("\nOne of them: remedy incident evidence i%d %.12s\n", i.Number, all[0].Digest)
	return c.out.err
}
