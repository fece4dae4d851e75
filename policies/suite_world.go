package policies

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/x0tta6bl4/remediated/remediate"
)

// world reads how the world answers, by what is asked or done.
func (r *suiteReader) world(v value) World {
	w := World{Kinds: map[string]Reply{}, Tells: map[string]Reply{}, Queries: map[string]Measured{}, Workload: map[string]string{}, Cluster: map[string]string{}}
	fs := fields{
		"workload": func(v value) { v.workload(w.Workload) },
		"cluster":  func(v value) { v.cluster(w.Cluster) },
		"queries":  func(v value) { v.each(func(k, v value) { w.Queries[k.node.Value] = v.measured() }) },
		"tells": func(v value) {
			v.each(func(k, v value) { w.Tells[k.node.Value] = v.reply(remediate.OK, remediate.Failed, Silent) })
		},
	}
	for _, kind := range r.catalogue.Actions {
		fs[kind] = func(v value) {
			w.Kinds[kind] = v.reply(remediate.OK, remediate.Failed, remediate.Refused, remediate.Unknown, Silent)
		}
	}
	for _, kind := range r.catalogue.Probes {
		fs[kind] = func(v value) { w.Kinds[kind] = v.reply(remediate.OK, remediate.Failed, remediate.Unknown) }
	}
	v.object("the world", fs)
	return w
}

// each reads a mapping whose keys are texts of the user's own.
func (v value) each(read func(key, child value)) {
	if v.node.Kind != yaml.MappingNode {
		v.fail("want a mapping, not "+v.shape(), "")
		return
	}
	for i := range len(v.node.Content) / 2 {
		read(v.pair(i))
	}
}

// replyForm is how a reply is written.
var replyForm = regexp.MustCompile(`^\s*(\w+)(?:\s+after\s+(\S+?))?\s*(?::\s*(.*?))?\s*$`)

// reply reads "failed after 3s: connection refused", of the outcomes that there
// can be here.
func (v value) reply(outcomes ...string) Reply {
	const example = "write for example ok, failed, ok after 3s, or 'failed after 1m: connection refused'"
	s, ok := v.text("how it answers")
	m := replyForm.FindStringSubmatch(s)
	switch {
	case !ok:
		return Reply{Outcome: remediate.OK}
	case m == nil:
		v.fail(fmt.Sprintf("%q is not how it can end", s), example)
		return Reply{}
	case !slices.Contains(outcomes, m[1]):
		v.fail(fmt.Sprintf("%q is not how it can end", m[1]), suggest(m[1], outcomes))
	}
	out := Reply{Outcome: m[1], Why: m[3]}
	if m[2] != "" {
		d, err := model.ParseDuration(m[2])
		if err != nil {
			v.fail(fmt.Sprintf("%q is not a duration", m[2]), example)
		}
		out.After = time.Duration(d)
	}
	return out
}

// measured reads a number, {ago: 1h}, or unknown.
func (v value) measured() Measured {
	var m Measured
	switch {
	case v.node.Kind == yaml.MappingNode:
		v.object("a time", fields{"ago": func(v value) { m = Measured{Known: true, IsAgo: true, Ago: v.offset()} }}, "ago")
	case v.node.Value == remediate.Unknown:
	default:
		m.Value, m.Known = v.number()
	}
	return m
}

var targetStates = []string{TargetThere, TargetGone, TargetUnknown, TargetChanged, TargetRestarted, TargetRecreated}

// workload reads what is seen of the target: a word, or its numbers.
func (v value) workload(into map[string]string) {
	is := func(v value) { into["is"], _ = v.word("what became of a target", targetStates...) }
	if v.node.Kind == yaml.ScalarNode {
		is(v)
		return
	}
	text := func(name string) func(value) {
		return func(v value) { into[name], _ = v.text("a text") }
	}
	number := func(name string) func(value) {
		return func(v value) { into[name] = fmt.Sprint(v.count(0, 1_000_000)) }
	}
	mode := func(name string) func(value) { return func(v value) { into[name] = string(v.mode()) } }
	v.object("the workload", fields{
		"is": is, "refused": text(remediate.ValueRefused), "changed_by": text(remediate.ValueChangedBy),
		"replicas": number(remediate.ValueReplicas), "available": number(remediate.ValueAvailable), "headroom": number(remediate.ValueHeadroom),
		"mode": mode(remediate.ValueMode), "namespace_mode": mode(remediate.ValueNamespaceMode),
	})
}

// cluster reads what is seen of the cluster.
func (v value) cluster(into map[string]string) {
	if v.node.Kind == yaml.ScalarNode {
		into["is"], _ = v.word("how the cluster is", remediate.Unknown, "well")
		return
	}
	number := func(name string) func(value) {
		return func(v value) { into[name] = fmt.Sprint(v.count(0, 1_000_000)) }
	}
	v.object("the cluster", fields{
		"nodes": number(remediate.ValueNodes), "ready": number(remediate.ValueNodesReady),
		"control_plane": func(v value) { into[remediate.ValueControlPlane], _ = v.text("how the control plane is") },
	})
}
