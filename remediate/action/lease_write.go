package action

// unheld begins what the fence says to a pod that does not hold the Lease.
const unheld = "fence of remediated: the Lease "

// byThePod holds when a request comes with the token of the pod that has this UID.
// It cannot fail: what fails in a policy may be ignored.
func byThePod(uid string) string {
	const said = `"authentication.kubernetes.io/pod-uid"`
	return "has(" + uid + ") && has(request.userInfo.extra) && " + said + " in request.userInfo.extra && request.userInfo.extra[" + said + "].exists(u, u == " + uid + ")"
}

// LeaseWrite is the request by which a pod takes the Lease: for itself, and
// nothing else of it.
func LeaseWrite() Write {
	return Write{
		Doc:       "for the pod that sends it to hold the Lease",
		Operation: "UPDATE", Group: "coordination.k8s.io", Resource: "leases",
		Named: "variables.name",
		As: every(
			byUs,
			unchanged(".metadata", "managedFields", "resourceVersion"),
			only("object.spec", "holderIdentity", "acquireTime", "renewTime", "leaseTransitions"),
			byThePod("object.spec.holderIdentity"),
		),
	}
}

// LeaseFence returns an expression that holds when the pod that sends a request
// holds the Lease, which is params, and what is said where it does not.
func LeaseFence(namespace, name string) (holds, message string) {
	return "has(params.spec) && " + byThePod("params.spec.holderIdentity"),
		unheld + namespace + "/" + name + " is not held by the pod that sends this"
}
