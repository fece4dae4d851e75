//go:build e2e

package e2e

import (
	"testing"

	"github.com/x0tta6bl4/remediated/test/bed"
)

// daemonAccount returns a kubeconfig for the daemon's own ServiceAccount, with
// the Role that its policies need and nothing more.
func daemonAccount(t *testing.T, b *bed.Bed) string {
	t.Helper()
	path, err := b.Kubeconfig(t.Context(), bed.Namespace, account)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Apply(t.Context(), daemonRole); err != nil {
		t.Fatal(err)
	}
	return path
}

const daemonRole = `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: remediated, namespace: x0tta6bl4}
rules:
- {apiGroups: [apps], resources: [deployments], verbs: [get, patch]}
- {apiGroups: [apps], resources: [replicasets, statefulsets, daemonsets], verbs: [get, list]}
- {apiGroups: [""], resources: [pods, persistentvolumeclaims], verbs: [get, list]}
- {apiGroups: [""], resources: [namespaces], verbs: [get]}
- {apiGroups: ["", events.k8s.io], resources: [events], verbs: [create, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: remediated, namespace: x0tta6bl4}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: remediated}
subjects: [{kind: ServiceAccount, name: remediated, namespace: x0tta6bl4}]
`
