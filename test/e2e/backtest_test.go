//go:build e2e

package e2e

import (
	"encoding/json"
	"path/filepath"
	"time"

	"github.com/x0tta6bl4/remediated/policies/replay"
	"github.com/x0tta6bl4/remediated/remediate"
)

// checkExported exports the journal of a daemon that does not run: what is said
// of the export is what is said of the journal.
func (d *daemon) checkExported() {
	d.t.Helper()
	export, config := filepath.Join(d.t.TempDir(), "journal.jsonl.gz"), filepath.Join(d.dir, "remediated.yml")
	remedy(d.t, "journal", "export", "--evidence", "--storage.path", d.storage, "--file", export)
	for _, command := range [][]string{{"policy", "backtest", "--all", "--format", "json", config}, {"report", "shadow"}, {"journal", "replay"}, {"journal", "check", "-o", "json"}} {
		was, is := remedy(d.t, append(command, "--storage.path", d.storage)...), remedy(d.t, append(command, "--export", export)...)
		if was != is || is == "" {
			d.t.Errorf("%s of the journal says\n%s\nof its export\n%s", command, was, is)
		}
	}
}

// checkRemembered lives through what Prometheus remembers since a time: it comes
// to the incident that there was, about when it was.
func (d *daemon) checkRemembered(since time.Time, policy string) {
	d.t.Helper()
	out := remedy(d.t, "policy", "backtest", "-o", "json", "--prometheus", d.bed.Prometheus, "--step", "1s",
		"--from", since.UTC().Format(time.RFC3339), filepath.Join(d.dir, "remediated.yml"))
	var found replay.Comparison
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		d.t.Fatal(err)
	}
	if !found.AlertsOnly || len(found.Pairs) != 1 {
		d.t.Fatalf("it would have opened %d incidents, want 1:\n%s", len(found.Pairs), out)
	}
	opened, gone := d.opened()
	i := found.Pairs[0].Would
	if i.Policy != policy || i.Opened.Sub(opened).Abs() > 15*time.Second || i.Gone.Sub(gone).Abs() > 30*time.Second || i.Found {
		d.t.Errorf("opened at %s, its alerts gone at %s, it would have been %+v", opened, gone, i)
	}
	if i.Unknown == nil || len(i.Acts) > 0 {
		d.t.Errorf("something is said that nobody knows: %+v", i)
	}
}

// opened returns when the incident was opened, and when its alerts were gone.
func (d *daemon) opened() (opened, gone time.Time) {
	d.t.Helper()
	for _, f := range d.facts() {
		switch b := f.Body.(type) {
		case remediate.Opened:
			opened = f.At
		case remediate.Left:
			if b.Firing == 0 {
				gone = f.At
			}
		}
	}
	return opened, gone
}
