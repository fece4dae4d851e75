// Package daemon runs the daemon itself, as a process, for programs that measure
// or torture it. It is started again and again on one journal.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// readyWithin is how long a start may take.
const readyWithin = time.Minute

// Kubeconfig is that of a cluster without a login, at one address: %[1]s.
const Kubeconfig = `{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],
clusters: [{name: c, cluster: {server: "%[1]s"}}], users: [{name: u, user: {}}]}
`

// Process is a daemon. Its fields stay as they are while it runs.
type Process struct {
	Program string   // the daemon
	Dir     string   // of its configuration, remediated.yml, and of its log
	Storage string   // of its journal
	Web     string   // where its page is, host:port
	Intake  string   // where it takes webhooks, host:port
	Flags   []string // besides those that say where it is

	command *exec.Cmd
	ended   chan error // once, when the process did
}

// New returns one on addresses that nobody listens at now. It starts nothing.
func New(program, dir, storage string, flags ...string) (*Process, error) {
	p := &Process{Program: program, Dir: dir, Storage: storage, Flags: flags}
	for _, address := range []*string{&p.Web, &p.Intake} {
		var err error
		if *address, err = FreeAddress(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// FreeAddress is one on the loopback interface that nobody listens at now.
func FreeAddress() (string, error) {
	all, err := FreeAddresses(1)
	if err != nil {
		return "", err
	}
	return all[0], nil
}

// FreeAddresses are so many of them, below the ports that the system gives to connections:
// who is started again wants its own back.
func FreeAddresses(n int) (all []string, err error) {
	const first, behind = 20_000, 32_000
	for tries := 0; len(all) < n; tries++ {
		l, busy := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first+rand.IntN(behind-first)))
		if busy == nil {
			defer l.Close() // when all are found: else one might be found twice
			all = append(all, l.Addr().String())
		} else if tries > behind-first {
			return nil, busy
		}
	}
	return all, nil
}

// Configure writes files into its folder, with an address wherever they have %[1]s.
func (p *Process) Configure(files map[string]string, address string) error {
	if err := os.MkdirAll(p.Dir, 0o700); err != nil {
		return err
	}
	for name, text := range files {
		text = strings.ReplaceAll(text, "%[1]s", address)
		if err := os.WriteFile(filepath.Join(p.Dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// ErrEnded says that it ended before it was ready.
var ErrEnded = errors.New("the daemon does not start")

// Start starts it and returns when it takes alerts. It ends with whoever started it.
func (p *Process) Start(ctx context.Context) error {
	log, err := os.OpenFile(p.log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	p.command = exec.Command(p.Program, append([]string{
		"--config.file=" + filepath.Join(p.Dir, "remediated.yml"), "--storage.path=" + p.Storage,
		"--web.listen-address=" + p.Web, "--intake.listen-address=" + p.Intake,
	}, p.Flags...)...)
	p.command.Dir, p.command.Stdout, p.command.Stderr = p.Dir, log, log
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.command.Start(); err != nil {
		return err
	}
	p.ended = make(chan error, 1)
	go func(c *exec.Cmd, ended chan<- error) { ended <- c.Wait() }(p.command, p.ended)
	return p.awaitReady(ctx)
}

func (p *Process) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		if _, err := p.Get(ctx, "/-/ready"); err == nil {
			return nil
		}
		select {
		case err := <-p.ended:
			return p.WithLog(fmt.Errorf("%w: %w", ErrEnded, err))
		case <-ctx.Done():
			return p.WithLog(errors.Join(fmt.Errorf("the daemon is not ready: %w", ctx.Err()), p.Kill()))
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// Get asks for a page. Any answer but 200 is an error.
func (p *Process) Get(ctx context.Context, path string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Web+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, answer.Status, b)
	}
	return b, err
}

// Kill kills it at once.
func (p *Process) Kill() error {
	err := p.command.Process.Kill()
	<-p.ended // that it was killed
	return err
}

// Stop ends it in order.
func (p *Process) Stop() error {
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := <-p.ended; err != nil {
		return p.WithLog(fmt.Errorf("stop the daemon: %w", err))
	}
	return nil
}

// PID is the number of the process.
func (p *Process) PID() int { return p.command.Process.Pid }

func (p *Process) log() string { return filepath.Join(p.Dir, "remediated.log") }

// WithLog adds the end of its log to an error.
func (p *Process) WithLog(err error) error {
	log, _ := os.ReadFile(p.log()) // without it the error has to do
	return fmt.Errorf("%w; the end of the daemon's log:\n%s", err, log[max(0, len(log)-2000):])
}
