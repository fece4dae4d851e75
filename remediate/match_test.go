package remediate

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/alertmanager/pkg/labels"
	"pgregory.net/rapid"
)

// scan is [Rulebook.Match] without an index: it asks each policy in turn.
func scan(rb *Rulebook, ls Labels) []*Policy {
	var out []*Policy
	for i := range rb.Policies {
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

// bookFor returns a rulebook of policies with these matchers.
func bookFor(t interface{ Fatal(...any) }, when ...[]string) *Rulebook {
	rb := &Rulebook{}
	for i, w := range when {
		rb.Policies = append(rb.Policies, Policy{Name: fmt.Sprintf("p%d", i), When: w})
	}
	if err := rb.Compile(); err != nil {
		t.Fatal(err)
	}
	return rb
}

// names are those of policies, in order.
func names(ps []*Policy) string {
	var all []string
	for _, p := range ps {
		all = append(all, p.Name)
	}
	return strings.Join(all, " ")
}

// Whatever policies and alerts there are, the index finds what a scan finds, in
// the same order. Values are few, so that they meet; some are missing, some are
// empty, some are no UTF-8.
func TestMatchIsTheScan(t *testing.T) {
	name := rapid.SampledFrom([]string{"alertname", "job", "severity", "zone"})
	value := rapid.SampledFrom([]string{"", "a", "ab", "abc", "b", "ba", "A", "aa", "a\n", "\xff", "a\xffb", "\uFFFD", "é", "K", "\u212A"})
	exprs := rapid.Custom(anyRegexp(3))
	matcher := rapid.Custom(func(rt *rapid.T) string {
		kind := rapid.SampledFrom([]labels.MatchType{labels.MatchEqual, labels.MatchEqual, labels.MatchNotEqual, labels.MatchRegexp, labels.MatchRegexp, labels.MatchNotRegexp}).Draw(rt, "type")
		m := &labels.Matcher{Name: name.Draw(rt, "name"), Type: kind}
		if m.Value = strings.ToValidUTF8(value.Draw(rt, "value"), "\uFFFD"); kind == labels.MatchRegexp || kind == labels.MatchNotRegexp {
			m.Value = exprs.Draw(rt, "regexp")
		}
		return m.String()
	})
	rapid.Check(t, func(rt *rapid.T) {
		rb := bookFor(rt, rapid.SliceOfN(rapid.SliceOfN(matcher, 0, 3), 0, 12).Draw(rt, "when")...)
		for i := range rb.Policies {
			rb.Policies[i].Continue = rapid.IntRange(0, 3).Draw(rt, "continue") > 0
		}
		for range 10 {
			ls := LabelsOf(rapid.MapOfN(name, value, 0, 4).Draw(rt, "alert"))
			if got, want := names(rb.Match(ls)), names(scan(rb, ls)); got != want {
				rt.Fatalf("%s is matched by %q, want %q", ls, got, want)
			}
		}
	})
}

// anyRegexp draws an expression so deep, of all that there is in them.
func anyRegexp(depth int) func(*rapid.T) string {
	return func(rt *rapid.T) string {
		leaves := []string{"", "a", "b", "ab", "abc", "é", "\uFFFD", ".", ".*", ".+", "[ab]", "[^a]", "[a-z]", "[\\x{FFF0}-\\x{FFFF}]", `\d`, `\b`, `\B`, "^", "$", "(?i:a)", "(?i:k)", "(?s:.)", "(?m:^)", "(?m:$)", `[^\x00-\x{10FFFF}]`, `\n`}
		if depth == 0 {
			return rapid.SampledFrom(leaves).Draw(rt, "leaf")
		}
		sub := rapid.Custom(anyRegexp(depth - 1))
		switch rapid.IntRange(0, 4).Draw(rt, "op") {
		case 0:
			return rapid.SampledFrom(leaves).Draw(rt, "leaf")
		case 1:
			return sub.Draw(rt, "first") + sub.Draw(rt, "then")
		case 2:
			return "(?:" + sub.Draw(rt, "one") + "|" + sub.Draw(rt, "other") + ")"
		case 3:
			return "(" + sub.Draw(rt, "sub") + ")"
		}
		return "(?:" + sub.Draw(rt, "sub") + ")" + rapid.SampledFrom([]string{"?", "*", "+", "{2}", "{0,2}", "*?", "{2,}"}).Draw(rt, "times")
	}
}

// FuzzMatch has any expression at all say which values match, and the index finds
// them.
func FuzzMatch(f *testing.F) {
	for _, c := range [][2]string{
		{"a|b", "a"}, {"Kube.*", "KubeDown"}, {"(?i)down", "DOWN"}, {"", ""}, {"a?", ""}, {"[a-c]{2}x*", "abxx"}, {"^a$|^b$", "b"},
		{"\uFFFD", "\xff"}, {"(?:a|b.*)c", "bxc"}, {`\Qa.b\E`, "a.b"}, {`\pL`, "é"}, {"a\x00", "a\x00"}, {`(a|\b)+`, "a"}, {"a)|(b", "ax"},
	} {
		f.Add(c[0], c[1])
	}
	f.Fuzz(func(t *testing.T, expr, value string) {
		m, err := labels.NewMatcher(labels.MatchRegexp, "x", expr)
		if err != nil {
			return
		}
		rb := &Rulebook{Policies: []Policy{{Name: "p", matchers: labels.Matchers{m}}}}
		rb.index = newMatchIndex(rb.Policies)
		for _, ls := range []Labels{{{"x", value}}, {}, {{"x", ""}}, {{"y", value}}} {
			if got, want := len(rb.Match(ls)), len(scan(rb, ls)); got != want {
				t.Errorf("%s is matched by %d policies with x=~%q, want %d", ls, got, expr, want)
			}
		}
	})
}

// What an expression says of how its values begin.
func TestBeginnings(t *testing.T) {
	for _, c := range []struct {
		expr, want string
		whole      bool
	}{
		{"a", "a", true},
		{"api|app|web", "api app web", true},
		{"(api|web)-(a|b)", "api-a api-b web-a web-b", true},
		{"^api$", "api", true},
		{"Bench1(2|3)", "Bench12 Bench13", true},
		{"Kube.*", "Kube", false},
		{"Kube.*Down|Node.+", "Kube Node", false},
		{"Kube(.*)", "Kube", false},
		{"(?:ab)+", "ab", false},
		{"ab?", "a ab", true},
		{"pod-[0-2]x", "pod-0x pod-1x pod-2x", true},
		{"a{2}", "aa", true},
		{"[a-z]{2}", "a b c d e f g h i j k l m n o p q r s t u v w x y z", false},
		{"", "", true},
		{".*down", "", false},
		{"(?i)down", "", false},
		{"[^a]b", "", false},
		{"a\uFFFDb", "a", false},
		{`[^\x00-\x{10FFFF}]`, "-", true},
	} {
		re, err := syntax.Parse(c.expr, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		texts, whole := beginnings(re.Simplify())
		slices.Sort(texts)
		got := strings.Join(slices.Compact(texts), " ")
		if len(texts) == 0 {
			got = "-"
		}
		if got != c.want || whole != c.whole {
			t.Errorf("%s: %q, whole %v; want %q, %v", c.expr, got, whole, c.want, c.whole)
		}
	}
	if texts, whole := beginnings(&syntax.Regexp{Op: syntax.OpAlternate, Sub: slices.Repeat([]*syntax.Regexp{{Op: syntax.OpEmptyMatch}}, maxBeginnings+1)}); whole || len(texts) != 1 {
		t.Errorf("too many: %q, %v", texts, whole)
	}
}

// Of many policies those that may match are few, whichever way they say what they
// want, and though they all want the same job.
func TestMatchLooksAtFew(t *testing.T) {
	var when [][]string
	for n := range 1000 {
		job := `job="node"`
		when = append(when, [][]string{
			{job, fmt.Sprintf(`alertname="A%03d"`, n)},
			{job, fmt.Sprintf(`alertname=~"A%03d|B%03d"`, n, n)},
			{job, fmt.Sprintf(`alertname=~"A%03d.*"`, n)},
			{fmt.Sprintf(`alertname=~"(A|B)%03d"`, n), job, `severity=~"critical|warning"`, `zone!=""`},
		}[n%4])
	}
	rb := bookFor(t, append(when, []string{`zone=~".*x"`}, nil)...)
	for n := range 1000 {
		ls := LabelsOf(map[string]string{"alertname": fmt.Sprintf("A%03d", n), "job": "node", "severity": "critical", "zone": "a"})
		if got := rb.index.candidates(nil, ls); !slices.Equal(got, []int{n, 1000}) {
			t.Fatalf("%s is asked of policies %v, want %d and the one that may match any", ls, got, n)
		}
		if got := names(rb.Match(ls)); got != fmt.Sprintf("p%d", n) {
			t.Fatalf("%s is matched by %s", ls, got)
		}
	}
}

// A label that is missing has the empty value.
func TestMatchOfMissingLabels(t *testing.T) {
	for _, c := range []struct {
		matcher         string
		missing, filled bool // for x="a"
	}{
		{`x=""`, true, false}, {`x!=""`, false, true}, {`x="a"`, false, true}, {`x!="a"`, true, false}, {`x!="b"`, true, true},
		{`x=~""`, true, false}, {`x=~"a?"`, true, true}, {`x=~"a|"`, true, true}, {`x=~".*"`, true, true}, {`x=~".+"`, false, true},
		{`x!~"a"`, true, false}, {`x!~".+"`, true, false}, {`x!~""`, false, true},
	} {
		rb := bookFor(t, []string{c.matcher})
		for ls, want := range map[string]bool{"": c.missing, `""`: c.missing, "a": c.filled} {
			alert := LabelsOf(map[string]string{"x": strings.Trim(ls, `"`)})
			if ls == "" {
				alert = nil
			}
			if got := len(rb.Match(alert)) == 1; got != want {
				t.Errorf("%s matches %s: %v, want %v", c.matcher, alert, got, want)
			}
		}
	}
}

// The first of two policies of one name is the one that has it.
func TestPolicyByName(t *testing.T) {
	rb := &Rulebook{Policies: []Policy{{Name: "a", Source: "1"}, {Name: "b", Source: "2"}, {Name: "a", Source: "3"}}}
	if err := rb.Compile(); err != nil {
		t.Fatal(err)
	}
	if a, b := rb.Policy("a"), rb.Policy("b"); a.Source != "1" || b.Source != "2" || rb.Policy("c") != nil {
		t.Errorf("%v, %v, %v", a, b, rb.Policy("c"))
	}
}
