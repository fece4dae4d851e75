package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

// followPoll is how often a followed log is read on.
const followPoll = 100 * time.Millisecond

// api is the part of the kubelet's HTTP interface that kubectl logs and exec
// reach through the API server. It listens on loopback and asks for no
// credentials: there is nobody else in the bed's network namespace.
func (a *agent) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", a.serveLogs)
	mux.HandleFunc("/exec/{namespace}/{pod}/{container}", a.serveExec)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	return mux
}

// container finds what a request is about, or answers 404.
func (a *agent) container(w http.ResponseWriter, r *http.Request) *container {
	if p := a.find(r.PathValue("namespace"), r.PathValue("pod")); p != nil {
		for _, c := range p.containers {
			if c.spec.Name == r.PathValue("container") {
				return c
			}
		}
	}
	http.Error(w, "no such container on this node", http.StatusNotFound)
	return nil
}

func (a *agent) serveLogs(w http.ResponseWriter, r *http.Request) {
	c := a.container(w, r)
	if c == nil {
		return
	}
	f, err := os.Open(c.logFile(c.logged(r.FormValue("previous") == "true")))
	if err != nil {
		http.Error(w, fmt.Sprintf("no log of container %q: %v", c.spec.Name, err), http.StatusBadRequest)
		return
	}
	defer f.Close()
	if n, err := strconv.Atoi(r.FormValue("tailLines")); err == nil {
		text, _ := io.ReadAll(f)
		io.WriteString(w, lastLines(string(text), n))
	} else {
		io.Copy(w, f)
	}
	if r.FormValue("follow") == "true" {
		follow(w, r, f, c.pod)
	}
}

// logged is the restart whose log is meant. While the container waits for its
// next start, the one that ended last is both the current and the previous one.
func (c *container) logged(previous bool) int32 {
	c.pod.mu.Lock()
	defer c.pod.mu.Unlock()
	s := c.pod.status[c.index]
	if previous && s.State.Waiting == nil {
		return s.RestartCount - 1
	}
	return s.RestartCount
}

func lastLines(text string, n int) string {
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return strings.Join(lines[max(0, len(lines)-n):], "")
}

// follow sends what the log grows by until the client or the pod is gone.
func follow(w http.ResponseWriter, r *http.Request, log io.Reader, p *pod) {
	tick := time.NewTicker(followPoll)
	defer tick.Stop()
	for {
		_ = http.NewResponseController(w).Flush()
		select {
		case <-tick.C:
			io.Copy(w, log)
		case <-p.ending:
			return
		case <-r.Context().Done():
			return
		}
	}
}

func (a *agent) serveExec(w http.ResponseWriter, r *http.Request) {
	c := a.container(w, r)
	if c == nil {
		return
	}
	opts, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	remotecommand.ServeExec(w, r, c, c.pod.object.Name, "", c.spec.Name, r.URL.Query()["command"], opts,
		time.Hour, 30*time.Second, remotecommand.SupportedStreamingProtocols)
}

// ExecInContainer runs a command beside the container's process: same user,
// environment and folder. It implements remotecommand.Executor.
func (c *container) ExecInContainer(ctx context.Context, _, _, _ string, argv []string,
	in io.Reader, out, errOut io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize, _ time.Duration) error {
	cmd, err := c.command(argv)
	if err != nil {
		return err
	}
	if out != nil {
		cmd.Stdout = out
	}
	if errOut != nil {
		cmd.Stderr = errOut
	}
	if in != nil {
		// Not cmd.Stdin: Wait would wait for a client that never closes its end.
		pipe, err := cmd.StdinPipe()
		if err != nil {
			return err
		}
		go func() {
			io.Copy(pipe, in)
			pipe.Close()
		}()
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	err = cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return utilexec.CodeExitError{Err: err, Code: exit.ExitCode()}
	}
	return err
}
