package etcd

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/x0tta6bl4/remediated/remediate/journal/internal/cursor"
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
	c := cursor.Cursor{Rest: b}
	if format := c.Bytes(1); c.Err == nil && format[0] != roundFormat {
		return r, fmt.Errorf("its format is %d, this release reads %d", format[0], roundFormat)
	}
	r.before = c.Uvarint()
	parts := c.Uvarint()
	if parts > math.MaxInt32 {
		return r, cursor.ErrShort
	}
	if r.parts = int(parts); r.parts > 0 {
		r.attempt = string(c.Rest)
	} else {
		r.piece = c.Rest
	}
	return r, c.Err
}
