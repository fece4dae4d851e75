// Package catalogue lists what can be done and asked, for those who read
// policies: the daemon and the command line hold them to the same list.
package catalogue

import (
	"encoding/json"
	"slices"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/remediate/action"
	"github.com/x0tta6bl4/remediated/remediate/probe"
)

// asked by the decider itself, and of no use in a verification.
var notChecks = []string{"alert", "alerts", "workload", "cluster", "evidence"}

// New returns the catalogue of all kinds.
func New() policies.Catalogue {
	c := policies.Catalogue{
		Action:   action.Validate,
		Probe:    probe.Validate,
		Queries:  probe.Queries,
		Judge:    probe.Judge,
		Stops:    action.Stops,
		Names:    action.Names,
		Silences: action.Silences,
	}
	targets, destructive := map[string][]string{}, map[string]bool{}
	for _, k := range action.Kinds() {
		c.Actions = append(c.Actions, k.Name)
		targets[k.Name], destructive[k.Name] = k.Targets, k.Destructive
	}
	c.Targets = func(kind string) []string { return targets[kind] }
	c.Destructive = func(kind string) bool { return destructive[kind] }
	c.Elsewhere = func(kind string, args json.RawMessage) string {
		namespace, _ := elsewhere(kind, args)
		return namespace
	}
	for _, k := range probe.Kinds() {
		if !slices.Contains(notChecks, k.Name) {
			c.Probes = append(c.Probes, k.Name)
		}
	}
	return c
}

// Check looks at what a configuration names beside policies, as the daemon does
// at its start: the templates of notices.
func Check(file string, loaded *policies.Loaded) []policies.Problem {
	if loaded == nil {
		return nil
	}
	if _, err := notify.ParseTemplates(loaded.Config.Templates...); err != nil {
		return []policies.Problem{{File: file, Severity: policies.Error, Message: "notify.templates: " + err.Error()}}
	}
	return nil
}
