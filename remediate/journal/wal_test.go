package journal_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/x0tta6bl4/remediated/remediate/journal"
)

const walFrame = 24 + 4096 // of a journal's log, in bytes

func scan(t testing.TB, b []byte) journal.WAL {
	t.Helper()
	log, err := journal.ScanWAL(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func TestScanWAL(t *testing.T) {
	log := crash(t).files["journal.db-wal"]
	frames := (len(log) - 32) / walFrame
	if have := scan(t, log); have != (journal.WAL{Frames: frames, Committed: frames}) {
		t.Fatalf("a sound log of %d frames: %+v", frames, have)
	}
	var ends []int // frames after which a transaction is complete
	for i := range frames {
		if binary.BigEndian.Uint32(log[32+i*walFrame+4:]) != 0 {
			ends = append(ends, i+1)
		}
	}
	last := ends[len(ends)-2] // the last transaction begins there
	for name, test := range map[string]struct {
		change  func(b []byte) []byte
		frames  int
		damaged bool
	}{
		"nothing":                          {func([]byte) []byte { return nil }, 0, false},
		"half a header":                    {func(b []byte) []byte { return b[:16] }, 0, false},
		"only zeros":                       {func(b []byte) []byte { return make([]byte, len(b)) }, 0, false},
		"only a bad header":                {func(b []byte) []byte { b[20] ^= 1; return b[:32] }, 0, false},
		"a bad header":                     {func(b []byte) []byte { b[20] ^= 1; return b }, 0, true},
		"another byte order":               {func(b []byte) []byte { b[3] ^= 1; return b }, 0, true},
		"cut between frames":               {func(b []byte) []byte { return b[:32+3*walFrame] }, 3, false},
		"cut within a frame":               {func(b []byte) []byte { return b[:32+3*walFrame+100] }, 3, false},
		"a page of the first frame":        {func(b []byte) []byte { b[32+1000] ^= 1; return b }, 0, true},
		"a salt in the middle":             {func(b []byte) []byte { b[32+5*walFrame+9] ^= 1; return b }, 5, true},
		"the last transaction's first":     {func(b []byte) []byte { b[32+last*walFrame+500] ^= 1; return b }, last, false},
		"the last but one transaction's":   {func(b []byte) []byte { b[32+(last-1)*walFrame+500] ^= 1; return b }, last - 1, true},
		"the mark that ends the last but":  {func(b []byte) []byte { clear(b[32+(last-1)*walFrame+4:][:4]); return b }, last - 1, true},
		"a hole of zeros in the middle":    {func(b []byte) []byte { clear(b[32+walFrame : 32+3*walFrame]); return b }, 1, true},
		"an earlier generation's leavings": {func(b []byte) []byte { return append(b, otherSalts(b[32:])...) }, frames, false},
		"bad, then an earlier generation":  {func(b []byte) []byte { b[len(b)-1] ^= 1; return append(b, otherSalts(b[32:])...) }, frames - 1, false},
	} {
		have := scan(t, test.change(slices.Clone(log)))
		if have.Frames != test.frames || have.Damaged != test.damaged || have.Damaged != (have.Why != "") {
			t.Errorf("%s: %+v, want %d frames, damaged %v", name, have, test.frames, test.damaged)
		}
	}
}

// otherSalts returns frames as another generation of the log would have them.
func otherSalts(frames []byte) []byte {
	b := slices.Clone(frames)
	for at := 0; at < len(b); at += walFrame {
		b[at+8] ^= 1
	}
	return b
}

func TestScanWALReadError(t *testing.T) {
	broken := errors.New("the disk is on fire")
	log := crash(t).files["journal.db-wal"]
	for _, n := range []int{0, 20, 32, 32 + 100, 32 + 3*walFrame} {
		r := io.MultiReader(bytes.NewReader(log[:n]), iotest.ErrReader(broken))
		if have, err := journal.ScanWAL(r); !errors.Is(err, broken) {
			t.Errorf("an error after %d bytes: %+v, %v, want it returned", n, have, err)
		}
	}
}

// FuzzScanWAL reads any bytes as a log. Whatever they are, the scan ends, what
// it counts is there, a log that ends where its valid frames end is no damage,
// and neither is one that is cut anywhere within those.
func FuzzScanWAL(f *testing.F) {
	f.Add([]byte{}, uint16(0))
	f.Add(syntheticWAL(512, []uint32{0, 5, 0, 0, 7}), uint16(600))
	f.Add(syntheticWAL(1024, []uint32{2}), uint16(3))
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		log := scan(t, b)
		if log.Committed > log.Frames || log.Frames*(24+512) > len(b) || log.Damaged != (log.Why != "") {
			t.Fatalf("%d bytes: %+v", len(b), log)
		}
		if log.Frames == 0 {
			return
		}
		page := int(binary.BigEndian.Uint32(b[8:]))
		if page == 1 {
			page = 65536
		}
		valid := b[:32+log.Frames*(24+page)]
		if have := scan(t, valid); have.Damaged || have.Frames != log.Frames || have.Committed != log.Committed {
			t.Fatalf("the valid part: %+v, before %+v", have, log)
		}
		if have := scan(t, valid[:int(cut)%len(valid)]); have.Damaged || have.Frames > log.Frames {
			t.Fatalf("cut at %d: %+v", int(cut)%len(valid), have)
		}
	})
}

// syntheticWAL returns a log with a frame for each of ends, which says how
// many pages the database has after it, or 0 within a transaction. Its sums
// are made here, by the words of the file format, and not by what is tested.
func syntheticWAL(page int, ends []uint32) []byte {
	var s0, s1 uint32
	sum := func(b []byte) []byte {
		for i := 0; i < len(b); i += 8 {
			s0 += binary.BigEndian.Uint32(b[i:]) + s1
			s1 += binary.BigEndian.Uint32(b[i+4:]) + s0
		}
		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, s0), s1)
	}
	words := func(ws ...uint32) (b []byte) {
		for _, w := range ws {
			b = binary.BigEndian.AppendUint32(b, w)
		}
		return b
	}
	log := words(0x377f0683, 3007000, uint32(page), 0, 11, 12)
	log = append(log, sum(log)...)
	for i, end := range ends {
		begin, data := words(uint32(i+1), end), bytes.Repeat([]byte{byte(i), 0xa5}, page/2)
		sum(begin)
		log = append(log, begin...)
		log = append(log, words(11, 12)...)
		log = append(log, sum(data)...)
		log = append(log, data...)
	}
	return log
}

func TestScanWALBigEndian(t *testing.T) {
	if have := scan(t, syntheticWAL(512, []uint32{0, 5, 0, 0, 7, 0})); have != (journal.WAL{Frames: 6, Committed: 5}) {
		t.Errorf("%+v, want 6 frames, 5 of them committed", have)
	}
}
