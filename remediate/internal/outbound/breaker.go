// Package outbound keeps a failing dependency from being asked again and
// again, and the ones who ask from waiting for it.
package outbound

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// A breaker opens after so many failures in a row, for so long.
const (
	Failures = 5
	Reset    = time.Minute
)

// Breaker stands between us and one outbound client.
type Breaker struct {
	name string
	cb   *gobreaker.CircuitBreaker[struct{}]
	// until is when an open breaker lets one call through. It is kept beside
	// the breaker, which does not tell.
	until atomic.Pointer[time.Time]
}

// OpenError is returned for a call that was not made.
type OpenError struct {
	Name  string
	Until time.Time // when one call will be let through; zero: one is under way
}

func (e *OpenError) Error() string {
	if e.Until.IsZero() {
		return fmt.Sprintf("%s failed %d times in a row; one call is trying it just now", e.Name, Failures)
	}
	return fmt.Sprintf("%s failed %d times in a row; it will be tried again at %s", e.Name, Failures, e.Until.UTC().Format(time.RFC3339))
}

// Changed is told when a breaker opens, half opens and closes. It must not
// block and must not call the breaker.
type Changed func(name, from, to string)

// NewBreaker returns a closed breaker. Fault tells which errors count against
// the dependency: an answer that we did not like is none. A cancelled call
// never counts.
func NewBreaker(name string, fault func(error) bool, changed Changed) *Breaker {
	b := &Breaker{name: name}
	b.cb = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name:         name,
		Timeout:      Reset,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= Failures },
		IsSuccessful: func(err error) bool { return err == nil || !fault(err) },
		IsExcluded:   func(err error) bool { return errors.Is(err, context.Canceled) },
		OnStateChange: func(name string, from, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				until := time.Now().Add(Reset)
				b.until.Store(&until)
			} else {
				b.until.Store(nil)
			}
			if changed != nil {
				changed(name, from.String(), to.String())
			}
		},
	})
	return b
}

// Do calls f, which must end by itself, and returns its error; or an
// [*OpenError] without calling it.
func (b *Breaker) Do(f func() error) error {
	_, err := b.cb.Execute(func() (struct{}, error) { return struct{}{}, f() })
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		open := &OpenError{Name: b.name}
		if until := b.until.Load(); until != nil {
			open.Until = *until
		}
		return open
	}
	return err
}
