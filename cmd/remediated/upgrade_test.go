package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/cmd/internal/catalogue"
	"github.com/x0tta6bl4/remediated/cmd/internal/flags"
	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/policies/replay"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/engine"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

// lived is a life of the shipped policy for PostgreSQL, of ten days: one incident
// each day.
func lived(t *testing.T) *replay.Outcome {
	t.Helper()
	s, problems := policies.LoadSuite("../../policies/shipped/postgres-down.test.yaml", catalogue.New())
	if s == nil {
		t.Fatal(problems)
	}
	c := policies.Case{Start: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)}
	down := remediate.LabelsOf(map[string]string{"alertname": "PostgresDown", "job": "database"})
	for n := range 10 {
		at := time.Duration(n) * 24 * time.Hour
		c.Moves = append(c.Moves, policies.Move{At: at, Alert: &policies.TestAlert{Labels: down}}, policies.Move{At: at + time.Minute, Resolve: down})
		c.Until = at + time.Hour
	}
	return replay.Run(s.Rulebook, c)
}

// judged are the positions of judgements among facts.
func judged(facts []remediate.Fact) (at []int) {
	for n, f := range facts {
		if _, ok := f.Body.(remediate.Judged); ok {
			at = append(at, n)
		}
	}
	return at
}

// governed is that another rulebook governs from the end of a life on.
func governed(facts []remediate.Fact, digest string) []remediate.Fact {
	return []remediate.Fact{{At: facts[len(facts)-1].At.Add(time.Second), Body: remediate.RulebookLoaded{Digest: digest, Policies: []string{"postgres-down"}}}}
}

// written writes the facts of a life to a journal, and the rulebook with them.
func written(t *testing.T, facts []remediate.Fact, book *remediate.Rulebook) string {
	t.Helper()
	dir := t.TempDir()
	j, err := journal.Open(t.Context(), dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := book.Encode()
	if err == nil {
		_, err = j.Keep(t.Context(), text)
	}
	if err != nil {
		t.Fatal(err)
	}
	var head remediate.Sum
	var records []remediate.Record
	for n, f := range facts {
		r, err := remediate.Encode(uint64(n), head, f.At, f.Body)
		if err != nil {
			t.Fatal(err)
		}
		records, head = append(records, r), r.Sum
	}
	if err := errors.Join(j.Append(t.Context(), 0, records), j.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// begins starts the loop of a daemon over a journal, and what an upgrade needs.
func begins(t *testing.T, dir string, hold bool, book *remediate.Rulebook) (d *daemon, log *bytes.Buffer) {
	t.Helper()
	log = new(bytes.Buffer)
	d = &daemon{options: options{storage: dir, hold: hold, days: flags.Span(7 * 24 * time.Hour)}, log: slog.New(slog.NewTextHandler(log, nil))}
	d.watch = newWatcher(slog.New(slog.DiscardHandler))
	d.engine = engine.New(engine.Options{
		Open: d.openJournal, Name: drawName, Rulebook: book, Release: "1.5", Hold: hold, Observe: d.watch.fact,
		Performer: performs(func(remediate.Started) remediate.Result { return remediate.Result{Outcome: remediate.OK} }),
	})
	ctx, stop := context.WithCancel(context.Background())
	ended, compared := make(chan error, 1), make(chan error, 1)
	go func() { ended <- d.engine.Run(ctx) }()
	select {
	case <-d.engine.Ready():
	case err := <-ended:
		t.Fatal(err)
	}
	go func() { compared <- d.upgrade(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-compared, <-ended); err != nil {
			t.Error(err)
		}
	})
	return d, log
}

type performs func(remediate.Started) remediate.Result

func (p performs) Perform(_ context.Context, s remediate.Started) remediate.Result { return p(s) }

// compared returns how it stands with the release, when it was compared and that
// was told.
func (d *daemon) compared(t *testing.T) (r remediate.Release) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); r.Compared == nil; {
		if err := d.engine.Look(t.Context(), func(s *remediate.State, _ remediate.Rulebooks) { r = s.Release }); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatal("it was not compared within 20s")
		}
	}
	return r
}

// What the days before decide otherwise holds the release; what is the same, or
// older, does not. What cannot be decided again is no reason to act.
func TestUpgradeIsCompared(t *testing.T) {
	other := func(facts []remediate.Fact, at ...int) []remediate.Fact {
		facts = slices.Clone(facts)
		for _, n := range at {
			b := facts[n].Body.(remediate.Judged)
			b.Verdicts = slices.Clone(b.Verdicts)
			b.Verdicts[0].Reason = "nothing at all is paused"
			facts[n].Body = b
		}
		return facts
	}
	o := lived(t)
	js := judged(o.Facts)
	if len(js) < 9 {
		t.Fatalf("only %d judgements", len(js))
	}
	last := js[len(js)-1]
	for _, c := range []struct {
		name    string
		facts   []remediate.Fact
		hold    bool
		held    bool
		changed int
		gauges  string
		why     string
	}{
		{"the same", o.Facts, true, false, 0, "0 0", ""},
		{"two are others", other(o.Facts, last, js[len(js)-2]), true, true, 2, "2 1", ""},
		{"two are others, and nothing is to be held", other(o.Facts, last, js[len(js)-2]), false, false, 2, "2 0", ""},
		{"another is too old to count", other(o.Facts, js[0]), true, false, 0, "0 0", ""},
		{"a rulebook is lost", slices.Concat(o.Facts, governed(o.Facts, strings.Repeat("0", 64)), governed(o.Facts, o.Book.Digest())), true, true, 0, "-1 1", "rulebook 000000000000: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := written(t, c.facts, o.Book)
			d, log := begins(t, dir, c.hold, o.Book)
			r := d.compared(t)
			if r.Held != c.held || r.Compared.Changed != c.changed || !strings.Contains(r.Compared.Why, c.why) || (c.why == "") != (r.Compared.Why == "") {
				t.Errorf("the release is %+v, compared %+v", r, r.Compared)
			}
			if got := numbersOf(d.watch, "remediated_upgrade_changed_decisions", "remediated_upgrade_held"); got != c.gauges {
				t.Errorf("the gauges are %s, want %s", got, c.gauges)
			}
			if n := strings.Count(log.String(), "this release decides otherwise"); n != c.changed {
				t.Errorf("%d are logged, want %d:\n%s", n, c.changed, log)
			}
			if c.changed == 0 {
				return
			}
			var changes []web.Change
			b, err := history{d}.Kept(t.Context(), r.Compared.Details)
			if err == nil {
				err = json.Unmarshal(b, &changes)
			}
			if err != nil || len(changes) != c.changed || !strings.Contains(changes[0].Was[1], "nothing at all is paused") || changes[0].Seq != uint64(js[len(js)-2]+1) {
				t.Errorf("%v is kept: %+v", err, changes)
			}
		})
	}
}

// A journal that begins with this release has nothing to compare, and holds
// nothing.
func TestANewJournalIsNotHeld(t *testing.T) {
	o := lived(t)
	d, _ := begins(t, t.TempDir(), true, o.Book)
	var r remediate.Release
	if err := d.engine.Look(t.Context(), func(s *remediate.State, _ remediate.Rulebooks) { r = s.Release }); err != nil {
		t.Fatal(err)
	}
	if r.Name != "1.5" || r.Held || r.Unchecked() {
		t.Errorf("the release is %+v", r)
	}
}

// numbersOf are the values of gauges.
func numbersOf(w *watcher, names ...string) string {
	rec := httptest.NewRecorder()
	(&daemon{watch: w}).metrics().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	var out []string
	for _, name := range names {
		for _, line := range strings.Split(rec.Body.String(), "\n") {
			if value, ok := strings.CutPrefix(line, name+" "); ok {
				out = append(out, value)
			}
		}
	}
	return strings.Join(out, " ")
}

// Builds that say where they are from are told from each other.
func TestReleaseIsNamed(t *testing.T) {
	for want, of := range map[string][2]string{
		"1.4": {"1.4", "c0ffee"}, "unreleased c0ffee": {"", "c0ffee"}, "unreleased": {"", "unknown"},
	} {
		if got := releaseOf(of[0], of[1]); got != want {
			t.Errorf("version %q, revision %q is called %q, want %q", of[0], of[1], got, want)
		}
	}
}
