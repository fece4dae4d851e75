package action

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

func applyWrites(target string, raw json.RawMessage) []Write {
	m, err := manifestOf(raw)
	if err != nil {
		return nil // no loaded policy says so
	}
	w := m.write("UPDATE", "to set "+m.String()+" as a policy says, from what it says", every(
		m.nothingBeside(),
		m.holds("oldObject", m.from),
		m.holds("object", m.sets),
		marked("object"+annotations, appliedAnnotation),
	))
	if m.isMade() {
		w = m.write("CREATE", "to make the "+m.called()+" as a policy says", every(
			byUs,
			only("object.metadata", "annotations", "creationTimestamp", "generation", "managedFields", "name", "namespace", "uid"),
			only("object"+annotations, appliedAnnotation),
			marked("object"+annotations, appliedAnnotation),
			"object.spec == "+literal(m.spec),
		))
		w.Named = "object.metadata.name"
	}
	return append(eventWrites("apply", kindsOf(target)...), w)
}

func unapplyWrites(target string, raw json.RawMessage) []Write {
	m, err := manifestOf(raw)
	if err != nil {
		return nil
	}
	was, before := marked("oldObject"+annotations, appliedAnnotation), m.holds("oldObject", m.sets)
	if m.isWhole() { // somebody may have put it back already, and our mark is left
		before = fmt.Sprintf("(%s || %s)", before, m.holds("oldObject", m.from))
	}
	w := m.write("UPDATE", "to set "+m.String()+" back to what a policy says it was", every(
		m.nothingBeside(),
		was,
		before,
		m.holds("object", m.from),
		fmt.Sprintf("(!has(object%[1]s) || !(%[2]q in object%[1]s))", annotations, appliedAnnotation),
	))
	if m.isMade() {
		w = m.write("DELETE", "to delete the "+m.called()+" that it made, that very one", every(
			was,
			"oldObject.spec == "+literal(m.spec),
			`has(request.options.preconditions) && has(request.options.preconditions.uid)`,
			only("request.options", "apiVersion", "kind", "preconditions", "dryRun"),
		))
	}
	return append(eventWrites("unapply", kindsOf(target)...), w)
}

// write is a write to the one object.
func (m *manifest) write(operation, doc, as string) Write {
	return Write{Doc: doc, Operation: operation, Group: m.group, Resource: m.resource, Named: "variables.name", Name: m.name, As: as}
}

// nothingBeside holds when we change what the manifest is about and our mark, and
// nothing else.
func (m *manifest) nothingBeside() string {
	parts := []string{
		byUs,
		unchanged(".metadata", "annotations", "generation", "managedFields", "resourceVersion"),
		othersKept(annotations, appliedAnnotation),
	}
	if m.isWhole() {
		return every(append(parts, unchanged(".spec", m.part))...)
	}
	return every(append(parts, unchanged("", "metadata", m.part), othersKept("."+m.part, slices.Sorted(maps.Keys(m.sets))...))...)
}

// holds is true when of an object, which is object or oldObject, what the manifest
// is about is as these texts say.
func (m *manifest) holds(object string, texts map[string]string) string {
	if m.isWhole() {
		return fmt.Sprintf("%s.spec.%s == %s", object, m.part, textsLiteral(texts))
	}
	path := object + "." + m.part
	var out []string
	for _, key := range slices.Sorted(maps.Keys(m.sets)) {
		if value, there := texts[key]; there {
			out = append(out, keyed(path, key, strconv.Quote(value)))
		} else {
			out = append(out, fmt.Sprintf("!(has(%[1]s) && %[2]q in %[1]s)", path, key))
		}
	}
	return strings.Join(out, " && ")
}

// textsLiteral is a map of texts in CEL.
func textsLiteral(texts map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(texts)) {
		out = append(out, strconv.Quote(k)+": "+strconv.Quote(texts[k]))
	}
	return "{" + strings.Join(out, ", ") + "}"
}

// literal is a value, as JSON knows it, in CEL. The API server has its maps and
// lists be of one type only, and so what is in them is of any.
func literal(value any) string {
	var out []string
	switch v := value.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out = append(out, strconv.Quote(k)+": dyn("+literal(v[k])+")")
		}
		return "{" + strings.Join(out, ", ") + "}"
	case []any:
		for _, item := range v {
			out = append(out, "dyn("+literal(item)+")")
		}
		return "[" + strings.Join(out, ", ") + "]"
	case string:
		return strconv.Quote(v)
	case float64: // what is whole in what can be made
		return strconv.FormatInt(int64(v), 10)
	}
	return fmt.Sprint(value) // true or false
}
