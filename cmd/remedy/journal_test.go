package main

import (
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
)

func TestJournalReplay(t *testing.T) {
	dir := observed(t)
	if out, errs, code := remedied(t, "journal", "replay", "--storage.path", dir); code != exitOK || !strings.HasSuffix(out, " facts, decided again: the same\n") {
		t.Errorf("exit code %d, got\n%s%s", code, out, errs)
	}
	if _, errs, code := remedied(t, "journal", "replay", "--storage.path", t.TempDir()); code != exitFailed || !strings.Contains(errs, "there is no journal in") {
		t.Errorf("of an empty folder: exit code %d, %s", code, errs)
	}
}

// A journal that says otherwise than this release would is shown beside it.
func TestJournalReplayDiffers(t *testing.T) {
	o := observedLife(t)
	for n, f := range o.Facts {
		if b, ok := f.Body.(remediate.Judged); ok {
			b.Decision = remediate.Denied
			o.Facts[n].Body = b
			break
		}
	}
	out, errs, code := remedied(t, "journal", "replay", "--storage.path", kept(t, o))
	for _, want := range []string{"then this release decides otherwise", "\nwas\n    step 1: deny", "\nis\n    step 1: observe", "mode: observe, policy postgres-down only observes"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if code != exitFailed || t.Failed() {
		t.Errorf("exit code %d, got\n%s%s", code, out, errs)
	}
}
