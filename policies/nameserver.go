package policies

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// NameServer is the primary of DNS zones that policies may change, and the key
// by which it knows us. Policies name it, and neither its address nor its key.
type NameServer struct {
	Name       string
	Address    string // host:port
	Key        string // its name
	Algorithm  string
	SecretFile string
	Zones      []string
}

// algorithms are those that a key may be of: older ones can be forged.
var algorithms = []string{"hmac-sha256", "hmac-sha384", "hmac-sha512"}

func (r *configReader) nameServer(v value) {
	s := NameServer{Algorithm: algorithms[0]}
	v.object("a name server", fields{
		"name":    func(v value) { s.Name = v.label("the name server's name") },
		"address": func(v value) { s.Address = v.dnsAddress() },
		"key": func(v value) {
			v.object("a key", fields{
				"name":        func(v value) { s.Key = v.domain("the key's name") },
				"algorithm":   func(v value) { s.Algorithm, _ = v.word("an algorithm", algorithms...) },
				"secret_file": func(v value) { s.SecretFile = v.file(r.folder) },
			}, "name", "secret_file")
		},
		"zones": func(v value) { v.list("zones", func(v value) { s.Zones = append(s.Zones, v.domain("a zone")) }) },
	}, "name", "address", "key", "zones")
	if slices.ContainsFunc(r.config.NameServers, func(o NameServer) bool { return o.Name == s.Name && s.Name != "" }) {
		v.fail(fmt.Sprintf("two name servers are called %q", s.Name), "rename one of them")
	}
	r.config.NameServers = append(r.config.NameServers, s)
}

// dnsAddress reads a host, with the port of DNS where none is written.
func (v value) dnsAddress() string {
	s, ok := v.text("an address")
	if !ok {
		return ""
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		host, port = strings.Trim(s, "[]"), "53"
	}
	if _, odd := strconv.ParseUint(port, 10, 16); odd != nil || net.ParseIP(host) == nil && !isDomain(host) {
		v.fail(fmt.Sprintf("%q is not the address of a name server", s), "write for example ns1.example.com, or 192.0.2.53:53")
		return ""
	}
	return net.JoinHostPort(host, port)
}

// domain reads a name of DNS.
func (v value) domain(what string) string {
	s, ok := v.text(what)
	if ok && !isDomain(s) {
		v.fail(fmt.Sprintf("%s cannot be %q", what, s), "write a name as DNS has it, for example shop.example.com")
		return ""
	}
	return strings.TrimSuffix(s, ".")
}

// isDomain tells whether s is a name below the root, without a wildcard.
func isDomain(s string) bool {
	_, ok := dns.IsDomainName(s)
	return ok && s != "." && !strings.ContainsAny(s, " \t\n\\/:*?!")
}

// checkNamed sees to it that an action changes no name but those of the zones
// that the configuration has for that.
func (r *policyReader) checkNamed(w *written) {
	for _, u := range w.acts {
		server, name := r.catalogue.Names(u.kind, u.args)
		if server == "" {
			continue
		}
		i := slices.IndexFunc(r.config.NameServers, func(s NameServer) bool { return s.Name == server })
		switch {
		case len(r.namespaces) > 0:
			u.name.fail(fmt.Sprintf("what %s leads to is everybody's, but these files may target only: %s", name, strings.Join(r.namespaces, ", ")), "have it in a file that may target any namespace")
		case i < 0:
			u.name.fail(fmt.Sprintf("no name server is called %q", server), "name it under name_servers in remediated.yml")
		case !slices.ContainsFunc(r.config.NameServers[i].Zones, func(z string) bool { return dns.IsSubDomain(dns.CanonicalName(z), dns.CanonicalName(name)) }):
			u.name.fail(fmt.Sprintf("%s is in none of the zones that may be changed at %s", name, server), "they are: "+strings.Join(r.config.NameServers[i].Zones, ", "))
		}
	}
}
