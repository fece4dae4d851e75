package etcd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// roundFormat is the first byte of a round's value.
const roundFormat = 1

// round is the value of one append: what it holds itself, or where its parts are.
type round struct {
	before  uint64 // bytes of all rounds that were ever put before it
	parts   int    // 0: the one piece is here
	piece   []byte
	attempt string // of the parts
}

func (r round) encode() []byte {
	b := binary.AppendUvarint([]byte{roundFormat}, r.before)
	b = binary.AppendUvarint(b, uint64(r.parts))
	if r.parts > 0 {
		return append(b, r.attempt...)
	}
	return append(b, r.piece...)
}

func decodeRound(b []byte) (r round, err error) {
	c := cursor{rest: b}
	if format := c.bytes(1); c.err == nil && format[0] != roundFormat {
		return r, fmt.Errorf("its format is %d, this release reads %d", format[0], roundFormat)
	}
	r.before = c.uvarint()
	parts := c.uvarint()
	if parts > math.MaxInt32 {
		return r, errShort
	}
	if r.parts = int(parts); r.parts > 0 {
		r.attempt = string(c.rest)
	} else {
		r.piece = c.rest
	}
	return r, c.err
}

// encodeRecords returns what is packed of records. Their numbers follow from that of
// the first.
func encodeRecords(records []remediate.Record) []byte {
	var b []byte
	var at int64
	for _, r := range records {
		b = binary.AppendVarint(b, r.At.UnixMilli()-at)
		at = r.At.UnixMilli()
		b = append(binary.AppendUvarint(b, uint64(len(r.Kind))), r.Kind...)
		b = append(binary.AppendUvarint(b, uint64(len(r.Bytes))), r.Bytes...)
		b = append(b, r.Sum[:]...)
	}
	return b
}

// decodeRecords reads what encodeRecords returned. The records have to be verified.
func decodeRecords(first uint64, b []byte) ([]remediate.Record, error) {
	var records []remediate.Record
	var at int64
	for c := (cursor{rest: b}); len(c.rest) > 0; {
		at += c.varint()
		r := remediate.Record{Seq: first + uint64(len(records)), At: time.UnixMilli(at).UTC()}
		r.Kind = string(c.bytes(c.uvarint()))
		r.Bytes = c.bytes(c.uvarint())
		copy(r.Sum[:], c.bytes(uint64(len(r.Sum))))
		if c.err != nil {
			return nil, c.err
		}
		records = append(records, r)
	}
	return records, nil
}

var errShort = errors.New("it is cut short")

// cursor reads along bytes, up to the first error.
type cursor struct {
	rest []byte
	err  error
}

func (c *cursor) bytes(n uint64) []byte {
	if n > uint64(len(c.rest)) {
		c.err, c.rest = errShort, nil
		return nil
	}
	b := c.rest[:n:n]
	c.rest = c.rest[n:]
	return b
}

func (c *cursor) uvarint() uint64 {
	v, n := binary.Uvarint(c.rest)
	c.bytes(width(n))
	return v
}

func (c *cursor) varint() int64 {
	v, n := binary.Varint(c.rest)
	c.bytes(width(n))
	return v
}

// width is how many bytes a number took, more than there can be when there is none.
func width(n int) uint64 {
	if n <= 0 {
		return math.MaxUint64
	}
	return uint64(n)
}
