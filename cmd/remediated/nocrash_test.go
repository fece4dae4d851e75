//go:build !crash

package main

import (
	"path/filepath"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
)

// What has the daemon of the end-to-end tests die does nothing to any other.
func TestNobodyCanHaveItCrash(t *testing.T) {
	t.Setenv("REMEDIATED_CRASH_AFTER", "founded/1")
	t.Setenv("REMEDIATED_CRASH_MARKER", filepath.Join(t.TempDir(), "marker"))
	seen := 0
	crashAfterFact(func(remediate.Fact) { seen++ })(remediate.Fact{Body: remediate.Founded{}})
	if seen != 1 {
		t.Errorf("the fact was observed %d times, want once", seen)
	}
	d := new(daemon)
	if p := crashAfterPerforming(d); p != d {
		t.Errorf("something stands between the engine and its performer: %T", p)
	}
}
