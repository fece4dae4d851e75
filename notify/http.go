package notify

import (
	"net/http"
	"time"
)

// DefaultTimeout bounds one call of a service, from dialling to the last byte.
const DefaultTimeout = 10 * time.Second

// maxHeader is in bytes.
const maxHeader = 64 << 10

// HTTPClient returns a client for calls that carry a secret: with a timeout
// (the client libraries come without one), and without following redirects,
// which would hand the secret to whoever is named there and turn a POST into a
// GET. Zero is [DefaultTimeout]. Proxies are taken from the environment.
func HTTPClient(timeout time.Duration) *http.Client {
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxResponseHeaderBytes = maxHeader
	return &http.Client{
		Timeout:       timeout,
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
