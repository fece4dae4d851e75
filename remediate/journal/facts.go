package journal

import (
	"fmt"
	"iter"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Facts decodes records, as Read yields them. An error of reading ends it, and so
// does a record that cannot be decoded, which is named.
func Facts(records iter.Seq2[remediate.Record, error]) iter.Seq2[remediate.Fact, error] {
	return func(yield func(remediate.Fact, error) bool) {
		for r, err := range records {
			var f remediate.Fact
			if err == nil {
				if f, err = r.Decode(); err != nil {
					err = fmt.Errorf("record %d: %w", r.Seq, err)
				}
			}
			if !yield(f, err) || err != nil {
				return
			}
		}
	}
}
