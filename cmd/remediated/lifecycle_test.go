package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
)

// Parts stop in the reverse order of their start, and one that fails to does
// not keep the others from it.
func TestStopOrder(t *testing.T) {
	l := newLifecycle(slog.New(slog.DiscardHandler))
	var order []string
	for _, name := range []string{"journal", "engine", "web"} {
		l.add(name, func(context.Context) error {
			order = append(order, name)
			if name == "engine" {
				return errors.New("stuck")
			}
			return nil
		})
	}
	err := l.stop()
	if got := strings.Join(order, " "); got != "web engine journal" {
		t.Errorf("stopped in the order %s", got)
	}
	if err == nil || !strings.Contains(err.Error(), "stop engine: stuck") {
		t.Errorf("stop = %v", err)
	}
}

// A part that does not stop is given up after a while, and said so.
func TestAPartThatDoesNotStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLifecycle(slog.New(slog.DiscardHandler))
		release := make(chan struct{})
		l.run("deaf", func(context.Context) error { <-release; return nil })
		if err := l.stop(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stop = %v", err)
		}
		close(release)
	})
}

// A part that ends by itself stops the daemon.
func TestAPartThatEnds(t *testing.T) {
	l := newLifecycle(slog.New(slog.DiscardHandler))
	l.run("listing", func(context.Context) error { return errors.New("broke") })
	if err := <-l.broke; err == nil || !strings.Contains(err.Error(), "listing ended: broke") {
		t.Errorf("broke = %v", err)
	}
	if err := l.stop(); err != nil {
		t.Errorf("stop = %v, it was told once", err)
	}
}
