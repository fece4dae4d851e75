package alertmanager

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are made in memory, so that a real
// server can be watched in virtual time.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return local{}.RemoteAddr() }

// local is a connection from this machine.
type local struct{ net.Conn }

func (local) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000} }

// dialed starts a server and returns a connection to it.
func dialed(t *testing.T, h http.Handler) net.Conn {
	t.Helper()
	listener := make(pipes)
	server := &http.Server{Handler: h}
	ended := make(chan error)
	go func() { ended <- server.Serve(listener) }()
	ours, theirs := net.Pipe()
	listener <- local{theirs}
	t.Cleanup(func() {
		ours.Close()
		close(listener)
		server.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return ours
}

func TestSlowBodyIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d desk
		conn := dialed(t, intake(t, d.options()))
		begun := time.Now()
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: intake\r\nContent-Length: 1000\r\n\r\n{\"version\"")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if took := time.Since(begun); resp.StatusCode != http.StatusServiceUnavailable || took != DefaultLimits().Read {
			t.Errorf("answered %d after %s, want 503 after %s", resp.StatusCode, took, DefaultLimits().Read)
		}
		if len(d.batches) > 0 || len(d.quarantined) > 0 {
			t.Errorf("handed over %v, in quarantine %v: half a body is neither", d.batches, d.quarantined)
		}
	})
}

// The deadline for the body must not cancel the request while it is being
// handed over.
func TestTimeToReadIsNotTimeToKeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := desk{submit: func(ctx context.Context) error {
			select {
			case <-time.After(5 * time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
		o := d.options()
		o.Limits.Read = time.Second
		conn := dialed(t, intake(t, o))
		body := webhook(goodAlert)
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: intake\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK || len(d.batches) != 1 {
			t.Errorf("answered %d, kept %d", resp.StatusCode, len(d.batches))
		}
	})
}

func TestSenderThatHangsUpIsNotKeptWaitingFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		d := desk{submit: func(ctx context.Context) error {
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return ctx.Err()
		}}
		conn := dialed(t, intake(t, d.options()))
		begun := time.Now()
		body := webhook(goodAlert)
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: intake\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		synctest.Wait() // it is being handed over
		conn.Close()
		if err := <-ended; !errors.Is(err, context.Canceled) || time.Since(begun) > 0 {
			t.Errorf("handing over ended after %s: %v", time.Since(begun), err)
		}
	})
}
