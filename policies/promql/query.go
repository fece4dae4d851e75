package promql

import (
	"errors"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/x0tta6bl4/remediated/policies"
)

// Read returns why a query cannot be read, and where that shows; nil when it can.
func Read(query string) *policies.Misread {
	_, err := reader.ParseExpr(query)
	if err == nil {
		return nil
	}
	all := parser.ParseErrors(nil)
	if !errors.As(err, &all) || len(all) == 0 {
		return &policies.Misread{To: len(query), Why: err.Error()}
	}
	within := func(at int) int { return min(max(at, 0), len(query)) }
	from := within(int(all[0].PositionRange.Start))
	return &policies.Misread{From: from, To: max(from, within(int(all[0].PositionRange.End))), Why: all[0].Err.Error()}
}
