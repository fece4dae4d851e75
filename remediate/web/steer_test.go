package web_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

// noted is a history of which more is known than of the world.
type noted struct {
	web.History
	facts map[uint64][]remediate.Fact
	kept  map[string]string
	err   error // of Kept
}

func (n noted) Facts(ctx context.Context, incident uint64) ([]remediate.Fact, error) {
	facts, err := n.History.Facts(ctx, incident)
	return slices.Concat(facts, n.facts[incident]), err
}

func (n noted) Kept(_ context.Context, digest string) ([]byte, error) {
	text, ok := n.kept[digest]
	if !ok {
		return nil, fmt.Errorf("load: %w", fs.ErrNotExist)
	}
	return []byte(text), n.err
}

// digest is one that a test can read: 64 times the same digit.
func digest(digit string) string { return strings.Repeat(digit, 64) }

// withEvidence is a history in which something was kept for i2, twice the same,
// and something that is gone.
func withEvidence(o web.Options) noted {
	kept := func(d string) []remediate.Body {
		return asked(remediate.ForEvidence, remediate.Result{Outcome: remediate.OK, Answers: []remediate.Answer{{
			Kind: "evidence", OK: true, Text: "the <b>logs</b> of db, 2 kB", Values: map[string]string{remediate.ValueDigest: d},
		}}})
	}
	return noted{
		History: o.History,
		facts:   map[uint64][]remediate.Fact{2: factsOf(kept(digest("a")), kept(digest("a")), kept(digest("b")))},
		kept:    map[string]string{digest("a"): "<script>alert(1)</script>\x00 no space left", digest("c"): "policies: a secret rulebook"},
	}
}

func TestEvidenceIsServedAsTextAndOnlyTheIncidentsOwn(t *testing.T) {
	_, o := play(t, healedAndOthers)
	history := withEvidence(o)
	o.History = history
	h := web.New(o)
	i := answer[web.Incident](t, h, get("/api/v1/incidents/2"))
	if len(i.Evidence) != 2 || i.Evidence[0].Digest != digest("a") || i.Evidence[0].Text == "" || i.Evidence[1].Digest != digest("b") {
		t.Errorf("evidence %+v", i.Evidence)
	}
	rec := ask(t, h, get("/api/v1/incidents/i2/evidence/"+digest("a")))
	hd := rec.Header()
	if rec.Code != 200 || rec.Body.String() != history.kept[digest("a")] || hd.Get("Content-Type") != "text/plain; charset=utf-8" ||
		hd.Get("X-Content-Type-Options") != "nosniff" || hd.Get("Content-Disposition") != `inline; filename="i2-aaaaaaaaaaaa.txt"` {
		t.Errorf("%d %v %q", rec.Code, hd, rec.Body)
	}
	for _, c := range []refusal{
		{"of another incident", get("/api/v1/incidents/3/evidence/" + digest("a")), 404, "no fact of i3 names evidence"},
		{"of no incident", get("/api/v1/incidents/77/evidence/" + digest("a")), 404, "no facts of incident i77"},
		{"what no fact names", get("/api/v1/incidents/2/evidence/" + digest("c")), 404, "no fact of i2 names evidence"},
		{"the beginning of a digest", get("/api/v1/incidents/2/evidence/aaaa"), 404, "no fact of i2 names evidence"},
		{"what is gone", get("/api/v1/incidents/2/evidence/" + digest("b")), 404, "evidence bbbbbbbbbbbb of i2 is kept no longer: it is older than"},
		{"no incident", get("/api/v1/incidents/x/evidence/" + digest("a")), 400, "want its number"},
		{"a POST", post("/api/v1/incidents/2/evidence/"+digest("a"), "{}"), 405, "use GET"},
	} {
		if rec := ask(t, h, c.r); rec.Code != c.code || !strings.Contains(rec.Body.String(), c.want) {
			t.Errorf("%s: %d %s, want %d and %q", c.name, rec.Code, rec.Body, c.code, c.want)
		}
	}
	history.err = errors.New("what is kept under this digest is damaged")
	o.History = history
	if rec := ask(t, web.New(o), get("/api/v1/incidents/2/evidence/"+digest("a"))); rec.Code != 503 || !strings.Contains(rec.Body.String(), "is damaged") {
		t.Errorf("damaged: %d %s", rec.Code, rec.Body)
	}
}

// formAt returns the fields of the form that is sent to action, by name; of a
// choice all that can be chosen.
func formAt(t *testing.T, h http.Handler, path, action string) (fields map[string][]string, body string) {
	t.Helper()
	body = page(t, h, path, func(n *html.Node) {
		checkInert(t, n)
		if n.Data != "form" || attr(n, "action") != action {
			return
		}
		fields = map[string][]string{}
		for f := range n.Descendants() {
			switch {
			case f.Data == "input":
				fields[attr(f, "name")] = append(fields[attr(f, "name")], attr(f, "value"))
			case f.Data == "option":
				name := attr(f.Parent, "name")
				fields[name] = append(fields[name], f.FirstChild.Data)
			}
		}
	})
	return fields, body
}

func TestTheIncidentsPageOffersOverrideAndSeverity(t *testing.T) {
	_, o := play(t, everything)
	o.History = withEvidence(o)
	h := web.New(o)
	fields, body := formAt(t, h, "/incidents/2", "/api/v1/incidents/2/override")
	if !slices.Equal(fields["guard"], []string{"settle", "budget", "breaker"}) || fields["reason"] == nil || fields["by"] == nil {
		t.Errorf("the form to override has %v", fields)
	}
	for _, want := range []string{
		`<summary>the &lt;b&gt;logs&lt;/b&gt; of db, 2 kB`, `&lt;script&gt;alert(1)&lt;/script&gt;� no space left</pre>`,
		`href="/api/v1/incidents/2/evidence/` + digest("a") + `">all of it</a>`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not show the evidence as %s", want)
		}
	}
	fields, _ = formAt(t, h, "/incidents/2", "/api/v1/incidents/2/severity")
	if !slices.Equal(fields["value"], []string{"P1", "P2", "P3"}) {
		t.Errorf("the form to rate has %v", fields)
	}
	for _, n := range []string{"1", "3", "4", "5"} { // closed, told only, listed, and waiting for approval
		if fields, _ := formAt(t, h, "/incidents/"+n, "/api/v1/incidents/"+n+"/override"); fields != nil {
			t.Errorf("i%s can be overridden: %v", n, fields)
		}
	}
	if fields, _ := formAt(t, h, "/incidents/7", "/api/v1/incidents/7/override"); !slices.Equal(fields["guard"], []string{"budget"}) {
		t.Errorf("what is paused is resumed, not overridden: %v", fields)
	}
	if fields, _ := formAt(t, h, "/incidents/1", "/api/v1/incidents/1/severity"); fields != nil {
		t.Errorf("what is closed can be rated: %v", fields)
	}
}

func TestWhoRatedIt(t *testing.T) {
	_, o := play(t, everything)
	o.History = noted{History: o.History, facts: map[uint64][]remediate.Fact{2: factsOf(
		[]remediate.Body{remediate.Rated{Incident: 2, From: "P2", To: "P1", Why: "0.62 of the requests fail"}},
		[]remediate.Body{remediate.CommandGiven{Command: remediate.Rate, By: "anna", Incident: 2, Value: "P3"}, remediate.Rated{Incident: 2, From: "P1", To: "P3", Why: "anna"}},
	)}}
	h := web.New(o)
	i := answer[web.Incident](t, h, get("/api/v1/incidents/2"))
	if i.Severity != remediate.P3 || len(i.Ratings) != 2 || i.Ratings[0].By != "" || i.Ratings[0].Why == "" || i.Ratings[1].By != "anna" {
		t.Errorf("severity %s, ratings %+v", i.Severity, i.Ratings)
	}
	body := page(t, h, "/incidents/2", func(n *html.Node) { checkInert(t, n) })
	for _, want := range []string{"no longer P2, as measured", "no longer P1, by anna"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// Where people see what was told is linked, from then on, and nothing that is no address of the web.
func TestWhereItWasToldIsLinked(t *testing.T) {
	tell := func(id, destination, link string) []remediate.Body {
		return []remediate.Body{
			remediate.Started{ID: id, Incident: 2, Tell: &remediate.Tell{Destination: destination, Notice: remediate.Notice{Action: "show"}}},
			remediate.Finished{ID: id, Incident: 2, Result: remediate.Result{Outcome: remediate.OK, Link: link}},
		}
	}
	_, o := play(t, everything)
	o.History = noted{History: o.History, facts: map[uint64][]remediate.Fact{2: factsOf(
		tell("t1", "slack", `https://acme.slack.com/archives/C1/p1?"><b>`), tell("t2", "slack", ""),
		tell("t3", "pagerduty/oncall", "javascript:alert(1)"), tell("t4", "pagerduty/manager", "http://acme.pagerduty.com/incidents/Q1"),
		tell("t5", "pagerduty/director", "https://anna:secret@acme.pagerduty.com/incidents/Q1"),
	)}}
	h := web.New(o)
	links := map[string]string{}
	for _, told := range answer[web.Incident](t, h, get("/api/v1/incidents/2")).ToldTo {
		links[told.Destination] = told.Link
	}
	want := map[string]string{"slack/thread": "", "slack": `https://acme.slack.com/archives/C1/p1?"><b>`, "pagerduty/oncall": "", "pagerduty/manager": "", "pagerduty/director": ""}
	if !maps.Equal(links, want) {
		t.Errorf("linked is %v, want %v", links, want)
	}
	seen := 0
	body := page(t, h, "/incidents/2", func(n *html.Node) {
		checkInert(t, n)
		if n.Data == "a" && attr(n, "aria-label") == "see it in slack" && strings.HasPrefix(attr(n, "href"), "https://acme.slack.com/archives/C1/p1?") {
			seen++
		}
	})
	if seen != 1 || strings.Contains(body, "<b>") || strings.Contains(body, "alert(1)") {
		t.Errorf("%d links to Slack: %s", seen, body)
	}
}

func TestTheAutomationPageSetsAndLiftsModes(t *testing.T) {
	_, o := play(t, everything)
	set := map[string]remediate.CommandGiven{
		"policy/postgres-down": {By: "anna", Value: "observe", Reason: "it <b>restarts</b> too much"},
		"all":                  {By: "bert", Value: "approve"},
	}
	modes := web.ModesOf(set)
	if len(modes) != 2 || modes[0] != (web.ModeSet{Scope: "all", Mode: "approve", By: "bert"}) {
		t.Fatalf("modes %+v", modes)
	}
	fields, body := formAt(t, web.AutomationPage(o, web.Status{Modes: modes}), "/automation", "/api/v1/mode") // the last of them
	if !slices.Equal(fields["scope"], []string{"policy/postgres-down"}) || !slices.Equal(fields["value"], []string{"act"}) {
		t.Errorf("the form to lift has %v", fields)
	}
	for _, want := range []string{"Lift from all", "may do no more than observe, by anna: it &lt;b&gt;restarts&lt;/b&gt; too much", "<strong>All policies may do no more than approve</strong>, by bert"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	fields, _ = formAt(t, web.New(o), "/automation", "/api/v1/mode")
	if !slices.Equal(fields["scope"], []string{""}) || !slices.Equal(fields["value"], []string{"observe", "approve"}) {
		t.Errorf("the form to set has %v", fields)
	}
}

func TestAModeOnlyTightens(t *testing.T) {
	for _, c := range []struct{ own, all, policy, want remediate.Mode }{
		{"act", "", "", ""},
		{"act", "approve", "", "approve"},
		{"act", "approve", "observe", "observe"},
		{"act", "observe", "approve", "observe"},
		{"observe", "approve", "", ""},
		{"approve", "approve", "act", ""},
	} {
		set := map[string]remediate.CommandGiven{"policy/other": {Value: "observe"}}
		for scope, mode := range map[string]remediate.Mode{"all": c.all, "policy/p": c.policy} {
			if mode != "" {
				set[scope] = remediate.CommandGiven{Value: string(mode)}
			}
		}
		if got := web.Tightened(remediate.Policy{Name: "p", Mode: c.own}, set); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
