package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

const (
	pingPath = "/mesh/ping"
	// A pod says every beat that it is there, and is forgotten when it has not for
	// so long.
	beat  = 500 * time.Millisecond
	lease = 3 * time.Second
	// patience is how long a peer may take to answer.
	patience = time.Second
)

// mesh keeps a session with each peer, from the pod's own address. A peer that is
// lost is tried again and again, unless there is the file quarantine: then it stays
// lost for as long as this process runs, as with software that takes a partition
// for the death of a member.
type mesh struct {
	name, address string // of this pod; the address with its port
	registry      string // a file for each pod, called like it, with its address
	quarantine    string

	mu    sync.Mutex
	peers map[string]*peer
}

// peer is another pod. Each is tried by one goroutine at a time.
type peer struct {
	address string
	session *http.Client
	tried   bool
	up      bool // the session works
	dials   bool // a new connection can be opened: the network lets it through
	lost    bool // for good
}

func newMesh(name, address, registry, quarantine string) *mesh {
	return &mesh{name: name, address: address, registry: registry, quarantine: quarantine, peers: map[string]*peer{}}
}

// run is there and tries its peers until ctx ends. Then it leaves.
func (m *mesh) run(ctx context.Context) error {
	if m.registry == "" {
		<-ctx.Done()
		return nil
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return eachBeat(ctx, m.announce) })
	g.Go(func() error { return eachBeat(ctx, func() error { return m.round(ctx) }) })
	return errors.Join(g.Wait(), os.Remove(m.entry()))
}

// eachBeat does something until ctx ends, or it fails.
func eachBeat(ctx context.Context, do func() error) error {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for ctx.Err() == nil {
		if err := do(); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return nil
}

func (m *mesh) entry() string { return filepath.Join(m.registry, m.name) }

// announce renews the pod's lease.
func (m *mesh) announce() error {
	unfinished := filepath.Join(m.registry, "."+m.name)
	if err := os.WriteFile(unfinished, []byte(m.address), 0o644); err != nil {
		return err
	}
	return os.Rename(unfinished, m.entry())
}

// members are the addresses of the others that are there, by name.
func (m *mesh) members() (map[string]string, error) {
	entries, err := os.ReadDir(m.registry)
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || e.Name() == m.name || strings.HasPrefix(e.Name(), ".") || time.Since(info.ModTime()) > lease {
			continue // it left, is this one, is being written, or has not been there for a while
		}
		address, err := os.ReadFile(filepath.Join(m.registry, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found[e.Name()] = string(address)
	}
	return found, nil
}

// round tries each peer once.
func (m *mesh) round(ctx context.Context) error {
	members, err := m.members()
	if err != nil {
		return err
	}
	m.mu.Lock()
	maps.DeleteFunc(m.peers, func(name string, p *peer) bool { return members[name] != p.address })
	for name, address := range members {
		if m.peers[name] == nil {
			m.peers[name] = &peer{address: address, session: m.newSession()}
		}
	}
	peers := slices.Collect(maps.Values(m.peers))
	m.mu.Unlock()

	var tries sync.WaitGroup
	for _, p := range peers {
		tries.Go(func() { m.try(ctx, p) })
	}
	tries.Wait()
	return nil
}

// newSession is one connection, kept open, from the pod's own address: a cut
// between two addresses hits no other.
func (m *mesh) newSession() *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: m.dial, MaxConnsPerHost: 1}}
}

func (m *mesh) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(m.address)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(host)}}
	return d.DialContext(ctx, network, address)
}

// try looks once how a peer is reached.
func (m *mesh) try(ctx context.Context, p *peer) {
	dials := false
	if conn, err := m.dial(ctx, "tcp", p.address); err == nil {
		conn.Close()
		dials = true
	}
	up := !p.lost && ping(ctx, p) == nil
	if ctx.Err() != nil {
		return
	}
	_, err := os.Stat(m.quarantine)

	m.mu.Lock()
	defer m.mu.Unlock()
	p.lost = p.lost || p.up && !up && err == nil
	p.tried, p.up, p.dials = true, up, dials
}

func ping(ctx context.Context, p *peer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+pingPath, nil)
	if err != nil {
		return err
	}
	resp, err := p.session.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body) // or the connection is not kept
	return err
}

var (
	peerUp    = prometheus.NewDesc("mesh_peer_up", "Whether the session with a peer works.", []string{"peer"}, nil)
	peerDials = prometheus.NewDesc("mesh_peer_dial_success", "Whether a new connection to a peer could be opened.", []string{"peer"}, nil)
)

// Describe names the metrics.
func (m *mesh) Describe(to chan<- *prometheus.Desc) {
	to <- peerUp
	to <- peerDials
}

// Collect says how each peer was reached last.
func (m *mesh) Collect(to chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	is := map[bool]float64{true: 1}
	for name, p := range m.peers {
		if p.tried {
			to <- prometheus.MustNewConstMetric(peerUp, prometheus.GaugeValue, is[p.up], name)
			to <- prometheus.MustNewConstMetric(peerDials, prometheus.GaugeValue, is[p.dials], name)
		}
	}
}
