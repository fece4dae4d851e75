package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Changed is what one act of a plan would change of an object, as far as that is known
// from what was asked before the plan was made and from what the policy says.
type Changed struct {
	Act    string           `json:"act"` // restart
	Target remediate.Target `json:"target"`
	Fields []FieldChange    `json:"fields"` // none: it changes no field of an object
}

// FieldChange is one field before and after.
type FieldChange struct {
	Name   string `json:"name"`             // spec.replicas
	Before string `json:"before,omitempty"` // absent: it is not set
	After  string `json:"after,omitempty"`  // absent: it is set no more
}

// notKnown is what was before where nobody was asked, or nobody answered.
const notKnown = "(not known)"

// maxField is how much is shown of a value, in characters.
const maxField = 2000

// planView is what may be said of a plan that waits: each act of it against what was seen of
// its target.
type planView struct {
	wire    string // of the incident: q4m2x7kd-i42
	attempt int    // which one it would be
	seen    map[string]remediate.Answer
}

// planViewOf takes up what was answered to the guards, by object.
func planViewOf(guards string, attempts int, answers []remediate.Answer) planView {
	p := planView{wire: guards, attempt: attempts + 1, seen: map[string]remediate.Answer{}}
	if k := strings.LastIndexByte(guards, '-'); k >= 0 {
		p.wire = guards[:k]
	}
	for _, a := range answers {
		if t := a.Values[remediate.ValueTarget]; a.Kind == "workload" && a.Err == "" && t != "" {
			p.seen[t] = a
		}
	}
	return p
}

// changes are those of each act, in the plan's order.
func (p planView) changes(plan remediate.Plan) []Changed {
	all := []Changed{}
	for _, a := range plan.Acts {
		c := Changed{Act: a.Kind, Target: a.Target, Fields: []FieldChange{}}
		for _, f := range p.fields(a) {
			c.Fields = append(c.Fields, FieldChange{f.Name, cut(f.Before), cut(f.After)})
		}
		all = append(all, c)
	}
	return all
}

// fields are what an act changes of an object. Acts that are not here change none: they
// run something, or end it.
func (p planView) fields(a remediate.Act) []FieldChange {
	switch a.Kind {
	case "restart":
		before := notKnown
		if s, seen := p.seen[a.Target.String()]; seen {
			before = s.Values[remediate.ValueAttempt]
		}
		return []FieldChange{{"spec.template.metadata.annotations[remediated/attempt]", before, fmt.Sprintf("%s-a%d", p.wire, p.attempt)}}
	case "rollback":
		before, after, ok := strings.Cut(strings.TrimPrefix(a.Change, "from "), " to ")
		if !ok {
			return nil
		}
		return []FieldChange{{"spec.template", before, after}}
	case "scale":
		return p.scaled(a)
	case "cordon", "drain":
		return []FieldChange{{"spec.unschedulable", "", "true"}}
	case "uncordon":
		return []FieldChange{{"spec.unschedulable", "true", ""}}
	case "pause":
		return []FieldChange{{"spec.paused", "", "true"}}
	case "resume":
		return []FieldChange{{"spec.paused", "true", ""}}
	case "dns_update":
		return named(a)
	case "apply":
		return applied(a)
	}
	return nil
}

func (p planView) scaled(a remediate.Act) []FieldChange {
	var args struct {
		Replicas *int `json:"replicas"`
		Restore  bool `json:"restore"`
	}
	f := FieldChange{"spec.replicas", notKnown, notKnown}
	if s, seen := p.seen[a.Target.String()]; seen {
		f.Before = s.Values[remediate.ValueReplicas]
	}
	if err := json.Unmarshal(a.Args, &args); err == nil && args.Replicas != nil {
		f.After = fmt.Sprint(*args.Replicas)
	} else if args.Restore {
		f.After = "as many as before it was scaled"
	}
	return []FieldChange{f}
}

// named are the records that a name gets in place of those that must be there.
func named(a remediate.Act) []FieldChange {
	var args struct {
		Name string   `json:"name"`
		Type string   `json:"type"`
		From []string `json:"from"`
		To   []string `json:"to"`
	}
	if json.Unmarshal(a.Args, &args) != nil || len(args.To) == 0 {
		return nil
	}
	return []FieldChange{{strings.TrimSpace(args.Name + " " + args.Type), strings.Join(args.From, ", "), strings.Join(args.To, ", ")}}
}

// applied are the values of a manifest against those that must be there before.
func applied(a remediate.Act) []FieldChange {
	var args struct {
		Manifest map[string]any    `json:"manifest"`
		From     map[string]string `json:"from"`
	}
	if json.Unmarshal(a.Args, &args) != nil {
		return nil
	}
	after, before := map[string]string{}, map[string]string{}
	for name, part := range args.Manifest {
		if name != "apiVersion" && name != "kind" && name != "metadata" {
			flatten(name, part, after)
		}
	}
	under := "data."
	if args.Manifest["kind"] == "Service" {
		under = "spec.selector."
	}
	for key, value := range args.From {
		before[under+key] = value
	}
	names := slices.Sorted(maps.Keys(after))
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, both := after[name]; !both {
			names = append(names, name)
		}
	}
	meta, _ := args.Manifest["metadata"].(map[string]any)
	object := fmt.Sprintf("%v/%v ", args.Manifest["kind"], meta["name"])
	var fs []FieldChange
	for _, name := range names {
		if before[name] != after[name] {
			fs = append(fs, FieldChange{object + name, before[name], after[name]})
		}
	}
	return fs
}

// flatten puts each value that is no object under the names that lead to it.
func flatten(name string, v any, to map[string]string) {
	if fields, ok := v.(map[string]any); ok && len(fields) > 0 {
		for key, value := range fields {
			flatten(name+"."+key, value, to)
		}
		return
	}
	if text, ok := v.(string); ok {
		to[name] = text
		return
	}
	b, _ := json.Marshal(v) // it was read just now
	to[name] = string(b)
}

// reach says of each object that the plan touches how much is at stake: how many of it
// there are, whether they are replaced, and how many may be missed.
func (p planView) reach(plan remediate.Plan) []string {
	all := []string{}
	for k, a := range plan.Acts {
		if slices.ContainsFunc(plan.Acts[:k], func(b remediate.Act) bool { return b.Target == a.Target }) {
			continue
		}
		replaced := slices.ContainsFunc(plan.Acts, func(b remediate.Act) bool {
			return b.Target == a.Target && (b.Kind == "restart" || b.Kind == "rollback")
		})
		if parts := p.atStake(a.Target, replaced); len(parts) > 0 {
			all = append(all, a.Target.String()+": "+strings.Join(parts, ", "))
		}
	}
	return all
}

func (p planView) atStake(t remediate.Target, replaced bool) (parts []string) {
	s := p.seen[t.String()]
	if wanted := s.Values[remediate.ValueReplicas]; wanted != "" {
		parts = append(parts, fmt.Sprintf("%s of %s available", s.Values[remediate.ValueAvailable], wanted))
		if replaced {
			parts = append(parts, "all of them are replaced")
		}
	}
	if room := s.Values[remediate.ValueHeadroom]; room != "" {
		parts = append(parts, fmt.Sprintf("disruption budget %s lets %s go now", s.Values[remediate.ValueBudget], room))
	}
	return parts
}

// fieldsOf are those of the act in this place, none where nothing is known of it.
func fieldsOf(changes []Changed, place int) []FieldChange {
	if place >= len(changes) {
		return nil
	}
	return changes[place].Fields
}

func cut(text string) string {
	if r := []rune(text); len(r) > maxField {
		return string(r[:maxField]) + "…"
	}
	return text
}
