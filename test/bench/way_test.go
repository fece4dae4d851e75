package main

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/engine"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// acting is a world that tells when an act is begun.
type acting struct {
	world
	begun chan time.Time
}

func (a acting) Perform(ctx context.Context, s remediate.Started) remediate.Result {
	if s.Act != nil {
		a.begun <- time.Now()
	}
	return a.world.Perform(ctx, s)
}

// BenchmarkWayToTheAct takes one alert at a time from the engine's door to the beginning
// of its act, on a journal and in a world that answers at once. With TMPDIR in memory,
// where a sync costs nothing, what is left is our own share of the way.
func BenchmarkWayToTheAct(b *testing.B) {
	book, err := rulebook()
	if err != nil {
		b.Fatal(err)
	}
	dir, w := b.TempDir(), acting{begun: make(chan time.Time, 1)}
	e := engine.New(engine.Options{
		Open:      func(ctx context.Context) (engine.Journal, error) { return journal.Open(ctx, dir, journal.Options{}) },
		Name:      func() string { return strings.Repeat("b", 8) },
		Performer: w, Rulebook: book,
	})
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	<-e.Ready()
	var took []time.Duration
	d := &decider{}
	for b.Loop() {
		d.now, d.told = time.Now().Add(time.Millisecond), d.told+1 // it fires after the beginning
		from := time.Now()
		if err := e.Submit(ctx, []remediate.Input{d.alert(down, true)}); err != nil {
			b.Fatal(err)
		}
		took = append(took, (<-w.begun).Sub(from))
	}
	stop()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
	slices.Sort(took)
	b.ReportMetric(milliseconds(quantile(took, 0.5)), "p50-ms")
	b.ReportMetric(milliseconds(quantile(took, 0.99)), "p99-ms")
}
