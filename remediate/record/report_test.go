package record_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	. "github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/record"
)

// one is a record of an incident that was opened in a month, good again after
// so many minutes of five; 0 is not measured.
func one(month time.Month, policy string, took int, ending record.Ending) record.Record {
	opened := time.Date(2026, month, 14, 0, 0, 0, 0, time.UTC)
	r := record.Record{Policy: policy, Times: record.Times{Opened: opened, Since: opened}, Ending: ending, RTO: record.RTO{Objective: minutes(5)}}
	if took > 0 {
		met := took <= 5
		r.RTO = record.RTO{Measured: true, Took: minutes(took), Objective: minutes(5), Met: &met}
	}
	return r
}

func TestSum(t *testing.T) {
	db := one(8, "db", 2, record.ByAutomation)
	db.PageSaved = true
	db.RPO = &record.RPO{Age: minutes(3), Allowed: minutes(60), Met: true}
	db.Issues = []record.Issue{{Kind: record.IssueGuard, Guard: "budget"}, {Kind: record.IssueGuard, Guard: "budget"}, {Kind: record.IssueGuard, Guard: "window"}, {Kind: record.IssueAct}}
	db.Attempts = []record.Attempt{
		{Acts: []record.Act{{Kind: "scale", Outcome: OK}, {Kind: "restart", Outcome: Failed}, {Kind: "scale", Undo: true, Outcome: OK}}},
		{Acts: []record.Act{{Kind: "scale", Outcome: OK}, {Kind: "restart"}}},
	}
	slow := one(8, "db", 9, record.WithAPerson)
	slow.RPO = &record.RPO{Age: minutes(90), Allowed: minutes(60)}
	slow.Issues = []record.Issue{{Kind: record.IssueGuard, Guard: "budget"}}
	slow.Called = []record.Call{{Who: "oncall"}, {Who: "manager"}}
	missed := false
	open := one(10, "db", 0, record.Open)
	open.RTO.Met = &missed
	listed := one(10, "db", 1, record.Listed)
	listed.Found = true
	from, to := time.Date(2026, 8, 3, 0, 0, 0, 0, time.UTC), time.Date(2026, 10, 20, 0, 0, 0, 0, time.UTC)
	r := record.Sum(from, to, []record.Record{db, slow, one(8, "web", 4, record.ByItself), open, listed, one(10, "storm", 1, record.ByItself), one(10, "web", 5, record.ByAutomation)})

	var rows []string
	for _, row := range slices.Concat(r.Months, r.Policies, r.Rows, []record.Row{{Sums: r.Total}}) {
		rows = append(rows, fmt.Sprintf("%s %s: %d, mean %s, median %s, worst %s, met %d of %d, over %d", row.Month, row.Policy, row.Incidents, row.Mean, row.Median, row.Worst, row.Met, row.Met+row.Missed, row.Over()))
	}
	want := []string{
		"2026-08 : 3, mean 5m, median 4m, worst 9m, met 2 of 3, over 3",
		"2026-09 : 0, mean 0s, median 0s, worst 0s, met 0 of 0, over 0",
		"2026-10 : 2, mean 5m, median 5m, worst 5m, met 1 of 2, over 1",
		" db: 3, mean 5m30s, median 5m30s, worst 9m, met 1 of 3, over 2",
		" web: 2, mean 4m30s, median 4m30s, worst 5m, met 2 of 2, over 2",
		"2026-08 db: 2, mean 5m30s, median 5m30s, worst 9m, met 1 of 2, over 2",
		"2026-08 web: 1, mean 4m, median 4m, worst 4m, met 1 of 1, over 1",
		"2026-10 db: 1, mean 0s, median 0s, worst 0s, met 0 of 1, over 0",
		"2026-10 web: 1, mean 5m, median 5m, worst 5m, met 1 of 1, over 1",
		" : 5, mean 5m, median 4m30s, worst 9m, met 3 of 5, over 4",
	}
	if !slices.Equal(rows, want) {
		t.Errorf("got\n%s", fmt.Sprintf("%q", rows))
	}
	total := r.Total
	if r.Own != 1 || r.Listed != 1 || total.Called != 1 || total.PagesSaved != 1 || total.RPOMeasured != 2 || total.RPOWorst != minutes(90) || total.RPOMissed != 1 || total.Objective != minutes(5) {
		t.Errorf("own %d, listed %d, total %+v", r.Own, r.Listed, total)
	}
	if want := map[string]int{"budget": 2, "window": 1}; !reflect.DeepEqual(total.Refusals, want) {
		t.Errorf("refusals %v", total.Refusals)
	}
	if want := map[string]map[string]int{"scale": {OK: 2}, "restart": {Failed: 1, "under way": 1}, "undo scale": {OK: 1}}; !reflect.DeepEqual(total.Acts, want) {
		t.Errorf("acts %v", total.Acts)
	}
	if want := map[record.Ending]int{record.ByAutomation: 2, record.ByItself: 1, record.WithAPerson: 1, record.Open: 1}; !reflect.DeepEqual(total.Endings, want) {
		t.Errorf("endings %v", total.Endings)
	}
}

func TestObjectivesThatDifferAreNone(t *testing.T) {
	a, b := one(8, "db", 1, record.Open), one(8, "web", 1, record.Open)
	b.RTO.Objective = 0
	for _, rs := range [][]record.Record{{a, b}, {b, a}, {a, b, a}} {
		if s := record.SumsOf(rs); s.Objective != 0 {
			t.Errorf("objective %s", s.Objective)
		}
	}
}

func TestNothing(t *testing.T) {
	at := time.Date(2026, 10, 20, 0, 0, 0, 0, time.UTC)
	r := record.Sum(at, at, nil)
	if len(r.Months) != 1 || r.Months[0].Month != "2026-10" || r.Total.Incidents != 0 || r.Total.Mean != model.Duration(0) || r.Rows == nil || r.Policies == nil {
		t.Errorf("%+v", r)
	}
}

func TestMost(t *testing.T) {
	if got := record.Most(map[string]int{"b": 2, "a": 2, "c": 3, "d": 1}, 3); !slices.Equal(got, []string{"c", "a", "b"}) {
		t.Errorf("got %v", got)
	}
}
