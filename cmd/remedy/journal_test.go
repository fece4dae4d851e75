package main

import (
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
)

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
