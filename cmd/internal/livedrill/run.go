package livedrill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/record"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

// Daemon is the daemon that is to mend what is broken.
type Daemon interface {
	Status(ctx context.Context) (web.Status, error)
	// Incidents are the last ones, open or closed, newest first.
	Incidents(ctx context.Context) ([]web.Row, error)
	Record(ctx context.Context, incident uint64) (record.Record, error)
	// Note keeps a text with an incident.
	Note(ctx context.Context, incident uint64, text string) error
	// Announce says that what a policy is for is broken on purpose, so that its
	// incident is marked as that of the drill.
	Announce(ctx context.Context, policy string, a Announcement) error
	// Over ends what was announced for a policy.
	Over(ctx context.Context, policy string) error
}

// Announcement is what the daemon is told before something is broken.
type Announcement struct {
	Drill  string            // its name
	Labels map[string]string // that the alert must have
	For    model.Duration    // when nobody says before that it is over
	Page   bool              // people are called
}

// Hands are what breaks and repairs, and what is said meanwhile.
type Hands struct {
	Do  func(ctx context.Context, command []string) error
	Say func(format string, args ...any)
}

// Outcomes of a drill.
const (
	Passed  = "passed"  // it was mended in time
	Failed  = "failed"  // it was not, or not in time
	Aborted = "aborted" // it was broken off: people are needed, or somebody said so
)

// Result is what came of a drill.
type Result struct {
	Scenario Scenario       `json:"scenario"`
	Outcome  string         `json:"outcome"`
	Why      string         `json:"why"`
	Broken   time.Time      `json:"broken"`
	Repaired string         `json:"repaired"`         // how that went: "ok", "none is needed", or what is wrong
	Incident uint64         `json:"incident"`         // 0: its alert was not heard
	Good     model.Duration `json:"good"`             // from the break to the first good sample, 0 when there was none
	Record   *record.Record `json:"record,omitempty"` // of the incident
}

const (
	lookEvery    = time.Second
	missesMost   = 15              // looks in a row that fail
	repairWithin = 5 * time.Minute // also when somebody breaks it off
	seenWithin   = time.Minute     // how long the daemon is given to see that it is repaired
	sayWithin    = time.Minute     // to tell the daemon, also then
	maxNote      = 900             // bytes
)

// Run carries out a drill. It returns an error, and has broken nothing, when it is
// not to begin. Once something was broken it is repaired before Run returns.
func Run(ctx context.Context, d Daemon, h Hands, s Scenario) (Result, error) {
	last, err := ready(ctx, d, s)
	if err != nil {
		return Result{}, err
	}
	over, err := announce(ctx, d, s)
	if err != nil {
		return Result{}, err
	}
	r := Result{Scenario: s, Broken: time.Now().UTC().Truncate(time.Millisecond)}
	h.Say("breaks: %q", s.Break)
	if err := h.Do(ctx, s.Break); err != nil {
		r.Outcome, r.Why = Failed, fmt.Sprintf("it could not be broken: %v", err)
	} else {
		w := watch{Daemon: d, Hands: h, Result: &r, last: last}
		w.follow(ctx)
	}
	if r.repair(ctx, h) {
		r.settle(ctx, d)
	}
	r.learn(ctx, d)
	if err := over(); err != nil {
		r.Why += fmt.Sprintf("; the daemon was not told that it is over, and holds it for on: %v", err)
	}
	return r, nil
}

// announce tells the daemon what is about to be broken. What it returns says that
// it is over; it is called by itself when not all of it could be announced.
func announce(ctx context.Context, d Daemon, s Scenario) (over func() error, err error) {
	a := Announcement{Drill: s.Name, Labels: s.Labels, For: s.Within + model.Duration(repairWithin+seenWithin+sayWithin), Page: s.Page}
	var told []string
	over = func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sayWithin)
		defer cancel()
		var errs []error
		for _, policy := range told {
			errs = append(errs, d.Over(ctx, policy))
		}
		return errors.Join(errs...)
	}
	for _, policy := range append([]string{s.Policy}, s.Also...) {
		if err := d.Announce(ctx, policy, a); err != nil {
			return nil, errors.Join(fmt.Errorf("nothing was broken: the drill could not be announced for policy %s: %w", policy, err), over())
		}
		told, a.Labels = append(told, policy), nil // which alerts break with it nobody knows so well
	}
	return over, nil
}

// ready says why a drill is not to begin. It returns the number of the last
// incident before it.
func ready(ctx context.Context, d Daemon, s Scenario) (last uint64, err error) {
	st, err := d.Status(ctx)
	if err != nil {
		return 0, err
	}
	switch {
	case st.Cluster != s.Cluster:
		return 0, fmt.Errorf("the daemon is that of cluster %q, and the drill is for cluster %q: nothing was broken", st.Cluster, s.Cluster)
	case st.Degraded != "":
		return 0, fmt.Errorf("the daemon does nothing now: %s", st.Degraded)
	case st.Upgrade != nil && st.Upgrade.Held:
		return 0, errors.New("the daemon only observes: see remedy upgrade show")
	case slices.ContainsFunc(st.Paused, func(p web.Paused) bool { return p.Scope == "all" || p.Scope == "policy/"+s.Policy }):
		return 0, fmt.Errorf("policy %s is paused: see remedy status", s.Policy)
	}
	rows, err := d.Incidents(ctx)
	if err != nil {
		return 0, err
	}
	for _, i := range rows {
		last = max(last, i.Number)
		if needsPeople(i) && i.Status != remediate.StatusClosed && i.Status != remediate.StatusHealed {
			return 0, fmt.Errorf("incident i%d is open, %s %s: nobody practises while people are needed", i.Number, i.Severity, i.Policy)
		}
	}
	return last, nil
}

func needsPeople(i web.Row) bool {
	return i.Drill == "" && !i.Found && i.Severity != remediate.P3 && i.Status != remediate.StatusObserved
}

// watch follows what becomes of what was broken.
type watch struct {
	Daemon
	Hands
	*Result
	last   uint64 // incident before the drill
	status remediate.Status
}

func (w *watch) end(outcome, format string, args ...any) bool {
	w.Outcome, w.Why = outcome, fmt.Sprintf(format, args...)
	return true
}

// follow looks every second until it is over.
func (w *watch) follow(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	misses := 0
	for {
		rows, err := w.Incidents(ctx)
		if err == nil {
			misses = 0
			if w.look(rows) {
				return
			}
		} else if misses++; misses >= missesMost && ctx.Err() == nil {
			w.end(Aborted, "the daemon does not answer: %v", err)
			return
		}
		select {
		case <-ctx.Done():
			w.end(Aborted, "somebody broke it off")
			return
		case <-tick.C:
		}
	}
}

// look takes up how things stand, and says whether it is over.
func (w *watch) look(rows []web.Row) bool {
	s, passed := w.Scenario, model.Duration(time.Since(w.Broken))
	for _, i := range slices.Backward(rows) { // the oldest first
		ours := i.Live == s.Name
		switch {
		case i.Number <= w.last || i.Drill != "" || i.Found:
		case !ours && needsPeople(i):
			return w.end(Aborted, "incident i%d, %s %s, is no part of it", i.Number, i.Severity, i.Policy)
		case ours && i.Policy == s.Policy && w.Incident == 0:
			w.Incident = i.Number
			w.Say("heard: i%d, %s", i.Number, i.Severity)
		}
		if i.Number == w.Incident && i.Status != w.status {
			w.status = i.Status
			w.Say("%s: %s", i.Status, i.Happening)
		}
	}
	switch {
	case w.Incident == 0 && passed > s.Heard:
		return w.end(Failed, "its alert was not heard within %s: no incident of policy %s was opened", s.Heard, s.Policy)
	case w.status == remediate.StatusClosed:
		return w.end(Passed, "it was mended")
	case passed > s.Within:
		return w.end(Failed, "it was not over within %s: i%d is %s", s.Within, w.Incident, w.status)
	}
	return false
}

// repair undoes what was broken, whatever came of it and whoever broke it off, and
// tells whether it did.
func (r *Result) repair(ctx context.Context, h Hands) bool {
	if len(r.Scenario.Repair) == 0 {
		r.Repaired = "none is needed"
		return false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), repairWithin)
	defer cancel()
	h.Say("repairs: %q", r.Scenario.Repair)
	r.Repaired = "ok"
	if err := h.Do(ctx, r.Scenario.Repair); err != nil {
		r.Repaired = err.Error()
		r.Outcome, r.Why = Failed, fmt.Sprintf("IT IS NOT REPAIRED, do it by hand: %v; before: %s", err, r.Why)
		return false
	}
	return true
}

// settle waits for a while until the daemon sees that it is good again: when the
// drill is over, people are called for what is not.
func (r *Result) settle(ctx context.Context, d Daemon) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), seenWithin)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for r.Incident != 0 {
		rows, err := d.Incidents(ctx)
		good := func(i web.Row) bool {
			return i.Number == r.Incident && (i.Status == remediate.StatusHealed || i.Status == remediate.StatusClosed)
		}
		if err == nil && slices.ContainsFunc(rows, good) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// learn takes the incident's record, and keeps with it that it was a drill.
func (r *Result) learn(ctx context.Context, d Daemon) {
	if r.Incident == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	kept, err := d.Record(ctx, r.Incident)
	if err != nil {
		r.Why += fmt.Sprintf("; its record is not known: %v", err)
		return
	}
	r.Record = &kept
	if !kept.Times.Good.IsZero() {
		r.Good = model.Duration(kept.Times.Good.Sub(r.Broken))
	}
	if met := kept.RTO.Met; r.Outcome == Passed && (!kept.RTO.Measured || met != nil && !*met) {
		r.Outcome, r.Why = Failed, "it is over, and was not seen to be good again in time: "+kept.Why
	}
	text := fmt.Sprintf("live drill %s, broken at %s: %s: %s", r.Scenario.Name, r.Broken.Format("15:04:05 UTC"), r.Outcome, r.Why)
	if len(text) > maxNote {
		text = strings.ToValidUTF8(text[:maxNote], "")
	}
	if err := d.Note(ctx, r.Incident, strings.Join(strings.Fields(text), " ")); err != nil {
		r.Why += fmt.Sprintf("; it could not be noted with the incident: %v", err)
	}
}
