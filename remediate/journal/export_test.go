package journal_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"
)

// told is a journal in a folder, with a rulebook, evidence, and alerts in many
// scripts.
type told struct {
	dir                string
	records            []remediate.Record
	rulebook, evidence string // digests
	half               remediate.Checkpoint
}

func tell(t testing.TB) told {
	t.Helper()
	s := told{dir: t.TempDir()}
	j, err := journal.Open(context.Background(), s.dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	keep := func(blob string) string {
		digest, err := j.Keep(context.Background(), []byte(blob))
		if err != nil {
			t.Fatal(err)
		}
		return digest
	}
	s.rulebook, s.evidence = keep(`{"cluster":"prod"}`), keep("previous log:\n\x1b[31mpanic\x1b[0m\n")
	var c journaltest.Chain
	add := func(bodies ...remediate.Body) {
		records := c.Next(t, bodies...)
		journaltest.Append(t, j, records)
		s.records = append(s.records, records...)
	}
	add(journaltest.Founding(), remediate.RulebookLoaded{Digest: s.rulebook, Policies: []string{"postgres-down"}})
	add(journaltest.Story(1)...)
	s.half = c.Checkpoint(`{"journal":"q4m2x7kd","rulebook":"` + s.rulebook + `"}`)
	odd := remediate.LabelsOf(map[string]string{"alertname": "Größe", "node": "\u202etxt.exe\u009b31m"})
	add(remediate.AlertFiring{ID: remediate.IdentityOf(odd, nil), Alert: remediate.Alert{Labels: odd}, Via: remediate.ViaWebhook},
		remediate.Finished{ID: "q4m2x7kd-i1-q2", Incident: 1, Result: remediate.Result{Outcome: remediate.OK, Answers: []remediate.Answer{
			{Kind: "evidence", OK: true, Values: map[string]string{remediate.ValueDigest: s.evidence}},
		}}})
	add(journaltest.Story(2)...)
	return s
}

// trim trims the journal to its second half.
func (s told) trim(t testing.TB) {
	t.Helper()
	j, err := journal.Open(context.Background(), s.dir, journal.Options{})
	if err == nil {
		err = errors.Join(j.Trim(context.Background(), s.half, []string{s.rulebook}), j.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// exported is the export of a journal.
func exported(t testing.TB, dir string, o journal.ExportOptions) ([]byte, journal.Extent) {
	t.Helper()
	r, err := journal.OpenReading(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var b bytes.Buffer
	extent, err := r.Export(context.Background(), &b, o)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), extent
}

// imported is what is read of bytes as an export, up to an error.
func imported(t testing.TB, export []byte) (records []remediate.Record, e *journal.Export, err error) {
	t.Helper()
	return importedAt(t, filepath.Join(inMemory(t), "export"), export)
}

// importedAt is [imported] by way of a file of that path.
func importedAt(t testing.TB, path string, export []byte) (records []remediate.Record, e *journal.Export, err error) {
	t.Helper()
	if err := os.WriteFile(path, export, 0o600); err != nil {
		t.Fatal(err)
	}
	if e, err = journal.OpenExport(path); err != nil {
		return nil, nil, err
	}
	for r, err := range e.Read(context.Background()) {
		if err != nil {
			return records, e, err
		}
		records = append(records, r)
	}
	return records, e, nil
}

func zipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err := z.Write(b)
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// What was exported is read again as it was, from the beginning, from the middle
// and after the journal was trimmed.
func TestExport(t *testing.T) {
	s := tell(t)
	last := s.records[len(s.records)-1]
	for _, c := range []struct {
		name     string
		trimmed  bool
		options  journal.ExportOptions
		from     int // index of the first record
		blobs    int
		rulebook string
	}{
		{"all", false, journal.ExportOptions{}, 0, 1, ""},
		{"with evidence", false, journal.ExportOptions{Evidence: true}, 0, 2, ""},
		{"from the middle", false, journal.ExportOptions{Since: s.records[20].At}, 20, 1, s.rulebook},
		{"the last record", false, journal.ExportOptions{Since: last.At.Add(time.Hour)}, len(s.records) - 1, 1, s.rulebook},
		{"trimmed", true, journal.ExportOptions{Evidence: true}, 13, 2, s.rulebook},
		{"trimmed, from the middle", true, journal.ExportOptions{Since: s.records[20].At}, 20, 1, s.rulebook},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.trimmed {
				s.trim(t)
			}
			export, extent := exported(t, s.dir, c.options)
			want := s.records[c.from:]
			if extent.Journal != "q4m2x7kd" || extent.First != want[0].Seq || extent.Last != last.Seq || extent.Head != last.Sum || extent.Blobs != c.blobs || len(extent.Missing) > 0 {
				t.Errorf("it says %+v", extent)
			}
			for _, export := range [][]byte{export, zipped(t, export)} {
				records, e, err := imported(t, export)
				if err != nil || !reflect.DeepEqual(records, want) {
					t.Fatalf("%d records, %v; want %d as they were", len(records), err, len(want))
				}
				begin, err := e.Begin(t.Context())
				if err != nil || begin != (journal.Beginning{After: want[0].Seq - 1, Journal: "q4m2x7kd", Rulebook: c.rulebook}) {
					t.Errorf("it begins with %+v, %v", begin, err)
				}
				if b, err := e.Load(t.Context(), s.rulebook); err != nil || string(b) != `{"cluster":"prod"}` {
					t.Errorf("the rulebook is %q, %v", b, err)
				}
				if c.name != "trimmed" { // whose state is no release's
					s.behind(t, e, c.from, c.from == 0 || c.trimmed)
				}
				if checked, err := e.Check(t.Context()); err != nil || !reflect.DeepEqual(checked, extent) {
					t.Errorf("checked, it says %+v, %v; want %+v", checked, err, extent)
				}
			}
		})
	}
}

// behind checks the state that an export from a record on begins with.
func (s told) behind(t *testing.T, e *journal.Export, from int, unknown bool) {
	t.Helper()
	got, err := e.Behind(t.Context())
	if err != nil || unknown {
		if got != nil || err != nil {
			t.Errorf("it begins with the state %+v, %v; want none", got, err)
		}
		return
	}
	want := remediate.NewState()
	for _, r := range s.records[:from] {
		if err := want.Fold(r); err != nil {
			t.Fatal(err)
		}
	}
	is, err := got.Snapshot()
	if was, e := want.Snapshot(); err != nil || e != nil || !bytes.Equal(is, was) {
		t.Errorf("it begins with\n%s\nwant\n%s\n%v %v", is, was, err, e)
	}
}

// What a newer release wrote is exported as well, and what it comes to left to it.
func TestExportOfANewerRelease(t *testing.T) {
	s := tell(t)
	last := s.records[len(s.records)-1]
	later := remediate.Record{Seq: last.Seq + 1, At: last.At.Add(time.Hour), Kind: "checkpoint", Bytes: []byte(`{}`)} // no kind of ours
	later.Sum = remediate.Checkpoint{Seq: later.Seq, At: later.At, Head: last.Sum, State: later.Bytes}.Seal().Sum     // which is made as a record's is
	after, err := remediate.Encode(later.Seq, later.Sum, later.At.Add(time.Hour), remediate.AlertReleased{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []remediate.Record{later, after} {
		alter(t, s.dir, fmt.Sprintf("INSERT INTO facts VALUES (%d, %d, '%s', x'%x', x'%s', NULL)", r.Seq, r.At.UnixMilli(), r.Kind, r.Bytes, r.Sum),
			fmt.Sprintf("UPDATE head SET seq = %d, at = %d, sum = x'%s'", r.Seq, r.At.UnixMilli(), r.Sum))
	}
	export, _ := exported(t, s.dir, journal.ExportOptions{Since: after.At})
	records, e, err := imported(t, export)
	if err != nil || len(records) != 1 || records[0].Sum != after.Sum {
		t.Fatalf("it has %v, %v", records, err)
	}
	s.behind(t, e, 0, true)
}

// An export can be shown on a terminal, and searched for what is plain.
func TestExportIsPlain(t *testing.T) {
	export, _ := exported(t, tell(t).dir, journal.ExportOptions{Evidence: true})
	for _, c := range string(export) {
		if c < ' ' && c != '\n' || c >= 0x7f && c < 0xa0 || c == '\u202e' {
			t.Fatalf("it has the character %U", c)
		}
	}
	if want := `"kind":"rulebook-loaded/1","fact":{"digest":`; !bytes.Contains(export, []byte(want)) {
		t.Errorf("it has no %s:\n%s", want, export)
	}
}

// Not a byte of an export can be another one: what was read before it is as it
// was, and nothing after it is yielded.
func TestExportFlipped(t *testing.T) {
	s := tell(t)
	s.trim(t)
	export, _ := exported(t, s.dir, journal.ExportOptions{Evidence: true})
	want := s.records[13:]
	for at := range len(export) {
		if at%17 != int(*flipSeed)%17 && at > 600 && at < len(export)-300 { // all of the header and of the end
			continue
		}
		for _, by := range []byte{0x01, 0x20, 0x80} {
			flipped := bytes.Clone(export)
			flipped[at] ^= by
			records, _, err := imported(t, flipped)
			if err == nil {
				t.Fatalf("byte %d, %q, became %q: accepted", at, export[at], flipped[at])
			}
			if len(records) > len(want) || len(records) > 0 && !reflect.DeepEqual(records, want[:len(records)]) {
				t.Fatalf("byte %d: records that were not written", at)
			}
			checkNamed(t, at, err, want[0].Seq+uint64(len(records)), 1+bytes.Count(export[:at], []byte("\n")))
		}
	}
}

// checkNamed wants damage to name the line, and the record that could not be read.
func checkNamed(t *testing.T, at int, err error, seq uint64, line int) {
	t.Helper()
	var d *remediate.DamageError
	if errors.As(err, &d) {
		if d.Seq != seq || !strings.Contains(err.Error(), fmt.Sprintf("line %d: ", line)) {
			t.Errorf("byte %d: %v; want line %d, record %d", at, err, line, seq)
		}
		return
	}
	if !strings.Contains(err.Error(), "line 1: ") && !strings.Contains(err.Error(), "not an export") && !errors.Is(err, journal.ErrNewerFormat) {
		t.Errorf("byte %d: %v", at, err)
	}
}

// Of a compressed one a byte may be another that says nothing, such as when it was
// compressed. Then it reads as it was.
func TestExportFlippedCompressed(t *testing.T) {
	s := tell(t)
	export, _ := exported(t, s.dir, journal.ExportOptions{})
	packed := zipped(t, export)
	for at := range packed {
		flipped := bytes.Clone(packed)
		flipped[at] ^= 0x10
		if records, _, err := imported(t, flipped); err == nil && !reflect.DeepEqual(records, s.records) {
			t.Fatalf("byte %d: accepted, and it is another", at)
		}
	}
}

// An export that ends too soon is cut short, wherever it ends.
func TestExportCutShort(t *testing.T) {
	export, _ := exported(t, tell(t).dir, journal.ExportOptions{})
	for name, whole := range map[string][]byte{"plain": export, "compressed": zipped(t, export)} {
		for at := 0; at < len(whole); at += 3 {
			_, _, err := imported(t, whole[:at])
			if err == nil {
				t.Fatalf("%s: %d bytes of %d are accepted", name, at, len(whole))
			}
			if at > 800 && !errors.Is(err, journal.ErrCutShort) {
				t.Errorf("%s: %d bytes of %d: %v", name, at, len(whole), err)
			}
		}
	}
}

// Lines are where they were.
func TestExportOfOtherLines(t *testing.T) {
	s := tell(t)
	export, _ := exported(t, s.dir, journal.ExportOptions{Evidence: true})
	line := bytes.SplitAfter(export, []byte("\n"))
	line = line[:len(line)-1]
	end := len(line) - 1
	blob := 0
	for n := range line {
		if bytes.HasPrefix(line[n], []byte(`{"blob":`)) {
			blob = n
		}
	}
	join := func(parts ...[][]byte) []byte { return bytes.Join(slices.Concat(parts...), nil) }
	for name, c := range map[string]struct {
		export []byte
		says   string
	}{
		"a record is missing":           {join(line[:5], line[6:]), "line 6: journal: record 4 is damaged: record 5 stands in its place"},
		"two changed places":            {join(line[:5], line[6:7], line[5:6], line[7:]), "line 6: journal: record 4 is damaged"},
		"a record twice":                {join(line[:6], line[5:]), "line 7: journal: record 5 is damaged: record 4 stands in its place"},
		"a blob is missing":             {join(line[:blob], line[blob+1:]), "the last line does not fit"},
		"a blob twice":                  {join(line[:blob+1], line[blob:]), "what it is about is damaged"},
		"a blob elsewhere":              {join(line[:blob], line[blob+1:end], line[blob:blob+1], line[end:]), "the checksum of the last line does not fit: a line was taken out, added or moved"},
		"two records less":              {join(line[:end-2], line[end:]), "record 25 is damaged: it is missing: the last line follows, and the first says that 26 is the last"},
		"something follows":             {join(line, line[:1]), "something follows the last line"},
		"an empty line":                 {join(line[:4], [][]byte{[]byte("\n")}, line[4:]), "line 5: journal: record 3 is damaged: the line is none of an export"},
		"other ends of lines":           {bytes.ReplaceAll(export, []byte("\n"), []byte("\r\n")), "line 1: "},
		"a journal":                     {[]byte("SQLite format 3\x00"), "it is not an export of a journal: want a file that remedy journal export wrote"},
		"nothing":                       {nil, "it is not an export of a journal"},
		"a newer release's":             {bytes.Replace(export, []byte("export/1"), []byte("export/2"), 1), "the journal was written by a newer release"},
		"compressed, something follows": {append(zipped(t, export), "and more than that"...), "record 27 is damaged: it cannot be decompressed"},
	} {
		if _, _, err := imported(t, c.export); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want %q", name, err, c.says)
		}
	}
}

// What a journal no longer has is said to be missing.
func TestExportOfWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(t.Context(), dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	journaltest.Append(t, j, new(journaltest.Chain).Next(t, journaltest.Founding(), remediate.RulebookLoaded{Digest: strings.Repeat("ab", 32)}))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	export, extent := exported(t, dir, journal.ExportOptions{})
	if len(extent.Missing) != 1 || !strings.Contains(extent.Missing[0], "rulebook: load") {
		t.Errorf("it says %+v", extent)
	}
	records, e, err := imported(t, export)
	if err != nil || len(records) != 2 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	if _, err := e.Load(t.Context(), strings.Repeat("ab", 32)); !errors.Is(err, journal.ErrNotKept) {
		t.Errorf("what is missing: %v", err)
	}
	if checked, err := e.Check(t.Context()); err != nil || len(checked.Missing) != 1 {
		t.Errorf("checked, it says %+v, %v", checked, err)
	}
}

func TestExportRefuses(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(t.Context(), dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := journal.OpenReading(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Export(t.Context(), new(bytes.Buffer), journal.ExportOptions{}); err == nil || !strings.Contains(err.Error(), "there is nothing to export") {
		t.Errorf("of an empty journal: %v", err)
	}
	if _, err := journal.OpenExport(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of no file: %v", err)
	}
	full, err := journal.OpenReading(t.Context(), tell(t).dir)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	if _, err := full.Export(t.Context(), fullDisk{}, journal.ExportOptions{}); !errors.Is(err, errNoSpace) {
		t.Errorf("to a full disk: %v", err)
	}
}

var errNoSpace = errors.New("no space left on device")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errNoSpace }

// A journal is checked from its files, whether its records fit one another, and
// whether it goes as far as was acknowledged.
func TestReadingChecks(t *testing.T) {
	s := tell(t)
	check := func(dir string) (journal.Extent, error) {
		r, err := journal.OpenReading(t.Context(), dir)
		if err != nil {
			return journal.Extent{}, err
		}
		defer r.Close()
		return r.Check(t.Context())
	}
	last := s.records[len(s.records)-1]
	if extent, err := check(s.dir); err != nil || extent.Last != last.Seq || extent.Head != last.Sum || extent.First != 1 || extent.Journal != "q4m2x7kd" || extent.Blobs != 2 {
		t.Errorf("it says %+v, %v", extent, err)
	}
	b, err := os.ReadFile(filepath.Join(s.dir, "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	acked, err := os.ReadFile(filepath.Join(s.dir, "journal.acked"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	changed := bytes.ReplaceAll(b, []byte("q4m2x7kd-i2-a1"), []byte("q4m2x7kd-i2-a2"))
	for file, text := range map[string][]byte{"journal.db": changed, "journal.acked": acked} {
		if err := os.WriteFile(filepath.Join(dir, file), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var d *remediate.DamageError
	if extent, err := check(dir); !errors.As(err, &d) || d.Seq != 20 || extent.Last != 19 {
		t.Errorf("of another attempt: sound up to %d, then %v; want record 20", extent.Last, err)
	}
	longer := tell(t)
	j, err := journal.Open(t.Context(), longer.dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := journaltest.Chain{Seq: last.Seq, At: last.At, Sum: last.Sum}
	journaltest.Append(t, j, c.Next(t, journaltest.Story(3)...))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(longer.dir, "journal.db"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := check(longer.dir); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("record %d is damaged: it is missing: records up to %d were acknowledged", last.Seq+1, c.Seq)) {
		t.Errorf("of an older database: %v", err)
	}
}

var update = flag.Bool("update", false, "rewrite what is kept of exports")

// TestExportOfBefore reads what each release wrote, for ever.
func TestExportOfBefore(t *testing.T) {
	path := filepath.Join("testdata", "export-1.jsonl")
	if *update {
		export, _ := exported(t, tell(t).dir, journal.ExportOptions{Evidence: true})
		if err := os.WriteFile(path, export, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := tell(t).records
	if records, _, err := imported(t, b); err != nil || !reflect.DeepEqual(records, want) {
		t.Errorf("%d records, %v; want %d as they were", len(records), err, len(want))
	}
}

// FuzzExport reads anything as an export. Of what is accepted the records follow
// one another; nothing panics.
func FuzzExport(f *testing.F) {
	export, err := os.ReadFile(filepath.Join("testdata", "export-1.jsonl"))
	if err != nil {
		f.Fatal(err)
	}
	for _, b := range [][]byte{export, zipped(f, export), export[:300], export[:len(export)/2], export[:len(export)-1], nil} {
		f.Add(b)
	}
	path := filepath.Join(inMemory(f), "export")
	f.Fuzz(func(t *testing.T, b []byte) {
		records, e, err := importedAt(t, path, b)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without words")
			}
			return
		}
		begin, err := e.Begin(t.Context())
		if err != nil {
			t.Error(err)
		}
		at := begin.After
		for _, r := range records {
			if at++; r.Seq != at {
				t.Errorf("record %d in the place of %d", r.Seq, at)
			}
		}
	})
}

// What was open when a journal was trimmed is decided by the rulebook that it was
// opened under, which is therefore in the export as well.
func TestExportHasWhatTheStateNeeds(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	keep := func(blob string) string {
		digest, err := j.Keep(t.Context(), []byte(blob))
		if err != nil {
			t.Fatal(err)
		}
		return digest
	}
	older, newer := keep("the one that it was opened under"), keep("the one that governs now")
	story := journaltest.Story(1)
	opened := story[1].(remediate.Opened)
	opened.Rulebook = older
	var c journaltest.Chain
	state := remediate.NewState()
	for _, r := range c.Next(t, journaltest.Founding(), remediate.RulebookLoaded{Digest: older}, story[0], opened, remediate.RulebookLoaded{Digest: newer}) {
		journaltest.Append(t, j, []remediate.Record{r})
		if err := state.Fold(r); err != nil {
			t.Fatal(err)
		}
	}
	b, err := state.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Trim(t.Context(), c.Checkpoint(string(b)), []string{older, newer}); err != nil {
		t.Fatal(err)
	}
	journaltest.Append(t, j, c.Next(t, story[2:]...))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	export, extent := exported(t, dir, journal.ExportOptions{})
	_, e, err := imported(t, export)
	if err != nil || extent.Blobs != 2 || len(extent.Missing) > 0 {
		t.Fatalf("%+v, %v", extent, err)
	}
	if got, err := e.Load(t.Context(), older); err != nil || string(got) != "the one that it was opened under" {
		t.Errorf("the older rulebook is %q, %v", got, err)
	}
}
