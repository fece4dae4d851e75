package action

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/args"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

// Kind describes one kind of act for the catalogue.
type Kind struct {
	Name    string
	Doc     string   // one line
	Example string   // YAML, as it stands in a policy
	Targets []string // the kinds of target that it can be done to, once an owner was found
	// Destructive says that it ends something whose traces end with it, such as
	// a process: what there is to be seen must be kept before.
	Destructive bool
	// Rules returns the permissions that it needs with these arguments for
	// targets of a kind, "" for any.
	Rules func(target string, args json.RawMessage) []rbacv1.PolicyRule
	// Elsewhere returns in which namespace it does something with these
	// arguments, beside what it does to its target, and the permissions that it
	// needs there; "" for none.
	Elsewhere func(args json.RawMessage) (namespace string, rules []rbacv1.PolicyRule)
	// Writes returns all requests that it may send with these arguments to
	// change something, for targets of a kind, "" for any.
	Writes    func(target string, args json.RawMessage) []Write
	Arguments []args.Argument
}

// kind is one kind of act.
type kind struct {
	doc         string
	example     string
	targets     []string
	destructive bool
	rules       func(target string, args json.RawMessage) []rbacv1.PolicyRule
	writes      func(target string, args json.RawMessage) []Write
	elsewhere   func(args json.RawMessage) (namespace string, rules []rbacv1.PolicyRule)
	parse       func(json.RawMessage) (act, error)
}

// act is an act's arguments, which know how to carry it out.
type act interface {
	validate() error
	perform(context.Context, *attempt) remediate.Result
}

// stopping is an act that may leave nothing running.
type stopping interface {
	act
	stops() bool
}

// naming is an act that changes what a DNS name leads to.
type naming interface {
	act
	changes() (server, name string)
}

// silencing is an act that silences alerts for people.
type silencing interface {
	act
	silences() (matchers []string)
}

var kinds = map[string]kind{
	"apply":          {applyDoc, applyExample, everyKind, false, applyRules, applyWrites, nowhere, parse[apply]},
	"cordon":         {cordonDoc, cordonExample, []string{kube.Node}, false, nodeRules, cordonWrites, nowhere, parse[cordon]},
	"delete_pod":     {deletePodDoc, deletePodExample, []string{kube.Pod}, true, deletePodRules, deletePodWrites, nowhere, parse[deletePod]},
	"dns_update":     {dnsDoc, dnsExample, everyKind, false, dnsRules, dnsWrites, nowhere, parse[dnsRecords]},
	"drain":          {drainDoc, drainExample, []string{kube.Node}, true, drainRules, drainWrites, nowhere, parse[drain]},
	"evict_pod":      {evictPodDoc, evictPodExample, []string{kube.Pod}, true, evictPodRules, evictPodWrites, nowhere, parse[evictPod]},
	"http_call":      {httpCallDoc, httpCallExample, everyKind, true, httpCallRules, httpCallWrites, nowhere, parse[httpCall]},
	"isolate":        {isolateDoc, isolateExample, everyKind, false, isolateRules, isolateWrites, nowhere, parse[isolate]},
	"job":            {jobDoc, jobExample, everyKind, true, jobRules, jobWrites, jobElsewhere, parse[job]},
	"lift_isolation": {liftIsolationDoc, liftIsolationExample, everyKind, false, liftIsolationRules, liftIsolationWrites, nowhere, parse[liftIsolation]},
	"pause":          {pauseDoc, pauseExample, []string{kube.Deployment}, false, pauseRules, pauseWrites, nowhere, parse[pause]},
	"restart":        {restartDoc, restartExample, []string{kube.Deployment, kube.StatefulSet, kube.DaemonSet}, true, restartRules, restartWrites, nowhere, parse[restart]},
	"resume":         {resumeDoc, resumeExample, []string{kube.Deployment}, false, pauseRules, resumeWrites, nowhere, parse[resume]},
	"rollback":       {rollbackDoc, rollbackExample, []string{kube.Deployment}, true, rollbackRules, rollbackWrites, nowhere, parse[rollback]},
	"scale":          {scaleDoc, scaleExample, []string{kube.Deployment, kube.StatefulSet}, true, scaleRules, scaleWrites, nowhere, parse[scale]},
	"silence":        {silenceDoc, silenceExample, everyKind, false, silenceRules, silenceWrites, nowhere, parse[silence]},
	"unapply":        {unapplyDoc, unapplyExample, everyKind, false, unapplyRules, unapplyWrites, nowhere, parse[unapply]},
	"uncordon":       {uncordonDoc, uncordonExample, []string{kube.Node}, false, nodeRules, uncordonWrites, nowhere, parse[uncordon]},
	"unsilence":      {unsilenceDoc, unsilenceExample, everyKind, false, silenceRules, unsilenceWrites, nowhere, parse[unsilence]},
}

// everyKind are all kinds of targets, for acts that do not touch them.
var everyKind = []string{kube.Deployment, kube.StatefulSet, kube.DaemonSet, kube.Pod}

// nowhere is elsewhere for what is done to the target alone.
func nowhere(json.RawMessage) (string, []rbacv1.PolicyRule) { return "", nil }

// Kinds returns every kind that a policy may use, by name.
func Kinds() []Kind {
	var out []Kind
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		k := kinds[name]
		none, _ := k.parse(nil) // that some are missing is no matter here
		out = append(out, Kind{name, k.doc, k.example, slices.Clone(k.targets), k.destructive, k.rules, k.elsewhere, k.writes, args.Of(none)})
	}
	return out
}

// Validate says why an act of this kind cannot be carried out with these
// arguments, nil when it can.
func Validate(kind string, args json.RawMessage) error {
	k, ok := kinds[kind]
	if !ok {
		return fmt.Errorf("there is no action %q; there is %s", kind, strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
	}
	_, err := k.parse(args)
	return err
}

// Stops tells whether an act of this kind with these arguments leaves nothing
// running.
func Stops(kind string, args json.RawMessage) bool {
	k, ok := kinds[kind]
	if !ok {
		return false
	}
	what, err := k.parse(args)
	s, may := what.(stopping)
	return err == nil && may && s.stops()
}

// Names returns the name server, and which name's records an act of this kind
// with these arguments changes there, "" for none.
func Names(kind string, args json.RawMessage) (server, name string) {
	k, ok := kinds[kind]
	if !ok {
		return "", ""
	}
	what, err := k.parse(args)
	if n, may := what.(naming); err == nil && may {
		return n.changes()
	}
	return "", ""
}

// Silences returns the matchers of the alerts that an act of this kind with these
// arguments silences, none when it silences nothing.
func Silences(kind string, args json.RawMessage) (matchers []string) {
	k, ok := kinds[kind]
	if !ok {
		return nil
	}
	what, err := k.parse(args)
	if s, may := what.(silencing); err == nil && may {
		return s.silences()
	}
	return nil
}

// MergeRules returns the smallest set of rules that allows what all of the
// given ones allow together and nothing else, in a fixed order. It takes the
// rules of acts and of probes.
func MergeRules(rules ...rbacv1.PolicyRule) []rbacv1.PolicyRule { return kube.MergeRules(rules...) }

func parse[A any, P interface {
	*A
	act
}](raw json.RawMessage) (act, error) {
	a := P(new(A))
	if err := args.Decode(raw, a); err != nil {
		return nil, err
	}
	return a, a.validate()
}
