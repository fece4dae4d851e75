package probe

import (
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

func TestTCP(t *testing.T) {
	open := listen(t, func(net.Conn) {})
	for name, tc := range map[string]struct {
		address   string
		ok        bool
		text, err string
	}{
		"open":    {open, true, "connected to " + open, ""},
		"refused": {"127.0.0.1:1", false, "refused", ""},
		"no name": {"nothing.invalid:80", false, "not known", "nothing.invalid"},
		"no port": {"127.0.0.1:nothing", false, "not known", "nothing"},
	} {
		a := quick(t).one(t, "tcp", remediate.Target{}, here(fmt.Sprintf(`{"address":%q}`, tc.address)))
		if a.OK != tc.ok || !strings.Contains(a.Text, tc.text) || !strings.Contains(a.Err, tc.err) || (tc.err == "") != (a.Err == "") {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// Of a host that lets nothing through it is not heard why: that nobody gets
// there is enough.
func TestTCPHangs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	fill(t, l)
	if a := quick(t).one(t, "tcp", remediate.Target{}, here(fmt.Sprintf(`{"address":%q}`, l.Addr()))); a.OK || a.Err != "" || !strings.Contains(a.Text, "no connection after") {
		t.Errorf("got %+v", a)
	}
}

// fill has a listener that accepts nothing refuse to take more.
func fill(t *testing.T, l net.Listener) {
	t.Helper()
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var shortened error
	if err := raw.Control(func(fd uintptr) { shortened = syscall.Listen(int(fd), 0) }); err != nil || shortened != nil {
		t.Fatal(err, shortened)
	}
	for range 3 {
		c, err := net.DialTimeout("tcp", l.Addr().String(), 100*time.Millisecond)
		if err != nil {
			return
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("it takes connection after connection")
}
