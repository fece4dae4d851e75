package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What is watched in a soak, by the metric, and by how much the last quarter's
// median may be over the first one's beside a tenth of it.
var watched = []struct {
	name, metric string
	unit         float64
	slack        float64 // in units
}{
	{"resident memory, MiB", "process_resident_memory_bytes", 1 << 20, 16},
	{"goroutines", "go_goroutines", 1, 20},
	{"open files", "process_open_fds", 1, 20},
	{"journal, MiB", "remediated_journal_used_bytes", 1 << 20, 4},
}

// How a soak is lived: the same alerts come again and again, as they do, so that
// what is remembered of each is not taken for a leak.
const (
	soakPool  = 1000   // alerts
	soakKeeps = "16MB" // of the journal: much less than is written
)

// faulty is for how long things are well before something is at fault for a
// quarter as long, each time something else.
func (o options) faulty() time.Duration { return min(12*time.Second, o.soaks/10) }

// soak lets one daemon live for long under a mixed load, while what it deals with
// fails now and then, and says whether it takes more in the end than in the
// beginning.
func (o options) soak(ctx context.Context, out io.Writer) error {
	w, err := newWorld()
	if err != nil {
		return err
	}
	defer w.close()
	d, err := newDaemon(o.daemon, filepath.Join(o.dir, "soak-daemon"), filepath.Join(o.dir, "soak"), w, "--storage.retention.size="+soakKeeps)
	if err != nil {
		return err
	}
	if err := d.start(ctx); err != nil {
		return err
	}
	l := newLoad(w, d, o.senders, soakPool)
	defer l.stop()
	samples, err := o.watch(ctx, d, w)
	l.stop()
	if err := errors.Join(err, d.Stop()); err != nil {
		return err
	}
	c := count{acts: len(w.calls), twice: w.repeated()}
	fmt.Fprintf(out, "soaked for %s: %d alerts acknowledged, acted %d, twice %d\n", o.soaks, l.taken, c.acts, len(c.twice))
	return errors.Join(c.err(), flat(samples, out))
}

// watch samples what is watched until the time is over, while one thing after the
// other fails for a while.
func (o options) watch(ctx context.Context, d *tortured, w *world) (samples [][]float64, err error) {
	began, well := time.Now(), o.faulty()
	for time.Since(began) < o.soaks {
		since := time.Since(began)
		w.fail("")
		if each := well + well/4; since%each >= well {
			w.fail(faults[int(since/each)%len(faults)])
		}
		page, err := d.Get(ctx, "/metrics")
		if err != nil {
			return samples, d.WithLog(fmt.Errorf("after %s: %w", since.Round(time.Second), err))
		}
		s, err := sample(string(page))
		if err != nil {
			return samples, err
		}
		samples = append(samples, s)
		select {
		case <-time.After(o.soaks / 1000):
		case <-ctx.Done():
			return samples, ctx.Err()
		}
	}
	return samples, nil
}

// sample reads what is watched off a page of metrics.
func sample(page string) ([]float64, error) {
	values := make([]float64, len(watched))
	found := 0
	for lines := bufio.NewScanner(strings.NewReader(page)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		for k, is := range watched {
			if name != is.metric {
				continue
			}
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return nil, fmt.Errorf("metric %s: %w", name, err)
			}
			values[k] = v / is.unit
			found++
		}
	}
	if found != len(watched) {
		return nil, fmt.Errorf("the daemon tells %d of %d metrics that are watched", found, len(watched))
	}
	return values, nil
}

// flat prints the medians of the first and of the last quarter, and tells what has
// grown. The first fifth of all is left out: until then caches and journal fill.
func flat(samples [][]float64, out io.Writer) error {
	samples = samples[len(samples)/5:]
	quarter := len(samples) / 4
	if quarter == 0 {
		return fmt.Errorf("only %d samples: soak for longer", len(samples))
	}
	var errs []error
	for k, is := range watched {
		first, last := median(samples[:quarter], k), median(samples[len(samples)-quarter:], k)
		fmt.Fprintf(out, "%-22s first quarter %8.1f, last %8.1f\n", is.name, first, last)
		if last > 1.1*first+is.slack {
			errs = append(errs, fmt.Errorf("%s grew from %.1f to %.1f", is.name, first, last))
		}
	}
	return errors.Join(errs...)
}

func median(samples [][]float64, k int) float64 {
	all := make([]float64, len(samples))
	for n, s := range samples {
		all[n] = s[k]
	}
	slices.Sort(all)
	return all[len(all)/2]
}
