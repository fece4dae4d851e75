// Package clusters says how the clusters of a configuration are reached, to the
// daemon and to the command line alike.
package clusters

import (
	"fmt"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/x0tta6bl4/remediated/policies"
)

// Config returns how a cluster is reached. It connects to nothing. What to do
// about an error is for the caller to say, who knows where the way was said.
func Config(c policies.Cluster) (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = c.Kubeconfig
	rc, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: c.Context}).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", c.Name, err)
	}
	return rc, nil
}
