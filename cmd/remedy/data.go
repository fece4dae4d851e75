package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// forProgram tells whether a program asks, and not a person.
func (c *cli) forProgram() bool { return c.output != "text" }

// showData writes something as a program reads it.
func (c *cli) showData(v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return c.answer(append(b, '\n'))
}

// answer writes JSON in the format that a program asked for.
func (c *cli) answer(b []byte) error {
	if c.output != "yaml" {
		return c.out.raw(b)
	}
	text, err := yamlOf(b)
	if err != nil {
		return err
	}
	_, err = c.out.w.Write(text)
	return err
}

// raw writes an answer as it came, with what a terminal might obey written as
// JSON's own escapes, which mean the same.
func (p *printer) raw(b []byte) error {
	var out []byte
	for _, r := range string(b) {
		if r == '\n' || unicode.IsPrint(r) {
			out = utf8.AppendRune(out, r)
			continue
		}
		for _, u := range utf16.AppendRune(nil, r) {
			out = fmt.Appendf(out, "\\u%04x", u)
		}
	}
	_, err := p.w.Write(out)
	return err
}

// yamlOf writes JSON as YAML that says the same in the same order. What a
// terminal might obey is written as YAML's own escapes.
func yamlOf(b []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	node, err := yamlValue(d)
	if err != nil {
		return nil, fmt.Errorf("the answer is not JSON: %w", err)
	}
	var text strings.Builder
	e := yaml.NewEncoder(&text)
	e.SetIndent(2)
	if err := e.Encode(node); err != nil {
		return nil, err
	}
	var out []byte
	for _, r := range text.String() {
		if r == '\n' || unicode.IsPrint(r) {
			out = utf8.AppendRune(out, r)
		} else { // it stands in double quotes: see scalarOf
			out = fmt.Appendf(out, "\\U%08X", r)
		}
	}
	return out, nil
}

// yamlValue reads the next value of d.
func yamlValue(d *json.Decoder) (*yaml.Node, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	delim, ok := t.(json.Delim)
	if !ok {
		return scalarOf(t)
	}
	n := &yaml.Node{Kind: yaml.SequenceNode}
	if delim == '{' {
		n.Kind = yaml.MappingNode
	}
	for d.More() { // a key is a value like others: a string
		v, err := yamlValue(d)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, v)
	}
	_, err = d.Token() // its end
	return n, err
}

// scalarOf is a string, a number, a bool or null.
func scalarOf(t json.Token) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.ScalarNode}
	switch v := t.(type) {
	case json.Number:
		n.Value = v.String()
	case string:
		if v == "<<" || strings.ContainsFunc(v, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
			n.Value, n.Tag, n.Style = v, "!!str", yaml.DoubleQuotedStyle
			break
		}
		return n, n.Encode(v) // in quotes where some reader would take it for something else
	default: // a bool or null
		return n, n.Encode(v)
	}
	return n, nil
}
