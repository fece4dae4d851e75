package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// service is a Service of functions.
type service struct {
	destinations []string
	tell         func(remediate.Started) (string, error)
}

func (s service) Destinations() []string { return s.destinations }
func (s service) Tell(_ context.Context, started remediate.Started) (string, error) {
	return s.tell(started)
}

func failing(err error) service {
	return service{[]string{"slack"}, func(remediate.Started) (string, error) { return "", err }}
}

func newTeller(t *testing.T, services ...Service) *Teller {
	t.Helper()
	teller, err := New(services...)
	if err != nil {
		t.Fatal(err)
	}
	return teller
}

func tell(id, destination string) remediate.Started {
	return remediate.Started{ID: id, Deadline: time.Now().Add(time.Hour), Tell: &remediate.Tell{Destination: destination}}
}

func TestTellGoesToTheServiceOfItsDestination(t *testing.T) {
	at := func(name string, destinations ...string) Service {
		return service{destinations, func(s remediate.Started) (string, error) { return name + " " + s.ID, nil }}
	}
	teller := newTeller(t, at("slack", "slack", "slack/thread"), at("pd", "pagerduty/oncall"))
	for destination, want := range map[string]string{"slack": "slack t1", "slack/thread": "slack t1", "pagerduty/oncall": "pd t1"} {
		r := teller.Perform(t.Context(), tell("t1", destination))
		if r.Outcome != remediate.OK || r.Ref != want {
			t.Errorf("%s: %+v, want %q", destination, r, want)
		}
	}
	if got, want := teller.Destinations(), []string{"pagerduty/oncall", "slack", "slack/thread"}; !slices.Equal(got, want) {
		t.Errorf("Destinations = %q, want %q", got, want)
	}
}

func TestWhatCannotBeToldIsRefused(t *testing.T) {
	teller := newTeller(t, failing(&FinalError{Err: errors.New("channel_not_found"), Do: "invite the app"}))
	for name, c := range map[string]struct {
		started remediate.Started
		want    string
	}{
		"no tell":                {remediate.Started{ID: "q-i1-a1", Act: &remediate.Act{}}, "no tell"},
		"unknown destination":    {tell("t1", "pagerduty/nobody"), `no destination "pagerduty/nobody" is configured; there is slack`},
		"a prefix of one":        {tell("t1", "slack/"), "no destination"},
		"final error of service": {tell("t1", "slack"), "channel_not_found; invite the app"},
	} {
		t.Run(name, func(t *testing.T) {
			r := teller.Perform(t.Context(), c.started)
			if r.Outcome != remediate.Failed || !strings.Contains(r.Text, c.want) || !r.Until.IsZero() {
				t.Errorf("got %+v, want %s with %q", r, remediate.Failed, c.want)
			}
		})
	}
}

func TestTwoServicesForOneDestinationAreRefused(t *testing.T) {
	if _, err := New(failing(nil), failing(nil)); err == nil || !strings.Contains(err.Error(), `"slack" is served twice`) {
		t.Errorf("New = %v", err)
	}
}

func TestNextTryIsDueAfterAsLongAsWasTriedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		teller := newTeller(t, failing(errors.New("connection refused")))
		s := tell("t1", "slack")
		var waits []time.Duration
		for range 10 {
			r := teller.Perform(t.Context(), s)
			if r.Outcome != remediate.Later || r.Text != "connection refused" {
				t.Fatalf("got %+v", r)
			}
			waits = append(waits, time.Until(r.Until))
			time.Sleep(time.Until(r.Until)) // virtual
		}
		if got, want := fmt.Sprint(waits), "[1s 1s 2s 4s 8s 16s 32s 1m0s 1m0s 1m0s]"; got != want {
			t.Errorf("waits %s, want %s", got, want)
		}
	})
}

func TestTimeSpentInTheTryCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := service{[]string{"slack"}, func(remediate.Started) (string, error) {
			time.Sleep(10 * time.Second) // virtual
			return "", errors.New("timeout")
		}}
		r := newTeller(t, slow).Perform(t.Context(), tell("t1", "slack"))
		if got := time.Until(r.Until); got != 10*time.Second {
			t.Errorf("next try in %s, want 10s from the end of the one that took 10s", got)
		}
	})
}

func TestTheServicesOwnWordWinsWhenLonger(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{
		0:                time.Second,
		30 * time.Second: 30 * time.Second,
		24 * time.Hour:   MaxAsked,
	} {
		synctest.Test(t, func(t *testing.T) {
			err := fmt.Errorf("slack: %w", &WaitError{Err: errors.New("ratelimited"), Wait: asked})
			r := newTeller(t, failing(err)).Perform(t.Context(), tell("t1", "slack"))
			if got := time.Until(r.Until); r.Outcome != remediate.Later || got != want {
				t.Errorf("asked for %s: %s in %s, want later in %s", asked, r.Outcome, got, want)
			}
		})
	}
}

func TestTriesAreForgottenWithTheirTell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var err error
		s := service{[]string{"slack"}, func(remediate.Started) (string, error) { return "", err }}
		teller := newTeller(t, s)
		for i, end := range []error{nil, &FinalError{Err: errors.New("no")}} {
			err = errors.New("not yet")
			teller.Perform(t.Context(), tell(fmt.Sprint("t", i), "slack"))
			if len(teller.tries) != 1 {
				t.Fatalf("%d tries are remembered while one tell is open", len(teller.tries))
			}
			err = end
			teller.Perform(t.Context(), tell(fmt.Sprint("t", i), "slack"))
			if len(teller.tries) != 0 {
				t.Errorf("a tell that ended with %v is remembered", end)
			}
		}
		err = errors.New("not yet")
		teller.Perform(t.Context(), tell("given up by the core", "slack"))
		time.Sleep(2 * time.Hour) // virtual; past its deadline
		teller.Perform(t.Context(), tell("another", "slack"))
		if _, there := teller.tries["given up by the core"]; there || len(teller.tries) != 1 {
			t.Errorf("remembered: %v, want only the tell whose deadline has not passed", teller.tries)
		}
	})
}

func TestResultTextIsOneShortLine(t *testing.T) {
	long := errors.New("a\nb\x00 " + strings.Repeat("x", 100_000))
	for _, err := range []error{long, &FinalError{Err: long}} {
		r := newTeller(t, failing(err)).Perform(t.Context(), tell("t1", "slack"))
		if len(r.Text) > 2*maxText || strings.ContainsAny(r.Text, "\n\x00") {
			t.Errorf("%s: a text of %d bytes: %.60q", r.Outcome, len(r.Text), r.Text)
		}
	}
}
