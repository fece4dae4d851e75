package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/test/daemon"
)

const (
	journalName  = "journal"
	snapshotName = "snapshot-*.json"
	pages        = 20          // how often a page is asked for; the median counts
	startWithin  = time.Minute // and until all is looked after
	leastFacts   = 250_000     // a hundredth of fewer is not enough for a snapshot
)

// kept is of how much time so many facts are: a million of them are of 90 days, which
// is how long a journal is kept.
func kept(facts uint64) time.Duration {
	return time.Duration(facts) * (90 * 24 * time.Hour / 1_000_000)
}

// measureStart measures how long the daemon takes from the start of its process
// until it is ready, and until all that was under way is being looked after again:
// with an empty journal, and with journals of a hundredth and a tenth of the facts
// and of all of them, without a snapshot and with one. Each start is on a copy of the
// journal as a crash may leave it. Beside it, how long the page of the newest
// incidents and the facts of one take, from a daemon that has just started.
func measureStart(ctx context.Context, o options) ([]row, error) {
	program, err := o.builtDaemon()
	if err != nil {
		return nil, err
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
		if _, err := fill(ctx, filepath.Join(dir, journalName), facts, kept(facts), book, release); err != nil {
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
	d, err := s.start(ctx, dir)
	if err != nil {
		return nil, "", err
	}
	if err := d.Kill(); err != nil {
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
	s.outside.forget()
	begun := time.Now()
	d, err := s.start(ctx, dir)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, d.Kill()) }()
	m.ready = milliseconds(time.Since(begun))
	if m.computed, err = computed(d.PID()); err != nil {
		return m, err
	}
	if k.filled == "" {
		return m, nil
	}
	looked, err := s.outside.awaitAsked(ctx, underWay(k.facts))
	if err != nil {
		return m, d.WithLog(err)
	}
	m.looked = milliseconds(looked.Sub(begun))
	if m.page, err = pageTook(ctx, d, "/api/v1/incidents"); err != nil {
		return m, err
	}
	if m.one, err = pageTook(ctx, d, "/api/v1/incidents/2/facts"); err != nil || k.snapshot {
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

// start starts the daemon on the journal in a folder, and returns when it is ready.
func (s starting) start(ctx context.Context, dir string) (*daemon.Process, error) {
	d, err := daemon.New(s.program, dir, filepath.Join(dir, journalName), "--log.level=warn")
	if err != nil {
		return nil, err
	}
	err = d.Configure(map[string]string{"remediated.yml": startConfig, "kubeconfig": daemon.Kubeconfig, "policies.yml": startPolicies}, s.outside.url)
	if err != nil {
		return nil, err
	}
	return d, d.Start(ctx)
}

// pageTook is how long a page takes, in milliseconds: the median of some.
func pageTook(ctx context.Context, d *daemon.Process, path string) (float64, error) {
	var took []float64
	for range pages {
		begun := time.Now()
		b, err := d.Get(ctx, path)
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
