// Package httpclient makes clients of Prometheus's common HTTP settings that
// stay with the server that they were made for.
package httpclient

import (
	"fmt"
	"net/http"

	"github.com/prometheus/common/config"
)

// maxRedirects is how many are followed in a row.
const maxRedirects = 10

// New returns a client. Where the settings let it follow redirects it follows
// those to the same server: who answers in the place of ours must not choose whom
// else we ask, with our credentials or from our network.
func New(c config.HTTPClientConfig, name string) (*http.Client, error) {
	client, err := config.NewClientFromConfig(c, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if c.FollowRedirects {
		client.CheckRedirect = sameServer
	}
	return client, nil
}

func sameServer(next *http.Request, before []*http.Request) error {
	first := before[0].URL
	switch {
	case next.URL.Scheme != first.Scheme || next.URL.Host != first.Host:
		return fmt.Errorf("it leads to %s://%s, and no redirect to another server is followed: write the address that is meant", next.URL.Scheme, next.URL.Host)
	case len(before) >= maxRedirects:
		return fmt.Errorf("%d redirects in a row: no more are followed", maxRedirects)
	}
	return nil
}
