package etcd

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"
)

// FuzzRound reads what may lie under the key of a round.
func FuzzRound(f *testing.F) {
	var c journaltest.Chain
	records := c.Next(f, journaltest.Story(1)...)
	piece := cut(journal.EncodeRecords(records))[0]
	f.Add(round{before: 1 << 40, piece: piece}.encode())
	f.Add(round{parts: 7, attempt: "0123456789abcdef"}.encode())
	f.Add([]byte{roundFormat, 0x80})
	f.Add(round{piece: cut([]byte{1, 0xff, 0xff})[0]}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeRound(b)
		if err != nil || r.parts > 0 {
			return
		}
		if b, err := unpack(r.piece); err == nil && len(b) > pieceSize {
			t.Fatalf("a piece of %d bytes", len(b))
		}
	})
}

func TestRound(t *testing.T) {
	for _, r := range []round{{before: 7, piece: []byte("piece")}, {parts: 3, attempt: "attempt"}} {
		if have, err := decodeRound(r.encode()); err != nil || !reflect.DeepEqual(have, r) {
			t.Errorf("%+v, %v, want %+v", have, err, r)
		}
	}
	for name, b := range map[string][]byte{"nothing": nil, "another format": {9, 0, 0}, "cut short": {roundFormat, 0x80}} {
		if r, err := decodeRound(b); err == nil {
			t.Errorf("%s was read: %+v", name, r)
		}
	}
}

// A piece that says that it unpacks to more than there can be in one takes no memory for
// it.
func TestPieces(t *testing.T) {
	for _, n := range []int{0, 1, pieceSize, pieceSize + 1, 3 * pieceSize} {
		whole := bytes.Repeat([]byte("0123456789abcdef"), n/16+1)[:n]
		var have []byte
		for _, p := range cut(whole) {
			b, err := unpack(p)
			if err != nil {
				t.Fatal(err)
			}
			have = append(have, b...)
		}
		if !bytes.Equal(have, whole) {
			t.Errorf("%d bytes come back as %d", n, len(have))
		}
	}
	for name, b := range map[string][]byte{"too large": {0xff, 0xff, 0xff, 0xff, 0x07, 0}, "damaged": {5, 0xff, 0xff}, "nothing": nil} {
		if b, err := unpack(b); err == nil {
			t.Errorf("%s unpacks to %d bytes", name, len(b))
		}
	}
}
