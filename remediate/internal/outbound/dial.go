package outbound

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"time"
)

// Dialer connects to hosts that somebody wrote into a policy. A name is
// resolved once, each of its addresses is looked at, and what is dialled is the
// address that was looked at: a name that resolves to something else a moment
// later changes nothing.
type Dialer struct {
	// Loopback allows this machine's own addresses.
	Loopback bool
	// Resolve and Dial are the network's own when nil.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	Dial    func(ctx context.Context, network, address string) (net.Conn, error)
}

// RefusedError says that nothing was dialled, and why.
type RefusedError struct{ Host, Why string }

func (e *RefusedError) Error() string { return fmt.Sprintf("%s is not dialled: %s", e.Host, e.Why) }

// DialContext is for [net/http.Transport.DialContext].
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addrs, err := d.addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	dial := d.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	for i, a := range addrs {
		conn, failed := within(ctx, len(addrs)-i, func(ctx context.Context) (net.Conn, error) {
			return dial(ctx, network, net.JoinHostPort(a.String(), port))
		})
		switch {
		case failed == nil:
			return conn, nil
		case err == nil:
			err = failed
		default:
			err = fmt.Errorf("%w; %w", err, failed)
		}
	}
	return nil, err
}

// within gives a dial its share of the time that is left: an address that lets
// nothing through must not use up that of the next.
func within(ctx context.Context, tries int, dial func(context.Context) (net.Conn, error)) (net.Conn, error) {
	if end, ok := ctx.Deadline(); ok {
		share, cancel := context.WithTimeout(ctx, time.Until(end)/time.Duration(tries))
		defer cancel()
		ctx = share
	}
	return dial(ctx)
}

// addresses are those of a host, all of which may be dialled.
func (d *Dialer) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if err := CheckHost(host); err != nil {
		return nil, err
	}
	addrs := []netip.Addr{}
	if a, err := netip.ParseAddr(host); err == nil {
		addrs = append(addrs, a)
	} else {
		resolve := d.Resolve
		if resolve == nil {
			resolve = lookUp
		}
		if addrs, err = resolve(ctx, host); err != nil {
			return nil, err
		}
	}
	for i, a := range addrs {
		if why := d.Refuses(a); why != "" {
			return nil, &RefusedError{host, fmt.Sprintf("%s is %s", a, why)}
		}
		addrs[i] = a.Unmap()
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("%s has no address", host)
	}
	return addrs, nil
}

func lookUp(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// numeric is the last part of a host that some read as a number: 127.1,
// 2130706433, 0x7f000001, 0177.0.0.1.
var numeric = regexp.MustCompile(`^(0[xX][0-9a-fA-F]*|[0-9]+)$`)

// CheckHost says why a host is neither a name nor a plain address. What looks
// like a number is one address to some resolvers and none to others.
func CheckHost(host string) error {
	if a, err := netip.ParseAddr(host); err == nil {
		if a.Zone() != "" {
			return &RefusedError{host, "an address with a zone is one of this machine's network"}
		}
		return nil
	}
	parts := strings.Split(strings.TrimSuffix(host, "."), ".")
	switch {
	case host == "", strings.Contains(host, ".."), strings.Trim(host, ".") == "":
		return &RefusedError{fmt.Sprintf("%q", host), "it is no host"}
	case numeric.MatchString(parts[len(parts)-1]):
		return &RefusedError{host, "it is a number that may stand for any address: write it as four decimal numbers"}
	}
	return nil
}

// Check says why a host is not dialled, as far as that is known without resolving
// it: for arguments that are read before anything is dialled.
func (d *Dialer) Check(host string) error {
	if err := CheckHost(host); err != nil {
		return err
	}
	if a, err := netip.ParseAddr(host); err == nil {
		if why := d.Refuses(a); why != "" {
			return &RefusedError{host, "it is " + why}
		}
	}
	return nil
}

// kinds of addresses that are refused wherever they come from.
var (
	metadata = []netip.Addr{ // of clouds, beside the link-local 169.254.169.254
		netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("fd00:ec2::23"), netip.MustParseAddr("fd20:ce::254"),
		netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("168.63.129.16"), netip.MustParseAddr("192.0.0.192"),
	}
	thisNetwork = netip.MustParsePrefix("0.0.0.0/8")
	reserved    = netip.MustParsePrefix("240.0.0.0/4")
	// embedding are networks whose addresses hold one of IPv4, and where.
	embedding = []struct {
		prefix netip.Prefix
		at     int // its first byte
	}{
		{netip.MustParsePrefix("64:ff9b::/96"), 12},    // NAT64
		{netip.MustParsePrefix("64:ff9b:1::/48"), 12},  // NAT64 of a site
		{netip.MustParsePrefix("2002::/16"), 2},        // 6to4
		{netip.MustParsePrefix("::ffff:0:0:0/96"), 12}, // translated
		{netip.MustParsePrefix("::/96"), 12},           // compatible
	}
)

// Refuses says what an address is that is not dialled, "" when it is.
func (d *Dialer) Refuses(a netip.Addr) string {
	a = a.WithZone("").Unmap()
	switch {
	case !a.IsValid():
		return "no address"
	case a.IsUnspecified(), thisNetwork.Contains(a):
		return "no one host's address"
	case a.IsLoopback() && !d.Loopback:
		return "this machine's own address"
	case a.IsLoopback():
		return ""
	case a.IsLinkLocalUnicast():
		return "link-local, where clouds give out credentials"
	case a.IsMulticast(), reserved.Contains(a):
		return "no one host's address"
	}
	for _, m := range metadata {
		if a == m {
			return "where a cloud gives out credentials"
		}
	}
	for _, e := range embedding {
		if e.prefix.Contains(a) {
			b := a.As16()
			if why := d.Refuses(netip.AddrFrom4([4]byte(b[e.at : e.at+4]))); why != "" {
				return fmt.Sprintf("another form of %s, %s", netip.AddrFrom4([4]byte(b[e.at:e.at+4])), why)
			}
		}
	}
	return ""
}
