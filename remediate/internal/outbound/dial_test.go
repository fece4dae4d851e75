package outbound_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/x0tta6bl4/remediated/remediate/internal/outbound"
)

// names are what the resolver of the tests knows. One with several answers gives
// the next one each time it is asked.
type names map[string][]string

func (n names) resolve(_ context.Context, host string) ([]netip.Addr, error) {
	answers, ok := n[host]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if len(answers) > 1 {
		n[host] = answers[1:]
	}
	var out []netip.Addr
	for a := range strings.FieldsSeq(answers[0]) {
		out = append(out, netip.MustParseAddr(a))
	}
	return out, nil
}

// dialled notes what is dialled, and connects to nothing.
type dialled []string

func (d *dialled) dial(_ context.Context, _, address string) (net.Conn, error) {
	*d = append(*d, address)
	here, there := net.Pipe()
	there.Close()
	return here, nil
}

func TestDial(t *testing.T) {
	for _, tc := range []struct{ host, dialled, refused string }{
		// Hosts that may be dialled.
		{"192.0.2.7", "192.0.2.7", ""},
		{"10.1.2.3", "10.1.2.3", ""}, // a Service of the cluster
		{"172.16.0.1", "172.16.0.1", ""},
		{"192.168.1.1", "192.168.1.1", ""},
		{"100.64.0.1", "100.64.0.1", ""},
		{"fd12:3456::1", "fd12:3456::1", ""},
		{"2001:db8::1", "2001:db8::1", ""},
		{"::ffff:192.0.2.7", "192.0.2.7", ""},
		{"64:ff9b::c000:207", "64:ff9b::c000:207", ""},
		{"good.example", "192.0.2.7", ""},
		{"shop.shop.svc", "10.96.0.9", ""},
		{"two.example", "192.0.2.7", ""},
		{"mapped.example", "192.0.2.7", ""},
		{"3com.example", "192.0.2.9", ""},
		{"0xyz.example.0xyz", "192.0.2.9", ""},

		// This machine.
		{"127.0.0.1", "", "this machine's own"},
		{"127.255.255.254", "", "this machine's own"},
		{"::1", "", "this machine's own"},
		{"::ffff:127.0.0.1", "", "this machine's own"},
		{"::ffff:7f00:1", "", "this machine's own"},
		{"64:ff9b::7f00:1", "", "another form of 127.0.0.1"},
		{"2002:7f00:1::", "", "another form of 127.0.0.1"},
		{"::127.0.0.1", "", "another form of 127.0.0.1"},
		{"::ffff:0:127.0.0.1", "", "another form of 127.0.0.1"},
		{"localhost", "", "this machine's own"},
		{"here.example", "", "this machine's own"},
		{"0.0.0.0", "", "no one host's"},
		{"0.1.2.3", "", "no one host's"},
		{"::", "", "no one host's"},
		{"::ffff:0.0.0.0", "", "no one host's"},

		// Where clouds give out credentials.
		{"169.254.169.254", "", "link-local"},
		{"169.254.170.2", "", "link-local"},
		{"169.254.0.1", "", "link-local"},
		{"::ffff:169.254.169.254", "", "link-local"},
		{"::ffff:a9fe:a9fe", "", "link-local"},
		{"64:ff9b::a9fe:a9fe", "", "another form of 169.254.169.254"},
		{"64:ff9b:1::a9fe:a9fe", "", "another form of 169.254.169.254"},
		{"2002:a9fe:a9fe::1", "", "another form of 169.254.169.254"},
		{"fd00:ec2::254", "", "credentials"},
		{"fd20:ce::254", "", "credentials"},
		{"100.100.100.200", "", "credentials"},
		{"168.63.129.16", "", "credentials"},
		{"192.0.0.192", "", "credentials"},
		{"fe80::1", "", "link-local"},
		{"fe80::1%eth0", "", "zone"},
		{"metadata.google.internal", "", "link-local"},
		{"one-bad.example", "", "link-local"},

		// No one host.
		{"224.0.0.1", "", "no one host's"},
		{"255.255.255.255", "", "no one host's"},
		{"240.0.0.1", "", "no one host's"},
		{"ff02::1", "", "no one host's"},

		// Numbers.
		{"2130706433", "", "a number"},
		{"2852039166", "", "a number"},
		{"0x7f000001", "", "a number"},
		{"0x7f.0.0.1", "", "a number"},
		{"0x7f.1", "", "a number"},
		{"017700000001", "", "a number"},
		{"0177.0.0.1", "", "a number"},
		{"127.1", "", "a number"},
		{"127.0.1", "", "a number"},
		{"127.0.0.1.", "", "a number"},
		{"10.0.0.256", "", "a number"},
		{"evil.example.0x7f", "", "a number"},
		{"1.2.3.4.5", "", "a number"},
		{"0x", "", "a number"},
		{"", "", "no host"},
		{"...", "", "no host"},
		{"a..example", "", "no host"},

		{"nowhere.example", "", "no such host"},
		{"empty.example", "", "has no address"},
	} {
		var got dialled
		n := names{
			"good.example": {"192.0.2.7"}, "shop.shop.svc": {"10.96.0.9"}, "two.example": {"192.0.2.7 192.0.2.8"},
			"mapped.example": {"::ffff:192.0.2.7"}, "3com.example": {"192.0.2.9"}, "0xyz.example.0xyz": {"192.0.2.9"},
			"localhost": {"::1 127.0.0.1"}, "here.example": {"127.0.0.1"},
			"metadata.google.internal": {"169.254.169.254"}, "one-bad.example": {"192.0.2.7 169.254.169.254"}, "empty.example": {""},
		}
		d := outbound.Dialer{Resolve: n.resolve, Dial: got.dial}
		conn, err := d.DialContext(t.Context(), "tcp", net.JoinHostPort(tc.host, "80"))
		if conn != nil {
			conn.Close()
		}
		var want dialled
		if tc.dialled != "" {
			want = dialled{net.JoinHostPort(tc.dialled, "80")}
		}
		if !slices.Equal(got, want) || (err == nil) != (tc.refused == "") || err != nil && !strings.Contains(err.Error(), tc.refused) {
			t.Errorf("%q: dialled %v, %v; want %v, %q", tc.host, got, err, want, tc.refused)
		}
	}
}

// The name is another one's a moment later: what is dialled is what was looked at.
func TestDialResolvesOnce(t *testing.T) {
	var got dialled
	n := names{"rebinding.example": {"192.0.2.7", "127.0.0.1"}}
	d := outbound.Dialer{Resolve: n.resolve, Dial: got.dial}
	conn, err := d.DialContext(t.Context(), "tcp", "rebinding.example:443")
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	var refused *outbound.RefusedError
	if _, err := d.DialContext(t.Context(), "tcp", "rebinding.example:443"); !errors.As(err, &refused) {
		t.Errorf("the next time: %v", err)
	}
	if !slices.Equal(got, dialled{"192.0.2.7:443"}) {
		t.Errorf("dialled %v", got)
	}
}

// Where one address does not answer, the next one is tried.
func TestDialTriesEachAddress(t *testing.T) {
	var tried []string
	n := names{"two.example": {"192.0.2.7 192.0.2.8"}}
	d := outbound.Dialer{Resolve: n.resolve, Dial: func(_ context.Context, _, address string) (net.Conn, error) {
		tried = append(tried, address)
		return nil, errors.New("refused by " + address)
	}}
	_, err := d.DialContext(t.Context(), "tcp", "two.example:80")
	if len(tried) != 2 || err == nil || !strings.Contains(err.Error(), "refused by 192.0.2.8:80") {
		t.Errorf("tried %v: %v", tried, err)
	}
}

// A name server that fails, or does not answer, takes no longer than whoever dials
// waits, and nothing is dialled.
func TestDialWhileNamesDoNotResolve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, resolve := range map[string]func(context.Context, string) ([]netip.Addr, error){
			"it fails": func(context.Context, string) ([]netip.Addr, error) {
				return nil, &net.DNSError{Err: "server misbehaving", Name: "shop.example", IsTemporary: true}
			},
			"it does not answer":  func(ctx context.Context, _ string) ([]netip.Addr, error) { <-ctx.Done(); return nil, ctx.Err() },
			"it knows no address": func(context.Context, string) ([]netip.Addr, error) { return nil, nil },
		} {
			var got dialled
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			begun := time.Now()
			_, err := (&outbound.Dialer{Resolve: resolve, Dial: got.dial}).DialContext(ctx, "tcp", "shop.example:80")
			cancel()
			if took := time.Since(begun); err == nil || took > 3*time.Second || len(got) != 0 {
				t.Errorf("%s: %v after %s, dialled %v", name, err, took, got)
			}
		}
	})
}

func TestDialLoopback(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	address := server.Listener.Addr().String()
	if conn, err := (&outbound.Dialer{Loopback: true}).DialContext(t.Context(), "tcp", address); err != nil {
		t.Error(err)
	} else {
		conn.Close()
	}
	if _, err := new(outbound.Dialer).DialContext(t.Context(), "tcp", address); err == nil {
		t.Error("this machine was dialled")
	}
	if _, err := (&outbound.Dialer{Loopback: true}).DialContext(t.Context(), "tcp", "169.254.169.254:80"); err == nil {
		t.Error("loopback allows more than that")
	}
}
