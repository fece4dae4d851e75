package policies

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// document is one YAML file that is being read, with what is wrong in it.
type document struct {
	name     string // as shown to people
	source   string // as kept with the policies: relative to the configuration
	lines    []string
	problems []Problem
	// meant are the paths of keys that were written in another way: misspelt,
	// or as a secret. They are not said to be missing as well.
	meant map[string]bool
}

// value is a node of a document and the path that led to it.
type value struct {
	doc  *document
	node *yaml.Node
	path string
}

// parse reads one YAML document. It returns false when there is nothing to
// look at; what is wrong is among the document's problems.
func parse(f file) (*document, value, bool) {
	d := &document{name: f.name, source: f.source, meant: map[string]bool{}, lines: strings.Split(strings.ReplaceAll(string(f.text), "\r\n", "\n"), "\n")}
	if !utf8.Valid(f.text) {
		d.whole("the file is not UTF-8 text", "save it as UTF-8")
		return d, value{}, false
	}
	var root yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(f.text))
	err := dec.Decode(&root)
	switch {
	case errors.Is(err, io.EOF) || err == nil && (root.Kind != yaml.DocumentNode || len(root.Content) != 1):
		d.whole("the file is empty", "fill it or take it away")
		return d, value{}, false
	case err != nil:
		d.syntax(err)
		return d, value{}, false
	}
	var more yaml.Node
	if dec.Decode(&more) == nil {
		value{d, &more, ""}.fail("a second document begins here", "put it into a file of its own")
	}
	v := value{d, root.Content[0], ""}
	v.checkPlainYAML()
	return d, v, true
}

var (
	syntaxLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)
	secretLike = regexp.MustCompile(`(?i)token|secret|passw|credential|dsn|key`)
)

// syntax notes an error of the YAML library, which knows at most the line. A
// line that may hold a secret is not shown: nothing is known of its structure.
func (d *document) syntax(err error) {
	p := Problem{File: d.name, Severity: Error, Hint: "check the indentation and the quotes here and on the line above"}
	m := syntaxLine.FindStringSubmatch(err.Error())
	if m != nil {
		p.Line, _ = strconv.Atoi(m[1]) // no digits: 0, the whole file
		p.Message = "not YAML: " + strings.TrimPrefix(err.Error(), m[0])
	} else {
		p.Message = "not YAML: " + err.Error()
	}
	if p.Line > 0 && p.Line <= len(d.lines) {
		line := d.lines[p.Line-1]
		p.Column = len(line) - len(strings.TrimLeft(line, " ")) + 1
		if !secretLike.MatchString(line) {
			p.Source, p.Length = line, utf8.RuneCountInString(line)-p.Column+1
		}
	}
	d.problems = append(d.problems, p)
}

// whole notes a problem of the file as a whole.
func (d *document) whole(message, hint string) {
	d.problems = append(d.problems, Problem{File: d.name, Severity: Error, Message: message, Hint: hint})
}

// fail notes an error at the value.
func (v value) fail(message, hint string) { v.note(Error, message, hint) }

// warn notes a warning at the value.
func (v value) warn(message, hint string) { v.note(Warning, message, hint) }

func (v value) note(level Level, message, hint string) {
	here := func(p Problem) bool { return p.Line == v.node.Line && p.Column == v.node.Column }
	if v.node.Kind == yaml.AliasNode && slices.ContainsFunc(v.doc.problems, here) {
		return // that it is an alias is all there is to say
	}
	v.doc.problems = append(v.doc.problems, v.problem(level, message, hint))
}

// problem returns a problem at the value.
func (v value) problem(level Level, message, hint string) Problem {
	p := Problem{
		File: v.doc.name, Line: v.node.Line, Column: v.node.Column, Field: strings.TrimPrefix(v.path, "."),
		Severity: level, Message: message, Hint: hint,
	}
	if p.Line >= 1 && p.Line <= len(v.doc.lines) {
		p.Source = strings.TrimRight(v.doc.lines[p.Line-1], " \t")
		p.Length = v.width(utf8.RuneCountInString(p.Source))
	}
	return p
}

// width returns how many characters of its line the value takes.
func (v value) width(line int) int {
	n := v.node
	for n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle == 0 && len(n.Content) > 0 {
		n = n.Content[0]
	}
	w := 1
	if n.Kind == yaml.ScalarNode {
		w = utf8.RuneCountInString(n.Value)
		if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
			w += 2
		}
		if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			w = 1
		}
	}
	return max(1, min(w, line-n.Column+1))
}

// checkPlainYAML refuses what makes a file mean something else than what it
// says: repeated keys, anchors and merges, keys that are no text. It goes
// through the whole tree once, before anything is read from it.
func (v value) checkPlainYAML() {
	switch v.node.Kind {
	case yaml.AliasNode:
		v.fail(fmt.Sprintf("the alias *%s: aliases are not followed", v.node.Value), "write out what it stands for, so that each policy reads as what it does")
	case yaml.SequenceNode:
		for _, item := range v.items() {
			item.checkPlainYAML()
		}
	case yaml.MappingNode:
		v.checkKeys()
	}
}

func (v value) checkKeys() {
	seen := map[string]int{}
	for i := range len(v.node.Content) / 2 {
		key, child := v.pair(i)
		if !key.isText() {
			key.fail("this key is not text", "write out what is meant: keys are plain words, and merge keys are not followed")
			continue
		}
		name := key.node.Value
		if line, ok := seen[name]; ok {
			key.fail(fmt.Sprintf("the key %q is here twice", name), fmt.Sprintf("the first is on line %d; keep one of them", line))
		}
		seen[name] = key.node.Line
		key.refuseSecret(child)
		child.checkPlainYAML()
	}
}

func (v value) isText() bool { return v.node.Kind == yaml.ScalarNode && v.node.ShortTag() == "!!str" }

// pair returns the i-th key of a mapping and its value.
func (v value) pair(i int) (key, child value) {
	k := v.node.Content[2*i]
	path := v.path + "." + k.Value
	return value{v.doc, k, path}, value{v.doc, v.node.Content[2*i+1], path}
}

// items returns the items of a sequence, none for any other node.
func (v value) items() []value {
	if v.node.Kind != yaml.SequenceNode {
		return nil
	}
	out := make([]value, len(v.node.Content))
	for i, n := range v.node.Content {
		out[i] = value{v.doc, n, fmt.Sprintf("%s[%d]", v.path, i)}
	}
	return out
}
