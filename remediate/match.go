package remediate

import (
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
// of them. Each policy stands in one place: under a value that one of its
// matchers wants of a label, or under what such a value begins with. It stands
// under the rarest of those, since most policies may want the same job. One
// whose matchers want no such thing, such as x!="" or x=~".*down", may match any
// alert.
//
// The index leaves out policies that cannot match and says nothing more: whoever
// uses it asks each policy itself. What a missing label matches therefore need
// not be known here, but for this: a matcher that takes the empty value finds no
// place for its policy.
type matchIndex struct {
	labels map[string]*labelIndex
	any    []int // policies that stand nowhere, in order
}

// labelIndex has the policies that stand under one label, in order, by number.
type labelIndex struct {
	equal   map[string][]int
	begins  map[string][]int
	lengths []int // of what is in begins, ascending, each once
}

// wanted is what a matcher wants of a label: one of these values, or one that
// begins with one of them.
type wanted struct {
	label string
	whole bool // these are whole values
	texts []string
}

// place is where a policy may stand.
type place struct {
	label string
	whole bool
	text  string
}

// newMatchIndex returns the index of policies whose matchers are parsed.
func newMatchIndex(policies []Policy) matchIndex {
	x := matchIndex{labels: map[string]*labelIndex{}}
	all := make([][]wanted, len(policies))
	crowd := map[place]int{} // how many policies could stand there
	for i := range policies {
		all[i] = policies[i].wants()
		for _, w := range all[i] {
			for _, text := range w.texts {
				crowd[place{w.label, w.whole, text}]++
			}
		}
	}
	for i := range policies {
		switch {
		case len(policies[i].matchers) == 0: // selects nothing
		case len(all[i]) == 0:
			x.any = append(x.any, i)
		default:
			x.put(i, rarest(all[i], crowd))
		}
	}
	for _, l := range x.labels {
		for text := range l.begins {
			l.lengths = append(l.lengths, len(text))
		}
		slices.Sort(l.lengths)
		l.lengths = slices.Compact(l.lengths)
	}
	return x
}

// rarest returns the one whose fullest place is the least crowded; of two alike
// the one that is of whole values, then the first.
func rarest(all []wanted, crowd map[place]int) wanted {
	fullest := func(w wanted) (n int) {
		for _, text := range w.texts {
			n = max(n, crowd[place{w.label, w.whole, text}])
		}
		return n
	}
	return slices.MinFunc(all, func(a, b wanted) int {
		n := fullest(a) - fullest(b)
		if n == 0 && a.whole != b.whole {
			if a.whole {
				return -1
			}
			return 1
		}
		return n
	})
}

// put has policy i stand where w says.
func (x *matchIndex) put(i int, w wanted) {
	l := x.labels[w.label]
	if l == nil {
		l = &labelIndex{equal: map[string][]int{}, begins: map[string][]int{}}
		x.labels[w.label] = l
	}
	under := l.begins
	if w.whole {
		under = l.equal
	}
	for _, text := range w.texts {
		under[text] = append(under[text], i)
	}
}

// candidates appends the numbers of the policies that may match, in order and
// each once.
func (x *matchIndex) candidates(to []int, ls Labels) []int {
	for _, label := range ls {
		l := x.labels[label.Name]
		if l == nil {
			continue
		}
		to = append(to, l.equal[label.Value]...)
		for _, n := range l.lengths {
			if n > len(label.Value) {
				break
			}
			to = append(to, l.begins[label.Value[:n]]...)
		}
	}
	to = append(to, x.any...)
	slices.Sort(to)
	return slices.Compact(to)
}

// wants returns what the policy's matchers want. A label that is missing has the
// empty value, which the index is not asked for: a matcher that takes it is left
// out.
func (p *Policy) wants() []wanted {
	var out []wanted
	for _, m := range p.matchers {
		w := wanted{label: m.Name}
		switch m.Type {
		case labels.MatchEqual:
			w.texts, w.whole = []string{m.Value}, true
		case labels.MatchRegexp:
			re, err := syntax.Parse(m.Value, syntax.Perl)
			if err != nil {
				continue // cannot be: the matcher was made of it
			}
			w.texts, w.whole = beginnings(re.Simplify())
		default:
			continue
		}
		slices.Sort(w.texts)
		w.texts = slices.Compact(w.texts)
		if !slices.Contains(w.texts, "") {
			out = append(out, w)
		}
	}
	return out
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
