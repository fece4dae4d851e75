package action

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/x0tta6bl4/remediated/remediate/internal/args"
)

func applyWrites(target string, raw json.RawMessage) []Write {
	var a apply
	if args.Decode(raw, &a) != nil {
		return nil // no loaded policy says so
	}
	m, err := a.read()
	if err != nil {
		return nil
	}
	w := Write{
		Doc: "to set " + m.String() + " as a policy says, from what it says", Operation: "UPDATE", Group: m.group, Resource: m.resource,
		Named: "variables.name", Name: m.name,
	}
	if m.isMade() {
		w.Doc, w.Operation, w.Named = "to make the "+m.called()+" as a policy says", "CREATE", "object.metadata.name"
		w.As = every(
			byUs,
			only("object.metadata", "annotations", "creationTimestamp", "generation", "managedFields", "name", "namespace", "uid"),
			only("object"+annotations, appliedAnnotation),
			marked("object"+annotations, appliedAnnotation),
			"object.spec == "+literal(m.spec),
		)
	} else {
		w.As = every(m.nothingBeside(), m.holds("oldObject", a.From), m.holds("object", m.sets), marked("object"+annotations, appliedAnnotation))
	}
	return append(eventWrites("apply", kindsOf(target)...), w)
}

func unapplyWrites(target string, raw json.RawMessage) []Write {
	var a apply
	if args.Decode(raw, &a) != nil {
		return nil
	}
	m, err := a.read()
	if err != nil {
		return nil
	}
	was := marked("oldObject"+annotations, appliedAnnotation)
	w := Write{
		Doc: "to set " + m.String() + " back to what a policy says it was", Operation: "UPDATE", Group: m.group, Resource: m.resource,
		Named: "variables.name", Name: m.name,
	}
	if m.isMade() {
		w.Doc, w.Operation = "to delete the "+m.called()+" that it made, that very one", "DELETE"
		w.As = every(
			was,
			"oldObject.spec == "+literal(m.spec),
			`has(request.options.preconditions) && has(request.options.preconditions.uid)`,
			only("request.options", "apiVersion", "kind", "preconditions", "dryRun"),
		)
	} else {
		w.As = every(m.nothingBeside(), was,
			fmt.Sprintf("(%s || %s)", m.holds("oldObject", m.sets), m.holds("oldObject", a.From)), // or somebody has put it back already
			m.holds("object", a.From),
			fmt.Sprintf("(!has(object%[1]s) || !(%[2]q in object%[1]s))", annotations, appliedAnnotation),
		)
	}
	return append(eventWrites("unapply", kindsOf(target)...), w)
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
