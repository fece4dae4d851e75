package bed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	readyTimeout = 90 * time.Second
	readyPoll    = 25 * time.Millisecond
	stopTimeout  = 10 * time.Second
	logTail      = 15 // lines of a part's log in an error
)

// part is one program of the bed, before it is started.
type part struct {
	name    string
	command []string
	env     []string                        // beside the bed's own environment
	ready   func(ctx context.Context) error // polled until nil
	stop    syscall.Signal                  // zero: SIGTERM
}

// process is a part that was started.
type process struct {
	part
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed when it has ended
}

// startProcess starts a part, with its output in dir/logs, and waits until it is
// ready. A part that does not become ready is stopped, and the error shows the
// end of its log.
func startProcess(ctx context.Context, dir string, p part) (*process, error) {
	logs := filepath.Join(dir, "logs")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return nil, err
	}
	proc := &process{part: p, log: filepath.Join(logs, p.name+".log"), done: make(chan struct{})}
	out, err := os.Create(proc.log)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the process has its own copy
	proc.cmd = exec.Command(p.command[0], p.command[1:]...)
	proc.cmd.Stdout, proc.cmd.Stderr = out, out
	proc.cmd.Env = append(os.Environ(), p.env...)
	proc.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's SIGINT is the bed's to handle
	if err := proc.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	go func() {
		_ = proc.cmd.Wait() // how it ended is in cmd.ProcessState
		close(proc.done)
	}()
	if err := proc.awaitReady(ctx); err != nil {
		proc.end()
		return nil, fmt.Errorf("%s did not come up: %w\n%s", p.name, err, proc.tail())
	}
	return proc, nil
}

// awaitReady polls until the part is ready, has ended, or time is up.
func (p *process) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	return poll(ctx, func(ctx context.Context) error {
		select {
		case <-p.done:
			return final{fmt.Errorf("it ended (%v)", p.cmd.ProcessState)}
		default:
			return p.ready(ctx)
		}
	})
}

// end stops the process: politely first, unless it is not worth waiting for.
func (p *process) end() {
	sig := p.stop
	if sig == 0 {
		sig = syscall.SIGTERM
	}
	_ = p.cmd.Process.Signal(sig) // it may have ended by itself
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// tail is the end of the part's log, for an error.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	lines = lines[max(0, len(lines)-logTail):]
	return "end of " + p.log + ":\n  " + strings.Join(lines, "\n  ")
}

// final marks an error that no further try can mend.
type final struct{ error }

// poll tries until try succeeds, gives a final error, or ctx is done. It then
// returns the last error, which says more than that time is up.
func poll(ctx context.Context, try func(context.Context) error) error {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		attempt, cancel := context.WithTimeout(ctx, 2*time.Second)
		err := try(attempt)
		cancel()
		if err == nil {
			return nil
		}
		if f, ok := errors.AsType[final](err); ok {
			return f.error
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}
