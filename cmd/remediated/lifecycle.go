package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// stopWithin is how long one part may take to stop.
const stopWithin = 15 * time.Second

// lifecycle stops what was started, last in, first out. One part that does not
// stop does not keep the others from it.
type lifecycle struct {
	log   *slog.Logger
	parts []part
	broke chan error // the first part that ends by itself
}

type part struct {
	name string
	stop func(context.Context) error
}

func newLifecycle(log *slog.Logger) *lifecycle {
	return &lifecycle{log: log, broke: make(chan error, 1)}
}

// add registers how a part that runs is stopped.
func (l *lifecycle) add(name string, stop func(context.Context) error) {
	l.parts = append(l.parts, part{name, stop})
}

// run starts f as a part that runs until its context ends. When it ends
// before, the daemon stops.
func (l *lifecycle) run(name string, f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		err := f(ctx)
		if ctx.Err() == nil {
			l.fail(fmt.Errorf("%s ended: %w", name, err))
			err = nil // it is told once
		}
		ended <- err
	}()
	l.add(name, func(stopping context.Context) error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-stopping.Done():
			return stopping.Err()
		}
	})
}

// fail stops the daemon for a reason.
func (l *lifecycle) fail(err error) {
	select {
	case l.broke <- err:
	default: // it is stopping already
	}
}

// stop stops all parts, in the reverse order of their start.
func (l *lifecycle) stop() error {
	var errs []error
	for _, p := range slices.Backward(l.parts) {
		ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
		begun := time.Now()
		if err := p.stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", p.name, err))
		}
		cancel()
		l.log.Debug("stopped", "part", p.name, "took", time.Since(begun))
	}
	l.parts = nil
	return errors.Join(errs...)
}
