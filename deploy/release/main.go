// Command release builds what a release consists of, beside the image: the
// programs for each platform, an archive for each, the licences of what is in them,
// a bill of materials, and the Helm chart. It writes programs to bin/build/OS-ARCH and what is
// published to bin/release. The same commit gives the same bytes, wherever and
// whenever it is built with the same Go.
//
//	go run ./deploy/release --version=v1.2.3
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

func main() {
	version := flag.String("version", "", "the release's version: v1.2.3, or what git describe says")
	out := flag.String("out", "bin", "the folder that build and release are written to")
	flag.Parse()
	if err := run(context.Background(), ".", *out, *version); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// run makes a release of the checkout source.
func run(ctx context.Context, source, out, version string) error {
	s, err := stampOf(ctx, source, version)
	if err != nil {
		return err
	}
	modules, err := inventory(ctx, source, platforms, s)
	if err != nil {
		return err
	}
	licences, err := licenceTexts(modules)
	if err != nil {
		return err
	}
	bom, err := billOfMaterials(modules, s)
	if err != nil {
		return err
	}
	release := filepath.Join(out, "release")
	if err := os.MkdirAll(release, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(release, "remediated-"+s.tag()+"-sbom.cdx.json"), bom, 0o644); err != nil {
		return err
	}
	if err := packChart(filepath.Join(release, chartName(s)), source, s); err != nil {
		return fmt.Errorf("pack the chart: %w", err)
	}
	for _, p := range platforms {
		programs := filepath.Join(out, "build", p.String())
		if err := os.RemoveAll(programs); err != nil {
			return err
		}
		if err := build(ctx, source, programs, p, s); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(programs, licencesFile), licences, 0o644); err != nil {
			return err
		}
		if err := archive(filepath.Join(release, p.archive(s)), source, programs, p, s); err != nil {
			return fmt.Errorf("pack for %s: %w", p, err)
		}
	}
	return nil
}

// stamp is what a build says about itself.
type stamp struct {
	Version  string    // without a leading v
	Revision string    // the commit
	Time     time.Time // of the commit: when it was built would be another byte each time
}

// tag is the version as a tag has it. One that git describe made of a commit alone
// stays as it is.
func (s stamp) tag() string {
	if s.Version != "" && s.Version[0] >= '0' && s.Version[0] <= '9' && strings.Contains(s.Version, ".") {
		return "v" + s.Version
	}
	return s.Version
}

// wellFormed is what may stand in a file's name and in a flag of the linker.
var wellFormed = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.-]*$`)

// stampOf reads what the checkout says of itself.
func stampOf(ctx context.Context, source, version string) (stamp, error) {
	if !wellFormed.MatchString(version) {
		return stamp{}, fmt.Errorf("--version=%q: give letters, digits, dots and dashes, like v1.2.3 or v1.2.3-rc.1", version)
	}
	out, err := output(ctx, source, nil, "git", "log", "-1", "--format=%H %ct")
	if err != nil {
		return stamp{}, fmt.Errorf("read the commit, a release is of one: %w", err)
	}
	revision, seconds, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	at, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return stamp{}, fmt.Errorf("git log says %q, not a commit and its time", out)
	}
	if strings.Count(version, ".") >= 2 {
		version = strings.TrimPrefix(version, "v")
	}
	return stamp{Version: version, Revision: revision, Time: time.Unix(at, 0).UTC()}, nil
}

// output runs a command in a folder, with env beside the environment.
func output(ctx context.Context, dir string, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, fmt.Errorf("%s %s: %w: %s", name, args[0], err, bytes.TrimSpace(exit.Stderr))
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", name, args[0], err)
	}
	return out, nil
}
