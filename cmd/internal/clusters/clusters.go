// Package clusters says how the clusters of a configuration are reached, to the
// daemon and to the command line alike.
package clusters

import (
	"fmt"
	"net/http"

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
	rc.Wrap(func(next http.RoundTripper) http.RoundTripper { return staying{next} })
	return rc, nil
}

// staying makes an error of a redirect: the client would follow it with our
// token, wherever it leads, and an API server has no reason to send us elsewhere.
type staying struct{ next http.RoundTripper }

// RoundTrip returns the answer unless it leads elsewhere.
func (s staying) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := s.next.RoundTrip(r)
	if err != nil || resp.StatusCode/100 != 3 || resp.Header.Get("Location") == "" {
		return resp, err
	}
	resp.Body.Close()
	return nil, fmt.Errorf("%s answers with a redirect, which is not followed: is this the API server?", r.URL.Host)
}
