package language

import "slices"

// Choice in the place of a default says that exactly one of the keys that have
// it must be there.
const Choice = "one of these"

// Choice are the keys of which exactly one must be there, none when there is no
// such choice.
func (o *Object) Choice() []string {
	if o.Name == "test file" {
		return []string{"policies", "config"}
	}
	var out []string
	for _, f := range o.Fields {
		if f.Default == Choice {
			out = append(out, f.Name)
		}
	}
	return out
}

// SaidOf are the keys of which one must stand beside the key called name, none
// when it may stand alone.
func (o *Object) SaidOf(name string) []string {
	switch {
	case o.Name == "event" && (name == "annotations" || name == "fired"):
		return []string{"alert"}
	case o.Name != "expected":
		return nil
	}
	var out []string
	for _, h := range happenings {
		if slices.Contains(h.details, name) {
			out = append(out, h.name)
		}
	}
	return out
}

// needs are the keys of an event that must stand beside a human's word.
var needs = map[string][]string{"override": {"guard", "reason"}, "severity": {"to"}, "mode": {"to"}}

// Needs are the keys that must stand beside the key called name.
func (o *Object) Needs(name string) []string {
	if o.Name != "event" {
		return nil
	}
	return needs[name]
}

// OfKinds are the keys that an object has for the kinds of actions and probes
// that there are.
func (o *Object) OfKinds(kinds Kinds) []Field {
	if o.Name != "world" {
		return nil
	}
	var out []Field
	for _, k := range kinds.Actions {
		out = append(out, Field{k.Name, actEnds, "it is `ok` at once", "How the action ends."})
	}
	for _, k := range kinds.Probes {
		out = append(out, Field{k.Name, checkEnds, "it is `ok` at once", "How the check of a verification ends."})
	}
	return out
}
