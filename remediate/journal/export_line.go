package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/x0tta6bl4/remediated/remediate"
)

// The lines of an export. docs/journal.md says what they mean. There is one way
// to write each: what is not written that way is damage, though it may read as
// the same.

// exportFormat is the first line's first field. A release reads this one and
// refuses newer ones.
const (
	exportFamily = "remediated-export/"
	exportFormat = exportFamily + "1"
)

// maxExportLine bounds what is held in memory of a file that may be anything.
const maxExportLine = 256 << 20

// How a line begins, by which one kind is told from another.
const (
	beginHeader     = `{"format":"`
	beginCheckpoint = `{"checkpoint":`
	beginBlob       = `{"blob":"`
	beginRecord     = `{"seq":`
	beginEnd        = `{"records":`
)

// link is a place in the chain: a record and its sum.
type link struct {
	Seq uint64        `json:"seq"`
	Sum remediate.Sum `json:"sum"`
}

// exportHeader is the first line.
type exportHeader struct {
	Format  string `json:"format"`
	Journal string `json:"journal"`
	// After is the record before the first one here, zero when it begins with
	// the journal.
	After link          `json:"after"`
	First uint64        `json:"first"`
	Last  uint64        `json:"last"`
	Head  remediate.Sum `json:"head"` // of the last record
	From  time.Time     `json:"from"` // of the first record
	To    time.Time     `json:"to"`   // of the last record
	// Rulebook governs at the beginning, "" when there is none yet.
	Rulebook string        `json:"rulebook,omitempty"`
	Evidence bool          `json:"evidence,omitempty"` // it is here as well
	Check    remediate.Sum `json:"check"`              // over this line with a check of zeros
}

// seal returns h with its own sum.
func (h exportHeader) seal() exportHeader {
	h.Check = remediate.Sum{}
	b, _ := json.Marshal(h) // there is nothing in it that cannot be written
	h.Check = sha256.Sum256(b)
	return h
}

// exportCheckpoint is the second line of a journal that was trimmed.
type exportCheckpoint struct {
	Checkpoint remediate.Checkpoint `json:"checkpoint"`
}

// exportBlob is something that a record after it names.
type exportBlob struct {
	Blob  string `json:"blob"` // its digest
	Is    string `json:"is"`   // a rulebook or evidence
	Bytes []byte `json:"bytes"`
}

// exportEnd is the last line.
type exportEnd struct {
	Records uint64        `json:"records"`
	Blobs   uint64        `json:"blobs"`
	Missing uint64        `json:"missing"` // blobs that a record names and the journal no longer had
	Head    remediate.Sum `json:"head"`
	Check   remediate.Sum `json:"check"` // over all lines before, and this one with a check of zeros
}

// seal returns e with its sum, when before has taken up the lines before.
func (e exportEnd) seal(before hash.Hash) exportEnd {
	e.Check = remediate.Sum{}
	b, _ := json.Marshal(e) // there is nothing in it that cannot be written
	before.Write(b)
	before.Sum(e.Check[:0])
	return e
}

// parse reads a line into v, and refuses one that would be written otherwise.
func parse(line []byte, v any) error {
	if err := json.Unmarshal(line, v); err != nil {
		return err
	}
	again, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, line) {
		return fmt.Errorf("it is not as it was written")
	}
	return nil
}

const exportTime = "2006-01-02T15:04:05.000Z"

// appendRecord appends the line of a record: its fact as it is, so that it can be
// read and searched, or in base64 where a terminal might obey it.
func appendRecord(b []byte, r remediate.Record, plainly bool) []byte {
	b = append(b, beginRecord...)
	b = strconv.AppendUint(b, r.Seq, 10)
	b = append(b, `,"at":"`...)
	b = r.At.UTC().AppendFormat(b, exportTime)
	b = append(b, `","kind":"`...)
	b = append(b, r.Kind...)
	if plainly {
		b = append(b, `","fact":`...)
		b = append(b, r.Bytes...)
	} else {
		b = append(b, `","bytes":"`...)
		b = base64.StdEncoding.AppendEncode(b, r.Bytes)
		b = append(b, '"')
	}
	b = append(b, `,"sum":"`...)
	b = hex.AppendEncode(b, r.Sum[:])
	return append(b, `"}`...)
}

// plain tells whether a fact can stand in a line of text as it is.
func plain(fact []byte) bool {
	for rest := fact; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		if r == utf8.RuneError && n == 1 || !unicode.IsPrint(r) {
			return false
		}
		rest = rest[n:]
	}
	return json.Valid(fact)
}

// parseRecord reads the line of a record.
func parseRecord(line []byte) (remediate.Record, error) {
	var r remediate.Record
	rest, begins := strings.CutPrefix(string(line), beginRecord)
	seq, rest, hasSeq := strings.Cut(rest, `,"at":"`)
	at, rest, hasAt := strings.Cut(rest, `","kind":"`)
	kind, rest, hasKind := strings.Cut(rest, `","`)
	end := len(rest) - len(`,"sum":"`) - 2*len(r.Sum) - len(`"}`)
	if !begins || !hasSeq || !hasAt || !hasKind || end < 0 {
		return r, fmt.Errorf("it is not the line of a record")
	}
	var err error
	if r.Seq, err = strconv.ParseUint(seq, 10, 64); err != nil {
		return r, err
	}
	if r.At, err = time.Parse(exportTime, at); err != nil {
		return r, err
	}
	r.Kind = kind
	value, tail := rest[:end], rest[end:]
	fact, plainly := strings.CutPrefix(value, `fact":`)
	r.Bytes = []byte(fact)
	if !plainly {
		coded := strings.TrimSuffix(strings.TrimPrefix(value, `bytes":"`), `"`)
		if r.Bytes, err = base64.StdEncoding.Strict().DecodeString(coded); err != nil {
			return r, err
		}
	}
	sum := strings.TrimSuffix(strings.TrimPrefix(tail, `,"sum":"`), `"}`)
	if err := r.Sum.UnmarshalText([]byte(sum)); err != nil {
		return r, err
	}
	if again := appendRecord(make([]byte, 0, len(line)), r, plainly); !bytes.Equal(again, line) {
		return r, fmt.Errorf("it is not as it was written")
	}
	return r, nil
}
