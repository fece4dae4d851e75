package main

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/engine"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/web"
	"github.com/x0tta6bl4/remediated/remediate/web/webtest"
)

// history is the journal as the page reads it.
type history struct{ *journal.Memory }

func (h history) Closed(ctx context.Context, which web.Closed) ([]web.Row, error) {
	found, err := h.Incidents(ctx, journal.Filter{
		Status: remediate.StatusClosed, Policy: which.Policy, Severity: which.Severity, Before: which.Before, Limit: which.Limit,
	})
	var rows []web.Row
	for _, r := range found {
		rows = append(rows, web.Row{Number: r.ID, Policy: r.Policy, Severity: r.Severity, Status: r.Status, Why: r.Why, Opened: r.Opened, Closed: r.Closed})
	}
	return rows, err
}

func (h history) Since(ctx context.Context, from uint64) iter.Seq2[remediate.Fact, error] {
	return journal.Facts(h.Read(ctx, from))
}

func (h history) Kept(ctx context.Context, digest string) ([]byte, error) {
	return h.Load(ctx, digest)
}

// unanswered carries nothing out before it is told to stop.
type unanswered struct{}

func (unanswered) Perform(ctx context.Context, _ remediate.Started) remediate.Result {
	<-ctx.Done()
	return remediate.Result{Outcome: remediate.Unknown}
}

// engineAt runs the real loop over a journal in memory, with a page over both.
func engineAt(t *testing.T) (e *engine.Engine, url string) {
	t.Helper()
	book, err := webtest.Rulebook(webtest.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	memory := journal.NewMemory()
	e = engine.New(engine.Options{
		Open: func(context.Context) (engine.Journal, error) { return memory, nil },
		Name: func() string { return "q4m2x7kd" }, Performer: unanswered{}, Rulebook: book,
	})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	server := httptest.NewServer(web.New(web.Options{Live: e, History: history{memory}}))
	t.Cleanup(func() {
		server.Close()
		stop()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the engine ended: %v", err)
		}
	})
	return e, server.URL
}

func TestAgainstTheRealLoop(t *testing.T) {
	e, url := engineAt(t)
	alert := remediate.Alert{
		Labels:   remediate.LabelsOf(map[string]string{"alertname": "PostgresDown", "namespace": "shop"}),
		StartsAt: time.Now().Add(time.Second), // no second passes between the founding and it
	}
	if err := e.Submit(t.Context(), []remediate.Input{remediate.Heard{Alert: alert, Firing: true}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"incident list", exitOK, "the guards are being asked"},
		{"incident explain i1", exitOK, "the end of q4m2x7kd-i1-q1, guards, by"},
		{"--by anna incident takeover 1", exitOK, "i1 taken over"},
		{"incident show i1", exitOK, "Taken      anna"},
		{"--by anna incident run i1", exitFailed, ""},
		{"--by anna incident close i1", exitOK, "i1 closed"},
		{"incident list", exitOK, "No incident is open."},
		{"incident list --all", exitOK, "closed by anna"},
		{"incident explain i1", exitOK, "Nothing: it is over."},
		{"--by anna incident ack i1", exitFailed, ""},
		{"status", exitOK, "q4m2x7kd, fact"},
	} {
		var out, errs bytes.Buffer
		args := append([]string{"--url", url}, strings.Fields(c.args)...)
		code := run(t.Context(), args, func(string) string { return "" }, &out, &errs)
		if code != c.code || !strings.Contains(out.String(), c.want) || (code != exitOK) != (errs.Len() > 0) {
			t.Errorf("remedy %s: exit code %d, want %d\n%s%s\nwant %q", c.args, code, c.code, &out, &errs, c.want)
		}
	}
}
