package policies

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/x0tta6bl4/remediated/remediate"
)

// defaultValues are what the values of a severity label mean where a policy
// names the label and says no more.
func defaultValues() map[string]remediate.Severity {
	return map[string]remediate.Severity{
		"critical": remediate.P1, "high": remediate.P2, "warning": remediate.P3, "info": remediate.P3,
	}
}

// severity reads P2, or {default: P2, ...} with what can make it worse.
func (r *policyReader) severity(v value, w *written) {
	switch v.node.Kind {
	case yaml.ScalarNode:
		w.Severity = v.severity()
		return
	case yaml.MappingNode:
	default:
		v.fail("want a severity, not "+v.shape(), "write P1, P2 or P3, or {default: P2, label: severity}")
		return
	}
	var by remediate.SeverityBy
	var values value
	v.object("a severity", fields{
		"default": func(v value) { w.Severity = v.severity() },
		"label":   func(v value) { by.Label = v.labelName() },
		"values":  func(v value) { values = v; by.Values = v.severities() },
		"impact": func(v value) {
			v.list("measurements", func(v value) { by.Impact = append(by.Impact, r.impact(v, w)) })
		},
	}, "default")
	switch {
	case by.Label == "" && values.node != nil && !v.has("label"):
		values.fail("it is not said which label has these values", "add the label's name, for example label: severity")
	case by.Label != "" && values.node == nil:
		by.Values = defaultValues()
	case w.Severity != "" && !v.has("label") && !v.has("impact"):
		v.fail("nothing here can make it worse", fmt.Sprintf("write severity: %s, or add label or impact", w.Severity))
	}
	w.SeverityBy = &by
}

func (v value) severity() remediate.Severity {
	s, _ := v.word("a severity", string(remediate.P1), string(remediate.P2), string(remediate.P3))
	return remediate.Severity(s)
}

// severities reads what the values of a label mean. They are compared in lower
// case, since rules are not of one mind about that.
func (v value) severities() map[string]remediate.Severity {
	const example = "write for example {critical: P1, warning: P3}"
	if v.node.Kind != yaml.MappingNode || len(v.node.Content) == 0 {
		v.fail("want the values of the label, each with a severity", example)
		return nil
	}
	out := map[string]remediate.Severity{}
	written := map[string]string{}
	for i := range len(v.node.Content) / 2 {
		key, child := v.pair(i)
		name := key.node.Value
		lower := strings.ToLower(name)
		other, taken := written[lower]
		switch {
		case !key.isText():
			continue // said by checkPlainYAML
		case strings.TrimSpace(name) == "":
			key.fail("a label with an empty value is no label", "leave it out: an alert without the label has the default severity")
		case taken && other != name: // the same one twice is said by checkPlainYAML
			key.fail(fmt.Sprintf("%q and %q are the same value", other, name), "values are compared in lower case: keep one of them")
		}
		written[lower] = name
		out[lower] = child.severity()
	}
	return out
}

// impact reads one measurement of how bad it is.
func (r *policyReader) impact(v value, w *written) remediate.Impact {
	var m remediate.Impact
	var p1 value
	bound := func(to **float64) func(value) {
		return func(v value) {
			f, _ := v.number()
			*to = &f
		}
	}
	v.object("a measurement", fields{
		"query": func(v value) {
			m.Query, _ = v.text("a PromQL query")
			w.take(v, m.Query)
			w.queries = append(w.queries, v)
			r.needPrometheus(v)
		},
		"p1": func(v value) { p1 = v; bound(&m.P1)(v) },
		"p2": bound(&m.P2),
	}, "query")
	switch {
	case m.P1 == nil && m.P2 == nil && !v.has("p1") && !v.has("p2"):
		v.fail("nothing follows from this measurement", "add p1, p2 or both: from which value on it is P1, or P2")
	case m.P1 != nil && m.P2 != nil && *m.P1 < *m.P2:
		p1.fail("P1 would be reached before P2, which is not as bad", "let p1 be at least p2; where less is worse, turn the query around, for example 1 - x")
	}
	return m
}
