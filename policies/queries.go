package policies

import (
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// checkQuoted refuses labels that stand outside of quotes in PromQL: there an alert
// would choose what is asked, and not only about what.
func (w *written) checkQuoted() {
	for _, v := range w.queries {
		quoted := quotedIn(v.node.Value)
		for _, at := range reference.FindAllStringIndex(v.node.Value, -1) {
			if quoted[at[0]] {
				continue
			}
			ref := v.node.Value[at[0]:at[1]]
			p := v.part(at[0], at[1], ref+" stands outside of quotes: the value of the label would be read as PromQL", `write it in quotes, for example up{job="`+ref+`"}`)
			p.Severity = Error
			v.doc.problems = append(v.doc.problems, p)
			break
		}
	}
}

// quotedIn tells which bytes of a query stand in quotes, as PromQL has them: in
// "a" and 'a', where a backslash stands before a quote that is meant, and in `a`.
func quotedIn(query string) []bool {
	out := make([]bool, len(query))
	var quote byte // that ends the text, 0 outside of any
	for i := 0; i < len(query); i++ {
		c := query[i]
		switch {
		case quote == 0 && (c == '"' || c == '\'' || c == '`'):
			quote = c
		case quote == 0 && c == '#':
			for i+1 < len(query) && query[i+1] != '\n' { // a quote in a comment begins nothing
				i++
			}
		case c == quote:
			quote = 0
		case quote != 0:
			out[i] = true
			if c == '\\' && quote != '`' && i+1 < len(query) {
				i++
				out[i] = query[i] != '$' // behind a backslash it would be another character
			}
		}
	}
	return out
}

// Misread is what is wrong with a query, and which of its bytes that is about.
type Misread struct {
	From, To int
	Why      string
}

// CheckQueries has the PromQL of all policies read. read gets each query with
// every $label as so many characters that no query has outside of quotes, and
// returns nil when it is well. It returns warnings only: whether the Prometheus
// that is asked understands more is for that to say.
func (l *Loaded) CheckQueries(read func(query string) *Misread) []Problem {
	var problems []Problem
	for _, w := range l.policies {
		for _, v := range w.queries {
			if p, wrong := v.misread(read); wrong {
				problems = append(problems, p)
			}
		}
	}
	return problems
}

// misread returns what is wrong with the PromQL that is written as v.
func (v value) misread(read func(query string) *Misread) (Problem, bool) {
	query := v.node.Value
	m := read(reference.ReplaceAllStringFunc(query, func(ref string) string { return strings.Repeat("&", len(ref)) }))
	if m == nil {
		return Problem{}, false
	}
	return v.part(m.From, m.To, "Prometheus cannot read this query: "+m.Why, "see what `promtool promql format` says of it"), true
}

// part returns a warning at some bytes of a text, or at all of it when the text is
// not written as it reads.
func (v value) part(from, to int, message, hint string) Problem {
	p := v.problem(Warning, message, hint)
	line, text := []rune(p.Source), v.node.Value
	if p.Column < 1 || p.Column > len(line) {
		return p
	}
	before, _, found := strings.Cut(string(line[p.Column-1:]), text)
	if !found || len(before) > 1 { // one quote stands before it
		return p
	}
	p.Column += len(before) + utf8.RuneCountInString(text[:from])
	p.Length = max(1, utf8.RuneCountInString(text[from:to]))
	return p
}

// scalar returns the text in v that reads so, v itself when there is none.
func (v value) scalar(text string) value {
	if found, ok := v.find(text); ok {
		return found
	}
	return v
}

// find looks for a text that reads so in v.
func (v value) find(text string) (value, bool) {
	if v.node.Kind == yaml.ScalarNode {
		return v, v.node.Value == text
	}
	inside := v.items()
	if v.node.Kind == yaml.MappingNode {
		for i := range len(v.node.Content) / 2 {
			_, child := v.pair(i)
			inside = append(inside, child)
		}
	}
	for _, child := range inside {
		if found, ok := child.find(text); ok {
			return found, true
		}
	}
	return v, false
}
