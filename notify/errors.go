package notify

import "time"

// An error of a [Service] that is none of the two below means: it did not get
// through and may the next time. That is the safe side to err on, because a
// page that is tried once too often wakes nobody twice, and one that is given
// up wakes nobody at all.

// FinalError says that no retry can cure it.
type FinalError struct {
	Err error
	Do  string // what a person has to do about it
}

// Error says what is wrong and what to do.
func (e *FinalError) Error() string {
	if e.Do == "" {
		return e.Err.Error()
	}
	return e.Err.Error() + "; " + e.Do
}

// Unwrap returns what went wrong.
func (e *FinalError) Unwrap() error { return e.Err }

// WaitError says that the service asks not to be called again before Wait is over.
type WaitError struct {
	Err  error
	Wait time.Duration
}

func (e *WaitError) Error() string { return e.Err.Error() }

// Unwrap returns what went wrong.
func (e *WaitError) Unwrap() error { return e.Err }
