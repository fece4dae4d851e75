package notify

import (
	"net/url"
	"strings"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Linker is a [Service] that may know where people see what was shown.
type Linker interface {
	// Link returns that address for a tell that arrived with this reference, "" when
	// it is not known. It asks nobody: what was told is told, and must not wait for it.
	Link(s remediate.Started, ref string) string
}

// maxAddress is how long an address may be, in bytes.
const maxAddress = 2000

// LinkOf returns an address that a service told us of, when people may be led there, else
// "". It is one of the service itself: over https, and at the host that we call or, where
// that is of the service's own site, at another of that site.
func LinkOf(address, api, site string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.User != nil || len(address) > maxAddress {
		return ""
	}
	called, err := url.Parse(api)
	if err != nil || u.Hostname() == "" {
		return ""
	}
	if u.Host != called.Host && !(under(u.Host, site) && under(called.Host, site)) {
		return ""
	}
	return u.String()
}

func under(host, site string) bool { return host == site || strings.HasSuffix(host, "."+site) }
