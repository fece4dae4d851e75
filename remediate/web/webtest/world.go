// Package webtest is a world to show: the real decider in virtual time, with
// alerts, people and a cluster that answer as they are told to. It is what
// tests of the page, the API and the command line look at instead of facts
// that were written by hand.
package webtest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

// Epoch is when every world begins.
var Epoch = time.Date(2026, 1, 14, 10, 0, 0, 0, time.UTC)

// World implements [web.Live] and [web.History]. It is safe for concurrent
// use. Make one with New.
type World struct {
	mu     sync.Mutex
	books  remediate.Rulebooks
	state  *remediate.State
	now    time.Time
	facts  []remediate.Fact
	closed []web.Row
	set    map[string]string // how the world answers: "verify" -> "failed/20s"
	due    []result          // what will come back, in order
	broken map[string]error  // what fails: "history", "live", "journal"
	open   map[string]remediate.Started
	blobs  map[string]string // what was kept as evidence, by digest
}

// result comes back at a time; one that did not get through is tried again.
type result struct {
	at    time.Time
	in    remediate.Reported
	again *remediate.Started
}

// New returns a world at Epoch in which all is well.
func New() (*World, error) {
	w := &World{
		books: remediate.Rulebooks{}, state: remediate.NewState(), now: Epoch, broken: map[string]error{}, open: map[string]remediate.Started{},
		set: map[string]string{
			"alert": "firing", "workload": "0 of 1 available", "alerts": "0", "promql": "1", "cluster": "3 of 3 nodes are ready", "evidence": "FATAL: no space left",
		},
		blobs: map[string]string{},
	}
	r, err := remediate.Found(w.state, w.now, "q4m2x7kd")
	if err != nil {
		return nil, err
	}
	return w, w.keep([]remediate.Record{r})
}

// Now returns the world's time.
func (w *World) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// Set says how something answers from here on. For act, verify, confirm, probe
// and tell it is an outcome and how long it takes, "failed/20s", or "silent";
// for alert firing, suppressed or gone; for alerts how many fire; for promql the
// value; for evidence what is kept; for workload and cluster a text; for replicas,
// headroom, budget, revision and change what is seen of every workload. "unknown"
// fits every question.
func (w *World) Set(what, how string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.set[what] = how
}

// Break makes "live", "journal" or "history" fail with err; nil mends it. A
// journal that fails degrades the decider too.
func (w *World) Break(what string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken[what] = err
	if what == "journal" {
		why := ""
		if err != nil {
			why = err.Error()
		}
		w.state.Degrade(why)
	}
}

// Load makes book govern.
func (w *World) Load(book *remediate.Rulebook) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.books[book.Digest()] = book
	var names []string
	for _, p := range book.Policies {
		names = append(names, p.Name)
	}
	return w.hear(remediate.Loaded{Digest: book.Digest(), Policies: names})
}

// Hear hands the decider an input.
func (w *World) Hear(in remediate.Input) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.hear(in)
}

// Pass lets d go by, and everything happen that is due in it.
func (w *World) Pass(d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pass(d)
}

// Look implements [web.Live].
func (w *World) Look(_ context.Context, f func(*remediate.State, remediate.Rulebooks)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.broken["live"]; err != nil {
		return err
	}
	f(w.state, w.books)
	return nil
}

// Command implements [web.Live].
func (w *World) Command(_ context.Context, c remediate.Command) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := cmp.Or(w.broken["live"], w.broken["journal"]); err != nil {
		return err
	}
	return w.hear(c)
}

// Closed implements [web.History].
func (w *World) Closed(_ context.Context, which web.Closed) ([]web.Row, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.broken["history"]; err != nil {
		return nil, err
	}
	var rows []web.Row
	for _, r := range slices.Backward(w.closed) {
		fits := (which.Policy == "" || r.Policy == which.Policy) && (which.Severity == "" || r.Severity == which.Severity)
		if fits && (which.Before == 0 || r.Number < which.Before) && len(rows) < which.Limit {
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// Since implements [web.History].
func (w *World) Since(_ context.Context, from uint64) iter.Seq2[remediate.Fact, error] {
	return func(yield func(remediate.Fact, error) bool) {
		w.mu.Lock()
		facts, err := slices.Clone(w.facts), w.broken["history"]
		w.mu.Unlock()
		if err != nil {
			yield(remediate.Fact{}, err)
			return
		}
		for _, f := range facts {
			if f.Seq >= from && !yield(f, nil) {
				return
			}
		}
	}
}

// Facts implements [web.History].
func (w *World) Facts(_ context.Context, incident uint64) ([]remediate.Fact, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.broken["history"]; err != nil {
		return nil, err
	}
	var facts []remediate.Fact
	for _, f := range w.facts {
		if remediate.IncidentOf(f.Body) == incident {
			facts = append(facts, f)
		}
	}
	return facts, nil
}

// Kept implements [web.History].
func (w *World) Kept(_ context.Context, digest string) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.broken["history"]; err != nil {
		return nil, err
	}
	blob, ok := w.blobs[digest]
	if !ok {
		return nil, fmt.Errorf("%s: %w", digest, fs.ErrNotExist)
	}
	return []byte(blob), nil
}

// keepBlob keeps evidence and returns its digest.
func (w *World) keepBlob(text string) string {
	sum := sha256.Sum256([]byte(text))
	digest := hex.EncodeToString(sum[:])
	w.blobs[digest] = text
	return digest
}

// hear hands over an input and works off what it leaves to be done now.
func (w *World) hear(in remediate.Input) error {
	rs, err := remediate.Handle(w.books, w.state, w.now, in)
	if err != nil {
		return err
	}
	if err := w.keep(rs); err != nil {
		return err
	}
	return w.pass(0)
}

// keep does what a journal and the loop do with what the decider returned.
func (w *World) keep(rs []remediate.Record) error {
	for _, r := range rs {
		f, err := r.Fact()
		if err != nil {
			return err
		}
		w.facts = append(w.facts, f)
		switch b := f.Body.(type) {
		case remediate.Started:
			w.open[b.ID] = b
			if err := w.perform(b); err != nil {
				return err
			}
		case remediate.Delayed:
			if s, ok := w.open[b.ID]; ok {
				w.schedule(result{at: b.Until, again: &s})
			}
		case remediate.Closed:
			w.closed = append(w.closed, w.rowOf(b))
			slices.SortFunc(w.closed, func(a, b web.Row) int { return cmp.Compare(a.Number, b.Number) })
		}
	}
	return nil
}

// rowOf is how the history lists an incident that was just closed. It may be
// filed by the same write, so that only facts remain.
func (w *World) rowOf(b remediate.Closed) web.Row {
	r := web.Row{Number: b.Incident, Status: remediate.StatusClosed, Why: b.Why, Closed: w.now, Verified: b.Verified}
	for _, f := range w.facts {
		switch b := f.Body.(type) {
		case remediate.Opened:
			if b.Incident == r.Number {
				r.Policy, r.Severity, r.Target, r.Opened, r.Found = b.Policy, b.Severity, b.Target, f.At, b.Found
				r.Drill, r.Live = b.Drill, b.Live
			}
		case remediate.Healed:
			if b.Incident == r.Number {
				r.Healed, r.Took = b.FirstGood, b.Took
			}
		case remediate.Started:
			if b.Incident == r.Number && b.Act != nil && b.Act.Index == 0 {
				r.Attempts++
			}
		case remediate.Escalated:
			if b.Incident == r.Number {
				r.Told = b.Tell
			}
		case remediate.Exhausted:
			r.Exhausted = r.Exhausted || b.Incident == r.Number
		}
	}
	return r
}

// pass lets time go by, from one due thing to the next.
func (w *World) pass(d time.Duration) error {
	end := w.now.Add(d)
	for range 100_000 {
		next := w.state.Next()
		back := len(w.due) > 0 && (next.IsZero() || !w.due[0].at.After(next))
		if back {
			next = w.due[0].at
		}
		if next.IsZero() || next.After(end) {
			w.now = end
			return nil
		}
		if next.After(w.now) {
			w.now = next
		}
		var in remediate.Input = remediate.Tick{}
		if back {
			r := w.due[0]
			w.due = w.due[1:]
			if r.again != nil {
				if err := w.perform(*r.again); err != nil {
					return err
				}
				continue
			}
			r.in.At = w.now
			in = r.in
		}
		rs, err := remediate.Handle(w.books, w.state, w.now, in)
		if err != nil {
			return err
		}
		if err := w.keep(rs); err != nil {
			return err
		}
	}
	return fmt.Errorf("time does not pass: the decider wants to be asked without end at %s", w.now)
}

// perform answers what was started as the settings say.
func (w *World) perform(s remediate.Started) error {
	how, after, _ := strings.Cut(w.set[performanceOf(s)], "/")
	how = cmp.Or(how, remediate.OK)
	if how == "silent" {
		return nil
	}
	wait, err := time.ParseDuration(cmp.Or(after, "0s"))
	if err != nil {
		return fmt.Errorf("set %s: %w", performanceOf(s), err)
	}
	at := w.now.Add(wait)
	r := remediate.Result{Outcome: how}
	switch performanceOf(s) {
	case "ask":
		for _, q := range s.Ask.Questions {
			r.Answers = append(r.Answers, w.answer(q))
		}
	case "verify", "confirm":
		r.FirstGood = w.now // it has been good since it began, unless it took longer than it had to hold
		if good := at.Add(-time.Duration(s.Ask.Hold)); good.After(w.now) {
			r.FirstGood = good
		}
		r.Text = map[string]string{remediate.OK: "held for " + s.Ask.Hold.String(), remediate.Failed: "postgres: connection refused"}[how]
	case "act":
		r.Text = map[string]string{remediate.Failed: "deployments.apps is forbidden", remediate.Refused: "the object is another one by now"}[how]
	case "probe":
		r.Text = map[string]string{remediate.Failed: "postgres: connection refused"}[how]
	case "tell":
		r.Ref = "ref-" + s.Tell.Destination
		if how == remediate.Later {
			r.Until, r.Text = at.Add(30*time.Second), "429 Too Many Requests"
		}
	}
	w.schedule(result{at: at, in: remediate.Reported{ID: s.ID, Incident: s.Incident, Result: r}})
	return nil
}

func (w *World) schedule(r result) {
	w.due = append(w.due, r)
	slices.SortStableFunc(w.due, func(a, b result) int { return a.at.Compare(b.at) })
}

func performanceOf(s remediate.Started) string {
	switch {
	case s.Act != nil:
		return "act"
	case s.Tell != nil:
		return "tell"
	case s.Ask.Purpose == remediate.ForVerification:
		return "verify"
	case s.Ask.Purpose == remediate.ForConfirmation:
		return "confirm"
	case s.Ask.Purpose == remediate.ForGoingOn:
		return "look"
	case s.Ask.Purpose == remediate.ForProbingOn:
		return "probe"
	}
	return "ask"
}

func (w *World) answer(q remediate.Question) remediate.Answer {
	a := remediate.Answer{Kind: q.Kind, OK: true, Values: map[string]string{}}
	how := w.set[q.Kind]
	switch {
	case how == "unknown":
		a.OK, a.Err = false, "connection refused"
	case q.Kind == "alert":
		a.Values[remediate.ValueState], a.Text = how, how+" at Alertmanager"
	case q.Kind == "workload":
		a.Text = how
		a.Values[remediate.ValueTarget], a.Values[remediate.ValueUID] = q.Target.String(), "uid-1"
		a.Values[remediate.ValueTemplate], a.Values[remediate.ValueAvailable] = "hash-1", "0"
		for _, v := range []string{remediate.ValueReplicas, remediate.ValueHeadroom, remediate.ValueBudget, remediate.ValueRevision, remediate.ValueChange} {
			if is := w.set[v]; is != "" {
				a.Values[v] = is
			}
		}
	case q.Kind == "cluster":
		a.Text = how
		a.Values[remediate.ValueNodes], a.Values[remediate.ValueNodesReady], a.Values[remediate.ValueControlPlane] = "3", "3", "ready"
	case q.Kind == "alerts":
		a.Text, a.Values[remediate.ValueCount] = how+" such alerts fire", how
	case q.Kind == "promql":
		a.Text, a.Values[remediate.ValueNumber] = "the value is "+how, how
	case q.Kind == "evidence":
		a.Text, a.Values[remediate.ValueDigest] = fmt.Sprintf("the logs of db, %d bytes", len(how)), w.keepBlob(how)
	}
	return a
}
