//go:build release

package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// What make image built runs where there is nothing but what is in it, and says
// which release it is.
func TestReleased(t *testing.T) {
	built, err := filepath.Glob("../../bin/release/*-image.tar")
	if err != nil || len(built) != 1 {
		t.Fatalf("make image leaves one tar in bin/release: %q, %v", built, err)
	}
	version := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(built[0]), "remediated-"), "-image.tar")
	dir := t.TempDir()
	unpackImage(t, built[0], dir)
	if out := runIn(t, dir, "--version"); !strings.HasPrefix(out, "remediated, version "+strings.TrimPrefix(version, "v")+" ") {
		t.Errorf("--version of %s says %s", version, out)
	}
}
