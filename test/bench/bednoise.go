package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/x0tta6bl4/remediated/test/daemon"
)

// What else is on while the way to the PATCH is measured amid noise.
const (
	othersOpen = 10_000 // incidents, of a policy that observes and counts less
	noiseRate  = 1_000  // alerts a second that are all new, and that no policy concerns
	noiseOf    = 50     // alerts in one webhook

	firstOther = 10_000_000 // their numbers, far from those of the Deployments
	firstNoise = 20_000_000
)

// noise is what is sent to the daemon until it ends.
type noise struct {
	stop  context.CancelFunc
	ended chan error
}

// makeNoise opens the other incidents, and begins to send alerts.
func makeNoise(ctx context.Context, d *daemon.Process) (*noise, error) {
	w, err := newWebhook(slices.Repeat([]string{watched}, noiseOf), time.Now(), false)
	if err != nil {
		return nil, err
	}
	for n := uint64(0); n < othersOpen; n += noiseOf {
		if err := postJSON(ctx, hook, w.number(firstOther+n)); err != nil {
			return nil, err
		}
	}
	if err := awaitOpen(ctx, d, othersOpen); err != nil {
		return nil, err
	}
	if w, err = newWebhook(slices.Repeat([]string{other}, noiseOf), time.Now(), false); err != nil {
		return nil, err
	}
	n := &noise{ended: make(chan error, 1)}
	ctx, n.stop = context.WithCancel(ctx)
	go func() { n.ended <- send(ctx, w) }()
	return n, nil
}

// send sends new alerts at a rate, until it is told to end. What is refused is an
// error: it was no noise.
func send(ctx context.Context, w *webhook) error {
	tick := time.NewTicker(time.Second * noiseOf / noiseRate)
	defer tick.Stop()
	for n := uint64(firstNoise); ; n += noiseOf {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := postJSON(ctx, hook, w.number(n)); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// end ends it, and says what went wrong meanwhile.
func (n *noise) end() error {
	n.stop()
	return <-n.ended
}

// awaitOpen waits until so many incidents are open.
func awaitOpen(ctx context.Context, d *daemon.Process, incidents int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return poll(ctx, fmt.Sprintf("%d incidents are open", incidents), func() (bool, error) {
		open, err := sumOf(ctx, d, "remediated_incidents_open")
		return open >= float64(incidents), err
	})
}
