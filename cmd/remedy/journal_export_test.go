package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// exportOf exports a journal to a file of that name, and returns its path.
func exportOf(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	out, errs, code := remedied(t, append([]string{"journal", "export", "--storage.path", dir, "--file", path}, args...)...)
	if code != exitOK || errs != "" || !strings.Contains(out, " are written\n") {
		t.Fatalf("exit code %d: %s%s", code, out, errs)
	}
	return path
}

// What reads a journal reads an export of it, and says the same.
func TestExportSaysTheSame(t *testing.T) {
	live := candidate(t, "mode: observe", "mode: act", "actions: 3, per: 1h", "actions: 1, per: 1d")
	for name, dir := range map[string]string{"acted": acted(t), "observed": observed(t)} {
		for _, file := range []string{"journal.jsonl", "journal.jsonl.gz"} {
			path := exportOf(t, dir, file)
			for _, command := range [][]string{
				{"policy", "backtest", live}, {"policy", "backtest", "--all", "--format", "json", live}, {"journal", "replay"}, {"report", "shadow"}, {"journal", "check"},
			} {
				want, _, _ := remedied(t, append(command, "--storage.path", dir)...)
				out, errs, code := remedied(t, append(command, "--export", path)...)
				if code != exitOK || out != want || out == "" {
					t.Errorf("%s, %s of %s: exit code %d, %s got\n%s\nwant\n%s", name, command, file, code, errs, out, want)
				}
			}
		}
	}
}

// An export without a file goes to standard output, as it is in a file.
func TestExportToStandardOutput(t *testing.T) {
	dir := acted(t)
	want, err := os.ReadFile(exportOf(t, dir, "x"))
	if err != nil {
		t.Fatal(err)
	}
	if out, errs, code := remedied(t, "journal", "export", "--storage.path", dir); code != exitOK || out != string(want) || errs != "" {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if packed, err := os.ReadFile(exportOf(t, dir, "x.gz")); err != nil || !bytes.HasPrefix(packed, []byte("\x1f\x8b")) || len(packed) > len(want)/2 {
		t.Errorf("compressed it has %d bytes, plain %d, %v", len(packed), len(want), err)
	}
}

// From the middle, what was open before is not known, and that is said.
func TestExportFromTheMiddle(t *testing.T) {
	dir := acted(t)
	// The second failure is from 8:00 to 8:40; the day ends at 20:00.
	path := exportOf(t, dir, "middle", "--since", "11h50m")
	live := candidate(t, "mode: observe", "mode: act")
	out, errs, code := remedied(t, "policy", "backtest", "--all", "--export", path, live)
	for _, want := range []string{
		"Incidents from 2024-01-01T08:23:02Z", "what was open before is unknown from here (incidents of which nothing is said: 1)",
		"incidents                      1    1", "same: 2024-01-01T16:00:00Z",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if code != exitOK || t.Failed() {
		t.Errorf("exit code %d, got\n%s%s", code, out, errs)
	}
	if out, errs, code := remedied(t, "report", "shadow", "--export", path); code != exitOK || !strings.Contains(out, "incidents that were open before are not counted") || !strings.Contains(out, "postgres-down (act): 1 incidents") {
		t.Errorf("exit code %d, got\n%s%s", code, out, errs)
	}
	if out, errs, code := remedied(t, "journal", "replay", "--export", path); code != exitOK || !strings.HasSuffix(out, " facts, decided again: the same\n") {
		t.Errorf("decided again: exit code %d, %s%s", code, out, errs)
	}
}

// scientific is how a metric writes a number.
func scientific(n string) string {
	f, _ := strconv.ParseFloat(n, 64)
	return strconv.FormatFloat(f, 'e', -1, 64)
}

func TestJournalCheck(t *testing.T) {
	dir := acted(t)
	out, errs, code := remedied(t, "journal", "check", "--storage.path", dir)
	for _, want := range []string{"Records 1 to ", " are as they were written\n", "  of       2024-01-01T00:00:00Z to 2024-01-01T20:00:00Z\n", "  head     ", "  blobs    1\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if code != exitOK || t.Failed() || !strings.Contains(errs, "1 pieces that records name are not there") { // none was kept
		t.Errorf("exit code %d, got\n%s%s", code, out, errs)
	}
	was := regexp.MustCompile(`  was      (\d+):(\d+)\n`).FindStringSubmatch(out)
	if was == nil {
		t.Fatalf("it does not say what the last record is: %s", out)
	}
	for flag, says := range map[string]string{
		was[1] + ":" + was[2]:             "",
		was[1] + ":" + scientific(was[2]): "",
		was[1] + ":1.5":                   "it is NUMBER:HEAD",
		was[1] + ":1":                     "record " + was[1] + " is another one than it was: its head is " + was[2] + ", and was 1",
		"999999:1":                        "record 999999 is not there",
		"999999":                          "it is NUMBER:HEAD, two whole numbers",
		"0:1":                             "it is NUMBER:HEAD",
		"head:1":                          "it is NUMBER:HEAD",
	} {
		if _, errs, code := remedied(t, "journal", "check", "--was", flag, "--storage.path", dir); (code == exitOK) != (says == "") || !strings.Contains(errs, says) {
			t.Errorf("--was %s: exit code %d, %q, want %q", flag, code, errs, says)
		}
	}
	path := exportOf(t, dir, "x")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte(`"seq":40,`))
	line := 1 + bytes.Count(b[:at], []byte("\n"))
	changed := bytes.Clone(b)
	changed[at+70] ^= 1
	for name, c := range map[string]struct {
		text []byte
		says string
	}{
		"damaged":   {changed, "line " + count(uint64(line)) + ": journal: record 40 is damaged: "},
		"cut short": {b[:len(b)/2], "the export is cut short"},
	} {
		bad := filepath.Join(t.TempDir(), "bad")
		if err := os.WriteFile(bad, c.text, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, errs, code := remedied(t, "journal", "check", "--export", bad); code != exitFailed || !strings.Contains(errs, c.says) || name == "damaged" && !strings.Contains(out, "Records 1 to 39 are as they were written") {
			t.Errorf("%s: exit code %d, got\n%s%s", name, code, out, errs)
		}
		if out, errs, code := remedied(t, "-o", "json", "journal", "check", "--export", bad); code != exitFailed || !strings.Contains(out, c.says) {
			t.Errorf("%s: exit code %d, got\n%s%s", name, code, out, errs)
		}
		// Nothing is said of what is damaged.
		if out, errs, code := remedied(t, "policy", "backtest", "--export", bad, candidate(t)); code != exitFailed || out != "" || !strings.Contains(errs, c.says) {
			t.Errorf("%s: backtest: exit code %d, got\n%s%s", name, code, out, errs)
		}
	}
}

func TestJournalExportRefuses(t *testing.T) {
	dir := acted(t)
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"export --storage.path " + t.TempDir(), exitFailed, "there is no journal in"},
		{"export --storage.path " + dir + " --file " + filepath.Join(t.TempDir(), "none", "x"), exitFailed, "no such file or directory"},
		{"export --storage.path " + dir + " --since soon", exitUsage, "write for example 7d or 36h"},
		{"export", exitUsage, "--storage.path"},
		{"check --storage.path " + t.TempDir(), exitFailed, "there is no journal in"},
		{"check --export " + filepath.Join(dir, "journal.db"), exitFailed, "it is not an export of a journal"},
		{"check --export " + dir + " --storage.path " + dir, exitUsage, "exclude each other"},
		{"check", exitUsage, "say which journal: --storage.path"},
		{"replay", exitUsage, "say which journal: --storage.path"},
	} {
		if out, errs, code := remedied(t, append([]string{"journal"}, strings.Fields(c.args)...)...); code != c.code || !strings.Contains(errs, c.says) || out != "" {
			t.Errorf("%s: exit code %d\n%s%s", c.args, code, out, errs)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*.part")); err != nil || len(left) > 0 {
		t.Errorf("it leaves %s, %v", left, err)
	}
}
