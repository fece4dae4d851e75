// Package steer lets a test in another process look into a double and tell it how to behave: the HTTP interface under
// "/_double/" that all doubles share.
package steer

import (
	"context"
	"sync"
)

// Changes counts the changes of a double, so that a test can wait for the next one instead of sleeping. The zero value
// is ready for use; its methods may be called from any goroutine.
type Changes struct {
	mu       sync.Mutex
	revision uint64
	next     chan struct{} // closed by the next change; nil while nobody waits
}

// Tell says that something has changed. It is called after the change can be seen.
func (c *Changes) Tell() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.revision++
	if c.next != nil {
		close(c.next)
		c.next = nil
	}
}

// Revision is the number of changes so far.
func (c *Changes) Revision() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.revision
}

// Wait returns once there have been more than after changes, or with the context's error.
func (c *Changes) Wait(ctx context.Context, after uint64) error {
	for {
		next := c.pending(after)
		if next == nil {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// pending is what to wait on for a revision beyond after, or nil if it has been reached.
func (c *Changes) pending(after uint64) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.revision > after {
		return nil
	}
	if c.next == nil {
		c.next = make(chan struct{})
	}
	return c.next
}

// Await returns the first view for which until holds, looking again after every change. When the context ends first
// it returns the last view with the context's error.
func Await[T any](ctx context.Context, c *Changes, view func() T, until func(T) bool) (T, error) {
	for {
		// The revision is taken before the view: a change in between is then looked at once more, never missed.
		revision := c.Revision()
		seen := view()
		if until(seen) {
			return seen, nil
		}
		if err := c.Wait(ctx, revision); err != nil {
			return seen, err
		}
	}
}
