package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/policies/replay"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/engine"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// tried writes a journal of a policy that was first observed and then acted, an
// incident every hour: so many ended in time, and so many later. It returns the
// journal's folder and the rulebook.
func tried(t *testing.T, start time.Time, alone, acted [2]int) (string, *remediate.Rulebook) {
	t.Helper()
	book, err := remediate.DecodeRulebook([]byte(`{"cluster": "test", "policies": [
		{"name": "db", "when": ["alertname=\"DbDown\""], "per": ["n"], "severity": "P3", "mode": "act", "target": "deployment/shop/$n",
		 "objective": "2m", "steps": [{"name": "restart", "do": [{"kind": "restart"}], "verify": {"all": [{"kind": "rollout"}], "within": "1m", "every": "1s"}}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	set := func(mode remediate.Mode) *remediate.Command {
		return &remediate.Command{Command: remediate.SetMode, By: "anna", Scope: "policy/db", Value: string(mode)}
	}
	c := policies.Case{Start: start, Moves: []policies.Move{{Command: set(remediate.ModeObserve)}}}
	for n := range alone[0] + alone[1] + acted[0] + acted[1] {
		at, lasts, inTime := time.Duration(n+1)*time.Hour, 10*time.Minute, n < alone[0]
		if k := n - alone[0] - alone[1]; k >= 0 {
			if inTime = k < acted[0]; k == 0 {
				c.Moves = append(c.Moves, policies.Move{At: at - time.Second, Command: set(remediate.ModeAct)})
			}
		}
		if inTime {
			lasts = time.Minute
		}
		ls := remediate.LabelsOf(map[string]string{"alertname": "DbDown", "n": fmt.Sprint("n", n)})
		c.Moves = append(c.Moves, policies.Move{At: at, Alert: &policies.TestAlert{Labels: ls}}, policies.Move{At: at + lasts, Resolve: ls})
		c.Until = at + 30*time.Minute
	}
	o := replay.Run(book, c)
	if o.Err != nil {
		t.Fatal(o.Err)
	}
	return kept(t, o), o.Book
}

// kept writes the facts of a life to a journal, and the rulebook with them.
func kept(t *testing.T, o *replay.Outcome) string {
	t.Helper()
	dir := t.TempDir()
	j, err := journal.Open(t.Context(), dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := o.Book.Encode()
	if err == nil {
		_, err = j.Keep(t.Context(), text)
	}
	var seq uint64
	var head remediate.Sum
	var records []remediate.Record
	for _, f := range o.Facts {
		r, encoding := remediate.Encode(seq, head, f.At, f.Body)
		if encoding != nil {
			t.Fatal(encoding)
		}
		seq, head = r.Seq, r.Sum
		records = append(records, r)
	}
	if err == nil {
		err = j.Append(t.Context(), 0, records)
	}
	if err = errors.Join(err, j.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// idle carries nothing out.
type idle struct{}

func (idle) Perform(ctx context.Context, _ remediate.Started) remediate.Result {
	<-ctx.Done()
	return remediate.Result{Outcome: remediate.Unknown}
}

// living runs the real loop over a journal on disk.
func living(t *testing.T, dir string, book *remediate.Rulebook) *engine.Engine {
	t.Helper()
	e := engine.New(engine.Options{
		Open:      func(ctx context.Context) (engine.Journal, error) { return journal.Open(ctx, dir, journal.Options{}) },
		Name:      drawName,
		Performer: idle{}, Rulebook: book, Log: slog.New(slog.DiscardHandler),
	})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the engine ended: %v", err)
		}
	})
	<-e.Ready()
	return e
}

// own are the modes that the daemon itself set, as they stand in the journal.
func own(t *testing.T, dir string) (given []remediate.CommandGiven) {
	t.Helper()
	j, err := journal.OpenReading(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for r, err := range j.Read(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		f, err := r.Decode()
		if err != nil {
			t.Fatal(err)
		}
		if c, ok := f.Body.(remediate.CommandGiven); ok && c.By == remediate.Itself {
			given = append(given, c)
		}
	}
	return given
}

// month is looked at every day.
var month = policies.Demote{Every: 24 * time.Hour, Over: 30 * 24 * time.Hour}

// A policy whose remedy does no better than waiting is put back, once. When a human
// lets it go on it is counted anew from there.
func TestAPolicyThatDoesNotHelpIsPutBackToObserve(t *testing.T) {
	dir, book := tried(t, time.Now().Add(-10*24*time.Hour), [2]int{4, 6}, [2]int{3, 11})
	e, log := living(t, dir, book), new(bytes.Buffer)
	d := newDemoter(month, dir, e, slog.New(slog.NewTextHandler(log, nil)))
	looks := func(times int) {
		t.Helper()
		for range times {
			if err := d.look(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	looks(3)
	given := own(t, dir)
	if len(given) != 1 || given[0].Scope != "policy/db" || given[0].Value != string(remediate.ModeObserve) {
		t.Fatalf("given: %+v, want the policy put back once", given)
	}
	const why = "looking at 30d: 3 of the 14 incidents it acted on ended in 2m (21 %), of those left alone 4 of 10 did (40 %): it does no better than waiting"
	if !strings.HasSuffix(given[0].Reason, why) || strings.Count(log.String(), "a policy was put back to observe") != 1 {
		t.Errorf("because %q, logged\n%s", given[0].Reason, log)
	}

	lift := remediate.Command{Command: remediate.SetMode, By: "anna", Scope: "policy/db", Value: string(remediate.ModeAct)}
	if err := e.Command(t.Context(), lift); err != nil {
		t.Fatal(err)
	}
	looks(2)
	if given := own(t, dir); len(given) != 1 {
		t.Errorf("given after a human let it go on: %+v", given[1:])
	}
}

// What helps, what there is too little evidence of and what lies too far back is
// left as it is.
func TestAPolicyIsNotPutBack(t *testing.T) {
	for name, c := range map[string]struct {
		ago          time.Duration
		alone, acted [2]int
	}{
		"it helps":              {10 * 24 * time.Hour, [2]int{4, 6}, [2]int{13, 1}},
		"it acted on too few":   {10 * 24 * time.Hour, [2]int{4, 6}, [2]int{0, 9}},
		"too few were observed": {10 * 24 * time.Hour, [2]int{4, 5}, [2]int{0, 14}},
		"it was long ago":       {60 * 24 * time.Hour, [2]int{4, 6}, [2]int{3, 11}},
	} {
		t.Run(name, func(t *testing.T) {
			dir, book := tried(t, time.Now().Add(-c.ago), c.alone, c.acted)
			e := living(t, dir, book)
			// Something of today: the past is counted from the journal's last fact.
			if err := e.Command(t.Context(), remediate.Command{Command: remediate.Pause, By: "anna", Scope: "namespace/web"}); err != nil {
				t.Fatal(err)
			}
			if err := newDemoter(month, dir, e, slog.New(slog.DiscardHandler)).look(t.Context()); err != nil {
				t.Fatal(err)
			}
			if given := own(t, dir); len(given) != 0 {
				t.Errorf("given: %+v", given)
			}
		})
	}
}

// It looks soon after the start and then at its interval; a journal that cannot be
// read is said, and looked at again.
func TestItIsLookedAtIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lookedLog
		d := newDemoter(month, t.TempDir(), &listener{}, slog.New(slog.NewTextHandler(&log, nil)))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { d.run(ctx); close(ended) }()
		for _, c := range []struct {
			passes time.Duration
			looked int
		}{{4 * time.Minute, 0}, {2 * time.Minute, 1}, {23 * time.Hour, 1}, {time.Hour, 2}, {24 * time.Hour, 3}} {
			time.Sleep(c.passes) // virtual
			synctest.Wait()
			if got := int(log.looks.Load()); got != c.looked {
				t.Errorf("looked %d times, want %d", got, c.looked)
			}
		}
		stop()
		<-ended
	})
}

// lookedLog counts how often it is told that there is no journal.
type lookedLog struct{ looks atomic.Int64 }

func (l *lookedLog) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("there is no journal in")) {
		l.looks.Add(1)
	}
	return len(line), nil
}
