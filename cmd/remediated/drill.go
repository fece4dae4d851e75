package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/x0tta6bl4/remediated/policies/lint"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

// drillGround looks, before a drill begins, what its alert would set off beside
// it: the Alertmanagers do not know that nothing is broken. It implements web.Live.
type drillGround struct {
	web.Live
	// configurations are those of the Alertmanagers, by their names.
	configurations func(context.Context) (map[string]string, error)
}

// Command hands over a word, unless it begins a drill that others would hear of,
// or by which real alerts would be inhibited.
func (g drillGround) Command(ctx context.Context, c remediate.Command) error {
	if c.Command == remediate.Drill {
		if err := g.clear(ctx, c); err != nil {
			return err
		}
	}
	return g.Live.Command(ctx, c)
}

func (g drillGround) clear(ctx context.Context, c remediate.Command) error {
	var labels remediate.Labels
	err := g.Look(ctx, func(s *remediate.State, books remediate.Rulebooks) {
		if book := books[s.Rulebook]; book != nil {
			// What is wrong with them the decider says.
			labels, _ = book.DrillLabels(strings.TrimPrefix(c.Scope, "policy/"), c.Labels, "any")
		}
	})
	if err != nil || len(labels) == 0 {
		return err
	}
	texts, err := g.configurations(ctx)
	if err != nil {
		return &remediate.RefusedError{Why: fmt.Sprintf("what a drill would set off is not known: %v", err)}
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		a, err := lint.ReadAlertmanager(name, texts[name])
		if err != nil {
			return &remediate.RefusedError{Why: fmt.Sprintf("what a drill would set off is not known: %s: %v", name, err)}
		}
		if more := a.Drill(labels); len(more) > 0 {
			return &remediate.RefusedError{Why: fmt.Sprintf("at Alertmanager %s a drill would set off more than itself: %s", name, strings.Join(more, "; "))}
		}
	}
	return nil
}
