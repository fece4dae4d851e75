package catalogue

import (
	admissionv1 "k8s.io/api/admissionregistration/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate/action"
)

// leaseFenceName is the name of the policy that asks who holds the Lease, and of
// its binding. It is apart from the fence, which holds where there is no Lease, too.
const leaseFenceName = "remediated-lease"

// lease is the Lease without a holder: applied again, it changes nothing.
func lease(d Daemon) coordinationv1.Lease {
	return coordinationv1.Lease{
		TypeMeta:   metav1.TypeMeta{APIVersion: coordinationv1.SchemeGroupVersion.String(), Kind: "Lease"},
		ObjectMeta: metav1.ObjectMeta{Name: d.Lease, Namespace: d.Namespace},
	}
}

// leaseFence lets only the pod write that holds the Lease. What it does to the
// Lease itself is left to the fence: else nobody could take it. An API server that
// does not find the Lease, or cannot look for it yet, decides for the writes of
// everybody alike, before it sees whose they are: it is to let them pass, and the
// fence is left.
func leaseFence(d Daemon) admissionv1.ValidatingAdmissionPolicy {
	p := policyOfWrites(leaseFenceName, d)
	p.Spec.FailurePolicy = new(admissionv1.Ignore)
	p.Spec.MatchConstraints.ExcludeResourceRules = writesTo(coordinationv1.GroupName, "leases")
	p.Spec.ParamKind = &admissionv1.ParamKind{APIVersion: coordinationv1.SchemeGroupVersion.String(), Kind: "Lease"}
	holds, message := action.LeaseFence(d.Namespace, d.Lease)
	p.Spec.Validations = []admissionv1.Validation{{Expression: holds, Message: message, Reason: new(metav1.StatusReasonForbidden)}}
	return p
}

func leaseBinding(d Daemon) admissionv1.ValidatingAdmissionPolicyBinding {
	b := bindingOf(leaseFenceName)
	b.Spec.ParamRef = &admissionv1.ParamRef{Namespace: d.Namespace, Name: d.Lease, ParameterNotFoundAction: new(admissionv1.AllowAction)}
	return b
}
