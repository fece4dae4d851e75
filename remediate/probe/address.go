package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/x0tta6bl4/remediated/remediate/internal/args"
	"github.com/x0tta6bl4/remediated/remediate/internal/outbound"
)

// dialer connects to a host that a policy names, or a label of an alert: to this
// machine only where the policy says so, and never to where clouds give out
// credentials.
func dialer(loopback bool) *outbound.Dialer { return &outbound.Dialer{Loopback: loopback} }

// checkHost says why a host in an argument is not asked. One that a label chooses
// is looked at when it is known, and is not this machine.
func checkHost(argument, host string, loopback bool) error {
	if strings.Contains(host, "$") {
		if loopback {
			return fmt.Errorf(`"allow_loopback": a label chooses which host is asked by %q, and an alert must not make it this machine: write the host out`, argument)
		}
		return nil
	}
	err := dialer(loopback).Check(host)
	if err != nil && !loopback && dialer(true).Check(host) == nil {
		return fmt.Errorf(`"%s": %w; say allow_loopback: true where it is meant`, argument, err)
	}
	if err != nil {
		return fmt.Errorf(`"%s": %w`, argument, err)
	}
	return nil
}

// hostPort says what is wrong with an address in an argument.
func hostPort(argument, address string, loopback bool) error {
	host, port, err := net.SplitHostPort(args.Sample(address))
	switch {
	case address == "":
		return fmt.Errorf(`"%s" is missing: want host:port`, argument)
	case err != nil || host == "" || port == "":
		return fmt.Errorf(`"%s" %q: want host:port`, argument, address)
	}
	if strings.Contains(address[:strings.LastIndex(address, ":")], "$") {
		host = "$" // a label chooses it
	}
	return checkHost(argument, host, loopback)
}

// notDialled tells whether nothing was connected to because of what the address is.
func notDialled(err error) bool {
	var no *outbound.RefusedError
	return errors.As(err, &no)
}

// dialTLS connects like dial, and then speaks TLS.
func dialTLS(ctx context.Context, dial func(context.Context, string, string) (net.Conn, error), network, address string, config *tls.Config) (net.Conn, error) {
	conn, err := dial(ctx, network, address)
	if err != nil || config == nil {
		return conn, err
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}
