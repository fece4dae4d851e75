package journal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"maps"
	"slices"

	"github.com/klauspost/compress/s2"

	"github.com/x0tta6bl4/remediated/remediate"
)

const (
	// dictionarySize is how much of the latest facts a dictionary is made of, in
	// bytes. One twice as long packs storms by a hundredth smaller.
	dictionarySize = 16 << 10
	// sampleSize is how much of one fact goes into it: one must not be all of it.
	sampleSize = 2 << 10
	// tryEvery is how many facts are packed until another dictionary is tried.
	tryEvery = 2048
	// triedOn is how many facts it is tried on.
	triedOn = 64
)

// packing packs the facts that are appended. Its dictionaries are made of facts that
// were appended before, and of nothing else.
type packing struct {
	with   dictionary
	latest [][]byte          // beginnings of facts, not more than dictionarySize
	size   int               // of latest, in bytes
	ofKind map[string][]byte // the latest fact of each kind: in a storm there is one of most
	since  int               // facts since another was tried

	trial dictionary // is being tried
	tried int        // on so many facts
	saved int        // bytes that they would be smaller
}

// openPacking goes on with the newest dictionary. A life may be shorter than
// tryEvery facts, so each tries another one early.
func openPacking(ctx context.Context, q querier) (packing, error) {
	p := packing{ofKind: map[string][]byte{}, since: tryEvery}
	var newest sql.NullInt64
	if err := q.QueryRowContext(ctx, "SELECT max(id) FROM dictionaries").Scan(&newest); err != nil {
		return p, damaged(1, err)
	}
	if !newest.Valid {
		return p, nil
	}
	d, err := readDictionary(ctx, q, newest.Int64)
	p.with = dictionary{newest.Int64, d}
	return p, err
}

// insert inserts records, and what they are to be unpacked with.
func (p *packing) insert(ctx context.Context, with prepared, records []remediate.Record) error {
	facts := newBulk(with, "INSERT INTO facts (seq, at, kind, bytes, sum, packed)", 6)
	for _, r := range records {
		b := p.pack(r.Kind, r.Bytes)
		if err := facts.add(ctx, int64(r.Seq), r.At.UnixMilli(), r.Kind, b.bytes, r.Sum[:], b.by); err != nil {
			return err
		}
		if !p.changes() {
			continue
		}
		text := p.with.Bytes()
		sum := sha256.Sum256(text)
		if err := with.exec(ctx, "INSERT INTO dictionaries (id, after, bytes, sum) VALUES (?, ?, ?, ?)", p.with.id, int64(r.Seq), text, sum[:]); err != nil {
			return err
		}
	}
	return facts.flush(ctx)
}

// pack returns a fact as its row keeps it.
func (p *packing) pack(kind string, fact []byte) packed {
	b := p.with.pack(fact)
	if p.trial.Dict != nil {
		p.tried++
		p.saved += len(b.bytes) - len(p.trial.pack(fact).bytes)
	}
	p.since++
	p.remember(kind, bytes.Clone(fact[:min(len(fact), sampleSize)]))
	return b
}

func (p *packing) remember(kind string, sample []byte) {
	p.ofKind[kind] = sample
	p.latest, p.size = append(p.latest, sample), p.size+len(sample)
	for p.size > dictionarySize {
		p.size -= len(p.latest[0])
		p.latest = p.latest[1:]
	}
}

// changes goes over to another dictionary, and says so, when one that was tried would
// have saved as much as it takes itself until the next is tried.
func (p *packing) changes() bool {
	if p.trial.Dict == nil {
		if p.since >= tryEvery && p.size > dictionarySize-sampleSize {
			p.trial, p.since, p.tried, p.saved = p.another(), 0, 0, 0
		}
		return false
	}
	if p.tried < triedOn {
		return false
	}
	better := p.saved*tryEvery >= dictionarySize*p.tried
	if better {
		p.with = p.trial
	}
	p.trial = dictionary{}
	return better
}

// another makes a dictionary of the latest fact of each kind, and of as many of the
// latest as there is room for.
func (p *packing) another() dictionary {
	var all []byte
	for _, kind := range slices.Sorted(maps.Keys(p.ofKind)) {
		all = append(all, p.ofKind[kind]...)
	}
	for _, fact := range slices.Backward(p.latest) {
		if len(all)+len(fact) > dictionarySize {
			break
		}
		all = append(all, fact...)
	}
	return dictionary{p.with.id + 1, s2.MakeDict(all[:min(len(all), dictionarySize)], nil)}
}
