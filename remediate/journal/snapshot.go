package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// keptSnapshots is how many snapshots are kept: one, and one to fall back on.
const keptSnapshots = 2

// SaveSnapshot keeps c as a file, so that the next fold can begin there. It is
// a cache: losing it costs time only, and an error here harms nothing else.
func (s *SQLite) SaveSnapshot(ctx context.Context, c remediate.Checkpoint) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("save snapshot: %w", err)
	}
	if err := c.Verify(); err != nil {
		return fmt.Errorf("save snapshot: %w", err)
	}
	b, err := encodeSnapshot(c)
	if err != nil {
		return fmt.Errorf("save snapshot: %w", err)
	}
	if err := s.removeHalves(); err != nil {
		return fmt.Errorf("save snapshot: %w", err)
	}
	name := filepath.Join(s.dir, fmt.Sprintf("snapshot-%020d.json", c.Seq))
	if err := replaceFile(name, b); err != nil {
		os.Remove(name + ".new")
		return fmt.Errorf("save snapshot: %w", err)
	}
	names, err := s.snapshots()
	if err != nil {
		return fmt.Errorf("save snapshot: %w", err)
	}
	for _, old := range names[min(len(names), keptSnapshots):] {
		if err := os.Remove(old); err != nil {
			return fmt.Errorf("save snapshot: %w", err)
		}
	}
	return nil
}

// removeHalves removes what was being saved when a daemon before this one died: each
// has a name of its own, and may be as large as a whole one.
func (s *SQLite) removeHalves() error {
	halves, err := filepath.Glob(filepath.Join(escapeGlob(s.dir), "snapshot-*.json.new"))
	if err != nil {
		return err
	}
	for _, half := range halves {
		if err := os.Remove(half); err != nil {
			return err
		}
	}
	return nil
}

// encodeSnapshot returns what stands in the file of a snapshot: one line of JSON
// that says all but the state, and the state as it is. To have it in the line would
// take longer to read than the state itself.
func encodeSnapshot(c remediate.Checkpoint) ([]byte, error) {
	b, err := json.Marshal(struct {
		Seq  uint64        `json:"seq"`
		At   time.Time     `json:"at"`
		Head remediate.Sum `json:"head"`
		Sum  remediate.Sum `json:"sum"`
	}{c.Seq, c.At, c.Head, c.Sum})
	return append(append(b, '\n'), c.State...), err
}

// decodeSnapshot reads what encodeSnapshot returned, and what releases before it
// wrote: all in the one line.
func decodeSnapshot(b []byte) (c remediate.Checkpoint, err error) {
	line, state, apart := bytes.Cut(b, []byte("\n"))
	if err := json.Unmarshal(line, &c); err != nil {
		return c, err
	}
	if apart {
		c.State = state
	}
	return c, c.Verify()
}

// replaceFile writes a file so that its name never stands for half of it.
func replaceFile(name string, b []byte) error {
	f, err := os.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// Snapshot returns the newest snapshot that is what was saved and fits the
// records, false when there is none.
func (s *SQLite) Snapshot(ctx context.Context) (remediate.Checkpoint, bool, error) {
	if err := s.state(); err != nil {
		return remediate.Checkpoint{}, false, err
	}
	names, err := s.snapshots()
	if err != nil {
		return remediate.Checkpoint{}, false, fmt.Errorf("read snapshot: %w", err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		c, err := decodeSnapshot(b)
		if err != nil {
			continue
		}
		if fits, err := s.fits(ctx, c); err != nil || fits {
			return c, fits, err
		}
	}
	return remediate.Checkpoint{}, false, nil
}

// fits tells whether c was made from the records that are there. One made from
// others, or from more of them, must not hide that those are gone.
func (s *SQLite) fits(ctx context.Context, c remediate.Checkpoint) (fits bool, err error) {
	err = view(ctx, s.reader, func(q querier) error {
		behind, err := readBehind(ctx, q)
		if err != nil || c.Seq <= behind.Seq {
			return err
		}
		sum, err := sumOf(ctx, q, behind, c.Seq)
		if isDamage(err) { // it is not there; reading the records will say so
			return nil
		}
		fits = sum == c.Head
		return err
	})
	if err != nil {
		return false, fmt.Errorf("read snapshot: %w", err)
	}
	return fits, nil
}

// snapshots returns the paths of the snapshots, newest first.
func (s *SQLite) snapshots() ([]string, error) {
	names, err := filepath.Glob(filepath.Join(escapeGlob(s.dir), "snapshot-*.json"))
	slices.Sort(names)
	slices.Reverse(names)
	return names, err
}

// escapeGlob makes a path mean itself in a pattern.
func escapeGlob(path string) string {
	var b []byte
	for i := range len(path) {
		switch path[i] {
		case '*', '?', '[', '\\':
			b = append(b, '\\')
		}
		b = append(b, path[i])
	}
	return string(b)
}
