package main

import (
	"testing"
	"time"
)

func TestBackOffDoublesUpToItsLimit(t *testing.T) {
	b := backOff{backOffLimits: backOffLimits{initial: 10 * time.Second, max: 5 * time.Minute}}
	now := time.Date(2026, 1, 14, 3, 0, 0, 0, time.UTC)
	for i, want := range []time.Duration{0, 10, 20, 40, 80, 160, 300, 300} {
		want *= time.Second
		if got := b.next(now); got != want {
			t.Fatalf("crash %d: waits %s, want %s", i+1, got, want)
		}
		now = now.Add(want + time.Second)
	}
}

func TestBackOffForgivesAfterAGoodRun(t *testing.T) {
	b := backOff{backOffLimits: backOffLimits{initial: 10 * time.Second, max: 5 * time.Minute}}
	now := time.Date(2026, 1, 14, 3, 0, 0, 0, time.UTC)
	b.next(now)
	b.next(now.Add(time.Second))
	if got := b.next(now.Add(11 * time.Minute)); got != 0 {
		t.Fatalf("after ten good minutes the restart waits %s, want none", got)
	}
}
