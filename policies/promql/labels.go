package promql

import (
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/x0tta6bl4/remediated/policies"
)

// reader reads all that Prometheus may be told to understand: what it is told is
// not known here.
var reader = parser.NewParser(parser.Options{
	EnableExperimentalFunctions: true, ExperimentalDurationExpr: true, EnableExtendedRangeSelectors: true, EnableBinopFillModifiers: true,
})

// Know notes of a rule which labels its alerts may have in the end: what its
// expression leaves, and what is added on the way. What cannot be read may have any.
func Know(r *policies.AlertRule) {
	if e, err := reader.ParseExpr(r.Expr); err == nil {
		r.May = labelsOf(e).Without(model.MetricNameLabel).Or(r.Added)
	}
}

// labelsOf returns the labels that the result of an expression may have. Those
// that are not among them are never there, whatever series there are; of those
// that are it is not said that they are there.
func labelsOf(e parser.Expr) policies.LabelNames {
	switch e := e.(type) {
	case *parser.NumberLiteral, *parser.StringLiteral:
		return policies.OnlyLabels()
	case *parser.VectorSelector:
		return selected(e)
	case *parser.MatrixSelector:
		return labelsOf(e.VectorSelector)
	case *parser.SubqueryExpr:
		return labelsOf(e.Expr)
	case *parser.ParenExpr:
		return labelsOf(e.Expr)
	case *parser.UnaryExpr:
		return labelsOf(e.Expr)
	case *parser.StepInvariantExpr:
		return labelsOf(e.Expr)
	case *parser.AggregateExpr:
		return aggregated(e)
	case *parser.BinaryExpr:
		return joined(e)
	case *parser.Call:
		return called(e)
	}
	return policies.LabelNames{}
}

// selected are the labels of series: all but those that must be empty.
func selected(e *parser.VectorSelector) policies.LabelNames {
	var none []string
	for _, m := range e.LabelMatchers {
		if m.Value == "" && (m.Type == labels.MatchEqual || m.Type == labels.MatchRegexp) {
			none = append(none, m.Name)
		}
	}
	return policies.LabelNames{Names: none}
}

// aggregated are the labels that an aggregation leaves.
func aggregated(e *parser.AggregateExpr) policies.LabelNames {
	of := labelsOf(e.Expr)
	switch e.Op {
	case parser.TOPK, parser.BOTTOMK, parser.LIMITK, parser.LIMIT_RATIO:
		return of // they choose series, and leave them as they are
	}
	if e.Without {
		of = of.Without(e.Grouping...)
	} else {
		of = of.And(policies.OnlyLabels(e.Grouping...))
	}
	if e.Op == parser.COUNT_VALUES {
		of = of.Or(named(e.Param))
	}
	return of
}

// joined are the labels of what comes of two operands.
func joined(e *parser.BinaryExpr) policies.LabelNames {
	left, right, m := labelsOf(e.LHS), labelsOf(e.RHS), e.VectorMatching
	switch {
	case m == nil || e.LHS.Type() != parser.ValueTypeVector || e.RHS.Type() != parser.ValueTypeVector || e.Op == parser.LOR:
		return left.Or(right) // a number has none
	case e.Op == parser.LUNLESS:
		return left
	case e.Op == parser.LAND:
		return matched(left, right, m)
	case m.FillValues.LHS != nil || m.FillValues.RHS != nil:
		return left.Or(right) // what one side lacks is filled in
	}
	switch m.Card {
	case parser.CardManyToOne:
		return grouped(left, right, m)
	case parser.CardOneToMany:
		return grouped(right, left, m)
	}
	compared := policies.OnlyLabels(m.MatchingLabels...)
	if !m.On {
		compared = compared.Not()
	}
	return matched(left, right, m).And(compared)
}

// matched are the labels of those on one side that match one on the other:
// where labels are compared, one that the other side never has is empty here.
func matched(one, other policies.LabelNames, m *parser.VectorMatching) policies.LabelNames {
	free := policies.OnlyLabels(m.MatchingLabels...)
	if m.On {
		free = free.Not()
	}
	return one.And(free.Or(other))
}

// grouped are the labels of the side of which many match one of the other, from
// which some are taken over.
func grouped(many, one policies.LabelNames, m *parser.VectorMatching) policies.LabelNames {
	over := policies.OnlyLabels(m.Include...)
	return matched(many, one, m).And(over.Not()).Or(one.And(over))
}

// called are the labels of what a function returns.
func called(e *parser.Call) policies.LabelNames {
	if e.Type() == parser.ValueTypeScalar || e.Func.Name == "vector" {
		return policies.OnlyLabels()
	}
	switch e.Func.Name {
	case "absent", "absent_over_time":
		return absent(e.Args[0])
	case "label_replace", "label_join":
		return labelsOf(e.Args[0]).Or(named(e.Args[1]))
	case "histogram_quantile":
		return labelsOf(e.Args[1]).Without(labels.BucketLabel)
	case "histogram_quantiles", "info":
		return policies.LabelNames{} // they add some
	}
	of := policies.OnlyLabels()
	for _, a := range e.Args {
		of = of.Or(labelsOf(a))
	}
	return of
}

// absent are the labels of what says that something is not there: those that the
// selector says the value of.
func absent(of parser.Expr) policies.LabelNames {
	for {
		inner, is := of.(*parser.ParenExpr)
		if !is {
			break
		}
		of = inner.Expr
	}
	if m, is := of.(*parser.MatrixSelector); is {
		of = m.VectorSelector
	}
	s, is := of.(*parser.VectorSelector)
	if !is {
		return policies.OnlyLabels()
	}
	known := policies.OnlyLabels()
	for _, m := range s.LabelMatchers {
		if m.Type == labels.MatchEqual && m.Value != "" && !slices.Contains(known.Names, m.Name) {
			known.Names = append(known.Names, m.Name)
		}
	}
	return known
}

// named is the label whose name is written as an argument.
func named(e parser.Expr) policies.LabelNames {
	if s, is := e.(*parser.StringLiteral); is {
		return policies.OnlyLabels(s.Val)
	}
	return policies.LabelNames{}
}
