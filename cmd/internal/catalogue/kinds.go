package catalogue

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/x0tta6bl4/remediated/policies/language"
	"github.com/x0tta6bl4/remediated/remediate/action"
	"github.com/x0tta6bl4/remediated/remediate/probe"
)

// Kinds describes all kinds that a policy may use.
func Kinds() language.Kinds {
	var out language.Kinds
	for _, k := range action.Kinds() {
		_, beside := k.Elsewhere(given(k.Name, k.Example))
		out.Actions = append(out.Actions, language.Kind{
			Name: k.Name, Doc: k.Doc, Example: k.Example, Arguments: arguments(k.Arguments), Targets: k.Targets,
			Rights: rights(append(k.Rules("", given(k.Name, k.Example)), beside...)),
		})
	}
	for _, k := range probe.Kinds() {
		if slices.Contains(notChecks, k.Name) {
			continue
		}
		out.Probes = append(out.Probes, language.Kind{
			Name: k.Name, Doc: k.Doc, Example: k.Example, Arguments: arguments(k.Arguments),
			Rights: rights(k.Rules("", given(k.Name, k.Example))),
		})
	}
	return out
}

// arguments are those of a kind, whose own type is not known here.
func arguments[A ~struct {
	Name     string
	Type     string
	Required bool
}](of []A) []language.Argument {
	var out []language.Argument
	for _, a := range of {
		out = append(out, language.Argument(a))
	}
	return out
}

// given are the arguments in an example, nothing for $target.
func given(kind, example string) json.RawMessage {
	var m map[string]json.RawMessage
	if yaml.Unmarshal([]byte(example), &m) != nil || len(m[kind]) == 0 || m[kind][0] != '{' {
		return nil
	}
	return m[kind]
}

// rights says in words what rules allow.
func rights(rules []rbacv1.PolicyRule) []string {
	var out []string
	for _, r := range action.MergeRules(rules...) {
		resources := r.NonResourceURLs
		for _, resource := range r.Resources {
			if group := r.APIGroups[0]; group != "" {
				resource += "." + group
			}
			resources = append(resources, resource)
		}
		out = append(out, fmt.Sprintf("%s %s", strings.Join(r.Verbs, ", "), strings.Join(resources, ", ")))
	}
	return out
}
