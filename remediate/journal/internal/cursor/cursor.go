// Package cursor reads along bytes that a journal wrote.
package cursor

import (
	"encoding/binary"
	"errors"
	"math"
)

// ErrShort says that the bytes end too soon.
var ErrShort = errors.New("it is cut short")

// Cursor reads along bytes, up to the first error: what is read after one is nothing.
type Cursor struct {
	Rest []byte // not read yet
	Err  error
}

// Bytes reads so many. They are a part of what is read along.
func (c *Cursor) Bytes(n uint64) []byte {
	if n > uint64(len(c.Rest)) {
		c.Err, c.Rest = ErrShort, nil
		return nil
	}
	b := c.Rest[:n:n]
	c.Rest = c.Rest[n:]
	return b
}

// Uvarint reads a number as [binary.AppendUvarint] writes it.
func (c *Cursor) Uvarint() uint64 {
	v, n := binary.Uvarint(c.Rest)
	c.Bytes(width(n))
	return v
}

// Varint reads a number as [binary.AppendVarint] writes it.
func (c *Cursor) Varint() int64 {
	v, n := binary.Varint(c.Rest)
	c.Bytes(width(n))
	return v
}

// width is how many bytes a number took, more than there can be when there is none.
func width(n int) uint64 {
	if n <= 0 {
		return math.MaxUint64
	}
	return uint64(n)
}
