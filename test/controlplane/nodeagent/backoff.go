package main

import "time"

// backOffLimits is the kubelet's rule for restarting crashed containers.
type backOffLimits struct {
	initial, max time.Duration
}

// backOff is the restart delay of one container.
type backOff struct {
	backOffLimits
	delay time.Duration
	last  time.Time // when the container last crashed
}

// next returns how long to wait before restarting a container that crashed at
// now. The first restart is immediate, the second waits the initial delay, and
// each further one twice as long, as in the kubelet. It starts afresh after the
// container stayed up for twice the longest delay.
func (b *backOff) next(now time.Time) time.Duration {
	first := b.last.IsZero() || now.Sub(b.last) > 2*b.max+b.delay
	b.last = now
	if first {
		b.delay = 0
		return 0
	}
	b.delay = min(max(2*b.delay, b.initial), b.max)
	return b.delay
}
