package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/policies/replay"
	"github.com/x0tta6bl4/remediated/remediate"
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
