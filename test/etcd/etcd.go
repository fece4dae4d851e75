// Package etcd runs members of an etcd cluster on loopback, for tests that take them away.
package etcd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/x0tta6bl4/remediated/test/bed"
	"github.com/x0tta6bl4/remediated/test/daemon"
)

// Cluster is an etcd cluster. All of its members sync what they write.
type Cluster struct {
	Members []*Member
}

// Member is one process of a cluster, from its start to its end; it may be started again.
type Member struct {
	URL string // for clients

	arguments []string
	log       string
	command   *exec.Cmd
	ended     chan struct{}
}

// Secured are the files, in PEM, by which clients have to prove who they are.
type Secured struct{ CA, Certificate, Key string }

// Options say what a cluster is like. The zero value is one member that anybody may talk to.
type Options struct {
	Members   int // 0 is 1
	Secured   *Secured
	Arguments []string // more flags of etcd, for each member
}

// Start builds etcd, unless that was done before, and starts a cluster whose files are in
// dir. It returns when each member answers: whoever cannot be asked without a certificate,
// when it takes connections.
func Start(ctx context.Context, dir string, o Options) (*Cluster, error) {
	binary, err := bed.BuildEtcd(ctx, os.Stderr)
	if err != nil {
		return nil, err
	}
	n := max(o.Members, 1)
	addresses, err := daemon.FreeAddresses(2 * n)
	if err != nil {
		return nil, err
	}
	scheme := "http"
	if o.Secured != nil {
		scheme = "https"
	}
	var peers []string
	c := &Cluster{}
	for k := range n {
		peers = append(peers, fmt.Sprintf("m%d=http://%s", k, addresses[2*k+1]))
	}
	for k := range n {
		name, client, peer := fmt.Sprintf("m%d", k), scheme+"://"+addresses[2*k], "http://"+addresses[2*k+1]
		m := &Member{URL: client, log: filepath.Join(dir, name+".log")}
		m.arguments = append([]string{binary,
			"--name", name, "--data-dir", filepath.Join(dir, name),
			"--listen-client-urls", client, "--advertise-client-urls", client,
			"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
			"--initial-cluster", strings.Join(peers, ","),
		}, o.Arguments...)
		if s := o.Secured; s != nil {
			m.arguments = append(m.arguments, "--cert-file", s.Certificate, "--key-file", s.Key, "--trusted-ca-file", s.CA, "--client-cert-auth")
		}
		c.Members = append(c.Members, m)
		if err := m.Start(); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	for _, m := range c.Members {
		if err := m.ready(ctx); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// Endpoints are the URLs of all members.
func (c *Cluster) Endpoints() []string {
	var all []string
	for _, m := range c.Members {
		all = append(all, m.URL)
	}
	return all
}

// Close kills all members.
func (c *Cluster) Close() error {
	var errs []error
	for _, m := range c.Members {
		errs = append(errs, m.Kill())
	}
	return errors.Join(errs...)
}

// Start starts the member, at first or again with what it had.
func (m *Member) Start() error {
	log, err := os.OpenFile(m.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() // the process has its own
	m.command = exec.Command(m.arguments[0], m.arguments[1:]...)
	m.command.Stdout, m.command.Stderr = log, log
	m.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := m.command.Start(); err != nil {
		return fmt.Errorf("start etcd: %w", err)
	}
	m.ended = make(chan struct{})
	go func(c *exec.Cmd, ended chan struct{}) {
		_ = c.Wait() // it is killed
		close(ended)
	}(m.command, m.ended)
	return nil
}

// Kill ends the member as a crash does, and returns when it has ended.
func (m *Member) Kill() error {
	if m.command == nil {
		return nil
	}
	if err := m.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-m.ended
	return nil
}

// Pause has the member hang, with all its connections open.
func (m *Member) Pause() error { return m.command.Process.Signal(syscall.SIGSTOP) }

// Resume has it go on.
func (m *Member) Resume() error { return m.command.Process.Signal(syscall.SIGCONT) }

// ready waits until the member takes connections: a cluster that cannot elect does not
// listen for clients.
func (m *Member) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	_, address, _ := strings.Cut(m.URL, "://")
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-m.ended:
			text, _ := os.ReadFile(m.log)
			return fmt.Errorf("etcd at %s has ended:\n%s", m.URL, text)
		case <-ctx.Done():
			return fmt.Errorf("etcd at %s: %w", m.URL, errors.Join(err, ctx.Err()))
		case <-time.After(20 * time.Millisecond):
		}
	}
}
