package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The list is honest: each old text occurs once in its file, so that the bug is
// planted where it is meant to be, and no bug is in the list twice.
func TestTheListFitsTheSource(t *testing.T) {
	ms, err := list()
	if err != nil {
		t.Fatal(err)
	}
	if len(ms) < 40 {
		t.Errorf("only %d bugs are planted", len(ms))
	}
	plants, changes := map[string]bool{}, map[string]bool{}
	for _, m := range ms {
		source, err := os.ReadFile(filepath.Join("../../remediate", m.File))
		if err != nil {
			t.Errorf("%s: %v", m, err)
			continue
		}
		changed, err := m.planted(string(source))
		if err != nil {
			t.Errorf("%s: %v", m, err)
		}
		if m.Plants == "" || changed == string(source) {
			t.Errorf("%s: it says nothing, or changes nothing", m)
		}
		if plants[m.Plants] || changes[m.File+changed] {
			t.Errorf("%s: it is in the list twice", m)
		}
		plants[m.Plants], changes[m.File+changed] = true, true
	}
}

func TestPlantedRefuses(t *testing.T) {
	m := mutant{File: "x.go", Old: "a > b", New: "a >= b"}
	for _, source := range []string{"", "a < b", "a > b; a > b"} {
		if _, err := m.planted(source); err == nil || !strings.Contains(err.Error(), "must once") {
			t.Errorf("%q: %v", source, err)
		}
	}
	if got, err := m.planted("if a > b {"); err != nil || got != "if a >= b {" {
		t.Errorf("%q, %v", got, err)
	}
}

// One that survived, and one that could not be judged, are failures.
func TestReport(t *testing.T) {
	ms := []mutant{{Plants: "one", File: "a.go"}, {Plants: "two", File: "a.go"}}
	for _, c := range []struct {
		plant func(mutant) (string, error)
		code  int
		last  string
	}{
		{func(mutant) (string, error) { return "a test", nil }, 0, "2 planted, 2 caught, 0 survived"},
		{func(m mutant) (string, error) { return strings.TrimPrefix(m.Plants, "one"), nil }, 1, "2 planted, 1 caught, 1 survived"},
		{func(mutant) (string, error) { return "", errors.New("it does not compile") }, 1, "0 planted, 0 caught, 0 survived"},
	} {
		var out bytes.Buffer
		code := report(context.Background(), &out, ms, 2, c.plant)
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if code != c.code || lines[len(lines)-1] != c.last {
			t.Errorf("exit code %d, %s", code, out.String())
		}
	}
}

// Who interrupts it hears that, and not of bugs that nobody planted.
func TestReportStops(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	var out bytes.Buffer
	code := report(ctx, &out, make([]mutant, 50), 1, func(mutant) (string, error) {
		stop()
		return "", ctx.Err()
	})
	if code != 1 || out.String() != "interrupted\n" {
		t.Errorf("exit code %d, %s", code, out.String())
	}
}

// A bug is planted in a copy: a program that is built from it shows the bug, one
// that does not compile is an error, and one that hears nothing of it is not
// taken for one that noticed.
func TestWatch(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module example.org/m\n")
	write("remediate/x.go", "package remediate\n\nfunc X() int { return 1 }\n")
	write("main.go", "package main\n\nimport (\n\t\"os\"\n\n\t\"example.org/m/remediate\"\n)\n\nfunc main() {\n\tif remediate.X() > 1 {\n\t\tprintln(\"law \\\"one\\\" is broken\")\n\t\tos.Exit(1)\n\t}\n}\n")
	ws, err := watchers("simulation", root, 1)
	if err != nil {
		t.Fatal(err)
	}
	ws[0].build = []string{"build", "."}
	for _, c := range []struct{ new, by, err string }{
		{"return 2", `the simulation: "one"`, ""},
		{"return 0", "", ""},
		{"return", "", "build"},
	} {
		m := mutant{File: "x.go", Old: "return 1", New: c.new}
		by, err := m.noticed(context.Background(), root, ws)
		if by != c.by || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %q, %v", c.new, by, err)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	for _, args := range [][]string{{"-only", "("}, {"-by", "luck"}, {"-nonsense"}} {
		var out, errs bytes.Buffer
		if code := run(context.Background(), args, &out, &errs); code != 2 || errs.Len() == 0 {
			t.Errorf("%v: exit code %d, %q", args, code, errs.String())
		}
	}
}
