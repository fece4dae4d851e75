package remediate

import (
	"maps"
	"regexp/syntax"
	"slices"
	"unicode/utf8"

	"github.com/prometheus/alertmanager/pkg/labels"
)

// Match returns the policies that an alert with these labels concerns: the
// first that matches, and further ones while those before say continue. That
// is how Alertmanager's routes are read too.
func (rb *Rulebook) Match(ls Labels) []*Policy {
	var out []*Policy
	var room [32]int // a short list needs no memory of its own
	for _, i := range rb.index.candidates(room[:0], ls) {
		p := &rb.Policies[i]
		if !p.matches(ls) {
			continue
		}
		out = append(out, p)
		if !p.Continue {
			break
		}
	}
	return out
}

func (p *Policy) matches(ls Labels) bool {
	for _, m := range p.matchers {
		if !m.Matches(ls.Get(m.Name)) {
			return false
		}
	}
	return len(p.matchers) > 0 // no matcher is no selector, and an empty selector selects nothing
}

// matchIndex finds the policies that may match an alert without looking at all
// of them. Each policy stands under the values that one of its matchers wants of
// a label, or under what such values begin with: of several matchers the one that
// the fewest policies share, since most may want the same job. One whose matchers
// want no such thing, such as x!="" or x=~".*down", may match any alert.
//
// The index leaves out policies that cannot match and says nothing more: whoever
// uses it asks each policy itself. What a missing label matches therefore need
// not be known here, but for this: a matcher that takes the empty value finds no
// place for its policy.
type matchIndex struct {
	labels map[string]*labelIndex
	any    []int // policies that stand nowhere, in order
}

// labelIndex has the places under one label.
type labelIndex struct {
	equal   map[string]*place // by the value that is wanted
	begins  map[string]*place // by what it begins with
	lengths []int             // of what is in begins, ascending, each once
}

// place is where policies stand.
type place struct {
	crowd    int   // how many could stand here
	policies []int // those that do, by number, in order
}

// wanted is what a matcher wants of its label: a value that is one of these
// texts, or that begins with one of them.
type wanted struct {
	whole  bool // these are whole values
	places []*place
}

// newMatchIndex returns the index of policies whose matchers are parsed.
func newMatchIndex(policies []Policy) matchIndex {
	x := matchIndex{labels: map[string]*labelIndex{}}
	all := make([][]wanted, len(policies))
	for i := range policies {
		for _, m := range policies[i].matchers {
			if texts, whole := wants(m); len(texts) > 0 {
				all[i] = append(all[i], wanted{whole, x.places(m.Name, texts, whole)})
			}
		}
	}
	for i := range policies {
		switch {
		case len(policies[i].matchers) == 0: // selects nothing
		case len(all[i]) == 0:
			x.any = append(x.any, i)
		default:
			for _, p := range rarest(all[i]).places {
				p.policies = append(p.policies, i)
			}
		}
	}
	for _, l := range x.labels {
		l.tidy()
	}
	return x
}

// places returns the places of a label's values, or of their beginnings, and
// counts who could stand there.
func (x *matchIndex) places(label string, texts []string, whole bool) []*place {
	l := x.labels[label]
	if l == nil {
		l = &labelIndex{equal: map[string]*place{}, begins: map[string]*place{}}
		x.labels[label] = l
	}
	under := l.begins
	if whole {
		under = l.equal
	}
	out := make([]*place, len(texts))
	for i, text := range texts {
		if out[i] = under[text]; out[i] == nil {
			out[i] = new(place)
			under[text] = out[i]
		}
		out[i].crowd++
	}
	return out
}

// tidy forgets the places where nobody stands, and notes how long beginnings are.
func (l *labelIndex) tidy() {
	empty := func(_ string, p *place) bool { return len(p.policies) == 0 }
	maps.DeleteFunc(l.equal, empty)
	maps.DeleteFunc(l.begins, empty)
	for text := range l.begins {
		l.lengths = append(l.lengths, len(text))
	}
	slices.Sort(l.lengths)
	l.lengths = slices.Compact(l.lengths)
}

// rarest returns the one whose fullest place is the least crowded; of two alike
// the one that is of whole values, then the first.
func rarest(all []wanted) wanted {
	best, least := all[0], all[0].fullest()
	for _, w := range all[1:] {
		if n := w.fullest(); n < least || n == least && w.whole && !best.whole {
			best, least = w, n
		}
	}
	return best
}

// fullest is how crowded the fullest of its places is.
func (w wanted) fullest() (n int) {
	for _, p := range w.places {
		n = max(n, p.crowd)
	}
	return n
}

// candidates appends the numbers of the policies that may match, in order and
// each once.
func (x *matchIndex) candidates(to []int, ls Labels) []int {
	for _, label := range ls {
		l := x.labels[label.Name]
		if l == nil {
			continue
		}
		if p := l.equal[label.Value]; p != nil {
			to = append(to, p.policies...)
		}
		for _, n := range l.lengths {
			if n > len(label.Value) {
				break
			}
			if p := l.begins[label.Value[:n]]; p != nil {
				to = append(to, p.policies...)
			}
		}
	}
	to = append(to, x.any...)
	slices.Sort(to)
	return slices.Compact(to)
}

// wants returns the values that a matcher wants, or what they begin with, each
// once; none when it wants nothing of the kind. A label that is missing has the
// empty value, which the index is not asked for: a matcher that takes that wants
// nothing.
func wants(m *labels.Matcher) (texts []string, whole bool) {
	switch m.Type {
	case labels.MatchEqual:
		texts, whole = []string{m.Value}, true
	case labels.MatchRegexp:
		re, err := syntax.Parse(m.Value, syntax.Perl)
		if err != nil {
			return nil, false // such as a)|(b, which is one only between the brackets that a matcher puts around it
		}
		texts, whole = beginnings(re.Simplify())
		slices.Sort(texts)
		texts = slices.Compact(texts)
	}
	if slices.Contains(texts, "") {
		return nil, false
	}
	return texts, whole
}

// maxBeginnings is how many are told apart: a policy stands under each of them.
const maxBeginnings = 256

// beginnings returns texts of which each value that matches begins with one, and
// whether these are whole values: nothing comes after them. There may be more of
// them than needed, since what has no width, such as $ or \b, is passed over. It
// wants a simplified expression.
func beginnings(re *syntax.Regexp) (texts []string, whole bool) {
	switch re.Op {
	case syntax.OpNoMatch:
		return nil, true
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText,
		syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return []string{""}, true
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase == 0 {
			known := re.Rune
			if i := slices.Index(known, utf8.RuneError); i >= 0 { // which also matches bytes that are no UTF-8
				known = known[:i]
			}
			return []string{string(known)}, len(known) == len(re.Rune)
		}
	case syntax.OpCharClass:
		return oneOf(re.Rune)
	case syntax.OpCapture:
		return beginnings(re.Sub[0])
	case syntax.OpPlus:
		texts, _ = beginnings(re.Sub[0])
		return texts, false
	case syntax.OpQuest:
		texts, whole = beginnings(re.Sub[0])
		return append(texts, ""), whole
	case syntax.OpConcat:
		return inTurn(re.Sub)
	case syntax.OpAlternate:
		return either(re.Sub)
	}
	return []string{""}, false
}

// oneOf returns the characters of a class, which is given as pairs of a first
// and a last one.
func oneOf(ranges []rune) (texts []string, whole bool) {
	for i := 0; i < len(ranges); i += 2 {
		low, high := ranges[i], ranges[i+1]
		if len(texts)+int(high-low) >= maxBeginnings || low <= utf8.RuneError && utf8.RuneError <= high {
			return []string{""}, false
		}
		for r := low; r <= high; r++ {
			texts = append(texts, string(r))
		}
	}
	return texts, true
}

// inTurn puts together what comes one after the other, as far as it is known.
func inTurn(subs []*syntax.Regexp) (texts []string, whole bool) {
	texts = []string{""}
	for _, sub := range subs {
		next, ended := beginnings(sub)
		if len(texts)*len(next) > maxBeginnings {
			return texts, false
		}
		var longer []string
		for _, a := range texts {
			for _, b := range next {
				longer = append(longer, a+b)
			}
		}
		texts = longer
		if !ended {
			return texts, false
		}
	}
	return texts, true
}

// either has what begins any of them.
func either(subs []*syntax.Regexp) (texts []string, whole bool) {
	whole = true
	for _, sub := range subs {
		more, ended := beginnings(sub)
		texts, whole = append(texts, more...), whole && ended
	}
	if len(texts) > maxBeginnings {
		return []string{""}, false
	}
	return texts, whole
}
