package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	daemonprocess "github.com/x0tta6bl4/remediated/test/daemon"
)

// inProcess is a daemon in this process, and all that it has said.
type inProcess struct {
	t       *testing.T
	dir     string
	web     string
	intake  string
	as      http.Header // what get sends along
	log     *lockedLog
	answers strings.Builder
	end     context.CancelFunc
	ended   chan int
}

// startHere starts a daemon on the files, in the folder of which it is started; the
// configuration is remediated.yml, unless args say another.
func startHere(t *testing.T, files map[string]string, args ...string) *inProcess {
	t.Helper()
	d := &inProcess{t: t, dir: t.TempDir(), web: freePort(t), intake: freePort(t), log: new(lockedLog), ended: make(chan int, 1)}
	t.Chdir(d.dir)
	for name, text := range files {
		d.write(name, text)
	}
	if !slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "--config.file=") }) {
		args = append(args, "--config.file=remediated.yml")
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.end = cancel
	go func() {
		d.ended <- run(ctx, append([]string{
			"--storage.path=data", "--log.level=debug", "--web.listen-address=" + d.web, "--intake.listen-address=" + d.intake,
			"--web.external-url=http://" + d.web,
		}, args...), signals{}, d.log)
	}()
	t.Cleanup(func() {
		cancel()
		if t.Failed() {
			t.Logf("its log:\n%.8000s", d.log)
		}
	})
	within(t, "the daemon is ready", func() bool { return strings.Contains(d.log.String(), "msg=ready") })
	return d
}

func (d *inProcess) write(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d *inProcess) post(to string, h http.Header, body string) {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, "http://"+d.intake+"/api/v1/webhook/"+to, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header = h
	d.keep(http.DefaultClient.Do(r))
}

func (d *inProcess) get(path string) {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, "http://"+d.web+path, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header = d.as.Clone()
	d.keep(http.DefaultClient.Do(r))
}

func (d *inProcess) keep(r *http.Response, err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
	defer r.Body.Close()
	b, _ := io.ReadAll(r.Body)
	fmt.Fprintf(&d.answers, "%s %s\n%s\n", r.Status, r.Header, b)
}

func (d *inProcess) stop() {
	d.t.Helper()
	d.end()
	if code := <-d.ended; code != 0 {
		d.t.Errorf("it stopped with %d", code)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	address, err := daemonprocess.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// within polls until something real holds.
func within(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it did not come true that %s", what)
		}
	}
}

type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
