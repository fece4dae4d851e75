package journal

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// ErrCutShort says that an export ends before its last line.
var ErrCutShort = errors.New("the export is cut short: make it anew, or copy it again")

// Export is an export of a journal, in a file that may be compressed. What is
// read of it is verified line by line, and nothing is yielded that is not as it
// was written. It is safe for concurrent use.
type Export struct {
	path   string
	header exportHeader

	mu        sync.Mutex
	rulebooks map[string][]byte // as far as was read, by digest
}

// OpenExport opens the export in a file, and reads its first line.
func OpenExport(path string) (*Export, error) {
	e := &Export{path: path, rulebooks: map[string][]byte{}}
	lines, err := openLines(path)
	if err == nil {
		e.header, err = lines.header()
		err = errors.Join(err, lines.close())
	}
	if err != nil {
		return nil, fmt.Errorf("open export %s: %w", path, err)
	}
	return e, nil
}

// Read yields all records, each verified against the one before it. What is not
// as it was written ends the reading with an error that names the line and holds
// a [*remediate.DamageError] with the first record concerned; [ErrCutShort] is in
// it when the end is missing. There is at most one error, and it comes last.
func (e *Export) Read(ctx context.Context) iter.Seq2[remediate.Record, error] {
	return func(yield func(remediate.Record, error) bool) {
		_, err := e.read(ctx, func(r remediate.Record) bool { return yield(r, nil) })
		if err != nil && !errors.Is(err, errEnough) {
			yield(remediate.Record{}, fmt.Errorf("read export %s: %w", e.path, err))
		}
	}
}

// errEnough says that no more is wanted.
var errEnough = errors.New("enough")

// read reads all of it, and returns what the last line says.
func (e *Export) read(ctx context.Context, take func(remediate.Record) bool) (exportEnd, error) {
	lines, err := openLines(e.path)
	if err != nil {
		return exportEnd{}, err
	}
	defer lines.close() //nolint:errcheck // it was only read
	return lines.read(ctx, e.header, take, e.keep)
}

// keep keeps a rulebook. Evidence may be large, and nobody asks for it.
func (e *Export) keep(b exportBlob) {
	if b.Is == remediate.BlobRulebook {
		e.mu.Lock()
		e.rulebooks[b.Blob] = b.Bytes
		e.mu.Unlock()
	}
}

// Load returns a rulebook, once the record was read that names it.
func (e *Export) Load(_ context.Context, digest string) ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	b, ok := e.rulebooks[digest]
	if !ok {
		return nil, fmt.Errorf("load %q: it is not in the export: %w", digest, ErrNotKept)
	}
	return bytes.Clone(b), nil
}

// Begin returns where the records begin. The rulebook that governs then can be
// loaded.
func (e *Export) Begin(ctx context.Context) (Beginning, error) {
	h := e.header
	if _, err := e.Load(ctx, h.Rulebook); h.Rulebook != "" && err != nil {
		_, err := e.read(ctx, func(remediate.Record) bool { return false })
		if err != nil && !errors.Is(err, errEnough) {
			return Beginning{}, fmt.Errorf("read export %s: %w", e.path, err)
		}
	}
	return Beginning{h.After.Seq, h.Journal, h.Rulebook}, nil
}

// Behind returns the state that the records follow, nil when they begin with the
// first one, or when the export does not know it: those of older releases do not
// when they begin in the middle.
func (e *Export) Behind(ctx context.Context) (*remediate.State, error) {
	lines, err := openLines(e.path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = lines.close() }() // it was only read
	_, err = lines.read(ctx, e.header, func(remediate.Record) bool { return false }, e.keep)
	if err != nil && !errors.Is(err, errEnough) {
		return nil, fmt.Errorf("read export %s: %w", e.path, err)
	}
	if lines.behind.Seq == 0 {
		return nil, nil
	}
	s, err := remediate.Reinstate(lines.behind.State)
	if err != nil {
		return nil, fmt.Errorf("read the checkpoint of export %s: %w", e.path, err)
	}
	return s, nil
}

// Last returns the time of the last record.
func (e *Export) Last(context.Context) (time.Time, error) { return e.header.To, nil }

// Close gives back nothing: the file is open only while it is read.
func (e *Export) Close() error { return nil }

// lines reads the lines of an export.
type lines struct {
	file  io.Closer
	in    *bufio.Reader
	check hash.Hash // over the lines before the one that was read last
	line  []byte    // that was read last, without its end
	n     int       // its number
	at    End       // of the last record
	blobs map[string]bool

	behind remediate.Checkpoint // that was read
}

// openLines opens a file, decompressing it when it is compressed.
func openLines(path string) (*lines, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	l, err := newLines(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	l.file = f
	return l, nil
}

func newLines(r io.Reader) (*lines, error) {
	in := bufio.NewReaderSize(r, 1<<16)
	if magic, _ := in.Peek(2); string(magic) == "\x1f\x8b" {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("it cannot be decompressed: %w", err)
		}
		in = bufio.NewReaderSize(z, 1<<16)
	}
	return &lines{in: in, check: sha256.New(), blobs: map[string]bool{}}, nil
}

func (l *lines) close() error { return l.file.Close() }

// next reads the next line.
func (l *lines) next() error {
	if l.n > 0 {
		l.check.Write(l.line)
		l.check.Write([]byte{'\n'})
	}
	l.n, l.line = l.n+1, l.line[:0]
	for {
		part, err := l.in.ReadSlice('\n')
		l.line = append(l.line, part...)
		switch {
		case len(l.line) > maxExportLine:
			return l.damage("it is longer than %d bytes", maxExportLine)
		case err == nil:
			l.line = l.line[:len(l.line)-1]
			return nil
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return l.cutShort()
		case !errors.Is(err, bufio.ErrBufferFull):
			return l.unreadable(err)
		}
	}
}

// damage says what is wrong with the line, and names the first record that can
// therefore not be used.
func (l *lines) damage(format string, args ...any) error {
	return fmt.Errorf("line %d: %w", l.n, &remediate.DamageError{Seq: l.at.Seq + 1, Why: fmt.Sprintf(format, args...)})
}

func (l *lines) cutShort() error {
	return fmt.Errorf("line %d: %w: %w", l.n, &remediate.DamageError{Seq: l.at.Seq + 1, Why: "it is missing, or the last line is"}, ErrCutShort)
}

// unreadable is an error of reading: damage when it is the compression's.
func (l *lines) unreadable(err error) error {
	var corrupt flate.CorruptInputError
	if errors.As(err, &corrupt) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) {
		return l.damage("it cannot be decompressed: %v", err)
	}
	return fmt.Errorf("line %d: %w", l.n, err)
}

// header reads the first line.
func (l *lines) header() (exportHeader, error) {
	var h exportHeader
	err := l.next()
	if err != nil && !errors.Is(err, ErrCutShort) {
		return h, err
	}
	format, ours := strings.CutPrefix(string(l.line), beginHeader)
	format, _, _ = strings.Cut(format, `"`)
	switch {
	case !ours || !strings.HasPrefix(format, exportFamily):
		return h, errors.New("it is not an export of a journal: want a file that remedy journal export wrote")
	case err != nil:
		return h, err
	case format != exportFormat:
		return h, fmt.Errorf("%w: it is %q, this one reads %q", ErrNewerFormat, format, exportFormat)
	}
	if err := parse(l.line, &h); err != nil {
		return h, fmt.Errorf("line 1: it is damaged: %w", err)
	}
	switch {
	case h.seal().Check != h.Check:
		return h, errors.New("line 1: it is damaged: its checksum does not fit its contents")
	case h.First != h.After.Seq+1 || h.Last < h.First:
		return h, fmt.Errorf("line 1: it makes no sense: records %d to %d after %d", h.First, h.Last, h.After.Seq)
	}
	l.at = End{Seq: h.After.Seq, Sum: h.After.Sum}
	return h, nil
}

// read reads all lines, from the first on, which must be as it was before.
func (l *lines) read(ctx context.Context, known exportHeader, take func(remediate.Record) bool, keep func(exportBlob)) (exportEnd, error) {
	h, err := l.header()
	if err == nil && h != known {
		err = errors.New("the file was changed while it was read")
	}
	for records := uint64(0); err == nil; {
		if err = ctx.Err(); err == nil {
			err = l.next()
		}
		if err != nil {
			break
		}
		switch line := string(l.line[:min(len(l.line), len(beginCheckpoint))]); {
		case strings.HasPrefix(line, beginRecord):
			var r remediate.Record
			if r, err = l.record(h); err == nil && !take(r) {
				err = errEnough
			}
			records++
		case strings.HasPrefix(line, beginBlob):
			var b exportBlob
			if b, err = l.blob(); err == nil {
				keep(b)
			}
		case strings.HasPrefix(line, beginCheckpoint):
			err = l.checkpoint(h)
		case strings.HasPrefix(line, beginEnd):
			return l.end(h, records)
		default:
			err = l.damage("the line is none of an export")
		}
	}
	return exportEnd{}, err
}

// record reads the line of a record.
func (l *lines) record(h exportHeader) (remediate.Record, error) {
	r, err := parseRecord(l.line)
	if err != nil {
		return r, l.damage("%v", err)
	}
	switch err := r.Verify(l.at.Seq, l.at.Sum); {
	case err != nil:
		return r, fmt.Errorf("line %d: %w", l.n, err)
	case r.At.Before(l.at.At):
		return r, l.damage("it is older than the record before it")
	case r.Seq == h.First && !r.At.Equal(h.From):
		return r, l.damage("it is of %s, and the first line says %s", r.At, h.From)
	case r.Seq > h.Last:
		return r, l.damage("the first line says that %d is the last", h.Last)
	}
	l.at = End{r.Seq, r.At, r.Sum}
	return r, nil
}

// blob reads the line of a blob.
func (l *lines) blob() (exportBlob, error) {
	var b exportBlob
	if err := parse(l.line, &b); err != nil {
		return b, l.damage("what it is about: %v", err)
	}
	if sum := sha256.Sum256(b.Bytes); hex.EncodeToString(sum[:]) != b.Blob || b.Is != remediate.BlobRulebook && b.Is != remediate.BlobEvidence || l.blobs[b.Blob] {
		return b, fmt.Errorf("%s %.12s: %w: %w", b.Is, b.Blob, l.damage("what it is about is damaged"), ErrDamagedBlob)
	}
	l.blobs[b.Blob] = true
	return b, nil
}

// checkpoint reads the line of the checkpoint, which is the second.
func (l *lines) checkpoint(h exportHeader) error {
	var c exportCheckpoint
	if err := parse(l.line, &c); err != nil {
		return l.damage("the checkpoint before it: %v", err)
	}
	behind := c.Checkpoint
	if err := behind.Verify(); err != nil {
		return l.damage("the checkpoint before it: %v", err)
	}
	if l.n != 2 || h.After != (link{behind.Seq, behind.Head}) {
		return l.damage("the checkpoint before it is that of another place")
	}
	l.behind = behind
	return nil
}

// end reads the last line, after which there is nothing.
func (l *lines) end(h exportHeader, records uint64) (exportEnd, error) {
	var e exportEnd
	if err := parse(l.line, &e); err != nil {
		return e, l.damage("the last line is damaged: %v", err)
	}
	switch {
	case l.at.Seq < h.Last:
		return e, l.damage("it is missing: the last line follows, and the first says that %d is the last", h.Last)
	case e.Records != records || e.Blobs != uint64(len(l.blobs)) || e.Head != h.Head || l.at.Sum != h.Head || !l.at.At.Equal(h.To):
		return e, l.damage("the last line does not fit those before it")
	case e.seal(l.check).Check != e.Check:
		return e, l.damage("the checksum of the last line does not fit: a line was taken out, added or moved")
	}
	switch _, err := l.in.ReadByte(); {
	case err == nil:
		return e, l.damage("something follows the last line")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return e, l.cutShort()
	case !errors.Is(err, io.EOF):
		return e, l.unreadable(err)
	}
	return e, nil
}

// Check reads everything there is, decodes each fact, and says how far it goes.
// With an error it says how far all is as it was written.
func (e *Export) Check(ctx context.Context) (Extent, error) {
	w := walk{Extent: Extent{Journal: e.header.Journal, Last: e.header.After.Seq, Head: e.header.After.Sum}}
	end, err := e.read(ctx, func(r remediate.Record) bool { return w.take(r) == nil })
	if errors.Is(err, errEnough) {
		err = w.wrong
	}
	w.Blobs = int(end.Blobs)
	if end.Missing > 0 {
		w.Missing = []string{fmt.Sprintf("%d when it was written: evidence that was kept no longer, or what was damaged", end.Missing)}
	}
	if err != nil {
		return w.Extent, fmt.Errorf("check export %s: %w", e.path, err)
	}
	return w.Extent, nil
}
