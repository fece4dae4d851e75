package etcd

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"
)

// FuzzRound reads what may lie under the key of a round, and its records.
func FuzzRound(f *testing.F) {
	var c journaltest.Chain
	records := c.Next(f, journaltest.Story(1)...)
	piece := cut(encodeRecords(records))[0]
	f.Add(round{before: 1 << 40, piece: piece}.encode())
	f.Add(round{parts: 7, attempt: "0123456789abcdef"}.encode())
	f.Add([]byte{roundFormat, 0x80})
	f.Add(round{piece: cut([]byte{1, 0xff, 0xff})[0]}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeRound(b)
		if err != nil || r.parts > 0 {
			return
		}
		piece, err := unpack(r.piece)
		if err != nil {
			return
		}
		records, err := decodeRecords(1, piece)
		if err != nil {
			return
		}
		again, err := decodeRecords(1, encodeRecords(records))
		if err != nil || !reflect.DeepEqual(again, records) {
			t.Fatalf("%+v, %v, want %+v", again, err, records)
		}
	})
}

func TestRound(t *testing.T) {
	var c journaltest.Chain
	records := c.Next(t, journaltest.Story(1)...)
	have, err := decodeRecords(1, encodeRecords(records))
	if err != nil {
		t.Fatal(err)
	}
	for k := range records {
		if have[k].Plain().Sum != records[k].Sum || !bytes.Equal(have[k].Bytes, records[k].Bytes) || !have[k].At.Equal(records[k].At) || have[k].Kind != records[k].Kind {
			t.Errorf("%+v, want %+v", have[k], records[k])
		}
	}
	for _, r := range []round{{before: 7, piece: []byte("piece")}, {parts: 3, attempt: "attempt"}} {
		if have, err := decodeRound(r.encode()); err != nil || !reflect.DeepEqual(have, r) {
			t.Errorf("%+v, %v, want %+v", have, err, r)
		}
	}
	whole := encodeRecords(records)
	for n := 1; n < len(whole); n++ {
		if some, err := decodeRecords(1, whole[:n]); err == nil && len(some) == len(records) {
			t.Errorf("%d of %d bytes are all records", n, len(whole))
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
