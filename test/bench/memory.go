package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/engine"
)

// openIncidents are how many incidents the memory is measured with. The last is far
// more than an installation that is well ever has.
var openIncidents = []int{1_000, 10_000, 100_000}

// What a daemon is to stay under, in bytes: idle, with the most incidents, and with
// them while a snapshot is written.
const (
	idleLimit   = 60 << 20
	loadedLimit = 250 << 20
	peakLimit   = 400 << 20
)

// memory is what one process measured of itself. RSS is in bytes and holds all
// of it: the program, the Go heap with what the collector has yet to give
// back, SQLite's pages.
type memory struct {
	Idle   float64 `json:"idle,omitzero"`   // with an empty journal
	Loaded float64 `json:"loaded,omitzero"` // after the incidents were opened and decided about
	Peak   float64 `json:"peak,omitzero"`   // the most that it ever had, while they were and snapshots were saved
	Live   float64 `json:"live,omitzero"`   // of that, what the heap grew by and a collection left
	Opened float64 `json:"opened,omitzero"` // incidents a second
	Ready  float64 `json:"ready,omitzero"`  // ms until a second process had read that journal
	Again  float64 `json:"again,omitzero"`  // RSS of that process
}

// measureMemory measures memory in processes of their own, so that nothing of
// the benchmark is counted.
func measureMemory(ctx context.Context, o options) ([]row, error) {
	measured := make([][]memory, len(openIncidents))
	for round := range min(o.rounds, 3) {
		for k, incidents := range openIncidents {
			if round > 0 && k == len(openIncidents)-1 {
				continue // minutes, for once
			}
			m, err := memoryOnce(ctx, o, incidents)
			if err != nil {
				return nil, err
			}
			measured[k] = append(measured[k], m)
		}
	}
	idle := figures(measured[0], "resident, idle", "MB", func(m memory) float64 { return m.Idle / 1e6 })
	rows := []row{against(idle, "empty journal", idleLimit)}
	for k, incidents := range openIncidents {
		rows = append(rows, memoryRows(measured[k], incidents)...)
	}
	return append(rows, heapGrowth(measured)), nil
}

// memoryRows are what was measured with so many open incidents. What the most take
// stands beside what they may.
func memoryRows(all []memory, incidents int) []row {
	with, per := fmt.Sprintf("%d open incidents", incidents), 1/float64(incidents)
	loaded := figures(all, "resident", "MB", func(m memory) float64 { return m.Loaded / 1e6 })
	peak := figures(all, "resident, at most, snapshots being saved", "MB", func(m memory) float64 { return m.Peak / 1e6 })
	rows := []row{
		against(loaded, with, loadedLimit), against(peak, with, peakLimit),
		figures(all, "resident, after a restart", "MB", func(m memory) float64 { return m.Again / 1e6 }),
		figures(all, "live heap, per incident", "bytes", func(m memory) float64 { return m.Live * per }),
		figures(all, "from start to ready", "ms", func(m memory) float64 { return m.Ready }),
		figures(all, "opened", "incidents/s", func(m memory) float64 { return m.Opened }),
	}
	for k := range rows {
		rows[k].Case = with
	}
	return rows
}

// heapGrowth says how the live heap grows with the incidents: 1 is as they do.
func heapGrowth(measured [][]memory) row {
	last := len(measured) - 1
	least, most := measured[0], measured[last]
	values := make([]float64, len(most))
	for n := range most {
		values[n] = exponent(least[n].Live/most[n].Live, float64(openIncidents[last])/float64(openIncidents[0]))
	}
	return figureOf(row{Subject: "memory", Case: "open incidents", What: fmt.Sprintf("live heap, exponent from %d to %d", openIncidents[0], openIncidents[last])}, values)
}

// figures are what all rounds measured of one thing.
func figures(all []memory, what, unit string, of func(memory) float64) row {
	values := make([]float64, len(all))
	for k, m := range all {
		values[k] = of(m)
	}
	return figureOf(row{Subject: "memory", What: what, Unit: unit}, values)
}

// against is a row of MB held against a limit in bytes.
func against(r row, with string, limit float64) row {
	r.Case, r.Ratio, r.Against = with, r.Value*1e6/limit, fmt.Sprintf("the %.0f MiB that it is to stay under", limit/(1<<20))
	return r
}

// figureOf fills in what the rounds saw.
func figureOf(r row, values []float64) row {
	r.Value, r.Min, r.Max, r.Values = median(values), slices.Min(values), slices.Max(values), values
	return r
}

// memoryOnce opens incidents in one process and reads them in another.
func memoryOnce(ctx context.Context, o options, incidents int) (m memory, err error) {
	dir, err := os.MkdirTemp(o.dir, "memory-")
	if err != nil {
		return m, err
	}
	defer os.RemoveAll(dir)
	n := strconv.Itoa(incidents)
	for _, command := range []string{"open-incidents", "read-incidents"} {
		if err := self(ctx, &m, command, "--dir="+dir, "--incidents="+n); err != nil {
			return m, err
		}
	}
	return m, nil
}

// self runs this program with other arguments and decodes what it prints.
func self(ctx context.Context, into any, args ...string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	return output(exec.CommandContext(ctx, program, args...), into)
}

// output runs a command and decodes what it prints.
func output(c *exec.Cmd, into any) error {
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(c.Args, " "), err)
	}
	if err := json.Unmarshal(out.Bytes(), into); err != nil {
		return fmt.Errorf("what %s printed: %w", strings.Join(c.Args, " "), err)
	}
	return nil
}

// openMany opens incidents in an engine of this process and says what memory
// that took.
func openMany(ctx context.Context, dir string, incidents int) (m memory, err error) {
	defer debug.SetGCPercent(debug.SetGCPercent(engine.GCPercent))
	decided, once := make(chan struct{}, incidents), make([]bool, incidents+1) // by incident: each is judged again after a minute
	r, err := startEngine(ctx, filepath.Join(dir, "journal"), func(f remediate.Fact) {
		if b, ok := f.Body.(remediate.Judged); ok && !once[b.Incident] {
			once[b.Incident] = true
			decided <- struct{}{}
		}
	})
	if err != nil {
		return m, err
	}
	defer func() {
		if also := r.close(); err == nil {
			err = also
		}
	}()
	before, err := resident(&m.Idle)
	if err != nil {
		return m, err
	}
	begun := time.Now()
	if err := submitMany(ctx, r, incidents); err != nil {
		return m, err
	}
	for range incidents {
		select {
		case <-decided:
		case <-ctx.Done():
			return m, ctx.Err()
		}
	}
	m.Opened = float64(incidents) / time.Since(begun).Seconds()
	after, err := resident(&m.Loaded)
	m.Live = after - before
	if err == nil {
		m.Peak, err = residentAs("VmHWM")
	}
	return m, err
}

// submitMany hands over alerts, each of which opens an incident, as webhooks
// of 50 would.
func submitMany(ctx context.Context, r *rig, incidents int) error {
	d := decider{now: time.Now()}
	for int(d.told) < incidents {
		var batch []remediate.Input
		for ; len(batch) < 50 && int(d.told) < incidents; d.told++ {
			batch = append(batch, d.alert(watched, true))
		}
		if err := r.Submit(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// readMany starts an engine on a journal with open incidents, as a restarted
// daemon does.
func readMany(ctx context.Context, dir string, incidents int) (m memory, err error) {
	defer debug.SetGCPercent(debug.SetGCPercent(engine.GCPercent))
	begun := time.Now()
	r, err := startEngine(ctx, filepath.Join(dir, "journal"), nil)
	if err != nil {
		return m, err
	}
	defer func() {
		if also := r.close(); err == nil {
			err = also
		}
	}()
	m.Ready = milliseconds(time.Since(begun))
	open := 0
	if err := r.Look(ctx, func(s *remediate.State, _ remediate.Rulebooks) { open = s.Incidents.Len() }); err != nil {
		return m, err
	}
	if open != incidents {
		return m, fmt.Errorf("%d incidents are open after a restart: want %d", open, incidents)
	}
	_, err = resident(&m.Again)
	return m, err
}

// resident tells how much memory this process has, and returns how much of its
// heap is in use once what nobody needs was collected.
func resident(rss *float64) (live float64, err error) {
	if *rss, err = residentAs("VmRSS"); err != nil {
		return 0, err
	}
	runtime.GC()
	runtime.GC() // what pools keep survives the first
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return float64(s.HeapAlloc), nil
}

// residentAs is how much memory this process has (VmRSS) or had at most (VmHWM), in
// bytes.
func residentAs(name string) (float64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("how much memory this process has can only be read on Linux: %w", err)
	}
	return residentIn(string(status), name)
}

// residentIn returns what a process's status calls so, as proc(5) has it, in bytes.
func residentIn(status, name string) (float64, error) {
	for line := range strings.Lines(status) {
		rest, ok := strings.CutPrefix(line, name+":")
		if !ok {
			continue
		}
		number, ok := strings.CutSuffix(strings.TrimSpace(rest), " kB")
		kib, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if !ok || err != nil {
			return 0, fmt.Errorf("the line %q of a process's status: want %s in kB", line, name)
		}
		return kib * 1024, nil
	}
	return 0, fmt.Errorf("a process's status has no line %s", name)
}
