package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

//go:embed mutants.yaml
var mutantsYAML []byte

// mutant is one bug to plant.
type mutant struct {
	Plants string // what goes wrong, for people
	File   string // in remediate
	Old    string // occurs there once
	New    string
}

func (m mutant) String() string { return m.File + ": " + m.Plants }

// list reads mutants.yaml.
func list() ([]mutant, error) {
	d := yaml.NewDecoder(bytes.NewReader(mutantsYAML))
	d.KnownFields(true)
	var ms []mutant
	if err := d.Decode(&ms); err != nil {
		return nil, fmt.Errorf("mutants.yaml: %w", err)
	}
	return ms, nil
}

// planted returns the source with the bug in it.
func (m mutant) planted(source string) (string, error) {
	if n := strings.Count(source, m.Old); n != 1 {
		return "", fmt.Errorf("its old text occurs %d times in %s, and must once:\n%s", n, m.File, m.Old)
	}
	return strings.Replace(source, m.Old, m.New, 1), nil
}

// watcher is somebody who may notice a bug: a program that is built with the
// bug in it, and fails when it notices.
type watcher struct {
	name  string
	build []string // arguments of go, without -overlay and -o
	run   []string // arguments of what was built
	dir   string   // where it runs
	says  *regexp.Regexp
}

// watchers returns those named in by: tests, simulation.
func watchers(by, root string, seeds int) ([]watcher, error) {
	var ws []watcher
	for _, name := range strings.Split(by, ",") {
		switch name {
		case "tests":
			ws = append(ws, watcher{
				name: "a test", build: []string{"test", "-c", "./remediate"}, dir: filepath.Join(root, "remediate"),
				run:  []string{"-test.failfast", "-rapid.checks=20", "-test.timeout=2m"},
				says: regexp.MustCompile(`--- FAIL: (\S+)`),
			})
		case "simulation":
			ws = append(ws, watcher{
				name: "the simulation", build: []string{"build", "./test/simulate/cmd/simulate"}, dir: root,
				run:  []string{"-seeds", strconv.Itoa(seeds), "-steps", "400", "-tries", "0"},
				says: regexp.MustCompile(`law (".*") is broken`),
			})
		default:
			return nil, fmt.Errorf("-by %q: want tests, simulation, or tests,simulation", by)
		}
	}
	return ws, nil
}

// tooLong is when a program that still runs is held to hang, which is noticed
// too.
const tooLong = 3 * time.Minute

// noticed plants the bug and returns who noticed it, "" when nobody did.
func (m mutant) noticed(ctx context.Context, root string, ws []watcher) (string, error) {
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	overlay, err := m.overlay(root, dir)
	if err != nil {
		return "", err
	}
	for _, w := range ws {
		by, err := w.watch(ctx, root, dir, overlay)
		if by != "" || err != nil {
			return by, err
		}
	}
	return "", nil
}

// overlay writes the changed file and the overlay that names it.
func (m mutant) overlay(root, dir string) (string, error) {
	file := filepath.Join(root, "remediate", m.File)
	source, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	changed, err := m.planted(string(source))
	if err != nil {
		return "", err
	}
	instead := filepath.Join(dir, "changed.go")
	b, err := json.Marshal(map[string]map[string]string{"Replace": {file: instead}})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, errors.Join(os.WriteFile(instead, []byte(changed), 0o644), os.WriteFile(overlay, b, 0o644))
}

// watch builds the program with the bug in it, runs it, and returns what it
// noticed. A program that cannot be built is an error of the list.
func (w watcher) watch(ctx context.Context, root, dir, overlay string) (string, error) {
	program := filepath.Join(dir, "program")
	args := append([]string{w.build[0], "-overlay", overlay, "-o", program}, w.build[1:]...)
	build := exec.CommandContext(ctx, "go", args...)
	build.Dir = root
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, said)
	}
	patience, cancel := context.WithTimeout(ctx, tooLong)
	defer cancel()
	run := exec.CommandContext(patience, program, w.run...)
	run.Dir = w.dir
	said, err := run.CombinedOutput()
	var exited *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err == nil:
		return "", nil
	case patience.Err() != nil:
		return w.name + ", which hangs", nil
	case !errors.As(err, &exited):
		return "", fmt.Errorf("run: %w", err)
	}
	if found := w.says.FindAllSubmatch(said, -1); found != nil {
		return w.name + ": " + string(found[len(found)-1][1]), nil // the last one is a test's own part
	}
	return w.name + ", which dies: " + firstLine(said), nil
}

func firstLine(b []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	return line
}

// rootOf finds the folder of the module, from within it.
func rootOf() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}
