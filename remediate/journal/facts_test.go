package journal_test

import (
	"errors"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// What cannot be read, or is no fact, ends it and is named.
func TestFactsEndWithTheFirstError(t *testing.T) {
	founded, err := remediate.Found(remediate.NewState(), time.UnixMilli(0), "q4m2x7kd")
	if err != nil {
		t.Fatal(err)
	}
	unknown := remediate.Record{Seq: 2, Kind: "dreamt/1", Bytes: []byte("{}")}
	for name, c := range map[string]struct {
		records iter.Seq2[remediate.Record, error]
		says    string
	}{
		"unreadable": {func(yield func(remediate.Record, error) bool) {
			_ = yield(founded, nil) && yield(remediate.Record{}, errors.New("the disk is gone")) && yield(founded, nil)
		}, "the disk is gone"},
		"no fact": {func(yield func(remediate.Record, error) bool) {
			_ = yield(founded, nil) && yield(unknown, nil) && yield(founded, nil)
		}, "record 2: "},
	} {
		facts, last := 0, error(nil)
		for _, err := range journal.Facts(c.records) {
			if err == nil {
				facts++
			}
			last = err
		}
		if facts != 1 || last == nil || !strings.Contains(last.Error(), c.says) {
			t.Errorf("%s: %d facts, then %v, want one and %q", name, facts, last, c.says)
		}
	}
}
