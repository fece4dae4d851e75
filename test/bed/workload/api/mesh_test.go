package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// pods are two members of a mesh, of which the second can be made not to answer.
type pods struct {
	t      *testing.T
	a      *mesh
	b      string // its address
	server *http.Server
}

func newPods(t *testing.T) *pods {
	dir := t.TempDir()
	p := &pods{t: t, a: newMesh("a", "127.0.0.1:0", dir, filepath.Join(t.TempDir(), "quarantine"))}
	p.listen("127.0.0.1:0")
	t.Cleanup(func() { p.server.Close() })
	if err := newMesh("b", p.b, dir, "").announce(); err != nil {
		t.Fatal(err)
	}
	return p
}

// listen has b answer.
func (p *pods) listen(address string) {
	p.t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		p.t.Fatal(err)
	}
	p.b = l.Addr().String()
	p.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "ok") })}
	go p.server.Serve(l)
}

// sees tries each peer of a once and wants it to say this of them.
func (p *pods) sees(want ...string) {
	p.t.Helper()
	if err := p.a.announce(); err != nil {
		p.t.Fatal(err)
	}
	if err := p.a.round(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
	all := prometheus.NewPedanticRegistry()
	all.MustRegister(p.a)
	families, err := all.Gather()
	if err != nil {
		p.t.Fatal(err)
	}
	var got []string
	for _, f := range families {
		for _, m := range f.Metric {
			got = append(got, fmt.Sprintf("%s{%s} %v", f.GetName(), m.Label[0].GetValue(), m.Gauge.GetValue()))
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		p.t.Errorf("it says %q, want %q", got, want)
	}
}

// What was lost is found again, when it answers again.
func TestFindsAgain(t *testing.T) {
	p := newPods(t)
	p.sees("mesh_peer_dial_success{b} 1", "mesh_peer_up{b} 1")
	p.server.Close()
	p.sees("mesh_peer_dial_success{b} 0", "mesh_peer_up{b} 0")
	p.listen(p.b)
	p.sees("mesh_peer_dial_success{b} 1", "mesh_peer_up{b} 1")
}

// With quarantine it stays lost, and that it could be reached is seen.
func TestQuarantines(t *testing.T) {
	p := newPods(t)
	if err := os.WriteFile(p.a.quarantine, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p.sees("mesh_peer_dial_success{b} 1", "mesh_peer_up{b} 1")
	p.server.Close()
	p.sees("mesh_peer_dial_success{b} 0", "mesh_peer_up{b} 0")
	p.listen(p.b)
	p.sees("mesh_peer_dial_success{b} 1", "mesh_peer_up{b} 0")
}

// Who has not been heard of for as long as a lease is no member any more.
func TestForgets(t *testing.T) {
	p := newPods(t)
	p.sees("mesh_peer_dial_success{b} 1", "mesh_peer_up{b} 1")
	old := time.Now().Add(-2 * lease)
	if err := os.Chtimes(filepath.Join(p.a.registry, "b"), old, old); err != nil {
		t.Fatal(err)
	}
	p.sees()
}
