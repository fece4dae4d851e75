package journal

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/x0tta6bl4/remediated/remediate"
)

// ErrDamagedHistory says that a row of the history is not what was written.
// Nothing is decided by the history; [SQLite.Rebuild] makes it anew.
var ErrDamagedHistory = errors.New("the history is damaged, the journal is not; rebuild the history")

// projection brings the history up to date with facts.
type projection struct {
	prepared
	*unpacker
	open  openRows
	names map[remediate.AlertID]string // of the alerts among the facts

	alerts, facts, incidents *bulk
}

func newProjection(p prepared, u *unpacker, open openRows) projection {
	return projection{
		prepared: p, unpacker: u, open: open, names: map[remediate.AlertID]string{},
		alerts:    newBulk(p, "INSERT OR REPLACE INTO alerts (id, seq)", 2),
		facts:     newBulk(p, "INSERT OR IGNORE INTO incident_facts (incident, seq)", 2),
		incidents: newBulk(p, "INSERT OR REPLACE INTO incidents (id, policy, severity, status, target, first, last, row, sum)", 9),
	}
}

// projectAll brings the history up to date with facts, in their transaction.
func projectAll(ctx context.Context, prepared prepared, u *unpacker, open openRows, facts []remediate.Fact) error {
	p := newProjection(prepared, u, open)
	touched := map[uint64]*IncidentRow{} // nil: not in the history
	for _, f := range facts {
		if b, ok := f.Body.(remediate.AlertFiring); ok {
			p.names[b.ID] = b.Alert.Name()
			if err := p.alerts.add(ctx, b.ID[:], int64(f.Seq)); err != nil {
				return err
			}
			continue
		}
		id := remediate.IncidentOf(f.Body)
		if id == 0 {
			continue
		}
		if err := p.facts.add(ctx, int64(id), int64(f.Seq)); err != nil {
			return err
		}
		if err := foldInto(ctx, p, touched, id, f); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(touched)) {
		if row := touched[id]; row != nil {
			if err := p.store(ctx, *row); err != nil {
				return err
			}
		}
	}
	return errors.Join(p.alerts.flush(ctx), p.facts.flush(ctx), p.incidents.flush(ctx))
}

// foldInto folds f into the row of its incident, which it fetches at need. The
// incident of a fact that straggles in after a trim has none.
func foldInto(ctx context.Context, p projection, touched map[uint64]*IncidentRow, id uint64, f remediate.Fact) error {
	if b, ok := f.Body.(remediate.Opened); ok {
		name, err := p.alertName(ctx, b.Alert)
		row := openedRow(f, b, name)
		touched[id] = &row
		return err
	}
	if _, ok := touched[id]; !ok {
		row, err := p.fetch(ctx, id)
		if err != nil {
			return err
		}
		touched[id] = row
	}
	if row := touched[id]; row != nil {
		row.fold(f)
	}
	return nil
}

// alertName returns the name of an alert, "" when that is not known. The fact that
// it fires says it; damage to that must not keep others from being written.
func (p projection) alertName(ctx context.Context, id remediate.AlertID) (string, error) {
	if name, ok := p.names[id]; ok {
		return name, nil
	}
	var seq uint64
	err := p.QueryRowContext(ctx, "SELECT seq FROM alerts WHERE id = ?", id[:]).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	page, err := readPage(ctx, source{p.prepared, p.unpacker}, seq, seq)
	if err != nil && !isDamage(err) {
		return "", err
	}
	for _, r := range page {
		if f, err := r.Decode(); err == nil {
			b, _ := f.Body.(remediate.AlertFiring)
			return b.Alert.Name(), nil
		}
	}
	return "", nil
}

// fetch returns the row of an incident that the facts begin to tell more of, nil when
// there is none.
func (p projection) fetch(ctx context.Context, id uint64) (*IncidentRow, error) {
	if row, ok := p.open[id]; ok {
		return &row, nil
	}
	return fetchRow(ctx, p.prepared, id)
}

// fetchRow returns the row of an incident, nil when there is none or it is
// damaged: damage to the history must not keep facts from being written.
func fetchRow(ctx context.Context, q querier, id uint64) (*IncidentRow, error) {
	var b, sum []byte
	err := q.QueryRowContext(ctx, "SELECT row, sum FROM incidents WHERE id = ?", int64(id)).Scan(&b, &sum)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	row, err := decodeRow(id, b, sum)
	if err != nil {
		return nil, nil //nolint:nilerr // a damaged row is no row: it is made anew from what follows
	}
	return &row, nil
}

// store stores a row.
func (p projection) store(ctx context.Context, r IncidentRow) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode the row of incident %d: %w", r.ID, err)
	}
	sum := sha256.Sum256(b)
	p.open.put(r)
	return p.incidents.add(ctx, int64(r.ID), r.Policy, string(r.Severity), string(r.Status), r.Target.String(), int64(r.FirstSeq), int64(r.LastSeq), b, sum[:])
}

func decodeRow(id uint64, b, sum []byte) (IncidentRow, error) {
	var r IncidentRow
	have := sha256.Sum256(b)
	if string(have[:]) != string(sum) || json.Unmarshal(b, &r) != nil || r.ID != id {
		return r, fmt.Errorf("the row of incident %d: %w", id, ErrDamagedHistory)
	}
	return r, nil
}

// Incidents returns the incidents that f selects, newest first. It returns
// [ErrDamagedHistory] when a row of them is not what was written.
func (s *SQLite) Incidents(ctx context.Context, f Filter) ([]IncidentRow, error) {
	if err := s.state(); err != nil {
		return nil, err
	}
	rows, err := s.reader.QueryContext(ctx, `SELECT id, row, sum FROM incidents
		WHERE (?1 = '' OR policy = ?1) AND (?2 = '' OR severity = ?2) AND (?3 = '' OR status = ?3)
		AND (?4 = '' OR target = ?4) AND (NOT ?5 OR status <> 'closed') AND (?6 = 0 OR id < ?6)
		ORDER BY id DESC LIMIT ?7`,
		f.Policy, string(f.Severity), string(f.Status), f.Target, f.Open, int64(f.Before), f.limit())
	if err != nil {
		return nil, fmt.Errorf("list incidents: %w", err)
	}
	defer rows.Close()
	var list []IncidentRow
	for rows.Next() {
		var id uint64
		var b, sum []byte
		if err := rows.Scan(&id, &b, &sum); err != nil {
			return nil, fmt.Errorf("list incidents: %w", err)
		}
		row, err := decodeRow(id, b, sum)
		if err != nil {
			return nil, fmt.Errorf("list incidents: %w", err)
		}
		list = append(list, row)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list incidents: %w", err)
	}
	return list, nil
}

// Facts returns the facts of one incident, oldest first, each verified against
// the record before it. Those that were trimmed are not among them.
func (s *SQLite) Facts(ctx context.Context, incident uint64) (facts []remediate.Fact, err error) {
	if err := s.state(); err != nil {
		return nil, err
	}
	err = view(ctx, s.reader, func(q querier) error {
		behind, err := readBehind(ctx, q)
		if err != nil {
			return err
		}
		facts, err = factsOf(ctx, source{q, s.unpacker}, incident, behind)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the facts of incident %d: %w", incident, err)
	}
	return facts, nil
}

func factsOf(ctx context.Context, src source, incident uint64, behind remediate.Checkpoint) ([]remediate.Fact, error) {
	rows, before, err := rowsOf(ctx, src, incident, behind.Seq)
	if err != nil {
		return nil, err
	}
	facts := make([]remediate.Fact, 0, len(rows))
	for k, row := range rows {
		r, err := row.record(ctx, src)
		if err != nil {
			return nil, err
		}
		if r.Seq == behind.Seq+1 {
			before[k] = behind.Head
		}
		if err := r.Verify(r.Seq-1, before[k]); err != nil {
			return nil, err
		}
		f, err := r.Decode()
		if err != nil {
			return nil, err
		}
		facts = append(facts, f)
	}
	return facts, nil
}

// rowsOf returns the rows of an incident's facts after the record numbered behind, and the sums of the records before
// each.
func rowsOf(ctx context.Context, src source, incident, behind uint64) (records []recordRow, before []remediate.Sum, err error) {
	rows, err := src.QueryContext(ctx, `SELECT facts.seq, facts.at, facts.kind, facts.bytes, facts.sum, `+src.by("facts")+`, before.sum
		FROM incident_facts i JOIN facts ON facts.seq = i.seq LEFT JOIN facts before ON before.seq = i.seq - 1
		WHERE i.incident = ? AND i.seq > ? ORDER BY i.seq`, int64(incident), int64(behind))
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var b []byte
		r, err := scanRow(rows, &b)
		if err != nil {
			return nil, nil, err
		}
		sum := remediate.Sum{}
		copy(sum[:], b)
		records, before = append(records, r), append(before, sum)
	}
	return records, before, rows.Err()
}
