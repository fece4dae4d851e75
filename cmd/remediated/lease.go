package main

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/x0tta6bl4/remediated/remediate/action"
)

// newLease returns the Lease that is called NAMESPACE/NAME, to be held by a pod;
// nil for "".
func newLease(name, pod string) (*action.Lease, error) {
	if name == "" {
		return nil, nil
	}
	namespace, of, found := strings.Cut(name, "/")
	if !found || len(validation.IsDNS1123Label(namespace)) > 0 || len(validation.IsDNS1123Subdomain(of)) > 0 {
		return nil, fmt.Errorf("--cluster.lease=%s is no Lease: give NAMESPACE/NAME, for example remediated/remediated", name)
	}
	if pod == "" {
		return nil, fmt.Errorf("--cluster.lease=%s needs the UID of the daemon's pod: give the container the environment variable POD_UID from the field metadata.uid, or --cluster.pod-uid", name)
	}
	return &action.Lease{Namespace: namespace, Name: of, Pod: pod}, nil
}
