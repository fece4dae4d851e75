package journal

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/x0tta6bl4/remediated/remediate"
)

// ackedName is the file that says how far the journal was acknowledged.
const ackedName = "journal.acked"

// acked is the last record that was acknowledged, kept outside of the
// database: a lower bound for what must be found in it. It is written only
// after the record is durable, so it is never ahead; see the package comment
// for when it may be behind.
type acked struct{ f *os.File }

// ackedSize is the length of the file's one line.
const ackedSize = 20 + 1 + 64 + 1 + 16 + 1

// openAcked opens the file in dir, making it when there is none, and returns
// what it says. A line that is not what was written says nothing, as it is
// only a bound.
func openAcked(dir string) (*acked, End, error) {
	f, err := os.OpenFile(filepath.Join(dir, ackedName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, End{}, fmt.Errorf("open journal: %w", err)
	}
	b := make([]byte, ackedSize)
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		f.Close()
		return nil, End{}, fmt.Errorf("open journal: %w", err)
	}
	return &acked{f}, parseAcked(b), nil
}

// write notes h. One write of less than a sector is not torn by a kill.
func (a *acked) write(h End) error {
	_, err := a.f.WriteAt(formatAcked(h), 0)
	return err
}

// sync makes what was noted durable.
func (a *acked) sync() error { return a.f.Sync() }

// Close gives the file back.
func (a *acked) Close() error { return a.f.Close() }

func formatAcked(h End) []byte {
	b := fmt.Appendf(make([]byte, 0, ackedSize), "%020d %s ", h.Seq, h.Sum)
	check := sha256.Sum256(b)
	return fmt.Appendf(b, "%x\n", check[:8])
}

func parseAcked(b []byte) End {
	var h End
	var sum string
	if _, err := fmt.Sscanf(string(b), "%d %s", &h.Seq, &sum); err != nil {
		return End{}
	}
	if err := h.Sum.UnmarshalText([]byte(sum)); err != nil || string(formatAcked(h)) != string(b) {
		return End{}
	}
	return h
}

// missing says which record is not there although it was acknowledged: last is
// the end of what was found, at gives the sum of a record before that.
func (a *acked) missing(bound, last End, at func(seq uint64) (remediate.Sum, error)) error {
	if bound.Seq > last.Seq {
		return &remediate.DamageError{Seq: last.Seq + 1, Why: fmt.Sprintf("it is missing: records up to %d were acknowledged, see %s", bound.Seq, a.f.Name())}
	}
	sum := last.Sum
	if bound.Seq < last.Seq {
		var err error
		if sum, err = at(bound.Seq); err != nil {
			return err
		}
	}
	if sum != bound.Sum {
		return &remediate.DamageError{Seq: bound.Seq, Why: "it is another one than was acknowledged, see " + a.f.Name()}
	}
	return nil
}
