package bed

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// repository makes one with commits of these names, each with a file that has it.
func repository(t *testing.T, commits ...string) string {
	t.Helper()
	dir := t.TempDir()
	gitIn(t, dir, "init", "--quiet")
	for _, name := range commits {
		if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
		gitIn(t, dir, "add", "go.mod")
		gitIn(t, dir, "commit", "--quiet", "--message="+name)
		if strings.HasPrefix(name, "v") {
			gitIn(t, dir, "tag", name)
		}
	}
	return dir
}

func gitIn(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %s: %v: %s", args[0], err, out)
	}
}

// The release before is the last that was tagged, and not the one that is checked out.
func TestEarlierRelease(t *testing.T) {
	for _, c := range []struct {
		commits []string
		want    string
	}{
		{[]string{"v1.0.0", "v1.1.0", "more"}, "v1.1.0"},
		{[]string{"v1.0.0", "more", "v1.1.0"}, "v1.0.0"},
		{[]string{"more", "v1.0.0"}, ""},
		{[]string{"v1.0.0"}, ""},
	} {
		if got := earlierCommit(t.Context(), repository(t, c.commits...)); got != c.want {
			t.Errorf("after %q the release before is %q, want %q", c.commits, got, c.want)
		}
	}
}

// What is built of it is what it had, and not what is checked out.
func TestSourceOfTheEarlierRelease(t *testing.T) {
	dir, to := repository(t, "v1.0.0", "v1.1.0"), filepath.Join(t.TempDir(), sourceFolder)
	if err := checkOut(t.Context(), dir, "v1.0.0", to); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(to, "go.mod")); err != nil || string(text) != "v1.0.0" {
		t.Errorf("its source has %q, %v", text, err)
	}
	if err := checkOut(t.Context(), dir, "v2.0.0", to); err == nil {
		t.Error("the source of a tag that there is none of was unpacked")
	}
}

// Where there is none, this source is built as another release, and that is said.
func TestNoEarlierRelease(t *testing.T) {
	var e Earlier
	dir := repository(t, "more")
	b := earlierBuild(t.Context(), dir, &e)
	if e.Name != "" || b.commit != "" || e.Chart() != filepath.Join(dir, "deploy/helm/remediated") {
		t.Errorf("it is %+v of %+v", e, b)
	}
	var said bytes.Buffer
	if b.programs = nil; b.ensure(context.Background(), dir, t.TempDir(), &said) == nil || !strings.Contains(said.String(), "git fetch --unshallow") {
		t.Errorf("said %q", &said)
	}
}
