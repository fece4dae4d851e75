package policies

import (
	"cmp"
	"fmt"
	"net/http"
	"net/netip"
	"slices"

	"golang.org/x/net/http/httpguts"

	"github.com/x0tta6bl4/remediated/remediate"
)

func (r *configReader) person(v value) {
	var p Person
	id := func(to *string) func(value) {
		return func(v value) { *to, _ = v.text("an ID") }
	}
	v.object("a person", fields{
		"name": func(v value) {
			if p.Name, _ = v.text("a name"); p.Name == remediate.Itself {
				v.fail("nobody can be called "+p.Name, "so the daemon calls itself when it puts a policy back to observe: name the human")
			}
		},
		"slack":       id(&p.Slack),
		"pagerduty":   id(&p.PagerDuty),
		"token_file":  func(v value) { p.TokenFile = v.file(r.folder) },
		"certificate": func(v value) { p.Certificate, _ = v.text("the name in a certificate") },
		"roles": func(v value) {
			v.list("roles", func(v value) {
				if s, ok := v.word("a role", RoleViewer, RoleOperator, RoleApprover); ok {
					p.Roles = append(p.Roles, s)
				}
			})
		},
	}, "name")
	for _, o := range r.config.People {
		for _, same := range []struct{ what, other, this string }{
			{"are called", o.Name, p.Name},
			{"have the Slack ID", o.Slack, p.Slack},
			{"have the PagerDuty ID", o.PagerDuty, p.PagerDuty},
			{"have the token file", o.TokenFile, p.TokenFile},
		} {
			if same.other == same.this && same.this != "" {
				v.fail(fmt.Sprintf("two people %s %q", same.what, same.this), "a decision must be traced to one human")
			}
		}
		if o.Name != p.Name && o.certificate() == p.certificate() {
			v.fail(fmt.Sprintf("two people have the certificate of %q", p.certificate()), "a decision must be traced to one human")
		}
	}
	r.config.People = append(r.config.People, p)
}

// certificate is the name by which a client certificate is theirs.
func (p Person) certificate() string { return cmp.Or(p.Certificate, p.Name) }

// credentials are the headers in which a request proves something itself: they
// cannot be where a proxy says what it has found out.
var credentials = []string{"Authorization", "Cookie", "Proxy-Authorization"}

// trustedProxy reads who may say in a header whom a request is of.
func (v value) trustedProxy() *Proxy {
	p := &Proxy{}
	ok := v.object("a trusted proxy", fields{
		"header": func(v value) {
			s, ok := v.text("the name of a header")
			switch {
			case ok && !httpguts.ValidHeaderFieldName(s):
				v.fail(fmt.Sprintf("%q is not the name of a header", s), "write for example X-Forwarded-User")
			case slices.Contains(credentials, http.CanonicalHeaderKey(s)):
				v.fail(fmt.Sprintf("the header %s is that of what somebody proves themselves by", s), "have the proxy say the user's name in one of its own, for example X-Forwarded-User")
			}
			p.Header = http.CanonicalHeaderKey(s)
		},
		"addresses": func(v value) {
			v.list("addresses", func(v value) { p.Addresses = append(p.Addresses, v.network()) })
		},
		"certificates": func(v value) { p.Certificates = v.texts("certificates") },
	}, "header")
	if ok && len(p.Addresses) == 0 && len(p.Certificates) == 0 {
		v.fail("anybody could send this header", "say by addresses or by certificates which proxy is meant")
	}
	return p
}

// network reads an address, or those of a network.
func (v value) network() netip.Prefix {
	const example = "write for example 10.0.0.7, or 10.0.7.0/29"
	s, ok := v.text("an address")
	if !ok {
		return netip.Prefix{}
	}
	n, err := netip.ParsePrefix(s)
	if a, single := netip.ParseAddr(s); single == nil && a.Zone() == "" {
		n, err = a.Unmap().Prefix(a.Unmap().BitLen())
	}
	switch {
	case err != nil:
		v.fail(fmt.Sprintf("%q is neither an address nor a network", s), example)
	case n.Bits() == 0:
		v.fail(s+" is everybody", example)
	case n != n.Masked():
		v.fail(fmt.Sprintf("%s is an address in the network %s", s, n.Masked()), "write which of the two is meant")
	}
	return n
}
