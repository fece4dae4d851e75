package notify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Bounds of the time between two tries.
const (
	MinWait = time.Second
	MaxWait = time.Minute
	// MaxAsked is the longest that a service's own word (Retry-After) is
	// believed: a nonsensical number must not silence us for a day.
	MaxAsked = 10 * time.Minute
)

// maxText is how many characters a result's text has at most: it is kept in
// the journal, once per try.
const maxText = 600

// Service is one place where people are told, for example Slack.
type Service interface {
	// Destinations are the names in [remediate.Tell.Destination] that it serves.
	Destinations() []string
	// Tell makes one try. The reference that it returns names what was shown,
	// for later edits. Its errors are told apart by [FinalError], [WaitError]
	// and neither; they hold no secret.
	Tell(context.Context, remediate.Started) (ref string, err error)
}

// Teller performs tells. Its methods may be called from any goroutine.
type Teller struct {
	services map[string]Service // by destination

	mu    sync.Mutex
	tries map[string]try // by Started.ID
}

// try is remembered from the first failed try of a tell to its end.
type try struct{ first, deadline time.Time }

// New returns a Teller over the services. It refuses two that serve one destination.
func New(services ...Service) (*Teller, error) {
	t := &Teller{services: map[string]Service{}, tries: map[string]try{}}
	for _, s := range services {
		for _, d := range s.Destinations() {
			if _, taken := t.services[d]; taken {
				return nil, fmt.Errorf("notify: destination %q is served twice; keep one of the services", d)
			}
			t.services[d] = s
		}
	}
	return t, nil
}

// Destinations returns all that can be told, sorted: what a rulebook lists.
func (t *Teller) Destinations() []string { return slices.Sorted(maps.Keys(t.services)) }

// Perform makes one try of the tell and reports OK with a Ref, Later with the
// time of the next try, or Failed with what a person has to do.
//
// The next try is due after as long as it has been tried for already, at least
// [MinWait] and at most [MaxWait]: 1 s, 1 s, 2 s, 4 s and so on. A restart
// begins anew with 1 s. When the service asks for more, it gets it, up to
// [MaxAsked].
func (t *Teller) Perform(ctx context.Context, s remediate.Started) remediate.Result {
	if s.Tell == nil {
		return failed("%q is no tell: it was handed to the wrong performer, which is a bug in remediated", s.ID)
	}
	service, ok := t.services[s.Tell.Destination]
	if !ok {
		return failed("no destination %q is configured; there is %s: correct the runbook or add it under notify in remediated.yml",
			Clean(s.Tell.Destination, 80), list(t.Destinations()))
	}
	begun := time.Now()
	ref, err := service.Tell(ctx, s)
	var final *FinalError
	switch {
	case err == nil:
		t.forget(s.ID)
		done := remediate.Result{Outcome: remediate.OK, Ref: ref}
		if l, ok := service.(Linker); ok {
			done.Link = l.Link(s, ref)
		}
		return done
	case errors.As(err, &final):
		t.forget(s.ID)
		return failed("%s", err)
	}
	now := time.Now()
	wait := min(max(now.Sub(t.first(s, begun)), MinWait), MaxWait)
	var asked *WaitError
	if errors.As(err, &asked) {
		wait = max(wait, min(asked.Wait, MaxAsked))
	}
	return remediate.Result{Outcome: remediate.Later, Text: Clean(err.Error(), maxText), Until: now.Add(wait)}
}

// first returns when the first try of s began, begun if this one is it. Tells
// whose deadline has passed were ended by the core without a word to us; they
// are swept out here.
func (t *Teller) first(s remediate.Started, begun time.Time) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.tries, func(_ string, old try) bool { return old.deadline.Before(begun) })
	if old, ok := t.tries[s.ID]; ok {
		return old.first
	}
	t.tries[s.ID] = try{first: begun, deadline: s.Deadline}
	return begun
}

func (t *Teller) forget(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.tries, id)
}

func failed(format string, args ...any) remediate.Result {
	return remediate.Result{Outcome: remediate.Failed, Text: Clean(fmt.Sprintf(format, args...), maxText)}
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
