package engine

import (
	"bytes"
	"fmt"
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
	for n := range 10 {
		a := remediate.Alert{Labels: remediate.LabelsOf(map[string]string{"alertname": fmt.Sprint(n)}), StartsAt: time.Unix(1, 0)}
		rs, err := remediate.Handle(nil, s, time.Unix(int64(n), 0), remediate.Heard{Alert: a, Firing: true})
		if err != nil || len(rs) == 0 {
			t.Fatal(rs, err)
		}
		records = append(records, rs...)
	}
	want, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for behind := range records {
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
		if d.rebase(c); len(d.since) != len(records)-behind-1 || d.at != uint64(behind+1) {
			t.Errorf("behind %d it has %d records, of %d", d.at, len(d.since), len(records))
		}
		is, err := d.state()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := is.Snapshot(); err != nil || !bytes.Equal(got, want) {
			t.Errorf("behind record %d: %v, %s\nwant %s", behind+1, err, got, want)
		}
	}
}
