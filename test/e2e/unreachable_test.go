//go:build e2e

package e2e

import (
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/test/bed"
)

// While the API server cannot be reached nothing is done and nothing is lost:
// people are called when the runbook says so, and the incident heals when the
// API server is back.
func TestAPIServerOutOfReach(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	detour := newDetour(t, b)
	begun := time.Now()
	d := startDaemon(t, b, setup{
		kubeconfig: detour.kubeconfig(daemonAccount(t, b)),
		policies:   strings.Replace(postedPolicies, "severity: P1", "severity: P2", 1),
		runbooks:   "{P2: {page: on need, after: 3s, ladder: [{tell: oncall, wait: 5m}]}}",
	})
	a := newPosted(t, nil)
	fire(t, b, a)
	d.awaitPages(1)
	d.await("judged/1", 1)
	d.checkAttempts(begun)
	if n := d.logged("healed/1"); n != 0 {
		t.Errorf("healed %d times with nobody to ask", n)
	}
	detour.open()
	d.await("healed/1", 1)
	resolve(t, b, a)
	d.awaitFiled(1)
	d.stop()
	d.checkDecidedAgain()
	d.checkHealed("posted", 5*time.Minute)
	d.checkAttempts(begun, "i1-a1")
	d.checkSlack(1)
	d.checkPaged(true)
	if why := strings.Join(d.refusals(), "\n"); !strings.Contains(why, "target: wait") || !strings.Contains(why, "connection refused") {
		t.Errorf("while it was out of reach it was judged %s", why)
	}
}

// detour is another address of the API server, where nobody listens until it is
// opened.
type detour struct {
	t       *testing.T
	address string // host:port
	to      string
}

func newDetour(t *testing.T, b *bed.Bed) *detour {
	t.Helper()
	server, err := url.Parse(b.APIServer)
	if err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer free.Close()
	return &detour{t, free.Addr().String(), server.Host}
}

// kubeconfig copies one with the detour's address in it.
func (d *detour) kubeconfig(of string) string {
	d.t.Helper()
	text, err := os.ReadFile(of)
	if err != nil {
		d.t.Fatal(err)
	}
	changed := strings.Replace(string(text), d.to, d.address, 1)
	if changed == string(text) {
		d.t.Fatalf("%s does not name %s", of, d.to)
	}
	path := filepath.Join(d.t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return path
}

// open lets the API server be reached, until the test ends.
func (d *detour) open() {
	d.t.Helper()
	l, err := net.Listen("tcp", d.address)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go d.carry(c)
		}
	}()
}

func (d *detour) carry(c net.Conn) {
	defer c.Close()
	server, err := net.Dial("tcp", d.to)
	if err != nil {
		return
	}
	defer server.Close()
	go io.Copy(server, c)
	io.Copy(c, server)
}
