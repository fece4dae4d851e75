package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/cmd/internal/catalogue"
	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/policies/replay"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// observed lays a journal of observedLife, and returns its folder.
func observed(t *testing.T) string {
	t.Helper()
	return kept(t, observedLife(t))
}

// observedLife is twelve failures of a database that a shipped policy only
// observed: three of two minutes, nine of twenty.
func observedLife(t *testing.T) *replay.Outcome {
	t.Helper()
	s, problems := policies.LoadSuite("../../policies/shipped/postgres-down.test.yaml", catalogue.New())
	if s == nil {
		t.Fatal(problems)
	}
	c := policies.Case{Start: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)}
	down := remediate.LabelsOf(map[string]string{"alertname": "PostgresDown", "job": "database"})
	for n := range 12 {
		at, lasts := time.Duration(n)*12*time.Hour, 20*time.Minute
		if n < 3 {
			lasts = 2 * time.Minute
		}
		c.Moves = append(c.Moves, policies.Move{At: at, Alert: &policies.TestAlert{Labels: down}}, policies.Move{At: at + lasts, Resolve: down})
		c.Until = at + time.Hour
	}
	return replay.Run(s.Rulebook, c)
}

// kept writes the facts of a life to a journal, and the rulebook with them.
func kept(t *testing.T, o *replay.Outcome) string {
	t.Helper()
	dir := t.TempDir()
	j, err := journal.Open(t.Context(), dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	book, err := o.Book.Encode()
	if err == nil {
		_, err = j.Keep(t.Context(), book)
	}
	var seq uint64
	var head remediate.Sum
	var records []remediate.Record
	for _, f := range o.Facts {
		r, encoding := remediate.Encode(seq, head, f.At, f.Body)
		if encoding != nil {
			t.Fatal(encoding)
		}
		seq, head = r.Seq, r.Sum
		records = append(records, r)
	}
	if err == nil {
		err = j.Append(t.Context(), 0, records)
	}
	if closing := j.Close(); err != nil || closing != nil {
		t.Fatal(err, closing)
	}
	return dir
}

// remedied calls the command and returns what it wrote, and its exit code.
func remedied(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, func(string) string { return "" }, &out, &errs)
	return out.String(), errs.String(), code
}

func TestReportShadow(t *testing.T) {
	dir := observed(t)
	const want = `Incidents from 2024-01-01T00:00:00Z to 2024-01-06T12:20:00Z

postgres-down (observe): 12 incidents, people were called for 0
  left alone, and something would have been done: 12; 3 were over within 5m, 9 later, 0 are open; half of those that ended took at most 20m
  ready for approve: 25 % of its incidents ended by themselves in 5m: the others may be won
`
	if out, errs, code := remedied(t, "report", "shadow", "--storage.path", dir); code != exitOK || out != want {
		t.Errorf("exit code %d, got\n%s%s", code, out, errs)
	}
	if out, _, code := remedied(t, "report", "shadow", "--storage.path", dir, "--since", "3d"); code != exitOK || !strings.Contains(out, "leave it: something would have been done about 6 incidents; from 10 on it can be judged") {
		t.Errorf("of three days: exit code %d\n%s", code, out)
	}
	if out, _, code := remedied(t, "-o", "json", "report", "shadow", "--storage.path", dir); code != exitOK || !strings.Contains(out, `"mode": "approve"`) || !strings.Contains(out, `"inTime": 3`) {
		t.Errorf("as JSON: exit code %d\n%s", code, out)
	}
}

func TestReportShadowRefuses(t *testing.T) {
	if _, errs, code := remedied(t, "report", "shadow", "--storage.path", t.TempDir()); code != exitFailed || !strings.Contains(errs, "there is no journal in") {
		t.Errorf("of an empty folder: exit code %d, %s", code, errs)
	}
	if _, errs, code := remedied(t, "report", "shadow", "--storage.path", observed(t), "--since", "soon"); code != exitUsage || !strings.Contains(errs, "write for example 30d or 12h") {
		t.Errorf("since soon: exit code %d, %s", code, errs)
	}
	if _, errs, code := remedied(t, "report", "shadow"); code != exitUsage || !strings.Contains(errs, "--storage.path") {
		t.Errorf("of nothing: exit code %d, %s", code, errs)
	}
}
