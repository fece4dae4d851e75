package engine

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// What is durable comes to the state that all its records come to, from whichever of
// them a snapshot was made behind.
func TestDurable(t *testing.T) {
	s := remediate.NewState()
	r, err := remediate.Found(s, time.Unix(0, 0), "aaaaaaaa")
	if err != nil {
		t.Fatal(err)
	}
	records := []remediate.Record{r}
	for n := range 2*packAt + 10 {
		a := remediate.Alert{Labels: remediate.LabelsOf(map[string]string{"alertname": fmt.Sprint(n)}), StartsAt: time.Unix(1, 0)}
		rs, err := remediate.Handle(nil, s, time.Unix(int64(n), 0), remediate.Heard{Alert: a, Firing: true})
		if err != nil || len(rs) == 0 {
			t.Fatal(rs, err)
		}
		records = append(records, rs...)
	}
	wanted, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for behind := 0; behind < len(records); behind += packAt/4 - 1 {
		d, folded := &durable{}, remediate.NewState()
		var f remediate.Frozen
		for k, r := range records {
			if d.add(r); k <= behind {
				if err := folded.Fold(r); err != nil {
					t.Fatal(err)
				}
				f = folded.Freeze()
			}
		}
		c, err := f.Checkpoint()
		if err != nil {
			t.Fatal(err)
		}
		d.rebase(c)
		var left []remediate.Record
		for r, err := range d.records() {
			if err != nil {
				t.Fatal(err)
			}
			left = append(left, r)
		}
		want := slices.Clone(records[behind+1:])
		for k := range want {
			want[k] = want[k].Plain()
		}
		if !reflect.DeepEqual(left, want) || d.at != uint64(behind+1) {
			t.Errorf("behind %d it has %d records, of %d", d.at, len(left), len(records))
		}
		is, err := d.state()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := is.Snapshot(); err != nil || !bytes.Equal(got, wanted) {
			t.Errorf("behind record %d: %v, %s\nwant %s", behind+1, err, got, wanted)
		}
	}
}
