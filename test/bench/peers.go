package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/x0tta6bl4/remediated/test/daemon"
)

// peer is a program that takes what a daemon like this one is sent, as Debian has it.
// Neither of them keeps anything: they are what is there today.
type peer struct {
	program string
	config  string // the contents of its configuration
	flags   func(config, dir, address string) []string
	ready   string // path that is answered 200 when it takes something
	path    string // where it takes it
	bare    bool   // it takes alerts alone, and not what is sent of them
}

var (
	// alertmanagerPeer takes alerts as Prometheus sends them, and has nobody to tell.
	alertmanagerPeer = peer{
		program: "prometheus-alertmanager",
		config:  "route: {receiver: nobody, group_by: [job]}\nreceivers: [{name: nobody}]\n",
		flags: func(config, dir, address string) []string {
			return []string{"--config.file=" + config, "--storage.path=" + dir, "--web.listen-address=" + address, "--cluster.listen-address="}
		},
		ready: "/-/ready", path: "/api/v2/alerts", bare: true,
	}
	// webhookPeer runs a command for each webhook, of which it says nothing.
	webhookPeer = peer{
		program: "webhook",
		config:  `[{"id": "bench", "execute-command": "/bin/true", "command-working-directory": "/"}]`,
		flags: func(config, _, address string) []string {
			host, port, _ := net.SplitHostPort(address)
			return []string{"-hooks=" + config, "-ip=" + host, "-port=" + port}
		},
		ready: "/", path: "/hooks/bench",
	}
)

// measure lets the peer take the load.
func (p peer) measure(ctx context.Context, o options, l *load) (s sample, err error) {
	dir, err := os.MkdirTemp(o.dir, "peer-")
	if err != nil {
		return sample{}, err
	}
	defer os.RemoveAll(dir)
	url, stop, err := p.start(ctx, dir)
	if err != nil {
		return sample{}, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	l.url, l.bare = url+p.path, p.bare
	got, err := l.send(ctx, o.sample, func() error { return nil })
	return l.sampleOf(got), err
}

// start starts it, with its files in dir, and returns when it takes something, where
// that is, and what ends it.
func (p peer) start(ctx context.Context, dir string) (url string, stop func() error, err error) {
	program, err := exec.LookPath(p.program)
	if err != nil {
		return "", nil, fmt.Errorf("%s is missing: apt-get install %[1]s: %w", p.program, err)
	}
	address, err := daemon.FreeAddress()
	if err != nil {
		return "", nil, err
	}
	config := filepath.Join(dir, "config")
	if err := os.WriteFile(config, []byte(p.config), 0o600); err != nil {
		return "", nil, err
	}
	c := exec.Command(program, p.flags(config, dir, address)...)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		return "", nil, err
	}
	stop = func() error {
		err := c.Process.Kill()
		_ = c.Wait() // that it was killed
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	url = "http://" + address
	if err := poll(ctx, p.program+" is ready", func() (bool, error) { return answers(ctx, url+p.ready) }); err != nil {
		return "", nil, errors.Join(err, stop())
	}
	return url, stop, nil
}

// answers tells whether a page is answered 200.
func answers(ctx context.Context, url string) (bool, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return false, err
	}
	return resp.StatusCode == http.StatusOK, resp.Body.Close()
}
