package journal

import (
	"bytes"
	"testing"

	"github.com/klauspost/compress/s2"
)

// FuzzPacked holds that what is packed is unpacked to what it was, and that anything
// at all unpacks to something bounded, or to an error.
func FuzzPacked(f *testing.F) {
	f.Add([]byte(`{"id":"q4m2x7kd-i1-a1","incident":1}`), []byte(`{"id":"q4m2x7kd-i2-a1","incident":2,"outcome":"ok"}`))
	f.Add([]byte("abcdefghijklmnopqrstuvwxyz"), bytes.Repeat([]byte("abcdefghijklmnopqrstuvwxyz, "), 5000))
	f.Add([]byte{}, []byte{0xff, 0xff, 0xff, 0xff, 0x0f, 0})
	f.Fuzz(func(t *testing.T, text, b []byte) {
		for _, d := range []dictionary{{}, {1, s2.MakeDict(text, nil)}} {
			if p := d.pack(b); p.by.Valid {
				back, err := d.unpack(p.bytes)
				if err != nil || !bytes.Equal(back, b) {
					t.Fatalf("%q came back as %q, %v", b, back, err)
				}
			} else if !bytes.Equal(p.bytes, b) {
				t.Fatalf("%q is kept as %q", b, p.bytes)
			}
			if any, err := d.unpack(b); err == nil && len(any) > maxPacked {
				t.Fatalf("%d bytes", len(any))
			}
		}
	})
}
