package action

import (
	"encoding/json"
	"fmt"
	"strconv"
)

func scaleWrites(target string, raw json.RawMessage) []Write {
	what, err := parse[scale](raw)
	if err != nil {
		return nil // no loaded policy says so
	}
	doc, as := "to set back the replicas that it changed", restores()
	if a := what.(*scale); !a.Restore {
		doc, as = fmt.Sprintf("to scale it to %d replicas and note how many there were", *a.Replicas), scales(*a.Replicas)
	}
	out := eventWrites("scale", scalable(target)...)
	for _, k := range scalable(target) {
		out = append(out, Write{
			Doc: doc, Operation: "UPDATE", Group: "apps", Resource: k + "s",
			Named: "variables.name",
			As:    every(nothingButReplicas(), as),
		})
	}
	return out
}

// nothingButReplicas holds when we change the replicas and our annotations, and
// nothing else.
func nothingButReplicas() string {
	return every(
		byUs,
		unchanged(".metadata", "generation", "managedFields", "resourceVersion", "annotations"),
		unchanged(".spec", "replicas"),
		othersKept(annotations, scaledFrom, scaledTo, scaledBy),
	)
}

// scales holds when it is scaled to n and what was before is noted.
func scales(n int32) string {
	return every(
		fmt.Sprintf("object.spec.replicas == %d && oldObject.spec.replicas != %[1]d", n),
		keyed("object"+annotations, scaledTo, strconv.Quote(number(n))),
		marked("object"+annotations, scaledBy),
		fmt.Sprintf("%q in object%s", scaledFrom, annotations),
		// what was, or what was before ours, which stands
		fmt.Sprintf(`(object%[1]s[%[2]q] == string(oldObject.spec.replicas) ||
  has(oldObject%[1]s) && %[2]q in oldObject%[1]s && %[3]q in oldObject%[1]s &&
  object%[1]s[%[2]q] == oldObject%[1]s[%[2]q] && oldObject%[1]s[%[3]q] == string(oldObject.spec.replicas))`, annotations, scaledFrom, scaledTo),
	)
}

// restores holds when the replicas become what our annotation says, and our
// annotations go.
func restores() string {
	return every(
		fmt.Sprintf("has(oldObject%[1]s) && %[2]q in oldObject%[1]s && %[3]q in oldObject%[1]s", annotations, scaledFrom, scaledTo),
		fmt.Sprintf("object.spec.replicas >= 1 && string(object.spec.replicas) == oldObject%s[%q]", annotations, scaledFrom),
		fmt.Sprintf("string(oldObject.spec.replicas) == oldObject%s[%q]", annotations, scaledTo),
		fmt.Sprintf("(!has(object%[1]s) || !object%[1]s.exists(k, k in %[2]s))", annotations, list([]string{scaledFrom, scaledTo, scaledBy})),
	)
}
