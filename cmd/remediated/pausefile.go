package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode"
)

// pauseFile is the file in the storage folder that pauses while it stands:
// what is left to a human when neither the page nor the API can be reached.
const pauseFile = "pause"

// Bounds of what is read of it.
const (
	maxPauseFile = 64 << 10 // bytes
	maxReason    = 1000     // characters, as everywhere
)

// order is what the file says is to be paused.
type order struct {
	scopes  []string // all, policy/NAME, namespace/NAME, each once; none when there is no file
	reason  string
	unclear []string // what could not be read, and therefore means all
}

// names tells whether the order is about a scope.
func (o order) names(scope string) bool { return slices.Contains(o.scopes, scope) }

// readOrder reads the file at path. Not knowing means stop: what is there and
// cannot be read means all.
func readOrder(path string) order {
	text, err := readPauseFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return order{}
	case err != nil:
		return order{scopes: []string{"all"}, unclear: []string{err.Error()}}
	}
	return parseOrder(text)
}

// readPauseFile returns the file's text, [fs.ErrNotExist] when there is none. A
// link to nowhere is one: somebody put it there. A pipe is not waited for.
func readPauseFile(path string) (string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, there := os.Lstat(path); there == nil {
			return "", fmt.Errorf("%s leads nowhere", path)
		}
	}
	switch {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is not a plain file", path)
	case info.Size() > maxPauseFile:
		return "", fmt.Errorf("%s is longer than %d bytes", path, maxPauseFile)
	}
	b, err := os.ReadFile(path)
	return string(b), err
}

// parseOrder reads the lines of the file. One that names nothing means all.
func parseOrder(text string) order {
	var o order
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if key, reason, found := strings.Cut(line, ":"); found && strings.EqualFold(key, "reason") {
			o.reason = oneLine(o.reason + " " + reason)
			continue
		}
		scope := strings.TrimSpace(uncommented(line))
		switch {
		case scope == "":
		case isScope(scope):
			o.add(scope)
		default:
			o.unclear = append(o.unclear, fmt.Sprintf("line %d, %q", n+1, line))
		}
	}
	if len(o.scopes) == 0 || len(o.unclear) > 0 {
		o.add("all")
	}
	return o
}

func (o *order) add(scope string) {
	if !o.names(scope) {
		o.scopes = append(o.scopes, scope)
	}
}

// uncommented cuts off what follows a # that begins a line or a word.
func uncommented(line string) string {
	for k := range len(line) {
		if line[k] == '#' && (k == 0 || line[k-1] == ' ' || line[k-1] == '\t') {
			return line[:k]
		}
	}
	return line
}

// isScope tells whether text is all, policy/NAME or namespace/NAME.
func isScope(text string) bool {
	if text == "all" {
		return true
	}
	kind, name, _ := strings.Cut(text, "/")
	plain := !strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) || r == '/' })
	return (kind == "policy" || kind == "namespace") && name != "" && len(name) <= 253 && plain
}

// oneLine is text as a fact may hold it: short, on one line, plain.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, text)
	runes := []rune(strings.Join(strings.Fields(text), " "))
	return string(runes[:min(len(runes), maxReason)])
}
