package remediate_test

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/x0tta6bl4/remediated/remediate"
)

// A digest says where the journal ended before it if that is wanted, also when there
// is nothing else to say; and nobody is told so otherwise.
func TestADigestSaysWhereTheJournalEnds(t *testing.T) {
	for with, want := range map[string]bool{"": false, ", head: true": true} {
		w := newWorld(t)
		w.play(strings.Replace(raisedBook, "rulebook\n", "rulebook\n  destinations: [slack, slack/thread, slack/digest]\n  digests: {at: \"12:00\""+with+"}\n", 1) + "pass 24h")
		written, told := 0, 0
		for k, f := range w.heard {
			switch b := f.Body.(type) {
			case Digested:
				written++
				before := w.records[k-1]
				line := fmt.Sprintf("the journal's past can be checked by: remedy journal check --was %d:%d", before.Seq, before.Sum.Mark())
				if got := strings.Join(b.Lines, "\n"); got == line != want {
					t.Errorf("with %q the digest says %q, and the journal ended so: %s", with, got, line)
				}
			case Started:
				if b.Tell != nil && b.Tell.Destination == SlackDigest {
					told++
				}
			}
		}
		if written != 1 || want != (told == 1) {
			t.Errorf("with %q %d digests were written, %d told", with, written, told)
		}
	}
}
