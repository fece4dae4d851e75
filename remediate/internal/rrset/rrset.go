// Package rrset compares the DNS records of one name and type with what
// policies write: probes ask for them, actions replace them.
package rrset

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/x0tta6bl4/remediated/remediate/internal/args"
)

// Types are those that can be asked for and replaced.
var Types = map[string]uint16{"A": dns.TypeA, "AAAA": dns.TypeAAAA, "CNAME": dns.TypeCNAME}

// Check says why a value can be of no record of a type.
func Check(kind, value string) error {
	if kind == "CNAME" {
		if _, ok := dns.IsDomainName(args.Sample(value)); !ok || value == "" {
			return fmt.Errorf("%q is not a name", value)
		}
		return nil
	}
	if args.Sample(value) != value {
		return nil // it is known only when an alert is there
	}
	if ip, err := netip.ParseAddr(value); err != nil || ip.Is4() != (kind == "A") {
		return fmt.Errorf("%q is not an address of type %s", value, kind)
	}
	return nil
}

// CheckName says why s can be the name of no record, nil when it can. A part of
// it may be a $label.
func CheckName(s string) error {
	sample := args.Sample(s)
	_, ok := dns.IsDomainName(sample)
	switch {
	case s == "":
		return fmt.Errorf(`"name" is missing`)
	case !ok || strings.ContainsAny(sample, " \t\n\\"):
		return fmt.Errorf(`"name" %q: want a name such as shop.example.com`, s)
	}
	return nil
}

// Values are those of the records of one type, in order, each once. Those of
// other types, such as the names that a name is another word for, are not.
func Values(records []dns.RR, kind uint16) []string {
	var out []string
	for _, r := range records {
		if r.Header().Rrtype != kind {
			continue
		}
		switch r := r.(type) {
		case *dns.A:
			out = append(out, r.A.String())
		case *dns.AAAA:
			out = append(out, r.AAAA.String())
		case *dns.CNAME:
			out = append(out, PlainName(r.Target))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// PlainName is a name as it is compared and shown.
func PlainName(s string) string { return strings.TrimSuffix(dns.CanonicalName(s), ".") }

// Plain are values as [Values] has them.
func Plain(values ...string) []string {
	var out []string
	for _, v := range values {
		if ip, err := netip.ParseAddr(v); err == nil {
			out = append(out, ip.String())
			continue
		}
		out = append(out, PlainName(v))
	}
	slices.Sort(out)
	return slices.Compact(out)
}
