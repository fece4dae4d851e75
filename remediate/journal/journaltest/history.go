package journaltest

import (
	"context"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
)

// History is what page and API read.
type History interface {
	Journal
	Incidents(ctx context.Context, f journal.Filter) ([]journal.IncidentRow, error)
	Facts(ctx context.Context, incident uint64) ([]remediate.Fact, error)
}

// RunHistory runs the suite of journals that keep a history.
func RunHistory(t *testing.T, open func(t *testing.T) History) {
	t.Run("status", func(t *testing.T) { testStatus(t, open(t)) })
	t.Run("filter and page", func(t *testing.T) { testFilter(t, open(t)) })
	t.Run("facts", func(t *testing.T) { testFacts(t, open(t)) })
	t.Run("trim", func(t *testing.T) { testHistoryTrim(t, open(t)) })
	t.Run("severity", func(t *testing.T) { testSeverity(t, open(t)) })
	t.Run("bad endings", func(t *testing.T) { testBadEndings(t, open(t)) })
}

// one returns the only incident there is.
func one(t *testing.T, h History) journal.IncidentRow {
	t.Helper()
	rows, err := h.Incidents(t.Context(), journal.Filter{})
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d incidents, %v, want 1", len(rows), err)
	}
	return rows[0]
}

// testStatus follows an incident through its story, an append for each fact.
func testStatus(t *testing.T, h History) {
	var c Chain
	Append(t, h, c.Next(t, Founding()))
	story := Story(1)
	Append(t, h, c.Next(t, story[0]))
	for i, want := range []struct {
		status remediate.Status
		why    string
	}{
		{remediate.StatusDeciding, ""},
		{remediate.StatusWaiting, "cooldown: 9m of 10m left"},
		{remediate.StatusWaiting, ""},
		{remediate.StatusActing, ""},
		{remediate.StatusActing, ""},
		{remediate.StatusVerifying, ""},
		{remediate.StatusVerifying, ""},
		{remediate.StatusHealed, ""},
		{remediate.StatusHealed, ""},
		{remediate.StatusClosed, "its alerts resolved"},
	} {
		Append(t, h, c.Next(t, story[i+1]))
		row := one(t, h)
		if row.Status != want.status || row.Why != want.why || row.LastSeq != c.Seq {
			t.Errorf("after %s: %s %q up to %d, want %s %q up to %d", remediate.KindOf(story[i+1]), row.Status, row.Why, row.LastSeq, want.status, want.why, c.Seq)
		}
	}
	row := one(t, h)
	if row.AlertName != "PostgresDown" || row.Attempts != 1 || row.Firing != 0 || !row.Verified || row.Closed != c.At || row.Took != 72e9 || row.FirstSeq != 3 {
		t.Errorf("in the end: %+v", row)
	}
}

func testBadEndings(t *testing.T, h History) {
	var c Chain
	story := Story(1)
	Append(t, h, c.Next(t, append([]remediate.Body{Founding()}, story[:2]...)...))
	for _, step := range []struct {
		body   remediate.Body
		status remediate.Status
		why    string
	}{
		{story[4], remediate.StatusActing, ""},
		{remediate.Finished{ID: "q4m2x7kd-i1-a1", Incident: 1, Result: remediate.Result{Outcome: remediate.Failed, Text: "forbidden"}}, remediate.StatusActing, "forbidden"},
		{remediate.Finished{ID: "q4m2x7kd-i1-t1", Incident: 1, Result: remediate.Result{Outcome: remediate.Failed, Text: "Slack is down"}}, remediate.StatusActing, "forbidden"},
		{remediate.Exhausted{Incident: 1, Attempts: 1}, remediate.StatusDenied, "forbidden"},
		{remediate.Escalated{Incident: 1, Tell: "oncall"}, remediate.StatusDenied, "forbidden"},
		{remediate.Healed{Incident: 1, Took: 9e9}, remediate.StatusHealed, ""},
		{remediate.Reopened{Incident: 1, Why: "it fell over again"}, remediate.StatusDeciding, "it fell over again"},
		{remediate.Joined{Incident: 1}, remediate.StatusDeciding, "it fell over again"},
		{remediate.Left{Incident: 1}, remediate.StatusDeciding, "it fell over again"},
		{remediate.Started{ID: "q4m2x7kd-i1-q2", Incident: 1, Ask: &remediate.Ask{Purpose: remediate.ForConfirmation}}, remediate.StatusVerifying, "it fell over again"},
		{remediate.Finished{ID: "q4m2x7kd-i1-q2", Incident: 1, Result: remediate.Result{Outcome: remediate.Failed, Text: "refused"}}, remediate.StatusUnconfirmed, "refused"},
		{remediate.Joined{Incident: 1}, remediate.StatusDeciding, "refused"},
	} {
		Append(t, h, c.Next(t, step.body))
		if row := one(t, h); row.Status != step.status || row.Why != step.why {
			t.Errorf("after %+v: %s %q, want %s %q", step.body, row.Status, row.Why, step.status, step.why)
		}
	}
	if row := one(t, h); !row.Exhausted || row.Told != "oncall" || row.Firing != 1 || !row.Healed.IsZero() || row.Took != 0 {
		t.Errorf("in the end: %+v", row)
	}
}

// testSeverity lists an incident under the severity that it has now.
func testSeverity(t *testing.T, h History) {
	var c Chain
	Append(t, h, c.Next(t, append([]remediate.Body{Founding()}, Story(1)[:2]...)...))
	Append(t, h, c.Next(t, remediate.Rated{Incident: 1, From: remediate.P2, To: remediate.P1, Why: "0.62 of the requests fail"}))
	if row := one(t, h); row.Severity != remediate.P1 || row.Status != remediate.StatusDeciding || row.Why != "" {
		t.Errorf("after the rating: %+v", row)
	}
	for severity, want := range map[remediate.Severity]int{remediate.P1: 1, remediate.P2: 0} {
		if rows, err := h.Incidents(t.Context(), journal.Filter{Severity: severity}); err != nil || len(rows) != want {
			t.Errorf("%d incidents are %s, %v, want %d", len(rows), severity, err, want)
		}
	}
}

func testFilter(t *testing.T, h History) {
	var c Chain
	Append(t, h, c.Next(t, Founding()))
	for i := range uint64(30) {
		story := Story(i + 1)
		if i%3 == 0 {
			story = story[:3] // still waiting
		}
		Append(t, h, c.Next(t, story...))
	}
	for name, test := range map[string]struct {
		filter journal.Filter
		ids    int
		first  uint64
	}{
		"all":          {journal.Filter{}, 30, 30},
		"a page":       {journal.Filter{Limit: 7}, 7, 30},
		"the next one": {journal.Filter{Limit: 7, Before: 24}, 7, 23},
		"the last":     {journal.Filter{Limit: 7, Before: 3}, 2, 2},
		"open":         {journal.Filter{Open: true}, 10, 28},
		"closed":       {journal.Filter{Status: remediate.StatusClosed}, 20, 30},
		"by policy":    {journal.Filter{Policy: "postgres-down", Limit: 5000}, 30, 30},
		"no policy":    {journal.Filter{Policy: "x' OR '1'='1"}, 0, 0},
		"severity":     {journal.Filter{Severity: remediate.P1}, 0, 0},
		"target":       {journal.Filter{Target: "prod/deployment/shop/db-3"}, 4, 24},
	} {
		rows, err := h.Incidents(t.Context(), test.filter)
		if err != nil || len(rows) != test.ids {
			t.Errorf("%s: %d rows, %v, want %d", name, len(rows), err, test.ids)
			continue
		}
		for i, row := range rows {
			if i == 0 && row.ID != test.first || i > 0 && row.ID >= rows[i-1].ID {
				t.Errorf("%s: row %d is incident %d, want them from %d downwards", name, i, row.ID, test.first)
			}
		}
	}
}

func testFacts(t *testing.T, h History) {
	var c Chain
	Append(t, h, c.Next(t, append([]remediate.Body{Founding()}, Story(1)...)...))
	Append(t, h, c.Next(t, append(Story(2), remediate.CommandGiven{Command: remediate.Ack, By: "anna", Incident: 1})...))
	facts, err := h.Facts(t.Context(), 1)
	if err != nil || len(facts) != 11 {
		t.Fatalf("%d facts of incident 1, %v, want 11", len(facts), err)
	}
	if _, ok := facts[0].Body.(remediate.Opened); !ok || facts[0].Seq != 3 {
		t.Errorf("the first is %+v", facts[0])
	}
	if b, ok := facts[10].Body.(remediate.CommandGiven); !ok || b.By != "anna" || facts[10].Seq != c.Seq || facts[10].At != c.At {
		t.Errorf("the last is %+v", facts[10])
	}
	for _, id := range []uint64{0, 99} {
		if facts, err := h.Facts(t.Context(), id); err != nil || len(facts) != 0 {
			t.Errorf("%d facts of incident %d, %v, want none", len(facts), id, err)
		}
	}
}

func testHistoryTrim(t *testing.T, h History) {
	var c Chain
	Append(t, h, c.Next(t, append([]remediate.Body{Founding()}, Story(1)...)...))
	open := Story(2)
	Append(t, h, c.Next(t, open[:4]...))
	if err := h.Trim(t.Context(), c.Checkpoint(""), nil); err != nil {
		t.Fatal(err)
	}
	if row := one(t, h); row.ID != 2 {
		t.Errorf("incident %d is left, want the one that is open", row.ID)
	}
	Append(t, h, c.Next(t, open[4:]...))
	if row := one(t, h); row.Status != remediate.StatusClosed || row.Attempts != 1 {
		t.Errorf("it goes on: %+v", row)
	}
	facts, err := h.Facts(t.Context(), 2)
	if err != nil || len(facts) != len(open)-4 {
		t.Errorf("%d facts, %v, want those that were not trimmed", len(facts), err)
	}
}
