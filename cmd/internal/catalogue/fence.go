package catalogue

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/action"
)

const fenceName = "remediated-fence"

// WriteFence writes a ValidatingAdmissionPolicy and its binding, as YAML, that
// let a ServiceAccount write what the rulebook's policies write and refuse it
// everything else, whatever its roles allow. Reading is not theirs to refuse.
func WriteFence(w io.Writer, book *remediate.Rulebook, namespace, account string) error {
	return writeObjects(w, book.Cluster, []any{
		admissionv1.ValidatingAdmissionPolicy{
			TypeMeta:   metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "ValidatingAdmissionPolicy"},
			ObjectMeta: metav1.ObjectMeta{Name: fenceName},
			Spec:       fence(writesOf(book), namespace, account),
		},
		admissionv1.ValidatingAdmissionPolicyBinding{
			TypeMeta:   metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "ValidatingAdmissionPolicyBinding"},
			ObjectMeta: metav1.ObjectMeta{Name: fenceName},
			Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
				PolicyName: fenceName, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
			},
		},
	})
}

// fence lets an account do these writes only.
func fence(writes []string, namespace, account string) admissionv1.ValidatingAdmissionPolicySpec {
	all := []string{"*"}
	return admissionv1.ValidatingAdmissionPolicySpec{
		FailurePolicy: new(admissionv1.Fail),
		MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
			RuleWithOperations: admissionv1.RuleWithOperations{
				Operations: []admissionv1.OperationType{admissionv1.OperationAll},
				Rule:       admissionv1.Rule{APIGroups: all, APIVersions: all, Resources: []string{"*/*"}},
			},
		}}},
		MatchConditions: []admissionv1.MatchCondition{{
			Name:       "the-daemon",
			Expression: fmt.Sprintf("request.userInfo.username == 'system:serviceaccount:%s:%s'", namespace, account),
		}},
		Variables: action.FenceVariables(),
		Validations: []admissionv1.Validation{{
			Expression:        strings.Join(writes, " ||\n"),
			Message:           "no policy of remediated needs this write",
			MessageExpression: "'no policy of remediated needs this write: ' + variables.write + ' ' + variables.where + '/' + variables.name",
		}},
	}
}

// writesOf returns what the policies write, as CEL; "false" alone for policies
// that write nothing.
func writesOf(book *remediate.Rulebook) []string {
	var out []string
	for _, p := range book.Policies {
		if p.Target == "" {
			continue
		}
		for _, d := range actsOf(p) {
			out = append(out, writing(d.Kind, scopeOf(p), d.Args)...)
		}
	}
	if len(out) == 0 {
		return []string{"false"}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// writing returns what an act writes.
func writing(kind string, scope action.Scope, args json.RawMessage) []string {
	for _, k := range action.Kinds() {
		if k.Name == kind {
			return k.Fence(scope, args)
		}
	}
	return nil
}

// scopeOf returns what a policy's target may be. The name of an owner is that
// of a pod, which says nothing of the workload's.
func scopeOf(p remediate.Policy) action.Scope {
	namespace, kind := whereOf(p)
	name := strings.Split(p.Target, "/")[2]
	if kind == "" || strings.Contains(name, "$") {
		name = ""
	}
	return action.Scope{Kind: kind, Namespace: namespace, Name: name}
}
