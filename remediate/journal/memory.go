package journal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Memory is a journal that lasts as long as the process. It is used by tests,
// and by a daemon whose disk is gone and which still has to tell people.
// It is safe for concurrent use.
type Memory struct {
	mu         sync.RWMutex
	checkpoint remediate.Checkpoint // Seq 0: none
	snapshot   remediate.Checkpoint // Seq 0: none
	records    []remediate.Record   // records[0] follows the checkpoint
	last       End
	blobs      map[string]memoryBlob // by digest
	incidents  map[uint64]*IncidentRow
	alerts     map[remediate.AlertID]string
}

// memoryBlob is what is kept, and the last record that needs it.
type memoryBlob struct {
	seq   uint64
	bytes []byte
}

// NewMemory returns an empty journal.
func NewMemory() *Memory {
	return &Memory{blobs: map[string]memoryBlob{}, incidents: map[uint64]*IncidentRow{}, alerts: map[remediate.AlertID]string{}}
}

// NewMemoryAfter returns a journal that goes on after c, as if what c stands
// for had been trimmed. It returns a [*remediate.DamageError] when c is not
// what was sealed.
func NewMemoryAfter(c remediate.Checkpoint) (*Memory, error) {
	if err := c.Verify(); err != nil {
		return nil, fmt.Errorf("begin a journal in memory: %w", err)
	}
	m := NewMemory()
	c.State = bytes.Clone(c.State)
	m.checkpoint, m.last = c, endOf(c)
	return m, nil
}

// Append adds records after the record numbered after. All of them are added
// or none. It returns [ErrLost] when the journal ends elsewhere, and refuses
// records that do not continue the chain or are not facts.
func (m *Memory) Append(ctx context.Context, after uint64, records []remediate.Record) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("append to journal: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if after != m.last.Seq {
		return lost(after, m.last.Seq)
	}
	next, facts, err := m.last.Extend(records)
	if err != nil {
		return fmt.Errorf("append to journal: %w", err)
	}
	for _, r := range records {
		r.Bytes = bytes.Clone(r.Bytes)
		m.records = append(m.records, r.Plain())
	}
	for _, f := range facts {
		m.project(f)
	}
	m.last = next
	return nil
}

// project brings the history up to date, and notes which blobs the fact names.
func (m *Memory) project(f remediate.Fact) {
	for _, named := range remediate.BlobsOf(f.Body) {
		if b, ok := m.blobs[named.Digest]; ok {
			m.blobs[named.Digest] = memoryBlob{f.Seq, b.bytes}
		}
	}
	if b, ok := f.Body.(remediate.AlertFiring); ok {
		m.alerts[b.ID] = b.Alert.Name()
	}
	if b, ok := f.Body.(remediate.Opened); ok {
		row := openedRow(f, b, m.alerts[b.Alert])
		m.incidents[b.Incident] = &row
	} else if row := m.incidents[remediate.IncidentOf(f.Body)]; row != nil {
		row.fold(f)
	}
}

// Read yields the records from the one numbered from to the last there is when
// the reading begins, and at most one error, at the end. See [SQLite.Read].
func (m *Memory) Read(ctx context.Context, from uint64) iter.Seq2[remediate.Record, error] {
	return func(yield func(remediate.Record, error) bool) {
		from := max(from, 1)
		m.mu.RLock()
		behind, last, records := endOf(m.checkpoint), m.last, m.records
		m.mu.RUnlock()
		if err := readable(from, behind, last); err != nil {
			yield(remediate.Record{}, err)
			return
		}
		for _, r := range records[from-behind.Seq-1:] {
			if err := ctx.Err(); err != nil {
				yield(remediate.Record{}, fmt.Errorf("read journal: %w", err))
				return
			}
			r.Bytes = bytes.Clone(r.Bytes)
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Keep keeps blob and returns its SHA-256 in hexadecimal.
func (m *Memory) Keep(ctx context.Context, blob []byte) (digest string, err error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("keep a blob: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	sum := sha256.Sum256(blob)
	digest = hex.EncodeToString(sum[:])
	m.blobs[digest] = memoryBlob{m.last.Seq, append([]byte{}, blob...)}
	return digest, nil
}

// Load returns the blob kept under digest, [ErrNotKept] when there is none.
func (m *Memory) Load(ctx context.Context, digest string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("load a blob: %w", err)
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	b, ok := m.blobs[digest]
	if !ok {
		return nil, fmt.Errorf("load %q: %w", digest, ErrNotKept)
	}
	return append([]byte{}, b.bytes...), nil
}

// Trim makes c the checkpoint and cuts off the records up to and with c.Seq.
// See [SQLite.Trim].
func (m *Memory) Trim(ctx context.Context, c remediate.Checkpoint, needed []string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("trim journal: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	err := trimmable(c, m.checkpoint, m.last, func(seq uint64) (remediate.Sum, error) {
		return m.records[seq-m.checkpoint.Seq-1].Sum, nil
	})
	if err != nil {
		return fmt.Errorf("trim journal: %w", err)
	}
	if c.Seq == m.checkpoint.Seq {
		return nil
	}
	m.records = slices.Clone(m.records[c.Seq-m.checkpoint.Seq:]) // readers may still hold the old slice
	c.State = bytes.Clone(c.State)
	m.checkpoint = c
	for id, row := range m.incidents {
		if row.Status == remediate.StatusClosed && row.LastSeq <= c.Seq {
			delete(m.incidents, id)
		}
	}
	for digest, b := range m.blobs {
		if b.seq < c.Seq && !slices.Contains(needed, digest) {
			delete(m.blobs, digest)
		}
	}
	return nil
}

// Checkpoint returns the checkpoint behind which records were trimmed, false
// when none were.
func (m *Memory) Checkpoint(ctx context.Context) (remediate.Checkpoint, bool, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	c := m.checkpoint
	c.State = bytes.Clone(c.State)
	return c, c.Seq > 0, ctx.Err()
}

// SaveSnapshot keeps c, so that the next fold can begin there.
// See [SQLite.SaveSnapshot].
func (m *Memory) SaveSnapshot(ctx context.Context, c remediate.Checkpoint) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("save snapshot: %w", err)
	}
	if err := c.Verify(); err != nil {
		return fmt.Errorf("save snapshot: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c.State = bytes.Clone(c.State)
	if c.Seq > m.snapshot.Seq {
		m.snapshot = c
	}
	return nil
}

// Snapshot returns the newest snapshot that fits the records, false when there
// is none.
func (m *Memory) Snapshot(ctx context.Context) (remediate.Checkpoint, bool, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	c, behind := m.snapshot, m.checkpoint.Seq
	if c.Seq <= behind || c.Seq > m.last.Seq || m.records[c.Seq-behind-1].Sum != c.Head {
		return remediate.Checkpoint{}, false, ctx.Err()
	}
	c.State = bytes.Clone(c.State)
	return c, true, ctx.Err()
}

// Incidents returns the incidents that f selects, newest first.
func (m *Memory) Incidents(ctx context.Context, f Filter) ([]IncidentRow, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var rows []IncidentRow
	for _, row := range m.incidents {
		if f.matches(*row) {
			rows = append(rows, *row)
		}
	}
	slices.SortFunc(rows, func(a, b IncidentRow) int { return int(b.ID) - int(a.ID) })
	return rows[:min(len(rows), f.limit())], ctx.Err()
}

// Facts returns the facts of one incident, oldest first.
func (m *Memory) Facts(ctx context.Context, incident uint64) ([]remediate.Fact, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var facts []remediate.Fact
	for _, r := range m.records {
		f, err := r.Decode()
		if err != nil {
			return nil, fmt.Errorf("read the facts of incident %d: %w", incident, err)
		}
		if incident != 0 && remediate.IncidentOf(f.Body) == incident {
			facts = append(facts, f)
		}
	}
	return facts, ctx.Err()
}

// Close does nothing: there is nothing to give back.
func (m *Memory) Close() error { return nil }
