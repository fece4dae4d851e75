package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ours is the inventory of this checkout, which takes seconds to list.
func ours(t *testing.T, s stamp) []module {
	t.Helper()
	all, err := inventory(t.Context(), "../..", platforms, s)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestIdentify(t *testing.T) {
	for _, c := range []struct{ text, is string }{
		{"   Apache License\n   Version 2.0, January 2004", "Apache-2.0"},
		{"Permission is hereby granted, free of charge, to any person", "MIT"},
		{"// Redistribution and use in source and\n// binary forms, with or without", "BSD-2-Clause"},
		{"* Redistribution and use in source and binary forms\n* names may not: may be used to endorse or promote products", "BSD-3-Clause"},
		{"Mozilla Public License, version 2.0 ... GNU General Public License", "MPL-2.0"},
		{"Permission to use, copy, modify, and distribute this software for any\npurpose with or without fee is hereby granted", "ISC"},
		{"MIT:\nPermission is hereby granted, free of charge\nApache:\nApache License\nVersion 2.0", "Apache-2.0 MIT"},
		{"GNU GENERAL PUBLIC LICENSE\nVersion 3. Apache License, Version 2.0 is compatible", ""},
		{"GNU AFFERO GENERAL PUBLIC LICENSE", ""},
		{"Server Side Public License\nPermission is hereby granted, free of charge", ""},
		{"All rights reserved.", ""},
	} {
		if ids := strings.Join(identify(c.text), " "); ids != c.is {
			t.Errorf("%q is %q, wanted %q", c.text, ids, c.is)
		}
	}
}

// A module without a licence, or with one that is not known to be allowed, is in no release.
func TestNoLicenceIsNone(t *testing.T) {
	for _, c := range []struct{ is, name, text, says string }{
		{"none", "README.md", "Hello.", "has no licence"},
		{"a notice alone", "NOTICE", "Apache License, Version 2.0", "has no licence"},
		{"another's", "LICENSE", "Ask me first.", "of no licence that is known here"},
		{"copyleft", "COPYING", "GNU GENERAL PUBLIC LICENSE", "of no licence that is known here"},
	} {
		t.Run(c.is, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, c.name), c.text)
			m := module{Path: "example.org/m", dir: dir}
			if err := m.licensed(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := licenceTexts([]module{m}); err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "example.org/m") {
				t.Errorf("said %v", err)
			}
		})
	}
}

// What a module took from elsewhere is under the licence that lies beside it, if it is
// linked.
func TestLicencesOfPartsOfAModule(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "LICENSE"), "Apache License, Version 2.0")
	write(t, filepath.Join(dir, "taken", "LICENSE"), "Permission is hereby granted, free of charge")
	write(t, filepath.Join(dir, "taken", "deeper", "a.go"), "package deeper")
	write(t, filepath.Join(dir, "unused", "LICENSE"), "GNU GENERAL PUBLIC LICENSE")
	m := module{Path: "example.org/m", dir: dir}
	for _, used := range []string{"", "taken/deeper"} {
		if err := m.licensed(filepath.Join(dir, used)); err != nil {
			t.Fatal(err)
		}
	}
	if ids, err := m.licences(); err != nil || !slices.Equal(ids, []string{"Apache-2.0", "MIT"}) {
		t.Errorf("%q, %v", ids, err)
	}
}

// All that is linked here has a licence that is known, and its text is in what is shipped.
func TestEveryModuleHasALicence(t *testing.T) {
	modules := ours(t, stamp{Version: "1.2.3"})
	text, err := licenceTexts(modules)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range modules {
		if !m.Main && !strings.Contains(string(text), "\n"+m.Path+" "+m.Version+": ") {
			t.Errorf("%s %s is not in the text", m.Path, m.Version)
		}
	}
	for _, path := range []string{standard, "modernc.org/sqlite", "k8s.io/client-go", "github.com/sony/gobreaker/v2"} {
		if !slices.ContainsFunc(modules, func(m module) bool { return m.Path == path }) {
			t.Errorf("%s is linked, and not in the inventory", path)
		}
	}
	if slices.ContainsFunc(modules, func(m module) bool { return m.Path == "github.com/rogpeppe/go-internal" }) {
		t.Error("what only tests need is in the inventory")
	}
	t.Run("bill of materials", func(t *testing.T) { valid(t, modules) })
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
