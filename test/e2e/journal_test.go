//go:build e2e

package e2e

import (
	"context"
	"os"

	"github.com/x0tta6bl4/remediated/policies/replay"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// facts reads the journal of a daemon that does not run, from a copy: what it
// left on the disk is for its next life to find.
func (d *daemon) facts() []remediate.Fact {
	d.t.Helper()
	dir := d.t.TempDir()
	d.copyStorage(dir)
	ctx := context.Background()
	j, err := journal.Open(ctx, dir, journal.Options{})
	if err != nil {
		d.t.Fatal(err)
	}
	defer j.Close()
	var fs []remediate.Fact
	for r, err := range j.Read(ctx, 1) {
		if err != nil {
			d.t.Fatal(err)
		}
		f, err := r.Decode()
		if err != nil {
			d.t.Fatal(err)
		}
		fs = append(fs, f)
	}
	return fs
}

// checkDecidedAgain decides the journal of a daemon that does not run again, and
// it comes to the same.
func (d *daemon) checkDecidedAgain() {
	d.t.Helper()
	ctx, dir := context.Background(), d.t.TempDir()
	d.copyStorage(dir)
	j, err := journal.OpenReading(ctx, dir)
	if err != nil {
		d.t.Fatal(err)
	}
	defer j.Close()
	decided, err := replay.Again(replay.Past{
		Records: j.Read(ctx), Books: replay.Books(func(digest string) ([]byte, error) { return j.Load(ctx, digest) }),
	})
	if decided.Changed > 0 || err != nil || decided.Facts == 0 {
		d.t.Errorf("decided again, %d of %d facts are others, %v\n%v", decided.Changed, decided.Facts, err, decided.Differences)
	}
}

// copyStorage copies the journal of a daemon that does not run into a folder.
func (d *daemon) copyStorage(to string) {
	d.t.Helper()
	if err := os.CopyFS(to, os.DirFS(d.storage)); err != nil {
		d.t.Fatal(err)
	}
}

// count counts the facts by kind.
func (d *daemon) count() map[string]int {
	d.t.Helper()
	n := map[string]int{}
	for _, f := range d.facts() {
		n[remediate.KindOf(f.Body)]++
	}
	return n
}

// refusals are the reasons for which the guards said no or not now.
func (d *daemon) refusals() []string {
	d.t.Helper()
	var why []string
	for _, f := range d.facts() {
		j, ok := f.Body.(remediate.Judged)
		if !ok || j.Decision == remediate.Allowed {
			continue
		}
		for _, v := range j.Verdicts {
			if v.Decision != remediate.Allowed {
				why = append(why, v.String())
			}
		}
	}
	return why
}

// blobs loads what was kept under the digests that a log line names last.
func (d *daemon) blobs(digests [][]string) [][]byte {
	d.t.Helper()
	j, err := journal.Open(context.Background(), d.storage, journal.Options{})
	if err != nil {
		d.t.Fatal(err)
	}
	defer j.Close()
	var blobs [][]byte
	for _, m := range digests {
		b, err := j.Load(context.Background(), m[len(m)-1])
		if err != nil {
			d.t.Fatal(err)
		}
		blobs = append(blobs, b)
	}
	return blobs
}
