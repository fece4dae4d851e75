// Package language describes the language of the files that an operator
// writes: every mapping that may stand in them, with its keys, what each takes
// and what holds where it is left out. From this one table come the reference
// for people ([Markdown]) and the schemas for editors ([Schema]).
//
// The table does not read files: package policies does, and its tests drive its
// reader through this table, so that neither knows a key which the other does
// not. A schema says how a file is built. Whether the file makes sense as a whole is
// for the reader to say: remedy policy lint.
//
// Which kinds of actions and probes there are is told by a [Kind] each, as the
// packages that carry them out are adapters and are not known here.
package language

import "slices"

// File is a kind of file.
type File struct {
	Name string // what it is called on the command line
	Root string // the object that the whole file is
}

// Files are the kinds of files that there are.
func Files() []File {
	return []File{
		{"policies", "policy file"},
		{"config", "configuration"},
		{"tests", "test file"},
	}
}

// Object is a mapping with keys of its own.
type Object struct {
	Name   string
	Doc    string // one or more sentences
	Fields []Field
}

// beside are the objects whose keys may stand beside those of another one.
var beside = map[string]string{"server": "HTTP settings", "heartbeat": "HTTP settings"}

// Beside returns the name of the object whose keys may stand beside its own,
// "" when there is none.
func (o *Object) Beside() string { return beside[o.Name] }

// Field is a key of an object and what it takes.
type Field struct {
	Name    string
	Type    Type
	Default string // what holds without it, in words; Required when it must be there, or Choice
	Doc     string // one sentence
}

// Required in the place of a default says that there is none.
const Required = "required"

// Required tells whether the key must be there.
func (f Field) Required() bool { return f.Default == Required }

// All are the keys of the object, and those that may stand beside them.
func (o *Object) All() []Field {
	if o.Beside() == "" {
		return o.Fields
	}
	return slices.Concat(o.Fields, Find(o.Beside()).Fields)
}

// Field returns the key called name, nil when there is none.
func (o *Object) Field(name string) *Field {
	all := o.All()
	i := slices.IndexFunc(all, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return nil
	}
	return &all[i]
}

// Find returns the object called name, nil when there is none.
func Find(name string) *Object {
	i := slices.IndexFunc(objects, func(o Object) bool { return o.Name == name })
	if i < 0 {
		return nil
	}
	return &objects[i]
}

// objects are all of them.
var objects = slices.Concat(ofPolicies, ofGuards, ofRunbooks, ofSteps, ofConfig, ofNotify, ofTests)

// Objects returns the objects that may stand in a file, its root first and each
// before those that stand in it.
func (f File) Objects() []Object {
	var out []Object
	next := []string{f.Root}
	for len(next) > 0 {
		o := Find(next[0])
		next = next[1:]
		if slices.ContainsFunc(out, func(known Object) bool { return known.Name == o.Name }) {
			continue
		}
		out = append(out, *o)
		var inner []string
		for _, field := range o.Fields {
			inner = append(inner, field.Type.objects()...)
		}
		if o.Beside() != "" {
			inner = append(inner, o.Beside())
		}
		next = append(inner, next...)
	}
	return out
}

// takes tells whether a value of a form may stand in the file.
func (f File) takes(form Form) bool {
	return slices.ContainsFunc(f.Objects(), func(o Object) bool {
		return slices.ContainsFunc(o.Fields, func(field Field) bool { return field.Type.takes(form) })
	})
}

func (t Type) takes(form Form) bool {
	return t.Form == form || t.Of != nil && t.Of.takes(form) || t.Or != nil && t.Or.takes(form)
}

// objects are the names of the objects that may stand in a value of the type.
func (t Type) objects() []string {
	var out []string
	if t.Form == FormObject {
		out = append(out, t.Object)
	}
	for _, inner := range []*Type{t.Of, t.Or} {
		if inner != nil {
			out = append(out, inner.objects()...)
		}
	}
	return out
}
