package etcd

import (
	"fmt"

	"github.com/klauspost/compress/s2"
)

// pieceSize is how many bytes go into one value, before they are packed. What cannot
// be packed takes a little more. etcd refuses requests of more than 1.5 MiB unless it
// is told otherwise.
const pieceSize = 512 << 10

// cut packs b in pieces, each by itself. Of nothing there is one piece.
func cut(b []byte) (pieces [][]byte) {
	for first := true; first || len(b) > 0; first = false {
		n := min(len(b), pieceSize)
		pieces = append(pieces, s2.EncodeBetter(nil, b[:n]))
		b = b[n:]
	}
	return pieces
}

// unpack returns what is in a piece. A damaged one may say that it unpacks to
// anything, and no more memory than for a piece is taken for it.
func unpack(piece []byte) ([]byte, error) {
	n, err := s2.DecodedLen(piece)
	if err != nil {
		return nil, err
	}
	if n > pieceSize {
		return nil, fmt.Errorf("it is said to unpack to %d bytes, and a piece has %d at most", n, pieceSize)
	}
	return s2.Decode(nil, piece)
}

// sizeOf is how many bytes pieces take.
func sizeOf(pieces [][]byte) (size int64) {
	for _, p := range pieces {
		size += int64(len(p))
	}
	return size
}
