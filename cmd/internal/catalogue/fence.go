package catalogue

import (
	"cmp"
	"encoding/json"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/action"
)

// fenceName is the name of the policy and of its binding.
const fenceName = "remediated"

// WriteFence writes a ValidatingAdmissionPolicy and its binding as YAML. They
// let the daemon's ServiceAccount send what the acts of the rulebook's policies
// send in its cluster, to what these name, and no other write, whatever roles it
// may have. A permission cannot say as much: who may patch a Deployment may run
// anything in its place. With a Lease there is a second policy, which lets only
// the pod write that holds it, and the Lease.
func WriteFence(w io.Writer, book *remediate.Rulebook, d Daemon) error {
	ps := passesOf(book, cmp.Or(d.Cluster, book.Cluster))
	if d.Lease == "" {
		return writeObjects(w, fence(ps, d), bindingOf(fenceName))
	}
	ps[action.LeaseWrite()] = map[place]bool{{d.Namespace, d.Lease}: true}
	return writeObjects(w, fence(ps, d), bindingOf(fenceName), lease(d), leaseFence(d), leaseBinding(d))
}

// place is what a target may be: its namespace and name as templates, "" for
// any.
type place struct{ namespace, name string }

// passes are the writes that a fence lets pass, and where.
type passes map[action.Write]map[place]bool

// passesOf collects what the acts of all policies send to a cluster.
func passesOf(book *remediate.Rulebook, cluster string) passes {
	out := passes{}
	for _, p := range book.Policies {
		own, err := remediate.ParseTarget(book.Cluster, p.Target)
		if err != nil {
			continue
		}
		for _, d := range actsOf(p) {
			t := targetOf(own, d.Target)
			if t.Cluster != cluster {
				continue
			}
			for _, w := range writing(d.Kind, kindOf(t), d.Args) {
				if out[w] == nil {
					out[w] = map[place]bool{}
				}
				out[w][placeOf(t)] = true
			}
		}
	}
	return out
}

// placeOf returns what a target may be. An owner is named by its pod: what it is
// called itself is not known.
func placeOf(t remediate.Target) place {
	if t.Kind == "owner" {
		return place{t.Namespace, ""}
	}
	return place{t.Namespace, t.Name}
}

// writing returns what an act sends.
func writing(kind, target string, args json.RawMessage) []action.Write {
	for _, k := range action.Kinds() {
		if k.Name == kind {
			return k.Writes(target, args)
		}
	}
	return nil
}

func fence(ps passes, d Daemon) admissionv1.ValidatingAdmissionPolicy {
	p := policyOfWrites(fenceName, d)
	p.Spec.Variables, p.Spec.Validations = fenceVariables, validations(ps)
	return p
}

// policyOfWrites is a policy that sees every write of the daemon, and says nothing
// yet.
func policyOfWrites(name string, d Daemon) admissionv1.ValidatingAdmissionPolicy {
	user := "system:serviceaccount:" + d.Namespace + ":" + d.Account
	return admissionv1.ValidatingAdmissionPolicy{
		TypeMeta:   admissionMeta("ValidatingAdmissionPolicy"),
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			FailurePolicy:    new(admissionv1.Fail),
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: writesTo("*", "*/*")},
			MatchConditions: []admissionv1.MatchCondition{{
				Name:       "only-the-daemon",
				Expression: "has(request.userInfo.username) && request.userInfo.username == " + strconv.Quote(user),
			}},
		},
	}
}

// writesTo are all writes to the resources of a group.
func writesTo(group, resources string) []admissionv1.NamedRuleWithOperations {
	all := admissionv1.AllScopes
	return []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
		Operations: []admissionv1.OperationType{admissionv1.OperationAll},
		Rule:       admissionv1.Rule{APIGroups: []string{group}, APIVersions: []string{"*"}, Resources: []string{resources}, Scope: &all},
	}}}
}

// fenceVariables are what expressions may count on: in a request, what is empty
// is absent.
var fenceVariables = []admissionv1.Variable{
	{Name: "where", Expression: `has(request.namespace) ? request.namespace : ""`},
	{Name: "name", Expression: `has(request.name) ? request.name : ""`},
	{Name: "what", Expression: `request.operation + " " + request.resource.resource +
(request.resource.group == "" ? "" : "." + request.resource.group) +
(has(request.subResource) && request.subResource != "" ? "/" + request.subResource : "")`},
}

// whatOf is what the variable what is for a write: UPDATE deployments.apps/scale.
func whatOf(w action.Write) string {
	resource, sub, isSub := strings.Cut(w.Resource, "/")
	if w.Group != "" {
		resource += "." + w.Group
	}
	if isSub {
		resource += "/" + sub
	}
	return w.Operation + " " + resource
}

// validations are one that knows all sorts of writes, and one for each sort. In
// CEL, what fails or is true is true: so what fails here stands beside what must
// be true as well, or says that it is another sort.
func validations(ps passes) []admissionv1.Validation {
	sorts := map[string][]action.Write{}
	for w := range ps {
		sorts[whatOf(w)] = append(sorts[whatOf(w)], w)
	}
	names := slices.Sorted(maps.Keys(sorts))
	known := make([]string, len(names))
	for i, n := range names {
		known[i] = strconv.Quote(n)
	}
	out := []admissionv1.Validation{{
		Expression:        "variables.what in [" + strings.Join(known, ", ") + "]",
		Message:           "fence of remediated: no loaded policy sends this",
		MessageExpression: `"fence of remediated: no loaded policy sends " + variables.what`,
		Reason:            new(metav1.StatusReasonForbidden),
	}}
	for i, n := range names {
		out = append(out, admissionv1.Validation{
			Expression: "variables.what != " + known[i] + " || " + anyOf(ps, sorts[n]),
			Message:    "fence of remediated: " + n + " is for what the loaded policies name, and only " + docs(sorts[n]),
			Reason:     new(metav1.StatusReasonForbidden),
		})
	}
	return out
}

// anyOf holds when the request is one of these writes.
func anyOf(ps passes, writes []action.Write) string {
	var out []string
	for _, w := range writes {
		out = append(out, "(\n"+somewhere(w, ps[w])+" &&\n"+w.As+"\n)")
	}
	slices.Sort(out)
	return strings.Join(out, " || ")
}

// docs says what writes are for.
func docs(writes []action.Write) string {
	var out []string
	for _, w := range writes {
		out = append(out, w.Doc)
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ", or ")
}

// somewhere holds when a write is to something that one of the places names. One
// that says itself where it is goes by the names alone, or by nothing more.
func somewhere(w action.Write, places map[place]bool) string {
	if w.Named == "" {
		return cmp.Or(w.Where, "false")
	}
	names := map[string][]string{} // by namespace
	for p := range places {
		if name := cmp.Or(w.Name, p.name); !slices.Contains(names[p.namespace], name) {
			names[p.namespace] = append(names[p.namespace], name)
		}
	}
	var out []string
	for _, namespace := range slices.Sorted(maps.Keys(names)) {
		var named []string
		for _, n := range slices.Sorted(slices.Values(names[namespace])) {
			if n == "" && w.Prefix != "" {
				named = append(named, w.Named+".startsWith("+strconv.Quote(w.Prefix)+")")
				continue
			}
			named = append(named, fits(w.Named, w.Prefix+n, w.Suffix))
		}
		out = append(out, cmp.Or(w.Where, fits("variables.where", namespace, ""))+" && ("+strings.Join(named, " || ")+")")
	}
	return "(" + strings.Join(out, " ||\n") + ")"
}

// reference is $label or ${label} in a target.
var reference = regexp.MustCompile(`\$(\w+|\{\w+\})`)

// fits holds when the value of an expression fits a template with a suffix. A
// label's value may be any name, but never nothing.
func fits(expression, template, suffix string) string {
	if template == "" {
		return expression + ` != ""`
	}
	if suffix == "" && !strings.Contains(template, "$") {
		return expression + " == " + strconv.Quote(template)
	}
	pattern, rest := "^", template
	for _, at := range reference.FindAllString(template, -1) {
		before, after, _ := strings.Cut(rest, at)
		pattern += regexp.QuoteMeta(before) + "[-a-z0-9.]+"
		rest = after
	}
	return expression + ".matches(" + strconv.Quote(pattern+regexp.QuoteMeta(rest)+suffix+"$") + ")"
}

func bindingOf(policy string) admissionv1.ValidatingAdmissionPolicyBinding {
	return admissionv1.ValidatingAdmissionPolicyBinding{
		TypeMeta:   admissionMeta("ValidatingAdmissionPolicyBinding"),
		ObjectMeta: metav1.ObjectMeta{Name: policy},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName:        policy,
			ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny, admissionv1.Audit},
		},
	}
}

func admissionMeta(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: kind}
}
