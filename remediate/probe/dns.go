package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/rrset"
)

const (
	dnsDoc     = "a name has a DNS record: any, exactly those that are given, or one of them"
	dnsExample = `dns: {name: shop.example.com, type: A, server: "10.96.0.10:53", any: [192.0.2.10, 192.0.2.11]}`

	resolvConf = "/etc/resolv.conf"
)

// dnsLookup asks one server for the records of one type. That there are none,
// or no such name, is a no; that the server could not say is not known.
type dnsLookup struct {
	Name   string   `json:"name"`             // from the root: no domain is appended
	Type   string   `json:"type,omitempty"`   // A, AAAA or CNAME; default A
	Server string   `json:"server,omitempty"` // host or host:port; default the machine's own
	Equals []string `json:"equals,omitempty"` // these records and no others
	Any    []string `json:"any,omitempty"`    // at least one of these
	// AllowLoopback lets the server be this machine.
	AllowLoopback bool `json:"allow_loopback,omitempty"`
}

func (a *dnsLookup) validate() error {
	if err := rrset.CheckName(a.Name); err != nil {
		return err
	}
	switch {
	case rrset.Types[a.kind()] == 0:
		return fmt.Errorf(`"type" %q: want A, AAAA or CNAME`, a.Type)
	case a.Equals != nil && a.Any != nil:
		return errors.New(`"equals" cannot stand beside "any"`)
	case a.Equals != nil && len(a.Equals) == 0:
		return errors.New(`"equals" is empty: want the records that there must be`)
	case a.Any != nil && len(a.Any) == 0:
		return errors.New(`"any" is empty: want the records of which one must be there, or leave it out`)
	}
	if a.Server != "" {
		if err := hostPort("server", withPort(a.Server), a.AllowLoopback); err != nil {
			return err
		}
	}
	for argument, list := range map[string][]string{"equals": a.Equals, "any": a.Any} {
		for _, want := range list {
			if err := rrset.Check(a.kind(), want); err != nil {
				return fmt.Errorf(`"%s": %w`, argument, err)
			}
		}
	}
	return nil
}

func (a *dnsLookup) kind() string { return cmp.Or(a.Type, "A") }

// withPort adds the port of DNS to a host that comes without one.
func withPort(server string) string {
	if _, _, err := net.SplitHostPort(server); err == nil {
		return server
	}
	return net.JoinHostPort(strings.Trim(server, "[]"), "53")
}

func (a *dnsLookup) dependency(remediate.Question) string { return "dns " + a.Server }

func (a *dnsLookup) put(ctx context.Context, _ *clients, _ remediate.Question) (remediate.Answer, error) {
	server, err := a.server()
	if err != nil {
		return remediate.Answer{}, err
	}
	said, err := a.exchange(ctx, server, dns.Fqdn(a.Name), rrset.Types[a.kind()])
	if err != nil {
		return remediate.Answer{}, err
	}
	if said.Rcode == dns.RcodeNameError {
		return remediate.Answer{Text: fmt.Sprintf("%s does not exist, says %s", a.Name, server)}, nil
	}
	ok, text := a.judge(rrset.Values(said.Answer, rrset.Types[a.kind()]))
	return remediate.Answer{OK: ok, Text: text}, nil
}

func (a *dnsLookup) server() (string, error) {
	if a.Server != "" {
		return withPort(a.Server), nil
	}
	c, err := dns.ClientConfigFromFile(resolvConf)
	if err != nil {
		return "", fmt.Errorf(`read which server to ask: %w; name one as "server"`, err)
	}
	if len(c.Servers) == 0 {
		return "", fmt.Errorf(`%s names no server: name one as "server"`, resolvConf)
	}
	return net.JoinHostPort(c.Servers[0], c.Port), nil
}

// exchange asks once, and once more over TCP where the answer is too long for a
// datagram.
func (a *dnsLookup) exchange(ctx context.Context, server, name string, kind uint16) (*dns.Msg, error) {
	q := new(dns.Msg).SetQuestion(name, kind)
	q.SetEdns0(1232, false)
	var said *dns.Msg
	for _, network := range []string{"udp", "tcp"} {
		var err error
		if said, err = a.ask(ctx, network, server, q); err != nil {
			return nil, fmt.Errorf("ask %s for %s: %w", server, name, err)
		}
		if !said.Truncated {
			break
		}
	}
	switch {
	case said.Truncated:
		return nil, fmt.Errorf("ask %s for %s: the answer is cut off", server, name)
	case said.Rcode != dns.RcodeSuccess && said.Rcode != dns.RcodeNameError:
		return nil, fmt.Errorf("ask %s for %s: it answers %s", server, name, cmp.Or(dns.RcodeToString[said.Rcode], fmt.Sprint(said.Rcode)))
	}
	return said, nil
}

// ask asks once. The machine's own server is nobody's choice, and may be anywhere.
func (a *dnsLookup) ask(ctx context.Context, network, server string, q *dns.Msg) (*dns.Msg, error) {
	dial := new(net.Dialer).DialContext
	if a.Server != "" {
		dial = dialer(a.AllowLoopback).DialContext
	}
	conn, err := dial(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	said, _, err := new(dns.Client).ExchangeWithConnContext(ctx, q, &dns.Conn{Conn: conn})
	return said, err
}

func (a *dnsLookup) judge(found []string) (ok bool, text string) {
	is := fmt.Sprintf("%s is %s", a.Name, strings.Join(found, ", "))
	want := rrset.Plain(slices.Concat(a.Equals, a.Any)...)
	switch {
	case len(found) == 0:
		return false, fmt.Sprintf("%s has no record of type %s", a.Name, a.kind())
	case len(want) == 0:
		return true, is
	case a.Any != nil:
		return slices.ContainsFunc(found, func(f string) bool { return slices.Contains(want, f) }), fmt.Sprintf("%s, want any of %s", is, strings.Join(want, ", "))
	}
	return slices.Equal(found, want), fmt.Sprintf("%s, want %s", is, strings.Join(want, ", "))
}
