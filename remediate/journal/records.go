package journal

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal/internal/cursor"
)

// EncodeRecords returns records that follow one another as few bytes, not packed.
// [DecodeRecords] has them back, by the number of the first.
func EncodeRecords(records []remediate.Record) []byte {
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

// DecodeRecords reads what [EncodeRecords] returned. The records have still to be
// verified, and their facts are parts of b.
func DecodeRecords(first uint64, b []byte) ([]remediate.Record, error) {
	var records []remediate.Record
	var at int64
	for c := (cursor.Cursor{Rest: b}); len(c.Rest) > 0; {
		at += c.Varint()
		r := remediate.Record{Seq: first + uint64(len(records)), At: time.UnixMilli(at).UTC()}
		r.Kind = string(c.Bytes(c.Uvarint()))
		r.Bytes = c.Bytes(c.Uvarint())
		copy(r.Sum[:], c.Bytes(uint64(len(r.Sum))))
		if c.Err != nil {
			return nil, c.Err
		}
		records = append(records, r)
	}
	return records, nil
}

// PackedRecords are records that follow one another, in as little memory as is had
// without taking long.
type PackedRecords struct {
	First, Last uint64 // their numbers
	bytes       []byte
}

// PackRecords packs records that follow one another. There must be one.
func PackRecords(records []remediate.Record) PackedRecords {
	return PackedRecords{records[0].Seq, records[len(records)-1].Seq, s2.Encode(nil, EncodeRecords(records))}
}

// Records returns them as they were.
func (p PackedRecords) Records() ([]remediate.Record, error) {
	b, err := s2.Decode(nil, p.bytes)
	if err != nil {
		return nil, fmt.Errorf("unpack records %d to %d: %w", p.First, p.Last, err)
	}
	return DecodeRecords(p.First, b)
}
