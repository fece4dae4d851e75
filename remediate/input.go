package remediate

import (
	"fmt"
	"time"
)

// Input is something that the decider hears of: exactly one of the types below.
type Input interface{ input() }

// Heard is one alert of a webhook.
type Heard struct {
	Alert  Alert
	Firing bool
}

// Listing is what all Alertmanagers together say fires.
type Listing struct {
	At time.Time // when the first of its requests was begun
	// Complete says that what is absent has resolved: every configured
	// Alertmanager answered, is settled, and has been up long enough for
	// Prometheus to have told it everything again.
	Complete bool
	Why      string // why it is not complete
	Alerts   []ListedAlert
}

// ListedAlert is one alert of a listing.
type ListedAlert struct {
	Alert      Alert
	Suppressed []string // silences and inhibiting alerts, empty when it is active
}

// Command is a human's word.
type Command CommandGiven

// Loaded says that another rulebook is to govern from now on.
type Loaded struct {
	Digest   string
	Policies []string
}

// Reported is what a performer came back with.
type Reported struct {
	ID       string
	Incident uint64
	Result
	At time.Time // when it came back
}

// Comparison is what came of deciding the last days again by the release that
// decides now: see [Release.Unchecked].
type Comparison Compared

// Jumped says that the wall clock moved against the monotonic one.
type Jumped struct{ By time.Duration }

// Rejected is a human's word that is not theirs to give, and why.
type Rejected CommandRefused

// Trouble says that something is amiss with ourselves, or is no longer: one of
// our own alerts, by its name, such as [WatchdogAlert].
type Trouble struct {
	Alert   string
	Firing  bool
	Summary string
}

// Tick says that time has passed: see [State.Next].
type Tick struct{}

func (Heard) input()      {}
func (Listing) input()    {}
func (Command) input()    {}
func (Loaded) input()     {}
func (Reported) input()   {}
func (Comparison) input() {}
func (Jumped) input()     {}
func (Rejected) input()   {}
func (Trouble) input()    {}
func (Tick) input()       {}

// RefusedError says why an input was not taken. Nothing was written.
type RefusedError struct {
	// NotFound tells a name that does not exist from a request that does not
	// fit the state of things.
	NotFound bool
	// Forbidden tells what is not theirs to say from what nobody can say now.
	Forbidden bool
	Why       string
}

func (e *RefusedError) Error() string { return e.Why }

func refuse(format string, args ...any) error {
	return &RefusedError{Why: fmt.Sprintf(format, args...)}
}
