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
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// openIncidents is how many incidents the memory is measured with. It is far
// more than an installation that is well ever has.
const openIncidents = 10_000

// memory is what one process measured of itself. RSS is in bytes and holds all
// of it: the program, the Go heap with what the collector has yet to give
// back, SQLite's pages.
type memory struct {
	Idle   float64 `json:"idle,omitzero"`   // with an empty journal
	Loaded float64 `json:"loaded,omitzero"` // after the incidents were opened and decided about
	Live   float64 `json:"live,omitzero"`   // of that, what the heap grew by and a collection left
	Opened float64 `json:"opened,omitzero"` // incidents a second
	Ready  float64 `json:"ready,omitzero"`  // ms until a second process had read that journal
	Again  float64 `json:"again,omitzero"`  // RSS of that process
}

// measureMemory measures memory in processes of their own, so that nothing of
// the benchmark is counted.
func measureMemory(ctx context.Context, o options) ([]row, error) {
	var all []memory
	for range min(o.rounds, 3) {
		m, err := memoryOnce(ctx, o)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	with := fmt.Sprintf("%d open incidents", openIncidents)
	mb, per := 1/1e6, 1/float64(openIncidents)
	figure := func(what, unit string, of func(memory) float64) row {
		values := make([]float64, len(all))
		for k, m := range all {
			values[k] = of(m)
		}
		return figureOf(row{Subject: "memory", Case: with, What: what, Unit: unit}, values)
	}
	rows := []row{
		figure("resident, idle", "MB", func(m memory) float64 { return m.Idle * mb }),
		figure("resident", "MB", func(m memory) float64 { return m.Loaded * mb }),
		figure("resident, after a restart", "MB", func(m memory) float64 { return m.Again * mb }),
		figure("resident, per incident", "bytes", func(m memory) float64 { return (m.Loaded - m.Idle) * per }),
		figure("live heap, per incident", "bytes", func(m memory) float64 { return m.Live * per }),
		figure("from start to ready", "ms", func(m memory) float64 { return m.Ready }),
	}
	rows[0].Case = "empty journal"
	for k := 1; k <= 2; k++ {
		rows[k].Ratio, rows[k].Against = rows[k].Value/rows[0].Value, rows[0].What
	}
	return rows, nil
}

// figureOf fills in what the rounds saw.
func figureOf(r row, values []float64) row {
	r.Value, r.Min, r.Max, r.Values = median(values), slices.Min(values), slices.Max(values), values
	return r
}

// memoryOnce opens incidents in one process and reads them in another.
func memoryOnce(ctx context.Context, o options) (m memory, err error) {
	dir, err := os.MkdirTemp(o.dir, "memory-")
	if err != nil {
		return m, err
	}
	defer os.RemoveAll(dir)
	n := strconv.Itoa(openIncidents)
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
	decided := make(chan struct{}, incidents)
	r, err := startEngine(ctx, filepath.Join(dir, "journal"), func(f remediate.Fact) {
		if _, ok := f.Body.(remediate.Judged); ok {
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
	if err := r.Look(ctx, func(s *remediate.State, _ remediate.Rulebooks) { open = len(s.Incidents) }); err != nil {
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
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("how much memory this process has can only be read on Linux: %w", err)
	}
	if *rss, err = residentIn(string(status)); err != nil {
		return 0, err
	}
	runtime.GC()
	runtime.GC() // what pools keep survives the first
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return float64(s.HeapAlloc), nil
}

// residentIn returns VmRSS, in bytes, of a process's status as proc(5) has it.
func residentIn(status string) (float64, error) {
	for line := range strings.Lines(status) {
		rest, ok := strings.CutPrefix(line, "VmRSS:")
		if !ok {
			continue
		}
		number, ok := strings.CutSuffix(strings.TrimSpace(rest), " kB")
		kib, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if !ok || err != nil {
			return 0, fmt.Errorf("the line %q of a process's status: want VmRSS in kB", line)
		}
		return kib * 1024, nil
	}
	return 0, fmt.Errorf("a process's status does not say how much memory is resident")
}
