package remediate

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Record is a fact as it is kept: encoded once, by the core, and moved
// untouched by journals, exports and imports ever after.
type Record struct {
	Seq   uint64    // 1 is the founding fact; no gaps
	At    time.Time // UTC, whole milliseconds, never before the record before it
	Kind  string    // kind/version, for example "opened/1"
	Bytes []byte    // the fact as JSON
	Sum   Sum       // over the Sum before and all of the above

	made *made // what it says, when it was made here and not read: see Fact
}

// made is what was decoded from the bytes that have this sum.
type made struct {
	sum  Sum
	fact Fact
}

// Sum is a link of the hash chain over all records of a journal.
type Sum [sha256.Size]byte

// String returns the sum in hexadecimal.
func (s Sum) String() string { return hex.EncodeToString(s[:]) }

// Mark is the beginning of the sum as a number, small enough that a metric holds
// it exactly: its first six bytes. Whoever keeps it with the record's number can
// say later whether that record is still the same.
func (s Sum) Mark() uint64 {
	return binary.BigEndian.Uint64(append([]byte{0, 0}, s[:6]...))
}

// MarshalText is [Sum.String].
func (s Sum) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Sum) UnmarshalText(b []byte) error {
	if len(b) != 2*len(s) {
		return fmt.Errorf("sum %q: want %d hexadecimal digits", b, 2*len(s))
	}
	_, err := hex.Decode(s[:], b)
	return err
}

// ErrUnknownKind is returned for a fact, or a field of one, that this release
// does not know. The journal was written by a newer one: stand aside, do not
// guess.
var ErrUnknownKind = errors.New("fact of an unknown kind or version, which a newer release wrote: start that one again, or restore the copy that was made before it")

// DamageError names the first record of a journal that is not what was written.
type DamageError struct {
	Seq uint64
	Why string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("journal: record %d is damaged: %s", e.Seq, e.Why)
}

// chain returns the sum of r when it follows a record whose sum is before.
func chain(before Sum, r Record) Sum {
	var room [2048]byte // most facts need no memory of their own
	b := append(room[:0], before[:]...)
	b = binary.BigEndian.AppendUint64(b, r.Seq)
	b = binary.BigEndian.AppendUint64(b, uint64(r.At.UnixMilli()))
	b = append(binary.BigEndian.AppendUint64(b, uint64(len(r.Kind))), r.Kind...)
	b = append(binary.BigEndian.AppendUint64(b, uint64(len(r.Bytes))), r.Bytes...)
	return sha256.Sum256(b)
}

// Verify checks that r follows the record numbered seq whose sum is before.
// It returns a [*DamageError] that names r when it does not.
func (r Record) Verify(seq uint64, before Sum) error {
	if r.Seq != seq+1 {
		return &DamageError{seq + 1, fmt.Sprintf("record %d stands in its place", r.Seq)}
	}
	if chain(before, r) != r.Sum {
		return &DamageError{r.Seq, "its checksum does not fit its contents"}
	}
	return nil
}

// Encode makes the record of body that follows the record numbered seq whose
// sum is before.
func Encode(seq uint64, before Sum, at time.Time, body Body) (Record, error) {
	b, ok := encodeByPlan(body)
	if !ok {
		var err error
		if b, err = json.Marshal(body); err != nil {
			return Record{}, fmt.Errorf("encode %T: %w", body, err)
		}
	}
	r := Record{Seq: seq + 1, At: at.UTC().Truncate(time.Millisecond), Kind: body.kind(), Bytes: b}
	r.Sum = chain(before, r)
	return r, nil
}

// Decode returns the fact of a record that was verified. It returns
// [ErrUnknownKind] for what a newer release wrote, a [*DamageError] for bytes
// that are not the fact they claim to be. A field may be added to a kind when
// it may be absent; its checksum having held, bytes with a field that is not
// known are therefore not damaged but new.
func (r Record) Decode() (Fact, error) {
	body, ok := decodeByPlan(r.Kind, r.Bytes)
	if !ok {
		var err error
		if body, err = r.decode(); err != nil {
			return Fact{}, err
		}
	}
	if b, ok := body.(Started); ok && !b.whole() {
		return Fact{}, &DamageError{r.Seq, "it starts not exactly one of ask, act and tell"}
	}
	return Fact{Seq: r.Seq, At: r.At, Body: body}, nil
}

// decode reads a body of any kind by encoding/json.
func (r Record) decode() (Body, error) {
	t, ok := kinds[r.Kind]
	if !ok {
		return nil, fmt.Errorf("record %d, %q: %w", r.Seq, r.Kind, ErrUnknownKind)
	}
	p := reflect.New(t)
	d := json.NewDecoder(bytes.NewReader(r.Bytes))
	d.DisallowUnknownFields()
	if err := d.Decode(p.Interface()); err != nil {
		if strings.Contains(err.Error(), "unknown field") { // encoding/json has no error of its own for it
			return nil, fmt.Errorf("record %d, %q, %w: %w", r.Seq, r.Kind, err, ErrUnknownKind)
		}
		return nil, &DamageError{r.Seq, err.Error()}
	}
	if rest := bytes.TrimSpace(r.Bytes[d.InputOffset():]); len(rest) > 0 {
		return nil, &DamageError{r.Seq, fmt.Sprintf("%d bytes follow the fact", len(rest))}
	}
	if b, ok := p.Interface().(*Judged); ok {
		return b.compact(), nil
	}
	return p.Elem().Interface().(Body), nil
}

// Fact is [Record.Decode] for a record that [Handle] has just made: it was decoded
// when it was made, and need not be again. Of any other record the bytes are
// decoded. What it returns is shared by all who ask, and must not be changed.
func (r Record) Fact() (Fact, error) {
	if r.made != nil && r.made.sum == r.Sum {
		return r.made.fact, nil
	}
	return r.Decode()
}

// Plain is r without what [Record.Fact] need not decode: for who keeps records.
func (r Record) Plain() Record {
	r.made = nil
	return r
}

// Checkpoint is a State that stands for all the records up to and with Seq,
// which may then be cut off. It is truth, not a cache: it carries the head of
// the chain, so that the first record after it can be verified.
type Checkpoint struct {
	Seq   uint64    `json:"seq"`
	At    time.Time `json:"at"`
	Head  Sum       `json:"head"`
	State []byte    `json:"state"` // what [State.Snapshot] returned
	Sum   Sum       `json:"sum"`   // over all of the above
}

// Seal returns c with its own sum.
func (c Checkpoint) Seal() Checkpoint {
	c.Sum = chain(c.Head, Record{Seq: c.Seq, At: c.At, Kind: "checkpoint", Bytes: c.State})
	return c
}

// Verify tells whether c is what was sealed.
func (c Checkpoint) Verify() error {
	if c.Seal().Sum != c.Sum {
		return &DamageError{c.Seq, "the checksum of the checkpoint does not fit its contents"}
	}
	return nil
}
