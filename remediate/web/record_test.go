package web_test

import (
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/record"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

func TestARecordAndWhatWasLearned(t *testing.T) {
	_, o := play(t, healedAndOthers) // i1 is closed
	h := web.New(o)
	for _, text := range []string{"the disk <b>was</b> full", "look at the retention"} {
		if rec := ask(t, h, post("/api/v1/incidents/1/note", `{"by": "anna", "reason": "`+text+`"}`)); rec.Code != 200 {
			t.Fatalf("note: %d %s", rec.Code, rec.Body)
		}
	}
	r := answer[record.Record](t, h, get("/api/v1/incidents/i1/record"))
	switch {
	case r.Incident != 1 || r.Policy != "postgres-down" || r.Alert != "PostgresDown" || r.Labels.Get("namespace") != "shop":
		t.Errorf("about %+v", r)
	case !r.RTO.Measured || r.RTO.Took.String() != "12s" || r.RTO.Objective.String() != "5m" || r.RTO.Met == nil || !*r.RTO.Met:
		t.Errorf("RTO %+v", r.RTO)
	case r.Ending != record.ByAutomation || len(r.Attempts) != 1 || r.Attempts[0].Verified != remediate.OK || r.Times.Acted.IsZero() || r.Times.Closed.IsZero():
		t.Errorf("ended %q, %+v %+v", r.Ending, r.Attempts, r.Times)
	case len(r.Lessons) != 2 || r.Lessons[0].Text != "the disk <b>was</b> full" || r.Lessons[1].By != "anna":
		t.Errorf("lessons %+v", r.Lessons)
	}
	if body := page(t, h, "/incidents/1", func(n *html.Node) { checkInert(t, n) }); !strings.Contains(body, "anna noted: the disk &lt;b&gt;was&lt;/b&gt; full") {
		t.Error("the page does not tell what was noted")
	}
}

// Of an incident that nothing was asked or told about, its own facts do not have
// the alert: the daemon knows it while it is open.
func TestTheRecordOfWhatIsOnlyListedNamesItsAlert(t *testing.T) {
	_, o := play(t, everything)
	r := answer[record.Record](t, web.New(o), get("/api/v1/incidents/4/record"))
	if r.Ending != record.Listed || r.Alert == "" || r.Labels.Get("alertname") != r.Alert || r.Times.Fires.IsZero() {
		t.Errorf("it ended %q, about %q %v, firing since %s", r.Ending, r.Alert, r.Labels, r.Times.Fires)
	}
}

func TestRecordAndNoteRefuse(t *testing.T) {
	w, o := play(t, healedAndOthers)
	h := web.New(o)
	for _, c := range []refusal{
		{"a note without text", post("/api/v1/incidents/1/note", `{"by": "anna"}`), 400, `say in \"reason\" what was learned`},
		{"a note of blanks", post("/api/v1/incidents/1/note", `{"by": "anna", "reason": "  "}`), 400, `say in \"reason\" what was learned`},
		{"a note by nobody", post("/api/v1/incidents/1/note", `{"reason": "x"}`), 400, `say in \"by\"`},
		{"a note of no incident", post("/api/v1/incidents/99/note", `{"by": "anna", "reason": "x"}`), 404, "there never was an incident i99"},
		{"a note with a plan", post("/api/v1/incidents/1/note", `{"by": "anna", "reason": "x", "plan": "abcdef"}`), 400, "note takes none"},
		{"a note that is too long", post("/api/v1/incidents/1/note", `{"by": "anna", "reason": "`+strings.Repeat("x", 1001)+`"}`), 400, "at most 1000 characters"},
		{"the record of no incident", get("/api/v1/incidents/99/record"), 404, "no facts of incident i99"},
		{"the record of x", get("/api/v1/incidents/x/record"), 400, "want its number"},
		{"a POST", post("/api/v1/incidents/1/record", "{}"), 405, "use GET"},
	} {
		if rec := ask(t, h, c.r); rec.Code != c.code || !strings.Contains(rec.Body.String(), c.want) {
			t.Errorf("%s: %d %s, want %d and %q", c.name, rec.Code, rec.Body, c.code, c.want)
		}
	}
	if err := w.Do("break history"); err != nil {
		t.Fatal(err)
	}
	if rec := ask(t, h, get("/api/v1/incidents/1/record")); rec.Code != 503 || !strings.Contains(rec.Body.String(), "cannot be read") {
		t.Errorf("without the history: %d %s", rec.Code, rec.Body)
	}
}

func TestThePageTakesANoteAlsoOfWhatIsOver(t *testing.T) {
	_, o := play(t, everything)
	h := web.New(o)
	for _, n := range []string{"1", "2"} {
		if fields, _ := formAt(t, h, "/incidents/"+n, "/api/v1/incidents/"+n+"/note"); fields["reason"] == nil || fields["by"] == nil {
			t.Errorf("i%s: the form for a note has %v", n, fields)
		}
	}
	if fields, _ := formAt(t, h, "/incidents/1", "/api/v1/incidents/1/ack"); fields != nil {
		t.Errorf("what is closed can be acknowledged: %v", fields)
	}
}
