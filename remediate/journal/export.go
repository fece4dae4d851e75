package journal

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Extent says what a journal, or a part of one, has.
type Extent struct {
	Journal string        `json:"journal,omitempty"` // its name; "" when it is not known
	First   uint64        `json:"first"`             // number of the first record that is there
	Last    uint64        `json:"last"`
	From    time.Time     `json:"from"`
	To      time.Time     `json:"to"`
	Head    remediate.Sum `json:"head"` // of the chain, after the last record
	Blobs   int           `json:"blobs,omitempty"`
	// Missing are the digests of what records name and the journal no longer
	// has, each with why.
	Missing []string `json:"missing,omitempty"`
	// Gone is how much evidence records name that is not there: given up when it was
	// older than evidence is kept, which is no damage to the records.
	Gone int `json:"gone,omitempty"`
}

// ExportOptions say how much is exported. The zero value is all records from the
// beginning, and the rulebooks.
type ExportOptions struct {
	Since    time.Time // records of then and later; zero: all that are there
	Evidence bool      // and what was kept before it was destroyed
}

// Export writes the journal to w as lines that [OpenExport] reads. Each record is
// verified against the one before it. A daemon may write meanwhile: what was
// there when it began is exported.
func (r *Reading) Export(ctx context.Context, w io.Writer, o ExportOptions) (Extent, error) {
	begin, behind, err := r.begin(ctx)
	if err != nil {
		return Extent{}, err
	}
	last, err := readHead(ctx, r.reader)
	if err != nil {
		return Extent{}, fmt.Errorf("read journal %s: %w", r.dir, err)
	}
	if last.Seq == behind.Seq {
		return Extent{}, fmt.Errorf("the journal in %s has no records: there is nothing to export", r.dir)
	}
	e := &exporting{load: r.Load, w: bufio.NewWriter(w), check: sha256.New(), written: map[string]bool{}, behind: behind}
	if !o.Since.IsZero() {
		if e.skipped, err = skippedFrom(behind); err != nil {
			return Extent{}, fmt.Errorf("export: %w", err)
		}
	}
	e.header = exportHeader{
		Format: exportFormat, Journal: begin.Journal, Rulebook: begin.Rulebook, Evidence: o.Evidence,
		After: link{behind.Seq, behind.Head}, Last: last.Seq, Head: last.Sum, To: last.At,
	}
	for record, err := range r.Read(ctx) {
		if err == nil {
			err = e.take(ctx, record, o.Since)
		}
		if err != nil {
			return Extent{}, fmt.Errorf("export: %w", err)
		}
		if record.Seq == last.Seq {
			break
		}
	}
	if err := e.end(); err != nil {
		return Extent{}, fmt.Errorf("export: %w", err)
	}
	h := e.header
	return Extent{Journal: h.Journal, First: h.First, Last: h.Last, From: h.From, To: h.To, Head: h.Head, Blobs: int(e.blobs), Missing: e.missing, Gone: int(e.gone)}, nil
}

// exporting is an export that is being written.
type exporting struct {
	load    func(ctx context.Context, digest string) ([]byte, error)
	w       *bufio.Writer
	check   hash.Hash
	header  exportHeader         // written when First is set
	behind  remediate.Checkpoint // stands for what is before the first record here
	skipped *remediate.State     // what is left out comes to this; nil: it is not known
	written map[string]bool
	blobs   uint64
	missing []string
	gone    uint64 // pieces of evidence
	line    []byte
}

// take takes up the next record of the journal.
func (e *exporting) take(ctx context.Context, r remediate.Record, since time.Time) error {
	body, err := telling(r)
	if err != nil {
		return err
	}
	if e.header.First == 0 {
		if r.Seq != e.header.After.Seq+1 {
			return errors.New("the journal was trimmed meanwhile: begin anew")
		}
		if b, ok := body.(remediate.Founded); ok {
			e.header.Journal = b.Journal
		}
		if r.At.Before(since) && r.Seq < e.header.Last {
			return e.skip(r, body)
		}
		if err := e.begin(ctx, r); err != nil {
			return err
		}
	}
	for _, blob := range e.exported(remediate.BlobsOf(body)) {
		if err := e.blob(ctx, blob); err != nil {
			return err
		}
	}
	if strings.ContainsFunc(r.Kind, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }) {
		return fmt.Errorf("record %d, %q: %w", r.Seq, r.Kind, remediate.ErrUnknownKind)
	}
	e.line = appendRecord(e.line[:0], r, plain(r.Bytes))
	return e.write(e.line)
}

// skippedFrom is the state to fold into what is left out, nil when it is one that
// only a newer release reads.
func skippedFrom(behind remediate.Checkpoint) (*remediate.State, error) {
	if behind.Seq == 0 {
		return remediate.NewState(), nil
	}
	s, err := remediate.Reinstate(behind.State)
	if errors.Is(err, remediate.ErrOtherFormat) {
		return nil, nil
	}
	return s, err
}

// skip leaves a record out, and remembers what it says of those after it.
func (e *exporting) skip(r remediate.Record, body remediate.Body) error {
	e.header.After = link{r.Seq, r.Sum}
	if b, ok := body.(remediate.RulebookLoaded); ok {
		e.header.Rulebook = b.Digest
	}
	if e.skipped == nil {
		return nil
	}
	err := e.skipped.Fold(r)
	if errors.Is(err, remediate.ErrUnknownKind) {
		e.skipped, err = nil, nil // a newer release knows what it comes to
	}
	return err
}

// begin writes what stands before the first record.
func (e *exporting) begin(ctx context.Context, first remediate.Record) error {
	e.header.First, e.header.From = first.Seq, first.At
	e.header = e.header.seal()
	if err := e.writeJSON(e.header); err != nil {
		return err
	}
	if err := e.leftOut(); err != nil {
		return err
	}
	there := e.behind.Seq > 0 && e.behind.Seq == e.header.After.Seq
	if there {
		if err := e.writeJSON(exportCheckpoint{e.behind}); err != nil {
			return err
		}
	}
	if err := e.blob(ctx, exportBlob{Blob: e.header.Rulebook, Is: remediate.BlobRulebook}); err != nil || !there {
		return err
	}
	return e.open(ctx)
}

// leftOut has what was left out stand behind the first record, when something was
// and it is known what it comes to.
func (e *exporting) leftOut() error {
	s := e.skipped
	if s == nil || s.Seq == e.behind.Seq {
		return nil
	}
	b, err := s.Snapshot()
	if err == nil {
		e.behind = remediate.Checkpoint{Seq: s.Seq, At: s.At, Head: s.Head, State: b}.Seal()
	}
	return err
}

// open writes the blobs that the state before the first record names: what was
// open there is decided by them.
func (e *exporting) open(ctx context.Context) error {
	s, err := remediate.Reinstate(e.behind.State)
	if errors.Is(err, remediate.ErrOtherFormat) {
		return nil // a newer release knows what to do with it
	}
	if err != nil {
		return err
	}
	for _, b := range e.exported(s.Blobs()) {
		if err := e.blob(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// telling returns the fact of a record if it may say something of the journal as
// a whole, or name a blob; nil otherwise.
func telling(r remediate.Record) (remediate.Body, error) {
	switch {
	case r.Kind == foundedKind, r.Kind == loadedKind, r.Kind == openedKind:
	case r.Kind == finishedKind && bytes.Contains(r.Bytes, []byte(`"`+remediate.ValueDigest+`"`)):
	default:
		return nil, nil
	}
	f, err := r.Decode()
	return f.Body, err
}

var (
	foundedKind  = remediate.KindOf(remediate.Founded{})
	loadedKind   = remediate.KindOf(remediate.RulebookLoaded{})
	openedKind   = remediate.KindOf(remediate.Opened{})
	finishedKind = remediate.KindOf(remediate.Finished{})
)

// exported returns those of the blobs that are exported.
func (e *exporting) exported(blobs []remediate.Blob) (all []exportBlob) {
	for _, b := range blobs {
		if b.Is == remediate.BlobRulebook || b.Is == remediate.BlobEvidence && e.header.Evidence {
			all = append(all, exportBlob{Blob: b.Digest, Is: b.Is})
		}
	}
	return all
}

// blob writes what is kept under a digest, once. What the journal no longer has,
// or has no longer as it was, is noted and left out.
func (e *exporting) blob(ctx context.Context, b exportBlob) (err error) {
	if b.Blob == "" || e.written[b.Blob] {
		return nil
	}
	e.written[b.Blob] = true
	b.Bytes, err = e.load(ctx, b.Blob)
	switch {
	case errors.Is(err, ErrNotKept) && b.Is == remediate.BlobEvidence:
		e.gone++
		return nil
	case errors.Is(err, ErrNotKept), errors.Is(err, ErrDamagedBlob):
		e.missing = append(e.missing, fmt.Sprintf("%s: %v", b.Is, err))
		return nil
	case err != nil:
		return err
	}
	e.blobs++
	return e.writeJSON(b)
}

func (e *exporting) writeJSON(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return e.write(b)
}

func (e *exporting) write(line []byte) error {
	if len(line) > maxExportLine {
		return fmt.Errorf("a line of %d bytes is longer than can be read again", len(line))
	}
	for _, part := range [][]byte{line, {'\n'}} {
		e.check.Write(part)
		if _, err := e.w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// end writes the last line.
func (e *exporting) end() error {
	last := exportEnd{Records: e.header.Last - e.header.After.Seq, Blobs: e.blobs, Missing: uint64(len(e.missing)) + e.gone, Head: e.header.Head}
	return errors.Join(e.writeJSON(last.seal(e.check)), e.w.Flush())
}
