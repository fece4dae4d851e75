package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/engine"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// people are told of incidents by two services that can be down, through the
// engine and the teller as they are.
type people struct {
	t      *testing.T
	engine *engine.Engine
	teller *notify.Teller
	mem    *journal.Memory

	mu    sync.Mutex
	down  map[string]bool // by service: slack, pagerduty
	tries map[string]int
	told  []toldOnce
	asked int // tells that were begun and not ended, at most at a time
	open  int
}

// toldOnce is what was taken.
type toldOnce struct {
	at          time.Time
	destination string
	notice      remediate.Notice
}

// service tells while it is not down.
type service struct {
	name         string
	destinations []string
	people       *people
}

func (s service) Destinations() []string { return s.destinations }

func (s service) Tell(_ context.Context, started remediate.Started) (string, error) {
	p := s.people
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tries[s.name]++
	if p.down[s.name] {
		return "", errors.New("dial tcp: i/o timeout")
	}
	p.told = append(p.told, toldOnce{time.Now(), started.Tell.Destination, started.Tell.Notice})
	return started.Tell.Notice.Key, nil
}

// Perform answers questions with yes, fails each act, and tells.
func (p *people) Perform(ctx context.Context, s remediate.Started) remediate.Result {
	switch {
	case s.Tell != nil:
		p.mu.Lock()
		p.open++
		p.asked = max(p.asked, p.open)
		p.mu.Unlock()
		defer func() { p.mu.Lock(); p.open--; p.mu.Unlock() }()
		return p.teller.Perform(ctx, s)
	case s.Act != nil:
		return remediate.Result{Outcome: remediate.Failed, Text: "forbidden"}
	case s.Ask.Purpose == remediate.ForGuards:
		return remediate.Result{Outcome: remediate.OK, Answers: []remediate.Answer{
			{Kind: "alert", OK: true, Values: map[string]string{remediate.ValueState: remediate.AlertStateFiring}},
			{Kind: "workload", OK: true, Values: map[string]string{remediate.ValueUID: "uid-1", remediate.ValueTemplate: "hash-1"}},
		}}
	}
	return remediate.Result{Outcome: remediate.Failed, Text: "still down"}
}

const oncall = remediate.PagerDuty + "oncall"

// inform starts the engine, with these services down.
func inform(t *testing.T, down ...string) *people {
	t.Helper()
	p := &people{t: t, mem: journal.NewMemory(), down: map[string]bool{}, tries: map[string]int{}}
	for _, name := range down {
		p.down[name] = true
	}
	slack := service{"slack", []string{remediate.Slack, remediate.SlackThread, remediate.SlackPage + "oncall"}, p}
	pagerduty := service{"pagerduty", []string{oncall, remediate.PagerDuty + "manager", remediate.PagerDuty + "director"}, p}
	var err error
	if p.teller, err = notify.New(slack, pagerduty); err != nil {
		t.Fatal(err)
	}
	book := &remediate.Rulebook{
		Cluster: "prod", Runbooks: remediate.DefaultRunbooks(), Destinations: p.teller.Destinations(),
		Policies: []remediate.Policy{{
			Name: "down", When: []string{`alertname="Down"`}, Per: []string{"namespace"}, Severity: remediate.P1, Mode: remediate.ModeAct,
			Target: "deployment/$namespace/db", Guards: remediate.Guards{Breaker: remediate.DefaultBreaker()},
			Steps: []remediate.Step{{
				Name: "restart", Do: []remediate.Do{{Kind: "restart"}},
				Verify: remediate.Verify{All: []remediate.Check{{Kind: "rollout"}}, Within: model.Duration(time.Minute)},
			}},
		}},
	}
	if err := book.Compile(); err != nil {
		t.Fatal(err)
	}
	p.engine = engine.New(engine.Options{
		Open: func(context.Context) (engine.Journal, error) { return p.mem, nil }, Name: func() string { return "q4m2x7kd" },
		Performer: p, Rulebook: book, Log: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.engine.Run(ctx) }()
	<-p.engine.Ready()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return p
}

// fire has so many incidents begin.
func (p *people) fire(incidents int) {
	p.t.Helper()
	var batch []remediate.Input
	for n := range incidents {
		batch = append(batch, remediate.Heard{Firing: true, Alert: remediate.Alert{
			Labels:   remediate.LabelsOf(map[string]string{"alertname": "Down", "namespace": fmt.Sprintf("shop-%d", n)}),
			StartsAt: time.Now().Add(time.Second),
		}})
	}
	if err := p.engine.Submit(p.t.Context(), batch); err != nil {
		p.t.Fatal(err)
	}
}

func (p *people) mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.down)
}

// taken is what was taken by destinations that begin so.
func (p *people) taken(destination string) (out []toldOnce) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, told := range p.told {
		if strings.HasPrefix(told.destination, destination) {
			out = append(out, told)
		}
	}
	return out
}

// nobodyHeardTwice fails for what was taken twice by one destination.
func (p *people) nobodyHeardTwice() {
	p.t.Helper()
	seen := map[string]bool{}
	for _, told := range p.taken("") {
		b, err := json.Marshal(told.notice)
		if err != nil {
			p.t.Fatal(err)
		}
		if what := told.destination + " " + string(b); seen[what] {
			p.t.Errorf("told twice: %s", what)
		} else {
			seen[what] = true
		}
	}
}

// bounded fails when more waited than one tell for each incident and
// destination, or when it was tried without end.
func (p *people) bounded(incidents int, out time.Duration) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if most := (incidents + 2) * len(p.teller.Destinations()); p.asked > most {
		p.t.Errorf("%d tells at a time, want at most %d", p.asked, most)
	}
	most := (incidents + 2) * 3 * int(out/notify.MaxWait+20)
	for service, n := range p.tries {
		if n > most {
			p.t.Errorf("%s was tried %d times in %s for %d incidents, want at most %d", service, n, out, incidents, most)
		}
	}
}

const outage = 6 * time.Hour

// PagerDuty is down for hours: on-call hears by Slack within a minute.
func TestPagerDutyIsDownForHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := inform(t, "pagerduty")
		p.fire(5)
		begun := time.Now()
		time.Sleep(time.Minute)
		called := map[uint64]bool{}
		for _, told := range p.taken(remediate.SlackPage) {
			called[told.notice.Incident] = true
		}
		if len(called) != 5 {
			t.Errorf("on-call heard of %d of 5 incidents by Slack within a minute", len(called))
		}
		time.Sleep(outage)
		p.bounded(5, time.Since(begun))
		p.mend()
		time.Sleep(10 * time.Minute)
		p.nobodyHeardTwice()
	})
}

// Slack is down for hours: PagerDuty is not kept waiting by it, and that nobody
// sees anything in Slack is an incident of its own.
func TestSlackIsDownForHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := inform(t, "slack")
		p.fire(5)
		time.Sleep(time.Minute)
		if n := len(p.taken(oncall)); n != 5 {
			t.Errorf("on-call was paged for %d of 5 incidents within a minute", n)
		}
		time.Sleep(outage)
		p.bounded(5, outage)
		untold := false
		for _, told := range p.taken(oncall) {
			untold = untold || told.notice.Alert == remediate.UntoldAlert
		}
		if !untold {
			t.Error("nobody was paged for that Slack takes nothing")
		}
		p.mend()
		back := time.Now()
		time.Sleep(2 * time.Minute)
		shown := map[uint64]bool{}
		for _, told := range p.taken(remediate.Slack) {
			if told.destination == remediate.Slack {
				shown[told.notice.Incident] = true
			}
		}
		if len(shown) < 5 {
			t.Errorf("%d of 5 incidents are shown %s after Slack is back", len(shown), time.Since(back))
		}
		p.nobodyHeardTwice()
	})
}

// Both are down for hours: when they are back, everybody who is to be called is
// called once, and it is whose turn it is by then.
func TestNobodyCanBeToldForHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := inform(t, "slack", "pagerduty")
		p.fire(5)
		time.Sleep(outage)
		if n := len(p.taken("")); n != 0 {
			t.Fatalf("%d tells were taken by services that are down", n)
		}
		p.bounded(5, outage)
		p.mend()
		time.Sleep(2 * time.Minute)
		pages := map[uint64]int{}
		for _, told := range p.taken(remediate.PagerDuty) {
			if told.notice.Action == "trigger" {
				pages[told.notice.Incident]++
			}
		}
		for n := uint64(1); n <= 5; n++ {
			if pages[n] != 1 {
				t.Errorf("i%d was paged %d times within two minutes of the end of the outage", n, pages[n])
			}
		}
		p.nobodyHeardTwice()
	})
}
