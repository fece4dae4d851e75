package replay

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Difference is a decision that is another when a journal is decided again.
type Difference struct {
	Seq uint64          // of the fact as the journal has it, or of the first of the moment in which it has none
	At  time.Time       // of that moment
	Was *remediate.Fact // as the journal has it; nil: nothing was
	Is  *remediate.Fact // as it is decided now; nil: nothing is
}

// parted returns where the facts of one incident in one moment part, nil when
// they are the same.
func parted(was, is []recorded) *Difference {
	for n := range max(len(was), len(is)) {
		var d Difference
		if n < len(was) {
			d.Was = &was[n].Fact
		}
		if n < len(is) {
			d.Is = &is[n].Fact
		}
		if d.Was == nil || d.Is == nil || !was[n].same(is[n].record) {
			return &d
		}
	}
	return nil
}

// Incident is the number of the incident that it is about, 0 when it is about
// none.
func (d Difference) Incident() uint64 {
	for _, f := range []*remediate.Fact{d.Was, d.Is} {
		if f != nil {
			return remediate.IncidentOf(f.Body)
		}
	}
	return 0
}

// Explain tells both at length, as far as they differ: of a judgement, only the
// verdicts that are others. Where all words are the same, what differs is something
// that they do not say: then they are followed by the facts themselves.
func (d Difference) Explain() (was, is []string) {
	was, is = explain(d.Was), explain(d.Is)
	if slices.Equal(was, is) {
		return []string{was[0], raw(d.Was)}, []string{is[0], raw(d.Is)}
	}
	return apart(was, is), apart(is, was)
}

// apart is the first line, and those of the others that are not on the other side.
func apart(lines, other []string) []string {
	rest := slices.DeleteFunc(slices.Clone(lines[1:]), func(line string) bool { return slices.Contains(other, line) })
	return append(lines[:1:1], rest...)
}

func explain(f *remediate.Fact) []string {
	if f == nil {
		return []string{"nothing"}
	}
	return remediate.Explain(f.Body)
}

func raw(f *remediate.Fact) string {
	b, err := json.Marshal(f.Body)
	if err != nil {
		return "  " + err.Error() // it was read from JSON
	}
	return "  " + string(b)
}

// String says it in a few lines.
func (d Difference) String() string {
	was, is := d.Explain()
	return fmt.Sprintf("record %d, of %s:\n  was: %s\n  is:  %s", d.Seq, d.At.UTC().Format("2006-01-02T15:04:05.000Z"), strings.Join(was, "\n       "), strings.Join(is, "\n       "))
}
