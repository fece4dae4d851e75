package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/notify/pagerduty"
	"github.com/x0tta6bl4/remediated/notify/slack"
	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/web/webtest"
)

// staff are anna, who may approve, and ben, who may not.
var staff = []policies.Person{
	{Name: "anna", Slack: "U0ANNA", PagerDuty: "PANNA", Roles: []string{policies.RoleOperator, policies.RoleApprover}},
	{Name: "ben", Slack: "U0BEN", PagerDuty: "PBEN", Roles: []string{policies.RoleOperator}},
}

// asked is a world in which a plan waits for approval, and who may answer.
func asked(t *testing.T) (*webtest.World, authority) {
	t.Helper()
	w := webtest.Play(t, "alert ErrorsAfterDeploy namespace=shop")
	return w, authority{
		Live: w, people: func() []policies.Person { return staff }, refuses: func(string) error { return nil },
		reject: func(_ context.Context, r remediate.Rejected) error { return w.Hear(r) },
	}
}

// incident1 is the state of i1.
func incident1(t *testing.T, w *webtest.World) (i remediate.Incident, journal string, paused int) {
	t.Helper()
	err := w.Look(t.Context(), func(s *remediate.State, _ remediate.Rulebooks) {
		i, journal, paused = *s.Incidents.Get(1), s.Journal, len(s.Paused)
	})
	if err != nil {
		t.Fatal(err)
	}
	return i, journal, paused
}

// said returns the words on i1 that were written down, refused ones with why.
func wordsOf(t *testing.T, w *webtest.World) []string {
	t.Helper()
	facts, err := w.Facts(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range facts {
		switch b := f.Body.(type) {
		case remediate.CommandGiven:
			out = append(out, b.Command+" by "+b.By+" via "+b.Via)
		case remediate.CommandRefused:
			out = append(out, "refused: "+b.Command+" by "+b.By+" via "+b.Via+": "+b.Why)
		}
	}
	return out
}

func TestPresses(t *testing.T) {
	for name, c := range map[string]struct {
		press func(p *slack.Press)
		twice bool
		reply string // a part of it; "" is none at all
		words string // what is written down, joined
	}{
		"ack":                     {press: func(p *slack.Press) { p.Command = "ack" }, words: "ack by anna via slack"},
		"ack, pressed twice":      {press: func(p *slack.Press) { p.Command = "ack" }, twice: true, words: "ack by anna via slack"},
		"take over":               {press: func(p *slack.Press) { p.Command = "takeover" }, twice: true, words: "takeover by anna via slack"},
		"approve":                 {press: func(p *slack.Press) { p.Command = "approve" }, words: "approve by anna via slack"},
		"approve, pressed twice":  {press: func(p *slack.Press) { p.Command = "approve" }, twice: true, reply: "has no plan that waits", words: "approve by anna via slack"},
		"approve another plan":    {press: func(p *slack.Press) { p.Command, p.Plan = "approve", "abcdef012345" }, reply: "not the one that waits"},
		"deny":                    {press: func(p *slack.Press) { p.Command = "deny" }, words: "deny by anna via slack"},
		"who may not":             {press: func(p *slack.Press) { p.Command, p.User = "approve", "U0BEN" }, reply: "takes the role approver", words: "refused: approve by ben via slack: ben may not approve: it takes the role approver, and ben has operator"},
		"a stranger":              {press: func(p *slack.Press) { p.Command, p.User, p.UserName = "ack", "U0EVE", "eve" }, reply: "not among the people", words: "refused: ack by eve (Slack U0EVE) via slack: eve (Slack U0EVE) is not among the people of the configuration"},
		"a stranger without name": {press: func(p *slack.Press) { p.Command, p.User = "pause", "" }, reply: "not among the people", words: "refused: pause by  (Slack ) via slack:  (Slack ) is not among the people of the configuration"},
		"another journal's":       {press: func(p *slack.Press) { p.Command, p.Key = "ack", "aaaaaaaa-i1" }, reply: "another installation"},
		"another incident's key":  {press: func(p *slack.Press) { p.Command, p.Incident = "ack", 7 }, reply: "another installation"},
		"why":                     {press: func(p *slack.Press) { p.Command = "explain" }, reply: "approval: approve, plan"},
	} {
		t.Run(name, func(t *testing.T) {
			w, a := asked(t)
			i, journal, _ := incident1(t, w)
			p := slack.Press{User: "U0ANNA", Key: journal + "-i1", Incident: 1, Plan: i.Hash}
			c.press(&p)
			reply, err := a.pressed(t.Context(), p)
			if c.twice && err == nil {
				reply, err = a.pressed(t.Context(), p)
			}
			if err != nil || (reply == "") != (c.reply == "") || !strings.Contains(reply, c.reply) {
				t.Errorf("answered %q, %v; want %q", reply, err, c.reply)
			}
			if got := strings.Join(wordsOf(t, w), "; "); got != c.words {
				t.Errorf("written down: %q, want %q", got, c.words)
			}
		})
	}
}

// A pause pressed in Slack is the policy's, and says where it was pressed.
func TestPausePressed(t *testing.T) {
	w, a := asked(t)
	_, journal, _ := incident1(t, w)
	reply, err := a.pressed(t.Context(), slack.Press{User: "U0BEN", Command: remediate.Pause, Key: journal + "-i1", Incident: 1, Policy: "bad-deploy"})
	if _, _, paused := incident1(t, w); reply != "" || err != nil || paused != 1 {
		t.Errorf("%q, %v; %d scopes are paused", reply, err, paused)
	}
}

// What cannot be kept is an error, so that the presser hears of it.
func TestPressThatCannotBeKept(t *testing.T) {
	w, a := asked(t)
	_, journal, _ := incident1(t, w)
	a.Live = broken{w}
	if _, err := a.pressed(t.Context(), slack.Press{User: "U0ANNA", Command: remediate.Ack, Key: journal + "-i1", Incident: 1}); !errors.Is(err, errDisk) {
		t.Errorf("the press: %v", err)
	}
	a.reject = func(context.Context, remediate.Rejected) error { return errDisk }
	if _, err := a.pressed(t.Context(), slack.Press{User: "U0EVE", Command: remediate.Ack, Key: journal + "-i1", Incident: 1}); !errors.Is(err, errDisk) {
		t.Errorf("the stranger's press: %v", err)
	}
	for _, e := range []pagerduty.Event{{Type: pagerduty.Acknowledged}, {Type: pagerduty.Resolved, AgentID: "PEVE"}} {
		e.Key = journal + "-i1"
		if err := a.heard(t.Context(), e); !errors.Is(err, errDisk) {
			t.Errorf("%s: %v", e.Type, err)
		}
	}
	a.people = func() []policies.Person { return []policies.Person{{Name: "eve", PagerDuty: "PEVE"}} } // who may do nothing
	if err := a.heard(t.Context(), pagerduty.Event{Type: pagerduty.Resolved, AgentID: "PEVE", Key: journal + "-i1"}); !errors.Is(err, errDisk) {
		t.Errorf("a resolve that is not theirs, and cannot be written down: %v", err)
	}
}

var errDisk = errors.New("the disk is full")

// broken takes no command.
type broken struct{ *webtest.World }

func (broken) Command(context.Context, remediate.Command) error { return errDisk }

func TestHeardOfPagerDuty(t *testing.T) {
	for name, c := range map[string]struct {
		before string
		event  pagerduty.Event
		words  string
	}{
		"acknowledged":                            {"", pagerduty.Event{Type: pagerduty.Acknowledged, AgentID: "PANNA", AgentName: "Anna A."}, "ack by anna via pagerduty"},
		"by whom only PagerDuty knows":            {"", pagerduty.Event{Type: pagerduty.Acknowledged, AgentID: "PZOE", AgentName: "Zoe"}, "ack by Zoe via pagerduty"},
		"by nobody by name":                       {"", pagerduty.Event{Type: pagerduty.Acknowledged}, "ack by PagerDuty via pagerduty"},
		"of the second call":                      {"", pagerduty.Event{Type: pagerduty.Acknowledged, Key: "-2", AgentID: "PBEN"}, "ack by ben via pagerduty"},
		"acknowledged already":                    {"ack i1 by=ben", pagerduty.Event{Type: pagerduty.Acknowledged, AgentID: "PANNA"}, "ack by ben via "},
		"resolved":                                {"", pagerduty.Event{Type: pagerduty.Resolved, AgentID: "PANNA"}, "close by anna via pagerduty"},
		"resolved before it came back":            {"", pagerduty.Event{Type: pagerduty.Resolved, AgentID: "PANNA", At: time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC)}, ""},
		"resolved since":                          {"", pagerduty.Event{Type: pagerduty.Resolved, AgentID: "PANNA", At: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)}, "close by anna via pagerduty"},
		"resolved by a stranger":                  {"", pagerduty.Event{Type: pagerduty.Resolved, AgentID: "PZOE", AgentName: "Zoe"}, "ack by Zoe via pagerduty"},
		"resolved in the middle of acts":          {"set act=ok/1h\napprove i1 by=anna plan=shown", pagerduty.Event{Type: pagerduty.Resolved, AgentID: "PANNA"}, "approve by anna via ; ack by anna via pagerduty"},
		"taken back":                              {"ack i1 by=ben", pagerduty.Event{Type: pagerduty.Unacknowledged, At: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)}, "ack by ben via ; unack by PagerDuty via pagerduty"},
		"taken back before it was given":          {"ack i1 by=ben", pagerduty.Event{Type: pagerduty.Unacknowledged, At: time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC)}, "ack by ben via "},
		"taken back by nobody's ack":              {"", pagerduty.Event{Type: pagerduty.Unacknowledged, At: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)}, ""},
		"acknowledged before that was taken back": {"ack i1 by=ben\nunack i1 by=ben", pagerduty.Event{Type: pagerduty.Acknowledged, AgentID: "PANNA", At: time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC)}, "ack by ben via ; unack by ben via "},
		"acknowledged after that":                 {"ack i1 by=ben\nunack i1 by=ben", pagerduty.Event{Type: pagerduty.Acknowledged, AgentID: "PANNA", At: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)}, "ack by ben via ; unack by ben via ; ack by anna via pagerduty"},
		"resolved by a stranger before":           {"ack i1 by=ben\nunack i1 by=ben", pagerduty.Event{Type: pagerduty.Resolved, AgentID: "PZOE", At: time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC)}, "ack by ben via ; unack by ben via "},
		"escalated":                               {"", pagerduty.Event{Type: pagerduty.Escalated, AgentID: "PANNA"}, ""},
		"another key":                             {"", pagerduty.Event{Type: pagerduty.Acknowledged, Key: "x"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w, a := asked(t)
			if err := w.Play(c.before); err != nil {
				t.Fatal(err)
			}
			_, journal, _ := incident1(t, w)
			c.event.Key = journal + "-i1" + c.event.Key
			if err := a.heard(t.Context(), c.event); err != nil {
				t.Error(err)
			}
			if got := strings.Join(wordsOf(t, w), "; "); got != c.words {
				t.Errorf("written down: %q, want %q", got, c.words)
			}
		})
	}
}

// Keys that are not ours, of other journals, and of what is over are no error:
// PagerDuty would send them again for two days.
func TestHeardOfOthers(t *testing.T) {
	w, a := asked(t)
	_, journal, _ := incident1(t, w)
	for _, key := range []string{"", "alertmanager", "aaaaaaaa-i1", journal + "-i7", journal + "-i99999999999999999999", journal + "-i1-x", strings.ToUpper(journal) + "-i1"} {
		if err := a.heard(t.Context(), pagerduty.Event{Type: pagerduty.Acknowledged, Key: key}); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
	if got := wordsOf(t, w); len(got) > 0 {
		t.Errorf("written down: %q", got)
	}
}

// A page under Alertmanager's key is that of the incident which was paged by it.
func TestHeardOfAMergedPage(t *testing.T) {
	w, a := asked(t)
	err := w.Look(t.Context(), func(s *remediate.State, _ remediate.Rulebooks) {
		s.Incidents.Get(1).Shown["pagerduty/oncall"] = remediate.Showed{Key: strings.Repeat("0a", 32), Action: "trigger"}
		s.Incidents.Get(1).Shown["slack/page/oncall"] = remediate.Showed{Key: strings.Repeat("0b", 32)}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{strings.Repeat("0b", 32), strings.Repeat("0c", 32)} {
		if err := a.heard(t.Context(), pagerduty.Event{Type: pagerduty.Acknowledged, Key: key}); err != nil || len(wordsOf(t, w)) > 0 {
			t.Errorf("%s: %v, %v", key, err, wordsOf(t, w))
		}
	}
	if err := a.heard(t.Context(), pagerduty.Event{Type: pagerduty.Acknowledged, Key: strings.Repeat("0a", 32), AgentID: "PANNA"}); err != nil {
		t.Error(err)
	}
	if got := strings.Join(wordsOf(t, w), "; "); got != "ack by anna via pagerduty" {
		t.Errorf("written down: %q", got)
	}
}

// Those who come to a bridge are those who approve, and who is called first;
// groups cannot be invited.
func TestInvited(t *testing.T) {
	got := invited(&policies.Config{
		People: staff, Slack: &policies.Slack{Mentions: map[string][]string{"oncall": {"U0ZOE", "S0OPS", "U0ANNA"}, "boss": {"U0BOSS"}}},
		Runbooks: remediate.DefaultRunbooks(),
	})
	if strings.Join(got, " ") != "U0ANNA U0ZOE" {
		t.Errorf("invited are %v", got)
	}
}

// The pages that PagerDuty is asked about are those that may be open.
func TestOpenPages(t *testing.T) {
	s := remediate.NewState()
	page := map[string]remediate.Showed{"pagerduty/oncall": {Key: "k-2"}, "pagerduty/manager": {Key: "k"}, "slack/page/oncall": {Key: "k-9"}, "pagerduty/director": {}}
	s.Incidents.Put(&remediate.Incident{ID: 1, Shown: page})
	s.Incidents.Put(&remediate.Incident{ID: 2, Closed: time.Unix(1, 0), Shown: map[string]remediate.Showed{"pagerduty/oncall": {Key: "over"}}})
	if got := strings.Join(openPages(s), " "); got != "k k-2" {
		t.Errorf("asked about %q", got)
	}
}
