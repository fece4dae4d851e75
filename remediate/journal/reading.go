package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Reading is a journal that is only looked at. A daemon may be writing it at the
// same time: neither waits for the other.
type Reading struct {
	dir      string
	reader   *sql.DB
	unpacker *unpacker
}

// OpenReading opens the journal in dir to read it. It changes nothing there, and
// does not look at whether the files are sound as [Open] does: what is read is
// verified, record by record.
func OpenReading(ctx context.Context, dir string) (*Reading, error) {
	path := filepath.Join(dir, databaseName)
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("there is no journal in %s: %w", dir, err)
	}
	db, err := dial(path, 1, readerParameters)
	if err != nil {
		return nil, fmt.Errorf("open journal %s: %w", dir, err)
	}
	if _, err := readHead(ctx, db); err != nil { // SQLite opens the files with the first statement
		_ = db.Close() // what kept it from opening matters more
		return nil, fmt.Errorf("open journal %s: %w", dir, err)
	}
	version, err := readFormat(ctx, db)
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("open journal %s: %w", dir, err)
	}
	return &Reading{dir: dir, reader: db, unpacker: newUnpacker(version)}, nil
}

// Read yields all records that are there when the reading begins, each verified
// against the one before it. There is at most one error, and it comes last.
func (r *Reading) Read(ctx context.Context) iter.Seq2[remediate.Record, error] {
	return func(yield func(remediate.Record, error) bool) {
		for record, err := range readAll(ctx, r.reader, r.unpacker) {
			if err != nil {
				err = fmt.Errorf("read journal %s: %w", r.dir, err)
			}
			if !yield(record, err) || err != nil {
				return
			}
		}
	}
}

// Last returns the time of the last record, zero when there is none.
func (r *Reading) Last(ctx context.Context) (time.Time, error) {
	last, err := readHead(ctx, r.reader)
	if err != nil {
		return time.Time{}, fmt.Errorf("read journal %s: %w", r.dir, err)
	}
	return last.At, nil
}

// Beginning says where the records begin that are there.
type Beginning struct {
	After    uint64 // the record before the first: 0 is the journal's own beginning
	Journal  string // its name, "" when that is only said by the first record
	Rulebook string // digest of the rulebook that governs then, "" when there is none yet
}

// Begin returns where the records begin.
func (r *Reading) Begin(ctx context.Context) (Beginning, error) {
	begin, _, err := r.begin(ctx)
	return begin, err
}

// begin also returns the checkpoint that stands for what was trimmed. Of the
// state in it no more is read than each release writes.
func (r *Reading) begin(ctx context.Context) (Beginning, remediate.Checkpoint, error) {
	var behind remediate.Checkpoint
	err := view(ctx, r.reader, func(q querier) (err error) {
		behind, err = readCheckpoint(ctx, source{q, r.unpacker})
		return err
	})
	if err != nil {
		return Beginning{}, behind, fmt.Errorf("read journal %s: %w", r.dir, err)
	}
	var state struct{ Journal, Rulebook string }
	if err := json.Unmarshal(behind.State, &state); behind.Seq > 0 && err != nil {
		return Beginning{}, behind, fmt.Errorf("read journal %s: the state in its checkpoint: %w", r.dir, err)
	}
	return Beginning{behind.Seq, state.Journal, state.Rulebook}, behind, nil
}

// Behind returns the state that the records follow: of the checkpoint behind which
// they were trimmed, nil when they begin with the first.
func (r *Reading) Behind(ctx context.Context) (*remediate.State, error) {
	_, c, err := r.begin(ctx)
	if err != nil || c.Seq == 0 {
		return nil, err
	}
	s, err := remediate.Reinstate(c.State)
	if err != nil {
		return nil, fmt.Errorf("read the checkpoint of %s: %w", r.dir, err)
	}
	return s, nil
}

// Load is [SQLite.Load].
func (r *Reading) Load(ctx context.Context, digest string) ([]byte, error) {
	return loadBlob(ctx, source{r.reader, r.unpacker}, digest)
}

// Close gives back what was opened.
func (r *Reading) Close() error { return r.reader.Close() }
