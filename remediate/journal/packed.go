package journal

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/s2"

	"github.com/x0tta6bl4/remediated/remediate"
)

// maxPacked is the most, in bytes, that is packed. A damaged row may say that it
// unpacks to anything, and no more memory than this is taken for that.
const maxPacked = 16 << 20

// packed are bytes as a row keeps them.
type packed struct {
	bytes []byte
	// by is NULL for bytes that are kept as they are, 0 for those packed by
	// themselves, and else the dictionary that they are packed with.
	by sql.NullInt64
}

// dictionary is what facts are packed with: text that they repeat. The zero value
// is none.
type dictionary struct {
	id int64
	*s2.Dict
}

// pack returns b as a row keeps it: packed if that makes it smaller.
func (d dictionary) pack(b []byte) packed {
	p := packed{bytes: b}
	if len(b) > maxPacked {
		return p
	}
	var small []byte
	if d.Dict == nil {
		small = s2.EncodeBetter(nil, b)
	} else {
		small = d.Encode(nil, b)
	}
	if len(small) < len(b) {
		p = packed{small, sql.NullInt64{Int64: d.id, Valid: true}}
	}
	return p
}

// unpack returns what was packed with d. What is damaged may come to anything: it
// is told by the checksum of what was packed.
func (d dictionary) unpack(b []byte) ([]byte, error) {
	n, err := s2.DecodedLen(b)
	switch {
	case err != nil:
		return nil, err
	case n > maxPacked:
		return nil, fmt.Errorf("it is said to unpack to %d bytes, and at most %d are packed", n, maxPacked)
	case d.Dict == nil:
		return s2.Decode(nil, b)
	}
	return d.Decode(nil, b)
}

// unpack returns what a row keeps that is packed by itself, if at all.
func (p packed) unpack() ([]byte, error) {
	if !p.by.Valid {
		return p.bytes, nil
	}
	return dictionary{}.unpack(p.bytes)
}

// maxDictionaries is how many a journal that is read keeps at hand. They are read
// one after the other, as the facts are.
const maxDictionaries = 8

// unpacker unpacks the rows of a database. It is safe for concurrent use.
type unpacker struct {
	format int // of the database: 1 packs nothing

	mu           sync.Mutex
	dictionaries map[int64]*s2.Dict // a number stands for one for ever
}

func newUnpacker(format int) *unpacker {
	return &unpacker{format: format, dictionaries: map[int64]*s2.Dict{}}
}

// by is what to select, of a table, of how its bytes are packed.
func (u *unpacker) by(table string) string {
	if u.format == 1 {
		return "NULL"
	}
	return table + ".packed"
}

// source is a database whose rows may be packed.
type source struct {
	querier
	*unpacker
}

// unpack returns what a row keeps. No other row may be open: on the way another may
// have to be read.
func (s source) unpack(ctx context.Context, p packed) ([]byte, error) {
	if !p.by.Valid || p.by.Int64 == 0 {
		return p.unpack()
	}
	d, err := s.dictionary(ctx, p.by.Int64)
	if err != nil {
		return nil, err
	}
	return dictionary{p.by.Int64, d}.unpack(p.bytes)
}

// dictionary returns a dictionary, by its number.
func (s source) dictionary(ctx context.Context, id int64) (*s2.Dict, error) {
	s.mu.Lock()
	d := s.dictionaries[id]
	s.mu.Unlock()
	if d != nil {
		return d, nil
	}
	d, err := readDictionary(ctx, s, id)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.dictionaries) >= maxDictionaries {
		clear(s.dictionaries)
	}
	s.dictionaries[id] = d
	return d, nil
}

// readDictionary reads a dictionary. It returns a [*remediate.DamageError] for one
// that is not what was kept, which names the first record that is packed with it.
func readDictionary(ctx context.Context, q querier, id int64) (*s2.Dict, error) {
	var b, sum []byte
	err := q.QueryRowContext(ctx, "SELECT bytes, sum FROM dictionaries WHERE id = ?", id).Scan(&b, &sum)
	if err != nil && !errors.Is(err, sql.ErrNoRows) && !isDamage(damaged(0, err)) {
		return nil, err
	}
	if have := sha256.Sum256(b); err == nil && string(have[:]) == string(sum) {
		if d := s2.NewDict(b); d != nil {
			return d, nil
		}
	}
	var first, last, n uint64
	err = q.QueryRowContext(ctx, "SELECT coalesce(min(seq), 0), coalesce(max(seq), 0), count(*) FROM facts WHERE packed = ? AND seq > (SELECT coalesce(max(seq), 0) FROM checkpoint)", id).Scan(&first, &last, &n)
	if err != nil {
		return nil, damaged(1, err)
	}
	return nil, &remediate.DamageError{Seq: max(first, 1), Why: fmt.Sprintf("dictionary %d, with which %d records of %d to %d are packed, is not what was kept", id, n, first, last)}
}
