package language

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// dialect is the one that every editor knows.
const dialect = "http://json-schema.org/draft-07/schema#"

// schema is a JSON Schema, or a part of one.
type schema map[string]any

// Schema returns the JSON Schema of a kind of file. A file that the daemon loads
// satisfies it; one that satisfies it may still not make sense as a whole.
func (f File) Schema(kinds Kinds) ([]byte, error) {
	definitions := schema{}
	if f.takes(FormAction) {
		definitions["action"], definitions["probe"] = oneKind(kinds.Actions, otherTarget, withinOne, seenNext), oneKind(kinds.Probes, otherTarget)
	}
	objects := f.Objects()
	for _, o := range objects[1:] {
		definitions[key(o.Name)] = o.schema(kinds)
	}
	root := objects[0].schema(kinds)
	root["$schema"] = dialect
	root["title"] = "remediated: " + f.Root
	root["definitions"] = definitions
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(root)
	return b.Bytes(), err
}

// key is the name of an object among the definitions.
func key(name string) string { return strings.ReplaceAll(name, " ", "-") }

func (o *Object) schema(kinds Kinds) schema {
	properties, required := schema{}, []string{}
	for _, f := range slices.Concat(o.All(), o.OfKinds(kinds)) {
		s := f.Type.schema()
		s["description"] = o.description(f)
		if f.Required() {
			required = append(required, f.Name)
		}
		properties[f.Name] = s
	}
	s := schema{"type": "object", "description": unmarked(o.Doc), "properties": properties, "required": required, "additionalProperties": false}
	o.together(s)
	return s
}

// together adds which keys stand beside each other.
func (o *Object) together(s schema) {
	if choice := o.Choice(); choice != nil {
		s["oneOf"] = oneOf(choice)
	}
	beside := schema{}
	for _, f := range o.Fields {
		if of := o.SaidOf(f.Name); of != nil {
			beside[f.Name] = schema{"anyOf": oneOf(of)}
		}
		if needs := o.Needs(f.Name); needs != nil {
			beside[f.Name] = needs
		}
	}
	if len(beside) > 0 {
		s["dependencies"] = beside
	}
}

// oneOf are schemas of which each wants one of the keys.
func oneOf(keys []string) []schema {
	var out []schema
	for _, k := range keys {
		out = append(out, schema{"required": []string{k}})
	}
	return out
}

// description is what an editor shows of a key of the object.
func (o *Object) description(f Field) string {
	if of := o.SaidOf(f.Name); of != nil {
		return f.description() + " Beside: " + strings.Join(of, ", ") + "."
	}
	return f.description()
}

// description is what an editor shows of a key.
func (f Field) description() string {
	if f.Required() || f.Default == Choice {
		return unmarked(f.Doc)
	}
	return unmarked(f.Doc + " Default: " + f.Default + ".")
}

// unmarked takes the marks of Markdown out: editors show descriptions as they
// are.
func unmarked(s string) string { return strings.ReplaceAll(s, "`", "") }

// schema is what a type takes.
func (t Type) schema() schema {
	if t.Or == nil {
		return t.plain()
	}
	var any []schema
	for next := &t; next != nil; next = next.Or {
		any = append(any, next.plain())
	}
	return schema{"anyOf": any}
}

func (t Type) plain() schema {
	switch t.Form {
	case FormText:
		return t.text()
	case FormWord:
		return schema{"type": "string", "enum": t.Words}
	case FormTruth:
		return schema{"type": "boolean"}
	case FormCount:
		return schema{"type": "integer", "minimum": t.Low, "maximum": t.High}
	case FormNumber:
		return schema{"type": "number"}
	case FormShare:
		return schema{"type": "number", "exclusiveMinimum": 0, "maximum": 1}
	case FormDuration:
		return longer()
	case FormList:
		return t.list()
	case FormMap:
		return t.mapping()
	case FormSince:
		return sinceBeginning()
	case FormReply:
		return text("how it ends", `^\s*(`+strings.Join(t.Words, "|")+`)(\s+after\s+[0-9][0-9a-z]*)?\s*(:.*)?$`).schema()
	case FormScalar:
		return schema{"type": []string{"string", "number", "boolean", "null"}}
	case FormObject:
		return schema{"$ref": "#/definitions/" + key(t.Object)}
	case FormAction, FormProbe:
		return schema{"$ref": "#/definitions/" + string(t.Form)}
	}
	return schema{"type": "object"} // settings that are not ours
}

func (t Type) list() schema {
	s := schema{"type": "array", "items": t.Of.schema(), "minItems": 1}
	if t.Unique {
		s["uniqueItems"] = true
	}
	if t.Empty {
		delete(s, "minItems")
	}
	return s
}

func (t Type) mapping() schema {
	s := schema{"type": "object", "additionalProperties": t.Of.schema(), "minProperties": 1}
	if t.Pattern != "" {
		s["propertyNames"] = schema{"pattern": t.Pattern}
	}
	if t.Must != "" {
		s["required"] = []string{t.Must}
	}
	if t.Empty {
		delete(s, "minProperties")
	}
	return s
}

func (t Type) text() schema {
	s := schema{"type": "string"}
	if t.Integer {
		s["type"] = []string{"string", "integer"}
	}
	switch {
	case t.Pattern == "":
		return s
	case t.Empty:
		s["pattern"] = "^$|" + t.Pattern
	default:
		s["pattern"] = t.Pattern
	}
	s[patternMessage] = unmarked("Want: " + t.What + ".")
	return s
}

// Keywords by which the language servers say it in other words.
const (
	patternMessage = "patternErrorMessage"
	typeMessage    = "errorMessage"
)

// Durations as Prometheus reads them: each unit at most once, from long to
// short. One of their digits is not 0, since they are longer than nothing.
const (
	durationPattern = `^([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$`
	notZero         = `[1-9]`
)

func longer() schema {
	const message = "Want a duration, for example 30s, 5m, 1h30m or 7d."
	return schema{
		"type": "string", "pattern": durationPattern, patternMessage: message, typeMessage: message,
		"allOf": []schema{{"pattern": notZero, patternMessage: "Want a duration that is longer than nothing."}},
	}
}

// sinceBeginning is a duration, or nothing.
func sinceBeginning() schema {
	const message = "Want a time since the beginning of the test, for example 0s, 90s, 5m or 1h30m."
	return schema{
		"type": []string{"string", "integer"}, "pattern": `^0$|` + durationPattern, "minimum": 0, "maximum": 0, patternMessage: message, typeMessage: message,
		"allOf": []schema{{"pattern": `[0-9]`, patternMessage: message}},
	}
}

// What may stand beside the kind of an action, and the first of them beside that
// of a probe.
var (
	otherTarget = Field{"target", target, "the policy's target", "The object that it is about."}
	withinOne   = Field{"within", duration, "that of the step", "The deadline of this one act."}
	seenNext    = Field{"verify", object("verify"), "that it ended well", "What the next action of `do` counts on, and must be seen before it begins."}
)

// oneKind is one kind of action or probe with its arguments.
func oneKind(kinds []Kind, beside ...Field) schema {
	properties := schema{}
	var choice []schema
	for _, k := range kinds {
		properties[k.Name] = k.schema()
		choice = append(choice, schema{"required": []string{k.Name}})
	}
	for _, f := range beside {
		s := f.Type.schema()
		s["description"] = f.description()
		properties[f.Name] = s
	}
	return schema{"type": "object", "properties": properties, "additionalProperties": false, "oneOf": choice}
}

// schema is what the arguments of a kind are.
func (k Kind) schema() schema {
	properties, required := schema{}, []string{}
	for _, a := range k.Arguments {
		properties[a.Name] = schema{"type": a.Type}
		if a.Required {
			required = append(required, a.Name)
		}
	}
	arguments := schema{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
	doc := sentence(k.Doc) + "."
	if len(required) > 0 {
		arguments["description"] = doc
		return arguments
	}
	return schema{"description": doc, "anyOf": []schema{arguments, {"const": "$target"}}}
}
