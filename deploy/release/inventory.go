package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// standard is the path that the standard library goes by, as a module.
const standard = "std"

// module is one that a program is made of.
type module struct {
	Path, Version string
	Main          bool     // it is this repository's
	Files         []string // its licence files, by their full names
	Needs         []string // paths of the modules that it imports from
	dir           string
}

// listed is what of "go list -json" is looked at.
type listed struct {
	ImportPath, Dir string
	Standard        bool
	Imports         []string
	Module          *struct {
		Path, Version, Dir string
		Main               bool
		Replace            *struct{ Path, Version, Dir string }
	}
}

// inventory lists the modules whose packages are linked into a program of one
// of the platforms, by path. What only tests need is not among them.
func inventory(ctx context.Context, source string, platforms []platform, s stamp) ([]module, error) {
	goVersion, err := output(ctx, source, nil, "go", "env", "GOVERSION", "GOROOT")
	if err != nil {
		return nil, err
	}
	version, root, _ := strings.Cut(strings.TrimSpace(string(goVersion)), "\n")
	found := map[string]*module{standard: {Path: standard, Version: strings.TrimPrefix(version, "go"), dir: root}}
	if err := found[standard].licensed(root); err != nil {
		return nil, err
	}
	for _, p := range platforms {
		packages, err := dependencies(ctx, source, p)
		if err != nil {
			return nil, err
		}
		if err := collect(found, packages); err != nil {
			return nil, err
		}
	}
	var all []module
	for _, path := range slices.Sorted(maps.Keys(found)) {
		m := found[path]
		if m.Main {
			m.Version = s.tag()
		}
		slices.Sort(m.Needs)
		m.Needs = slices.Compact(m.Needs)
		all = append(all, *m)
	}
	return all, nil
}

// dependencies lists every package that is linked for a platform.
func dependencies(ctx context.Context, source string, p platform) ([]listed, error) {
	args := append([]string{"list", "-deps", "-json=ImportPath,Dir,Standard,Imports,Module"}, p.Programs...)
	out, err := output(ctx, source, p.environment(), "go", args...)
	if err != nil {
		return nil, err
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var one listed
		switch err := d.Decode(&one); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("read what go list says: %w", err)
		}
		all = append(all, one)
	}
}

// collect adds the modules of packages to those found.
func collect(found map[string]*module, packages []listed) error {
	of := map[string]string{} // package -> its module
	for _, p := range packages {
		of[p.ImportPath] = standard
		if p.Standard || p.Module == nil {
			continue
		}
		of[p.ImportPath] = p.Module.Path
		m := found[p.Module.Path]
		if m == nil {
			m = &module{Path: p.Module.Path, Version: p.Module.Version, Main: p.Module.Main, dir: p.Module.Dir}
			if r := p.Module.Replace; r != nil {
				m.Version, m.dir = cmp.Or(r.Version, m.Version), r.Dir
			}
			found[m.Path] = m
		}
		if err := m.licensed(p.Dir); err != nil {
			return err
		}
	}
	for _, p := range packages {
		m := found[of[p.ImportPath]]
		for _, imported := range p.Imports {
			if needs := of[imported]; needs != "" && needs != m.Path {
				m.Needs = append(m.Needs, needs)
			}
		}
	}
	return nil
}

// licensed notes the licence files that hold for a folder of the module: its own
// and those of the folders above it. A module may have taken a package from
// somewhere else, with its licence.
func (m *module) licensed(dir string) error {
	for {
		files, err := licenceFiles(dir)
		if err != nil {
			return err
		}
		for _, f := range files {
			if !slices.Contains(m.Files, f) {
				m.Files = append(m.Files, f)
			}
		}
		if dir == m.dir || !strings.HasPrefix(dir, m.dir) {
			slices.Sort(m.Files)
			return nil
		}
		dir = filepath.Dir(dir)
	}
}
