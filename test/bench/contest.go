package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// sample is what one measurement saw.
type sample struct {
	value    float64 // in the contest's unit
	facts    float64 // a second
	p50, p99 time.Duration
	size     float64 // of what was worked on, when that is what contestants differ by
}

// contestant is one of those that are measured beside each other.
type contestant struct {
	name    string
	measure func(context.Context) (sample, error)
}

// contest is one case of a subject: contestants that do the same work. The
// first is ours and is held against each of the others.
type contest struct {
	subject, name, unit string
	contestants         []contestant
}

// hold measures all contests that are wanted in turn, round by round, so that
// whatever else the machine does falls on all of them alike.
func (o options) hold(ctx context.Context, contests []contest) ([]row, error) {
	contests = slices.DeleteFunc(contests, func(c contest) bool { return !strings.Contains(c.name, o.only) })
	seen := make([][][]sample, len(contests)) // by contest, contestant, round
	for i, c := range contests {
		seen[i] = make([][]sample, len(c.contestants))
	}
	for round := range o.rounds {
		for i, c := range contests {
			for k := range c.contestants {
				k = (k + round) % len(c.contestants) // nobody is always first
				s, err := c.contestants[k].measure(ctx)
				if err != nil {
					return nil, fmt.Errorf("%s, %s: %w", c.name, c.contestants[k].name, err)
				}
				seen[i][k] = append(seen[i][k], s)
			}
		}
	}
	var rows []row
	for i, c := range contests {
		rows = append(rows, c.rows(seen[i])...)
	}
	return rows, nil
}

// rows are the contestants' rows. Each but ours says how ours compares.
func (c contest) rows(seen [][]sample) []row {
	rows := make([]row, 0, len(seen))
	for k, all := range seen {
		values := pick(all, func(s sample) float64 { return s.value })
		r := figureOf(row{
			Subject: c.subject, Case: c.name, What: c.contestants[k].name, Unit: c.unit,
			P50:   median(pick(all, func(s sample) float64 { return milliseconds(s.p50) })),
			P99:   median(pick(all, func(s sample) float64 { return milliseconds(s.p99) })),
			Facts: median(pick(all, func(s sample) float64 { return s.facts })),
		}, values)
		if k > 0 {
			r.Against = c.contestants[0].name
			r.Ratio = median(ratios(all, seen[0]))
			r.Exponent = exponent(r.Ratio, all[0].size/seen[0][0].size)
		}
		rows = append(rows, r)
	}
	return rows
}

// exponent says how the cost of one grows with the size: as size to this power,
// when the rate at so many times the size is so many times the rate. 0 is that it
// does not grow, or that there are no sizes.
func exponent(rate, size float64) float64 {
	if !(size > 0) || size == 1 {
		return 0
	}
	return -math.Log(rate) / math.Log(size)
}

// ratios are those of two contestants' values, round by round.
func ratios(of, to []sample) []float64 {
	out := make([]float64, len(of))
	for k := range of {
		out[k] = of[k].value / to[k].value
	}
	return out
}

func pick(all []sample, of func(sample) float64) []float64 {
	out := make([]float64, len(all))
	for k, s := range all {
		out[k] = of(s)
	}
	return out
}

// median returns the one in the middle, of an even number the mean of two.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// quantile returns the value that a share q of the sorted ones do not exceed.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// rate counts how often work is done in about d. One call of work may be many
// units of it; it returns how many.
func rate(d time.Duration, work func() (int, error)) (float64, error) {
	done, begun := 0, time.Now()
	for time.Since(begun) < d {
		n, err := work()
		if err != nil {
			return 0, err
		}
		done += n
	}
	return float64(done) / time.Since(begun).Seconds(), nil
}
