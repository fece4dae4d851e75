package remediate

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/sony/gobreaker/v2"
)

// The remedy breaker stops a remedy that does not help, per policy and target
// and across incidents: its failures are failed verifications. The state
// machine is gobreaker's own, made to live in the journal: gobreaker compares
// the expiry it is handed with the wall clock, so what is translated is the
// answer (has the fact's time passed the expiry?) into an expiry that the wall
// clock will agree with, whatever it shows.
var (
	longAgo = time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC)
	never   = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
)

// breakerName is one breaker per policy and target.
func breakerName(policy string, t Target) string { return policy + " on " + t.String() }

// SplitBreaker returns the policy and the target that a breaker's name in a state or a
// fact consists of, the target as [Target.String] writes it.
func SplitBreaker(name string) (policy, target string) {
	policy, target, _ = strings.Cut(name, " on ")
	return policy, target
}

// breakerStore hands gobreaker one stored state, in the fact's time, and takes
// back what it makes of it. It implements gobreaker.SharedDataStore.
type breakerStore struct {
	state   gobreaker.SharedState // as stored: times are facts' times
	now     time.Time             // the fact's
	timeout time.Duration         // how long it stays open
}

func newBreakerStore(b BreakerState, set Breaker, now time.Time) (*breakerStore, error) {
	st := &breakerStore{now: now, timeout: time.Duration(set.Reset)}
	if len(b.Shared) == 0 {
		st.state = gobreaker.SharedState{Generation: 1, Start: now, Buckets: []gobreaker.Counts{{}}}
		return st, nil
	}
	return st, json.Unmarshal(b.Shared, &st.state)
}

// Lock is not needed: one handler at a time looks at a state.
func (st *breakerStore) Lock(string) error { return nil }

// Unlock is not needed either.
func (st *breakerStore) Unlock(string) error { return nil }

// GetData never returns nothing: gobreaker would take that for a new, closed
// breaker.
func (st *breakerStore) GetData(string) ([]byte, error) {
	shown := st.state
	if !shown.Expiry.IsZero() {
		if st.now.Before(shown.Expiry) {
			shown.Expiry = never
		} else {
			shown.Expiry = longAgo
		}
	}
	return json.Marshal(shown)
}

// SetData keeps what gobreaker came to. Its times are the wall clock's: they
// are replaced by the fact's, and only when a new generation began.
func (st *breakerStore) SetData(_ string, data []byte) error {
	var got gobreaker.SharedState
	if err := json.Unmarshal(data, &got); err != nil {
		return err
	}
	before := st.state
	st.state = got
	st.state.Start, st.state.Expiry = before.Start, before.Expiry
	if got.Generation != before.Generation {
		st.state.Start, st.state.Expiry = st.now, time.Time{}
		if got.State == gobreaker.StateOpen {
			st.state.Expiry = st.now.Add(st.timeout)
		}
	}
	return nil
}

func (st *breakerStore) breaker(name string, set Breaker) (*gobreaker.DistributedCircuitBreaker[struct{}], error) {
	return gobreaker.NewDistributedCircuitBreaker[struct{}](st, gobreaker.Settings{
		Name:        name,
		Timeout:     st.timeout,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= set.Failures },
	})
}

// breakerLook is what a breaker shows at a moment.
type breakerLook struct {
	State    string // closed, half-open, open
	Failures uint32 // in a row
}

// lookAtBreaker returns what the breaker shows at now. Looking changes nothing.
func lookAtBreaker(name string, set Breaker, b BreakerState, now time.Time) (breakerLook, error) {
	st, err := newBreakerStore(b, set, now)
	if err != nil {
		return breakerLook{}, err
	}
	cb, err := st.breaker(name, set)
	if err != nil {
		return breakerLook{}, err
	}
	state, err := cb.State()
	return breakerLook{state.String(), st.state.Counts.ConsecutiveFailures}, err
}

var errNotVerified = errors.New("the verification did not hold")

// countOutcome returns the breaker's state after a verification. One that
// ended while the breaker is open is not counted.
func countOutcome(name string, set Breaker, b BreakerState, now time.Time, success bool) (BreakerState, error) {
	st, err := newBreakerStore(b, set, now)
	if err != nil {
		return BreakerState{}, err
	}
	cb, err := st.breaker(name, set)
	if err != nil {
		return BreakerState{}, err
	}
	_, err = cb.Execute(func() (struct{}, error) {
		if success {
			return struct{}{}, nil
		}
		return struct{}{}, errNotVerified
	})
	if err != nil && !errors.Is(err, errNotVerified) && !errors.Is(err, gobreaker.ErrOpenState) {
		return BreakerState{}, err
	}
	shared, err := json.Marshal(st.state)
	return BreakerState{State: st.state.State.String(), Shared: shared, Until: st.state.Expiry}, err
}
