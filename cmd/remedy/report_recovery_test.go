package main

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/policies/replay"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/record"
)

// hostile is a label's value from outside.
const hostile = "<script>alert(1)</script> | [x](http://evil.example) `@here`\x1b[31m"

// recoveryBook has a policy whose remedy needs a backup, and one that only
// tells. Three incidents at once are a storm.
func recoveryBook(t *testing.T) *remediate.Rulebook {
	t.Helper()
	b, err := remediate.DecodeRulebook([]byte(`{"cluster": "test", "replicaLabels": [], "storm": {"incidents": 3, "per": "1m"},
		"runbooks": {"P2": {"page": "on need", "after": "10m", "ladder": [{"tell": "oncall", "wait": "5m"}]}},
		"destinations": ["pagerduty/oncall", "slack"],
		"policies": [
			{"name": "db", "when": ["alertname=\"DbDown\""], "per": ["n"], "severity": "P2", "mode": "act", "target": "deployment/shop/$n",
			 "objective": "2m", "guards": {"backup": {"newest": "newest_backup", "max": "1h"}},
			 "steps": [{"name": "restart", "do": [{"kind": "restart"}], "verify": {"all": [{"kind": "postgres"}], "within": "1m", "every": "1s"}}]},
			{"name": "told", "when": ["alertname=\"Told\""], "per": ["n"], "severity": "P2", "mode": "act"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// recoveredLife is a history of three months, in the second of which nothing
// was. What each incident is there for stands beside it.
func recoveredLife(t *testing.T) *replay.Outcome {
	t.Helper()
	start := time.Date(2024, 1, 30, 10, 0, 0, 0, time.UTC)
	c := policies.Case{Start: start, World: policies.World{Queries: map[string]policies.Measured{"newest_backup": {Known: true, IsAgo: true, Ago: 3 * time.Minute}}}}
	day := func(month time.Month, day, hour int) time.Duration {
		return time.Date(2024, month, day, hour, 0, 0, 0, time.UTC).Sub(start)
	}
	about := func(alert, n string) remediate.Labels {
		return remediate.LabelsOf(map[string]string{"alertname": alert, "n": n, "team": hostile})
	}
	at := func(at time.Duration, m policies.Move) { m.At = at; c.Moves = append(c.Moves, m) }
	fires := func(when time.Duration, alert, n string) {
		at(when, policies.Move{Alert: &policies.TestAlert{Labels: about(alert, n)}})
	}
	ends := func(when time.Duration, alert, n string) { at(when, policies.Move{Resolve: about(alert, n)}) }
	says := func(when time.Duration, command string, incident uint64, by, reason string) {
		at(when, policies.Move{Command: &remediate.Command{Command: command, Incident: incident, By: by, Reason: reason}})
	}
	how := func(when time.Duration, r policies.Reply) {
		at(when, policies.Move{World: &policies.World{Kinds: map[string]policies.Reply{"postgres": r}}})
	}
	backup := func(when, ago time.Duration) {
		at(when, policies.Move{World: &policies.World{Queries: map[string]policies.Measured{"newest_backup": {Known: true, IsAgo: true, Ago: ago}}}})
	}
	ok, bad := policies.Reply{After: 20 * time.Second}, policies.Reply{Outcome: remediate.Failed, Why: "connection refused"}

	at(0, policies.Move{Alert: &policies.TestAlert{Labels: about("DbDown", "old"), Fired: 2 * time.Hour}}) // i1 was found firing
	how(time.Minute, ok)
	fires(time.Hour, "DbDown", "a") // i2 is healed after 20 s
	ends(time.Hour+3*time.Minute, "DbDown", "a")
	says(2*time.Hour, remediate.Note, 2, "anna", "raise the <b>memory</b> | limit")
	says(3*time.Hour, remediate.Note, 2, "ben", "and alert on it")
	how(day(1, 31, 8), bad) // i3 is not mended by us: anna takes it over, and it is good after 35 minutes
	fires(day(1, 31, 8), "DbDown", "b")
	says(day(1, 31, 8)+12*time.Minute, remediate.TakeOver, 3, "anna", "looking")
	how(day(1, 31, 8)+35*time.Minute, policies.Reply{})
	ends(day(1, 31, 8)+35*time.Minute, "DbDown", "b")
	fires(day(3, 1, 0), "Told", "c") // i4 has no remedy and no probe
	ends(day(3, 1, 0)+10*time.Minute, "Told", "c")
	backup(day(3, 2, 0), 2*time.Hour) // i5: the backup is too old, nothing is done, and it ends by itself
	fires(day(3, 2, 0), "DbDown", "d")
	ends(day(3, 2, 0)+5*time.Minute, "DbDown", "d")
	backup(day(3, 3, 0), 10*time.Minute) // i6 is healed after 20 s, broken again, and healed after 5m20s or so
	how(day(3, 3, 0), ok)
	fires(day(3, 3, 0), "DbDown", "e")
	how(day(3, 3, 0)+5*time.Minute, bad)
	how(day(3, 3, 0)+5*time.Minute+30*time.Second, policies.Reply{})
	ends(day(3, 3, 0)+10*time.Minute, "DbDown", "e")
	for _, n := range []string{"f", "g", "h"} { // i7 to i10, one of which is the storm
		fires(day(3, 4, 0), "Told", n)
	}
	for _, n := range []string{"f", "g", "h"} {
		ends(day(3, 4, 0)+20*time.Minute, "Told", n)
	}
	how(day(3, 5, 0), bad) // i11 is open
	fires(day(3, 5, 0), "DbDown", "i")
	c.Until = day(3, 5, 0) + 15*time.Minute
	o := replay.Run(recoveryBook(t), c)
	if o.Err != nil {
		t.Fatal(o.Err)
	}
	return o
}

func TestReportRecovery(t *testing.T) {
	dir := kept(t, recoveredLife(t))
	for _, c := range []struct{ name, args string }{
		{"recovery.txt", ""},
		{"recovery.json", "--format json"},
		{"recovery.md", "--format markdown --log"},
		{"recovery.html", "--format html --log"},
		{"february.txt", "--month 2024-02"},
		{"february.html", "--month 2024-02 --format html"},
		{"january.txt", "--month 2024-01"},
		{"march.txt", "--month 2024-03 --log"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, errs, code := remedied(t, append([]string{"report", "recovery", "--storage.path", dir}, strings.Fields(c.args)...)...)
			if code != exitOK || errs != "" {
				t.Fatalf("exit code %d: %s", code, errs)
			}
			goldenFile(t, filepath.Join("testdata", "recovery", c.name), out)
			if strings.Contains(out, "\x1b") || !strings.HasSuffix(c.name, ".txt") && (strings.Contains(out, "<script") || strings.Contains(out, "<b>memory")) {
				t.Error("what came from outside is not escaped")
			}
		})
	}
}

// The numbers are those that the history was made with.
func TestReportRecoveryCounts(t *testing.T) {
	dir := kept(t, recoveredLife(t))
	out, errs, code := remedied(t, "-o", "json", "report", "recovery", "--storage.path", dir)
	var r record.Report
	if err := json.Unmarshal([]byte(out), &r); code != exitOK || err != nil {
		t.Fatalf("exit code %d, %v: %s", code, err, errs)
	}
	s := r.Total
	if s.Incidents != 9 || r.Listed != 1 || r.Own != 1 || r.Records != nil {
		t.Errorf("9 incidents, one that was listed and the storm: %d, %d, %d, records %v", s.Incidents, r.Listed, r.Own, r.Records)
	}
	// 20 s, 35 m, 5 m, and 5 m 31 s of the one that was reopened.
	if s.Measured != 4 || s.Worst.String() != "35m" || s.Mean.String() != "11m27s750ms" || s.Median.String() != "5m15s500ms" || s.Met != 1 || s.Missed != 4 {
		t.Errorf("times %+v", s)
	}
	if s.RPOMeasured != 4 || s.RPOWorst.String() != "10m" || s.RPOMissed != 0 {
		t.Errorf("RPO %+v", s)
	}
	ends := map[record.Ending]int{record.ByAutomation: 2, record.WithAPerson: 1, record.ByItself: 5, record.Open: 1}
	if !maps.Equal(s.Endings, ends) || s.Called != 7 || s.PagesSaved != 2 || s.Refusals["backup"] != 1 || s.Acts["restart"][remediate.OK] != 7 {
		t.Errorf("endings %v, called %d, pages saved %d, refusals %v, acts %v", s.Endings, s.Called, s.PagesSaved, s.Refusals, s.Acts)
	}
	if len(r.Months) != 3 || r.Months[1].Month != "2024-02" || r.Months[1].Incidents != 0 {
		t.Errorf("months %+v", r.Months)
	}
	since, _, code := remedied(t, "-o", "json", "report", "recovery", "--log", "--since", "50h", "--storage.path", dir)
	if err := json.Unmarshal([]byte(since), &r); code != exitOK || err != nil || r.Total.Incidents != 5 || len(r.Records) != 6 { // i6 to i11, of which i10 is the storm
		t.Errorf("of 50 hours: exit code %d, %v, %d incidents, %d records", code, err, r.Total.Incidents, len(r.Records))
	}
}

// An export tells the same as the journal.
func TestReportRecoveryOfAnExport(t *testing.T) {
	dir := kept(t, recoveredLife(t))
	file := exportOf(t, dir, "all.jsonl")
	for _, args := range [][]string{{"report", "recovery", "--log"}, {"incident", "record", "i3"}} {
		was, _, _ := remedied(t, append(args, "--storage.path", dir)...)
		is, errs, code := remedied(t, append(args, "--export", file)...)
		if code != exitOK || is != was || !strings.Contains(is, "takeover by anna: looking") {
			t.Errorf("%v: exit code %d, %s\n%s", args, code, errs, is)
		}
	}
}

// What was opened before the first record that is kept is not counted, and that
// is said.
func TestReportRecoveryOfAPart(t *testing.T) {
	file := exportOf(t, kept(t, recoveredLife(t)), "part.jsonl", "--since", "71h")
	out, errs, code := remedied(t, "report", "recovery", "--export", file)
	if code != exitOK || !strings.Contains(out, "The records begin after ") || !strings.Contains(out, "incidents that were opened before are not counted") || !strings.Contains(out, "2024-03  told    3") {
		t.Errorf("exit code %d, %s\n%s", code, errs, out)
	}
}

// The page holds nothing that is run, fetched or followed.
func TestTheRecoveryPageIsInert(t *testing.T) {
	out, _, _ := remedied(t, "report", "recovery", "--storage.path", kept(t, recoveredLife(t)), "--format", "html", "--log")
	doc, err := html.Parse(strings.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	svgs := 0
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "script", "iframe", "object", "embed", "link", "img", "a", "form", "base":
			t.Errorf("there is a %s", n.Data)
		case "svg":
			svgs++
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "href" {
				t.Errorf("%s has %s=%q", n.Data, a.Key, a.Val)
			}
		}
	}
	if svgs != 3 || !strings.Contains(out, `content="default-src 'none'; style-src 'unsafe-inline'"`) {
		t.Errorf("%d charts, or no policy for its content", svgs)
	}
}

func TestReportRecoveryRefuses(t *testing.T) {
	dir := kept(t, recoveredLife(t))
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"report recovery", exitUsage, "--storage.path"},
		{"report recovery --month 2024-13 --storage.path " + dir, exitUsage, `--month "2024-13": write for example 2026-10`},
		{"report recovery --month October --storage.path " + dir, exitUsage, "write for example 2026-10"},
		{"report recovery --month 2024-01 --since 5d --storage.path " + dir, exitUsage, "exclude each other"},
		{"report recovery --since soon --storage.path " + dir, exitUsage, "write for example 7d or 36h"},
		{"report recovery --format pdf --storage.path " + dir, exitUsage, "pdf"},
		{"report recovery --storage.path " + t.TempDir(), exitFailed, "there is no journal in"},
		{"incident record i99 --storage.path " + dir, exitFailed, "the journal does not tell how incident i99 was opened"},
		{"incident record x --storage.path " + dir, exitUsage, "is not an incident"},
	} {
		out, errs, code := remedied(t, strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(out+errs, c.says) {
			t.Errorf("%s: exit code %d\n%s%s", c.args, code, out, errs)
		}
	}
}

// A note is decided again as it was, and is no word that other policies could
// make unfit.
func TestNotesInReplayAndBacktest(t *testing.T) {
	dir := kept(t, recoveredLife(t))
	if out, errs, code := remedied(t, "journal", "replay", "--storage.path", dir); code != exitOK || !strings.Contains(out, "decided again: the same") {
		t.Errorf("exit code %d, %s\n%s", code, errs, out)
	}
	out, errs, code := remedied(t, "policy", "backtest", "--storage.path", dir, "--since", "0s", candidate(t))
	if code != exitOK || strings.Contains(out, "would not have fitted: 3") || !strings.Contains(out, "would not have fitted: 1") {
		t.Errorf("exit code %d, %s\n%s", code, errs, out)
	}
}

// drilledLife is a history of a drill that people acknowledged, one that nobody
// did, one in which something was broken on purpose, one that was over when it became
// serious, and what was in earnest.
func drilledLife(t *testing.T) *replay.Outcome {
	t.Helper()
	start := time.Date(2024, 1, 30, 10, 0, 0, 0, time.UTC)
	c := policies.Case{Start: start, Until: 3 * time.Hour, World: policies.World{Queries: map[string]policies.Measured{"newest_backup": {Known: true, IsAgo: true, Ago: 3 * time.Minute}}}}
	about := func(alert, drill string) remediate.Labels {
		labels := map[string]string{"alertname": alert, "n": "a", "team": hostile}
		if drill != "" {
			labels[remediate.DrillLabel] = drill
		}
		return remediate.LabelsOf(labels)
	}
	at := func(m int, move policies.Move) {
		move.At = time.Duration(m) * time.Minute
		c.Moves = append(c.Moves, move)
	}
	fires := func(m int, ls remediate.Labels) {
		at(m, policies.Move{Alert: &policies.TestAlert{Labels: ls, Fired: 20 * time.Second}})
	}
	says := func(m int, command string, n uint64, reason string) {
		at(m, policies.Move{Command: &remediate.Command{Command: command, Incident: n, By: "anna", Reason: reason}})
	}
	fires(1, about("DbDown", "2024-Q1")) // i1
	says(13, remediate.Ack, 1, "")
	at(20, policies.Move{Resolve: about("DbDown", "2024-Q1")})
	says(40, remediate.Note, 1, "nobody knew the <b>war</b> | room")
	fires(60, about("DbDown", "d2")) // i2
	at(90, policies.Move{Resolve: about("DbDown", "d2")})
	at(95, policies.Move{Command: &remediate.Command{
		Command: remediate.LiveDrill, By: "anna", Scope: "policy/db", Value: "20m", Labels: remediate.LabelsOf(map[string]string{remediate.DrillLabel: "db-stops"}),
	}})
	fires(96, about("DbDown", "")) // i3
	at(105, policies.Move{Resolve: about("DbDown", "")})
	fires(120, about("DbDown", "d3")) // i4
	fires(130, about("Told", ""))     // i5
	book := recoveryBook(t)
	book.Destinations = append(book.Destinations, remediate.SlackDrill)
	if err := book.Compile(); err != nil {
		t.Fatal(err)
	}
	o := replay.Run(book, c)
	if o.Err != nil {
		t.Fatal(o.Err)
	}
	return o
}

func TestReportDrill(t *testing.T) {
	dir := kept(t, drilledLife(t))
	for _, c := range []struct{ name, args string }{
		{"drill.txt", ""}, {"drill.md", "--format markdown"}, {"drill_last.txt", "--since 65m"}, {"drill_none.txt", "--since 5m"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, errs, code := remedied(t, append([]string{"report", "drill", "--storage.path", dir}, strings.Fields(c.args)...)...)
			if code != exitOK || errs != "" {
				t.Fatalf("exit code %d: %s", code, errs)
			}
			goldenFile(t, filepath.Join("testdata", "recovery", c.name), out)
			if strings.Contains(out, "\x1b") || strings.HasSuffix(c.name, ".md") && strings.Contains(out, "<b>war") {
				t.Error("what came from outside is not escaped")
			}
		})
	}
	out, _, _ := remedied(t, "report", "recovery", "--storage.path", dir)
	if !strings.Contains(out, "Drills: 4. They are not counted") {
		t.Errorf("the recovery report says\n%s", out)
	}
}
