package bed

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// untagged is the commit that stands for the release before this one, where there is no
// tag of one: the last whose snapshots are laid out otherwise, with a chart.
const untagged = "33db169ba498b5ceb5485b67010ae091205eb1e3"

// sourceFolder is where a build keeps the source of its commit.
const sourceFolder = "source"

// Earlier is the release before this one, to be upgraded from.
type Earlier struct {
	Name           string // its tag or commit; "" is that this clone has none
	Daemon, Remedy string // its programs; without a name those of this source, which say that they are another release
	root           string // of this source
}

// Chart is the folder of its Helm chart.
func (e Earlier) Chart() string {
	source := e.root
	if e.Name != "" {
		source = filepath.Join(filepath.Dir(e.Daemon), sourceFolder)
	}
	return filepath.Join(source, "deploy", "helm", "remediated")
}

// BuildEarlier builds it alone, likewise. A clone that has neither a tag of a release nor
// the commit that stands for one is shallow: progress is then told so, and this source is
// built as another release.
func BuildEarlier(ctx context.Context, progress io.Writer) (Earlier, error) {
	b, err := buildOnly(ctx, progress, called(earlierName))
	return b.Earlier, err
}

const earlierName = "earlier-release"

// earlierBuild is how it is built.
func earlierBuild(ctx context.Context, root string, e *Earlier) build {
	*e = Earlier{Name: earlierCommit(ctx, root), root: root}
	b := build{
		name: earlierName, module: ".", commit: e.Name, ldflags: " -X github.com/prometheus/common/version.Version=earlier-" + cmp.Or(e.Name, "this-source"),
		programs: []program{{pkg: "./cmd/remediated", path: &e.Daemon}, {pkg: "./cmd/remedy", path: &e.Remedy}},
	}
	if e.Name == "" {
		b.sources = []string{"go.mod", "go.sum", "cmd", "notify", "policies", "remediate"}
		b.warning = "this clone has no tag of a release and not the commit " + untagged + ": an upgrade from this same source is all that can be tried; " +
			"git fetch --unshallow --tags brings them"
	}
	return b
}

// earlierCommit is the tag of the last release before what is checked out, or the commit
// that stands for it, or "" where neither is there.
func earlierCommit(ctx context.Context, root string) string {
	if tag, err := git(ctx, root, "describe", "--tags", "--abbrev=0", "--match=v[0-9]*", "HEAD^"); err == nil {
		return strings.TrimSpace(string(tag))
	}
	if _, err := git(ctx, root, "cat-file", "-e", untagged+"^{commit}"); err == nil {
		return untagged
	}
	return ""
}

// checkOut writes the source of a commit into a folder.
func checkOut(ctx context.Context, root, commit, folder string) error {
	packed, err := git(ctx, root, "archive", "--format=tar", commit)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "tar", "--extract", "--directory="+folder)
	cmd.Stdin = bytes.NewReader(packed)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("unpack the source of %s: %w\n%s", commit, err, out)
	}
	return nil
}

func git(ctx context.Context, root string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git %s: %w", args[0], err)
	}
	return out, nil
}
