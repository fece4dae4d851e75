package policies

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Level says whether a problem stops the files from being used.
type Level string

const (
	Error   Level = "error"   // the file is not used
	Warning Level = "warning" // it is used, but probably does not mean what its writer thinks
)

// Problem is one thing that is wrong with what was read. Line and Column count
// from 1, in characters; they are 0 when the problem is the file as a whole.
type Problem struct {
	File     string `json:"file"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Field    string `json:"field,omitempty"` // policies[0].steps[1].verify
	Severity Level  `json:"severity"`
	Message  string `json:"message"`
	Hint     string `json:"hint,omitempty"`   // what would be right
	Source   string `json:"source,omitempty"` // the line; what looks like a secret is starred
	Length   int    `json:"length,omitempty"` // how many characters of Source it is about
}

// Position returns file:line:column, or the file alone.
func (p Problem) Position() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// String returns the problem on one line, as compilers and editors have it.
func (p Problem) String() string {
	s := fmt.Sprintf("%s: %s: %s", p.Position(), p.Severity, p.Message)
	if p.Hint != "" {
		s += ": " + p.Hint
	}
	return s
}

// Render writes the problems for people: each with its line, a caret under the
// offending words, and what would be right.
func Render(w io.Writer, problems []Problem) error {
	for i, p := range problems {
		if i > 0 {
			if _, err := fmt.Fprintln(w); err != nil {
				return err
			}
		}
		if _, err := io.WriteString(w, p.rendered()); err != nil {
			return err
		}
	}
	return nil
}

func (p Problem) rendered() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s: %s\n", p.Position(), p.Severity, p.Message)
	if p.Source != "" {
		fmt.Fprintf(&b, "%5d | %s\n", p.Line, p.Source)
		fmt.Fprintf(&b, "      | %s%s\n", indentTo(p.Source, p.Column), strings.Repeat("^", max(p.Length, 1)))
	}
	if p.Hint != "" {
		fmt.Fprintf(&b, "      = %s\n", p.Hint)
	}
	return b.String()
}

// indentTo returns blanks as wide as what stands before the column. Tabs stay
// tabs: only the terminal knows how wide they are.
func indentTo(line string, column int) string {
	before := []rune(line)
	before = before[:min(max(column-1, 0), len(before))]
	for i, r := range before {
		if r != '\t' {
			before[i] = ' '
		}
	}
	return string(before)
}

// HasErrors tells whether any of the problems stops the files from being used.
func HasErrors(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return p.Severity == Error })
}

// sortProblems orders the problems of one file as they stand in it.
func sortProblems(ps []Problem) {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// suggest returns "did you mean ...?" when one of the known words is close to
// what was written, otherwise the list of them.
func suggest(written string, known []string) string {
	if w := closest(written, known); w != "" {
		return fmt.Sprintf("did you mean %q?", w)
	}
	return "known here: " + strings.Join(slices.Sorted(slices.Values(known)), ", ")
}

// closest returns the known word that is at most two typing errors (one, for
// short words) or a plural away from what was written, "" when none is.
func closest(written string, known []string) string {
	best, at := "", min(2, utf8.RuneCountInString(written)/3)+1
	for _, k := range known {
		d := distance(strings.ToLower(written), strings.ToLower(k))
		if strings.EqualFold(written, k+"s") || strings.EqualFold(written+"s", k) {
			d = 0
		}
		if d < at {
			best, at = k, d
		}
	}
	return best
}

// distance is how many typing errors turn a into b: a character too many, too
// few, a wrong one, or two in the wrong order.
func distance(a, b string) int {
	from, to := []rune(a), []rune(b)
	d := make([][]int, len(from)+1) // d[i][j]: from the first i characters to the first j
	for i := range d {
		d[i] = make([]int, len(to)+1)
		d[i][0] = i
	}
	for j := range to {
		d[0][j+1] = j + 1
	}
	for i, x := range from {
		for j, y := range to {
			replaced := d[i][j]
			if x != y {
				replaced++
			}
			d[i+1][j+1] = min(replaced, d[i][j+1]+1, d[i+1][j]+1)
			if i > 0 && j > 0 && x == to[j-1] && from[i-1] == y {
				d[i+1][j+1] = min(d[i+1][j+1], d[i-1][j-1]+1)
			}
		}
	}
	return d[len(from)][len(to)]
}
