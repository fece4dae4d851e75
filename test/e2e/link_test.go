//go:build e2e

package e2e

import (
	"io"
	"net"
	"sync"
	"testing"
)

// link passes on what is sent to an address, packets and streams, until it is
// cut. An Alertmanager that says it can be reached there is out of its peers'
// sight then: packets are lost and connections break.
type link struct {
	to      string
	streams net.Listener
	packets net.PacketConn

	mu    sync.Mutex
	cut   bool
	open  map[net.Conn]bool
	ended sync.WaitGroup
}

// newLink listens at an address and passes on to another until the test ends.
func newLink(t *testing.T, at, to string) *link {
	t.Helper()
	l := &link{to: to, open: map[net.Conn]bool{}}
	var err error
	if l.streams, err = net.Listen("tcp", at); err != nil {
		t.Fatal(err)
	}
	if l.packets, err = net.ListenPacket("udp", at); err != nil {
		l.streams.Close()
		t.Fatal(err)
	}
	out, err := net.Dial("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	l.ended.Go(func() { l.passPackets(out) })
	l.ended.Go(l.passStreams)
	t.Cleanup(func() {
		l.pass(false)
		l.streams.Close()
		l.packets.Close()
		l.ended.Wait()
		out.Close()
	})
	return l
}

// pass has it pass on or not.
func (l *link) pass(yes bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = !yes
	if l.cut {
		for c := range l.open {
			c.Close()
		}
	}
}

// passPackets needs no way back: who answers a packet sends to the address that
// is named in it.
func (l *link) passPackets(out net.Conn) {
	b := make([]byte, 64<<10)
	for {
		n, _, err := l.packets.ReadFrom(b)
		if err != nil {
			return // it was closed
		}
		if !l.isCut() {
			out.Write(b[:n]) // nobody may listen there now: packets get lost
		}
	}
}

func (l *link) passStreams() {
	for {
		from, err := l.streams.Accept()
		if err != nil {
			return
		}
		l.ended.Go(func() { l.passStream(from) })
	}
}

func (l *link) passStream(from net.Conn) {
	defer from.Close()
	to, err := net.Dial("tcp", l.to)
	if err != nil {
		return
	}
	defer to.Close()
	defer l.let(from, to)
	if !l.hold(from, to) {
		return
	}
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
		both.Go(func() {
			io.Copy(way[0], way[1])
			way[0].(*net.TCPConn).CloseWrite()
		})
	}
	both.Wait()
}

func (l *link) isCut() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cut
}

// hold remembers connections that are to break when the link is cut, false when
// it is cut already.
func (l *link) hold(all ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range all {
		l.open[c] = true
	}
	return !l.cut
}

func (l *link) let(all ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range all {
		delete(l.open, c)
	}
}
