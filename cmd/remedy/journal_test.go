package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// A journal that says otherwise than this release would is shown beside it: each
// decision once, and only what differs of it.
func TestJournalReplayDiffers(t *testing.T) {
	o := observedLife(t)
	var told, denied int
	for n, f := range o.Facts {
		switch b := f.Body.(type) {
		case remediate.Judged:
			if denied++; denied == 1 {
				b.Verdicts = slices.Clone(b.Verdicts)
				b.Verdicts[1].Reason = "policy postgres-down looks on"
				o.Facts[n].Body = b
			}
		case remediate.Started:
			if b.Ask != nil && b.Ask.Purpose == remediate.ForGuards {
				if told++; told == 2 {
					b.Deadline = b.Deadline.Add(time.Second)
					o.Facts[n].Body = b
				}
			}
		}
	}
	dir := kept(t, o)
	out, errs, code := remedied(t, "journal", "replay", "--storage.path", dir)
	for _, want := range []string{
		", i1\nwas\n    step 1: observe, mode: policy postgres-down looks on; plan ", "\n      mode: observe, policy postgres-down looks on\nis\n    step 1: observe, mode: policy postgres-down only observes;",
		`"deadline":"2024`, "this release decides 2 otherwise\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if code != exitFailed || t.Failed() || strings.Contains(out, "paused: allow") {
		t.Errorf("exit code %d, got\n%s%s", code, out, errs)
	}
	if out, errs, code := remedied(t, "journal", "replay", "--storage.path", dir, "--since", "1m"); code != exitOK || !strings.HasSuffix(out, " facts, decided again: the same\n") {
		t.Errorf("of what was after: exit code %d, got\n%s%s", code, out, errs)
	}
}
