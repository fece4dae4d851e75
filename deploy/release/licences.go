package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// licence is a kind of licence and the words that only it has, in lower case with
// single spaces.
type licence struct {
	id    string // as SPDX names it
	words string
	not   string // words with which it is another one
}

// known are the licences under which something may be in what is shipped. What is
// under another one is not known to be allowed, and the release fails.
var known = []licence{
	{id: "Apache-2.0", words: "apache license version 2.0"},
	{id: "BSD-2-Clause", words: "redistribution and use in source and binary forms", not: "may be used to endorse"},
	{id: "BSD-3-Clause", words: "may be used to endorse or promote products"},
	{id: "ISC", words: "distribute this software for any purpose with or without fee is hereby granted"},
	{id: "MIT", words: "permission is hereby granted, free of charge"},
	{id: "MPL-2.0", words: "mozilla public license version 2.0"},
	{id: "blessing", words: "code and documentation in sqlite has been dedicated to the public domain"},
	{id: "Unlicense", words: "this is free and unencumbered software released into the public domain"},
}

var (
	// A logo's licence is of the picture, which is in no program.
	logo        = regexp.MustCompile(`(?i)-logo$`)
	licenceName = regexp.MustCompile(`(?i)^(un)?licen[sc]e([.-].*)?$|^copying([.-].*)?$|^notice([.-].*)?$`)
	noticeName  = regexp.MustCompile(`(?i)^notice`)
	// copyleft begins a licence that asks for more than to be named.
	copyleft = regexp.MustCompile(`^(the )?gnu (affero |lesser |library )?general public license|^(server side|business source|functional source) `)
	// mark is what is in a text for its looks.
	mark = regexp.MustCompile(`[\s,*#/"“”()]+`)
)

// identify names the licences that a text has, in order.
func identify(text string) []string {
	plain := strings.TrimSpace(strings.ToLower(mark.ReplaceAllString(text, " ")))
	if copyleft.MatchString(plain) {
		return nil
	}
	var ids []string
	for _, l := range known {
		words := mark.ReplaceAllString(l.words, " ")
		if strings.Contains(plain, words) && (l.not == "" || !strings.Contains(plain, l.not)) {
			ids = append(ids, l.id)
		}
	}
	return ids
}

// licenceFiles lists the licences and notices that lie in a folder.
func licenceFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("look for licences: %w", err)
	}
	var files []string
	for _, e := range entries {
		if e.Type().IsRegular() && licenceName.MatchString(e.Name()) && !logo.MatchString(e.Name()) && filepath.Ext(e.Name()) != ".go" {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	return files, nil
}

// licences names all licences that hold for a module.
func (m module) licences() ([]string, error) {
	var ids []string
	for _, file := range m.Files {
		if noticeName.MatchString(filepath.Base(file)) {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		found := identify(string(text))
		if len(found) == 0 {
			return nil, fmt.Errorf("%s: %s is of no licence that is known here: if what it asks for can be done, add it to known in deploy/release/licences.go", m.Path, file)
		}
		ids = append(ids, found...)
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("%s has no licence: nobody may copy it, so it cannot be in a release", m.Path)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// licenceTexts puts the licences and notices of all modules but our own into one
// text, as they ask for.
func licenceTexts(modules []module) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("What these programs are made of, and under which licences.\n")
	for _, m := range modules {
		if m.Main {
			continue
		}
		ids, err := m.licences()
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "\n%s\n%s %s: %s\n", strings.Repeat("=", 80), m.Path, m.Version, strings.Join(ids, ", "))
		for _, file := range m.Files {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			name, err := filepath.Rel(m.dir, file)
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(&b, "\n--- %s\n\n%s\n", filepath.ToSlash(name), bytes.TrimSpace(text))
		}
	}
	return b.Bytes(), nil
}
