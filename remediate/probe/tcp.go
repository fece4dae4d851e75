package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

const (
	tcpDoc     = "a TCP connection can be opened"
	tcpExample = `tcp: {address: "mail.shop:25"}`
)

// tcp opens a connection and closes it again. That it is refused, or that
// nothing comes back in time, says that nobody gets through and is a no; that
// the name has no address, or that we could not even try, is not known.
type tcp struct {
	Address       string `json:"address"` // host:port
	AllowLoopback bool   `json:"allow_loopback,omitempty"`
}

func (a *tcp) validate() error { return hostPort("address", a.Address, a.AllowLoopback) }

func (a *tcp) dependency(remediate.Question) string { return "tcp " + a.Address }

func (a *tcp) put(ctx context.Context, _ *clients, _ remediate.Question) (remediate.Answer, error) {
	began := time.Now()
	conn, err := dialer(a.AllowLoopback).DialContext(ctx, "tcp", a.Address)
	took := time.Since(began).Round(time.Millisecond)
	switch {
	case err == nil:
		conn.Close()
		return remediate.Answer{OK: true, Text: fmt.Sprintf("connected to %s in %s", a.Address, took)}, nil
	case notLetIn(err):
		return remediate.Answer{Text: fmt.Sprintf("no connection after %s: %v", took, err)}, nil
	}
	return remediate.Answer{}, err
}

// notLetIn tells whether a connection failed for what is on its way or at its
// other end, not for us.
func notLetIn(err error) bool {
	var name *net.DNSError
	if errors.As(err, &name) {
		return false
	}
	for _, no := range []error{syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN} {
		if errors.Is(err, no) {
			return true
		}
	}
	var late net.Error
	return errors.As(err, &late) && late.Timeout()
}
