package probe

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/common/model"
)

// replicationLag is how far a standby may be behind its primary: the one that
// is asked, or those that the primary that is asked streams to.
type replicationLag struct {
	Max model.Duration `json:"max"`
	// Standby is the application_name of the one standby that counts, where a
	// primary is asked; absent: all that there are, and at least one.
	Standby string `json:"standby,omitempty"`
}

// errMonitor is said when PostgreSQL hides what it knows from the user.
var errMonitor = errors.New("the state of replication is hidden from its user: GRANT pg_monitor to it")

func (l *replicationLag) validate() error {
	if l != nil && l.Max <= 0 {
		return errors.New(`"max" is missing: want how far behind a standby may be, such as 30s`)
	}
	return nil
}

func (l *replicationLag) look(ctx context.Context, tx pgx.Tx) (ok bool, text string, err error) {
	var standby bool
	if err := tx.QueryRow(ctx, "SELECT pg_is_in_recovery()").Scan(&standby); err != nil {
		return false, "", fmt.Errorf("ask whether it is a standby: %w", err)
	}
	if standby {
		return l.ofStandby(ctx, tx)
	}
	return l.ofPrimary(ctx, tx)
}

// replay is what a standby says of itself. Times are in seconds.
type replay struct {
	Age      *float64 // of the last transaction that was replayed, since it was committed
	CaughtUp *bool    // all that came in, and that the primary said there is, is replayed
	Receives bool     // a receiver runs
	Status   *string  // of the receiver
	Heard    *float64 // since the primary was heard of
	Timeout  float64  // after which the receiver takes the primary for gone; 0: never
}

const replayQuery = `
SELECT EXTRACT(EPOCH FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8,
       pg_last_wal_replay_lsn() >= GREATEST(pg_last_wal_receive_lsn(), r.latest_end_lsn),
       r.pid IS NOT NULL,
       r.status,
       EXTRACT(EPOCH FROM clock_timestamp() - r.last_msg_receipt_time)::float8,
       EXTRACT(EPOCH FROM current_setting('wal_receiver_timeout')::interval)::float8
FROM (SELECT) AS one LEFT JOIN pg_stat_wal_receiver r ON true`

func (l *replicationLag) ofStandby(ctx context.Context, tx pgx.Tx) (bool, string, error) {
	var r replay
	if err := tx.QueryRow(ctx, replayQuery).Scan(&r.Age, &r.CaughtUp, &r.Receives, &r.Status, &r.Heard, &r.Timeout); err != nil {
		return false, "", fmt.Errorf("ask how far it has replayed: %w", err)
	}
	return l.judge(r)
}

// judge takes a standby for close enough when the last transaction that it
// replayed is recent. When nothing is written that grows old, and it is one as
// well when it has replayed all that a primary which it hears of has written.
func (l *replicationLag) judge(r replay) (ok bool, text string, err error) {
	limit := time.Duration(l.Max)
	age := "it has replayed no transaction yet"
	if r.Age != nil {
		d := secondsOf(*r.Age)
		if age = fmt.Sprintf("the last transaction replayed is %s old, want at most %s", rough(max(d, 0)), l.Max); d <= limit {
			return true, age, nil
		}
	}
	switch {
	case !r.Receives:
		return false, "it receives from no primary, and " + age, nil
	case r.Status == nil:
		return false, "", errMonitor
	case *r.Status != "streaming":
		return false, fmt.Sprintf("its receiver is %s, and %s", *r.Status, age), nil
	case r.CaughtUp == nil || r.Heard == nil:
		return false, "", errors.New("it does not say how far it has received")
	case !*r.CaughtUp:
		return false, "it has not replayed all that it received, and " + age, nil
	}
	heard := secondsOf(*r.Heard)
	if heard > max(limit, quiet(r.Timeout)) {
		return false, fmt.Sprintf("its primary was last heard of %s ago, and %s", rough(heard), age), nil
	}
	return true, fmt.Sprintf("it has replayed all that its primary wrote, heard of %s ago", rough(max(heard, 0))), nil
}

// quiet is for how long a primary that writes nothing is not heard of: the
// receiver asks whether it is there after half of its timeout.
func quiet(timeout float64) time.Duration {
	const answer = 5 * time.Second
	return secondsOf(timeout/2) + answer
}

// streamed is a standby as its primary sees it. Times are in seconds.
type streamed struct {
	Name     string
	State    *string
	Lag      *float64 // as it was last measured
	CaughtUp *bool    // it has replayed all that is written
	Heard    *float64 // since it was heard of
}

const streamedQuery = `
SELECT COALESCE(application_name, ''), state, EXTRACT(EPOCH FROM replay_lag)::float8,
       replay_lsn >= pg_current_wal_flush_lsn(), EXTRACT(EPOCH FROM clock_timestamp() - reply_time)::float8
FROM pg_stat_replication
WHERE state IS DISTINCT FROM 'backup' AND ($1::text = '' OR application_name = $1::text)
ORDER BY 1`

func (l *replicationLag) ofPrimary(ctx context.Context, tx pgx.Tx) (bool, string, error) {
	rows, err := tx.Query(ctx, streamedQuery, l.Standby)
	if err != nil {
		return false, "", fmt.Errorf("ask how far its standbys are: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[streamed])
	if err != nil {
		return false, "", fmt.Errorf("ask how far its standbys are: %w", err)
	}
	return l.judgeAll(all)
}

// judgeAll is no when one standby is too far behind, or none is there.
func (l *replicationLag) judgeAll(all []streamed) (ok bool, text string, err error) {
	if len(all) == 0 && l.Standby != "" {
		return false, fmt.Sprintf("no standby %s is connected", l.Standby), nil
	}
	if len(all) == 0 {
		return false, "no standby is connected", nil
	}
	var f findings
	for _, s := range all {
		f.add(l.judgeOne(s))
	}
	a, err := f.answer()
	return a.OK, a.Text, err
}

// judgeOne takes the lag as it was last measured, and what has gone by since.
func (l *replicationLag) judgeOne(s streamed) (ok bool, text string, err error) {
	name := "standby " + s.Name
	switch {
	case s.State == nil:
		return false, "", errMonitor
	case *s.State != "streaming":
		return false, fmt.Sprintf("%s is in state %s", name, *s.State), nil
	case s.CaughtUp == nil || s.Heard == nil:
		return false, "", fmt.Errorf("%s does not say how far it has replayed", name)
	case *s.CaughtUp:
		return true, name + " has replayed all that is written", nil
	case s.Lag == nil:
		return false, "", fmt.Errorf("%s is behind, and it is not measured yet how far", name)
	}
	lag := secondsOf(*s.Lag + *s.Heard)
	return lag <= time.Duration(l.Max), fmt.Sprintf("%s is at most %s behind, want at most %s", name, rough(max(lag, 0)), l.Max), nil
}
