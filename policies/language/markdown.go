package language

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Markdown returns the reference for people: each object of each file, and each
// kind with an example that can be loaded as it stands.
func Markdown(kinds Kinds) []byte {
	d := &page{}
	d.printf("# Reference of the policy language\n\n")
	d.printf("Written by `remedy policy doc`. [policies.md](policies.md) is the guide; here is each key of each file, and each kind of\n" +
		"action and probe. A **duration** has a unit, as in `30s`, `5m`, `1h30m` or `7d`, and is longer than nothing. A **share** is above\n" +
		"0 and up to 1. A **matcher** is Alertmanager's, with its value in double quotes: `'alertname=\"PostgresDown\"'`. Where `$label` may\n" +
		"stand, `${label}` may, too.\n\n")
	d.printf("A **time** of a test is a duration since its beginning, and `0s` is the beginning.\n\n")
	d.printf("Editors know all of this by the schemas in [schema](schema): [how to set them](workbench.md#in-an-editor).\n")
	said := map[string]bool{}
	for _, f := range Files() {
		d.printf("\n## %s\n", sentence(f.Root))
		for _, o := range f.Objects() {
			if !said[o.Name] {
				said[o.Name] = true
				d.object(o, o.Name == f.Root)
			}
		}
	}
	d.printf("\n## Actions\n\nA list of actions has an item `{kind: {its arguments}}` for each, and beside the kind `within`, the deadline of this one act,\n" +
		"and `target`, when it is another object than the policy's target.\n" +
		"`$target` in the place of the arguments says the same as `{}`.\n")
	for _, k := range kinds.Actions {
		d.kind(k, actionExample(k))
	}
	d.printf("\n## Probes\n\nA list of probes has an item `{kind: {its arguments}}` for each, and beside the kind `target`, when it is another object than the policy's target.\n")
	for _, k := range kinds.Probes {
		d.kind(k, probeExample(k))
	}
	return d.Bytes()
}

// page is a page as it is written.
type page struct{ bytes.Buffer }

func (d *page) printf(format string, args ...any) { fmt.Fprintf(&d.Buffer, format, args...) }

// object writes one object. The root of a file has the file's heading.
func (d *page) object(o Object, root bool) {
	if !root {
		d.printf("\n### %s\n", sentence(o.Name))
	}
	d.printf("\n%s\n\n| key | takes | default | what it is |\n|---|---|---|---|\n", o.Doc)
	for _, f := range o.Fields {
		doc := f.Doc
		if of := o.SaidOf(f.Name); of != nil {
			doc += " Beside " + code(of, ", ") + "."
		}
		d.printf("| `%s` | %s | %s | %s |\n", f.Name, f.Type.words(), f.Default, doc)
	}
	if o.OfKinds(Kinds{Actions: []Kind{{}}}) != nil {
		d.printf("\nBeside them each kind of [action](#actions) is a key, with the\nanswers %s, and each kind of [probe](#probes), with %s.\n", code(actEnds.Words, ", "), code(checkEnds.Words, ", "))
	}
	if o.Beside() != "" {
		d.printf("\nBeside them: [%s](#%s).\n", o.Beside(), anchor(o.Beside()))
	}
}

// kind writes one kind of action or probe.
func (d *page) kind(k Kind, whole string) {
	d.printf("\n### `%s`\n\n%s.\n\n", k.Name, sentence(k.Doc))
	if len(k.Targets) > 0 {
		d.printf("Targets: %s.\n\n", code(k.Targets, ", "))
	}
	d.arguments(k.Arguments)
	if len(k.Rights) > 0 {
		d.printf("Rights in the cluster, for any target and the arguments of the example: %s.\n\n", code(k.Rights, "; "))
	}
	d.printf("```yaml\n%s```\n", whole)
}

func (d *page) arguments(all []Argument) {
	if len(all) == 0 {
		d.printf("It takes no arguments.\n\n")
		return
	}
	d.printf("| argument | takes | may be left out |\n|---|---|---|\n")
	for _, a := range all {
		optional := "yes"
		if a.Required {
			optional = "no"
		}
		d.printf("| `%s` | %s | %s |\n", a.Name, inWords[a.Type], optional)
	}
	d.printf("\n")
}

// inWords are JSON's names for what an argument takes, as the reference has them.
var inWords = map[string]string{
	"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`", "array": "list", "object": "mapping",
}

// words says what a type takes.
func (t Type) words() string {
	var s string
	switch t.Form {
	case FormWord:
		s = code(t.Words, ", ")
	case FormTruth:
		s = "`true` or `false`"
	case FormCount:
		s = fmt.Sprintf("whole number, %d to %d", t.Low, t.High)
	case FormList:
		s = "list: " + t.Of.words()
	case FormMap:
		s = "mapping of names: " + t.Of.words()
		if t.Must != "" {
			s += ", `" + t.Must + "` among them"
		}
	case FormReply:
		s = "answer: " + code(t.Words, ", ")
	case FormObject:
		s = fmt.Sprintf("[%s](#%s)", t.Object, anchor(t.Object))
	case FormText, FormSettings:
		s = t.What
	case FormAction:
		s = "[action](#actions)"
	case FormProbe:
		s = "[probe](#probes)"
	default:
		s = string(t.Form)
	}
	if t.Or != nil {
		s += ", or " + t.Or.words()
	}
	return s
}

func code(words []string, between string) string {
	quoted := slices.Clone(words)
	for i := range quoted {
		quoted[i] = "`" + quoted[i] + "`"
	}
	return strings.Join(quoted, between)
}

// anchor is how GitHub calls the place of a heading.
func anchor(name string) string { return strings.ReplaceAll(strings.ToLower(name), " ", "-") }

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
