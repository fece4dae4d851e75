package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

const (
	journalName  = "journal"
	snapshotName = "snapshot-*.json"
	pages        = 20 // how often a page is asked for; the median counts
	startWithin  = time.Minute
	leastFacts   = 250_000 // a hundredth of fewer is not enough for a snapshot
)

// measureStart measures how long the daemon takes from the start of its process
// until it is ready, and until all that was under way is being looked after again:
// with an empty journal, and with journals of a hundredth and a tenth of the facts
// and of all of them, without a snapshot and with one. Each start is on a copy of the
// journal as a crash may leave it. Beside it, how long the page of the newest
// incidents and the facts of one take, from a daemon that has just started.
func measureStart(ctx context.Context, o options) ([]row, error) {
	program, err := filepath.Abs(o.daemon)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(program); err != nil {
		return nil, fmt.Errorf("the daemon is not built: make build, or name it with --daemon: %w", err)
	}
	if o.facts < leastFacts {
		return nil, fmt.Errorf("--facts=%d: want at least %d: of a hundredth of fewer no snapshot is saved", o.facts, leastFacts)
	}
	outside, err := newOutside()
	if err != nil {
		return nil, err
	}
	defer outside.close()
	s := starting{program: program, dir: o.dir, outside: outside}
	book, release, err := s.decides(ctx)
	if err != nil {
		return nil, err
	}
	c := contest{subject: "start", name: "from the start of the process to ready", unit: "ms"}
	cases := []*startCase{{name: "empty journal"}}
	for _, part := range []uint64{100, 10, 1} {
		facts := o.facts / part
		dir := filepath.Join(o.dir, fmt.Sprintf("filled-%d", facts))
		if err := fill(ctx, filepath.Join(dir, journalName), facts, book, release); err != nil {
			return nil, fmt.Errorf("fill a journal with %d facts: %w", facts, err)
		}
		for _, with := range []bool{false, true} { // the start without one saves it
			cases = append(cases, &startCase{name: fmt.Sprintf("%d facts, %s snapshot", facts, map[bool]string{false: "no", true: "with"}[with]), filled: dir, snapshot: with, facts: facts})
		}
	}
	for _, k := range cases {
		c.contestants = append(c.contestants, contestant{k.name, func(ctx context.Context) (sample, error) {
			m, err := s.once(ctx, k)
			k.seen = append(k.seen, m)
			return sample{value: m.ready}, err
		}})
	}
	rows, err := inOrder(ctx, o.rounds, c)
	if err != nil {
		return nil, err
	}
	for _, k := range cases {
		rows = append(rows, k.rows()...)
	}
	smallest, largest := cases[1], cases[len(cases)-2]
	return append(rows, growth("no snapshot", smallest, largest), growth("with snapshot", cases[2], cases[len(cases)-1])), nil
}

// inOrder is hold for one contest whose contestants follow upon each other.
func inOrder(ctx context.Context, rounds int, c contest) ([]row, error) {
	seen := make([][]sample, len(c.contestants))
	for range rounds {
		for k, one := range c.contestants {
			s, err := one.measure(ctx)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", c.name, one.name, err)
			}
			seen[k] = append(seen[k], s)
		}
	}
	return c.rows(seen), nil
}

// startCase is a journal that the daemon is started with.
type startCase struct {
	name     string
	filled   string // the folder that holds it; "" is an empty one
	facts    uint64
	snapshot bool
	seen     []startedOnce
}

// startedOnce is what one start showed, in milliseconds.
type startedOnce struct {
	ready, looked float64
	computed      float64 // of the processors' time, until it was ready
	page, one     float64 // until the newest incidents, and the facts of one, were answered
}

func (k *startCase) pick(of func(startedOnce) float64) []float64 {
	values := make([]float64, len(k.seen))
	for n, s := range k.seen {
		values[n] = of(s)
	}
	return values
}

// computed is how much of the processors' time a process has used, in milliseconds:
// where others use the machine, it says more than the time that passed.
func computed(pid int) (float64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return computedIn(string(stat))
}

// computedIn returns utime and stime, of hundredths of a second, of a process's stat
// as proc(5) has it.
func computedIn(stat string) (float64, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:]) // the name of the program may have anything in it
	if len(fields) < 13 {
		return 0, fmt.Errorf("a process's stat does not say how much it computed: %q", stat)
	}
	user, errUser := strconv.ParseFloat(fields[11], 64)
	system, errSystem := strconv.ParseFloat(fields[12], 64)
	return 10 * (user + system), errors.Join(errUser, errSystem)
}

// rows are all that was seen but the time to ready.
func (k *startCase) rows() []row {
	figure := func(what string, of func(startedOnce) float64) row {
		return figureOf(row{Subject: "start", Case: k.name, What: what, Unit: "ms"}, k.pick(of))
	}
	rows := []row{figure("processor time until it is ready", func(s startedOnce) float64 { return s.computed })}
	if k.filled == "" {
		return rows
	}
	rows = append(rows, figure(fmt.Sprintf("until %d under way are looked after", underWay(k.facts)), func(s startedOnce) float64 { return s.looked }))
	if k.snapshot {
		rows = append(rows,
			figure("page of the newest 100 incidents", func(s startedOnce) float64 { return s.page }),
			figure("facts of one incident", func(s startedOnce) float64 { return s.one }))
	}
	return rows
}

// growth says how the time to ready grows with the facts: 1 is as they do.
func growth(with string, small, large *startCase) row {
	a, b := small.pick(func(s startedOnce) float64 { return s.ready }), large.pick(func(s startedOnce) float64 { return s.ready })
	values := make([]float64, len(a))
	for n := range a {
		values[n] = exponent(a[n]/b[n], float64(large.facts)/float64(small.facts))
	}
	return figureOf(row{Subject: "start", Case: with, What: fmt.Sprintf("time to ready, exponent from %d to %d facts", small.facts, large.facts)}, values)
}

// starting starts a daemon again and again.
type starting struct {
	program string
	dir     string
	outside *outside
}

// decides returns the rulebook that the daemon makes of its configuration, and as
// which release it decides: a journal by others is not what a crash leaves.
func (s starting) decides(ctx context.Context) (*remediate.Rulebook, string, error) {
	dir, err := os.MkdirTemp(s.dir, "decides-")
	if err != nil {
		return nil, "", err
	}
	defer os.RemoveAll(dir)
	if err := s.configure(dir); err != nil {
		return nil, "", err
	}
	d, err := s.start(ctx, dir)
	if err != nil {
		return nil, "", err
	}
	if err := d.kill(); err != nil {
		return nil, "", err
	}
	j, err := journal.OpenReading(ctx, filepath.Join(dir, journalName))
	if err != nil {
		return nil, "", err
	}
	defer j.Close()
	var digest, release string
	for f, err := range journal.Facts(j.Read(ctx)) {
		if err != nil {
			return nil, "", err
		}
		switch b := f.Body.(type) {
		case remediate.RulebookLoaded:
			digest = b.Digest
		case remediate.Upgraded:
			release = b.To
		}
	}
	encoded, err := j.Load(ctx, digest)
	if err != nil {
		return nil, "", err
	}
	book, err := remediate.DecodeRulebook(encoded)
	return book, release, err
}

// once starts it on a copy of the case's journal, kills it, and says what it saw.
func (s starting) once(ctx context.Context, k *startCase) (m startedOnce, err error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	dir, err := os.MkdirTemp(s.dir, "start-")
	if err != nil {
		return m, err
	}
	defer os.RemoveAll(dir)
	if k.filled != "" {
		if err := copyJournal(filepath.Join(dir, journalName), filepath.Join(k.filled, journalName), k.snapshot); err != nil {
			return m, err
		}
	}
	if err := s.configure(dir); err != nil {
		return m, err
	}
	s.outside.forget()
	begun := time.Now()
	d, err := s.start(ctx, dir)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, d.kill()) }()
	m.ready = milliseconds(time.Since(begun))
	if m.computed, err = computed(d.process.Process.Pid); err != nil {
		return m, err
	}
	if k.filled == "" {
		return m, nil
	}
	looked, err := s.outside.awaitAsked(ctx, underWay(k.facts))
	if err != nil {
		return m, withLog(err, dir)
	}
	m.looked = milliseconds(looked.Sub(begun))
	if m.page, err = d.answered(ctx, "/api/v1/incidents"); err != nil {
		return m, err
	}
	if m.one, err = d.answered(ctx, "/api/v1/incidents/2/facts"); err != nil || k.snapshot {
		return m, err
	}
	return m, keepSnapshot(ctx, filepath.Join(dir, journalName), filepath.Join(k.filled, journalName))
}

// copyJournal copies a journal, synced, so that who opens it need not write it out.
// What is in its folder beside the database is its lock and snapshots.
func copyJournal(to, from string, snapshot bool) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	files, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, f := range files {
		if isSnapshot, err := filepath.Match(snapshotName, f.Name()); err != nil || isSnapshot && !snapshot {
			continue
		}
		if err := copyFile(filepath.Join(to, f.Name()), filepath.Join(from, f.Name())); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// keepSnapshot waits for the one that the daemon saves when it has read much, and
// keeps it beside the journal that it was read from.
func keepSnapshot(ctx context.Context, from, to string) error {
	var names []string
	err := poll(ctx, "the daemon has saved a snapshot", func() (_ bool, err error) {
		names, err = filepath.Glob(filepath.Join(from, snapshotName))
		return len(names) > 0, err
	})
	if err != nil {
		return err
	}
	return copyFile(filepath.Join(to, filepath.Base(names[0])), names[0])
}

const startConfig = `cluster: bench
policies: [{files: [policies.yml]}]
alertmanagers: [{url: "%[1]s"}]
clusters: [{name: bench, kubeconfig: kubeconfig}]
guards: {storm: none}
`

const startPolicies = `policies:
- name: down
  when: ['alertname="BenchDown"', 'job="bench"']
  per: [namespace, instance]
  severity: P3
  mode: act
  target: deployment/$namespace/$instance
  steps: [{name: restart, do: [{restart: {}}], verify: {all: [{rollout: $target}], within: 1m}}]
- name: watched
  when: ['alertname="BenchWatched"', 'job="bench"']
  per: [namespace, instance]
  severity: P3
  mode: observe
  target: deployment/$namespace/$instance
  steps: [{name: restart, do: [{restart: {}}], verify: {all: [{rollout: $target}], within: 1m}}]
`

const startKubeconfig = `{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],
clusters: [{name: c, cluster: {server: "%[1]s"}}], users: [{name: u, user: {}}]}
`

// configure writes what the daemon is configured with.
func (s starting) configure(dir string) error {
	write := func(name, text string) error {
		return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)
	}
	return errors.Join(
		write("remediated.yml", fmt.Sprintf(startConfig, s.outside.url)),
		write("kubeconfig", fmt.Sprintf(startKubeconfig, s.outside.url)),
		write("policies.yml", startPolicies))
}

// running is a daemon that runs.
type running struct {
	process *exec.Cmd
	ended   chan error // once, when the process did
	web     string
}

// start starts the daemon and returns when it is ready.
func (s starting) start(ctx context.Context, dir string) (*running, error) {
	d := &running{ended: make(chan error, 1)}
	var addresses [2]string
	for k := range addresses {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		addresses[k] = l.Addr().String()
		if err := l.Close(); err != nil {
			return nil, err
		}
	}
	d.web = "http://" + addresses[0]
	log, err := os.Create(filepath.Join(dir, logName))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	d.process = exec.Command(s.program, "--config.file="+filepath.Join(dir, "remediated.yml"), "--storage.path="+filepath.Join(dir, journalName),
		"--web.listen-address="+addresses[0], "--intake.listen-address="+addresses[1], "--log.level=warn")
	d.process.Dir, d.process.Stderr = dir, log
	d.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := d.process.Start(); err != nil {
		return nil, err
	}
	go func() { d.ended <- d.process.Wait() }()
	for {
		if _, err := d.get(ctx, "/-/ready"); err == nil {
			return d, nil
		}
		select {
		case err := <-d.ended:
			return nil, withLog(fmt.Errorf("the daemon does not start: %w", err), dir)
		case <-ctx.Done():
			return nil, withLog(errors.Join(fmt.Errorf("the daemon is not ready: %w", ctx.Err()), d.kill()), dir)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// kill kills it at once.
func (d *running) kill() error {
	err := d.process.Process.Kill()
	<-d.ended // that it was killed
	return err
}

func (d *running) get(ctx context.Context, path string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.web+path, nil)
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

// answered is how long a page takes, in milliseconds: the median of some.
func (d *running) answered(ctx context.Context, path string) (float64, error) {
	var took []float64
	for range pages {
		begun := time.Now()
		b, err := d.get(ctx, path)
		if err != nil {
			return 0, err
		}
		if len(b) < 1000 {
			return 0, fmt.Errorf("%s: want a page with something on it, have %s", path, b)
		}
		took = append(took, milliseconds(time.Since(begun)))
	}
	return median(took), nil
}

// outside plays Alertmanager, which knows of nothing, and a cluster that has
// nothing. It counts for which alerts it was asked.
type outside struct {
	url    string
	server *http.Server

	mu    sync.Mutex
	asked map[string]time.Time // by alert: when first
}

func newOutside() (*outside, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	o := &outside{url: "http://" + l.Addr().String(), asked: map[string]time.Time{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v2/alerts", func(w http.ResponseWriter, r *http.Request) {
		for _, filter := range r.URL.Query()["filter"] {
			if strings.HasPrefix(filter, "instance=") {
				o.note(filter)
			}
		}
		answerJSON(w, []any{})
	})
	mux.HandleFunc("GET /api/v2/status", func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, map[string]any{
			"cluster": map[string]any{"status": "disabled"}, "config": map[string]string{"original": ""}, "uptime": time.Now(),
			"versionInfo": map[string]string{"version": "0", "revision": "0", "branch": "0", "buildUser": "0", "buildDate": "0", "goVersion": "0"},
		})
	})
	o.server = &http.Server{Handler: mux, ReadHeaderTimeout: patience}
	go func() { _ = o.server.Serve(l) }() // it ends with close
	return o, nil
}

func answerJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // who asked may have been killed
}

func (o *outside) close() { _ = o.server.Close() }

func (o *outside) note(alert string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.asked[alert]; !ok {
		o.asked[alert] = time.Now()
	}
}

func (o *outside) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.asked)
}

// awaitAsked waits until it was asked for so many alerts, and returns when that was.
func (o *outside) awaitAsked(ctx context.Context, alerts int) (last time.Time, err error) {
	err = poll(ctx, fmt.Sprintf("%d incidents are looked after", alerts), func() (bool, error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		if len(o.asked) < alerts {
			return false, nil
		}
		var times []time.Time
		for _, at := range o.asked {
			times = append(times, at)
		}
		slices.SortFunc(times, time.Time.Compare)
		last = times[alerts-1]
		return true, nil
	})
	return last, err
}
