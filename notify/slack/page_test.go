package slack_test

import (
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/notify/slack"
	"github.com/x0tta6bl4/remediated/remediate"
	double "github.com/x0tta6bl4/remediated/test/doubles/slack"

	"github.com/x0tta6bl4/remediated/test/doubles/fault"
)

// newPager is a bench whose rungs are called by Slack.
func newPager(t *testing.T) *bench {
	return newBench(t, func(o *slack.Options) {
		o.Mentions = map[string][]string{"oncall": {"U0ANNA000", "S0DBTEAM0"}, "lead": {"U0BERT000"}}
		o.AppToken, o.Pressed = "f", (&desk{}).pressed
	})
}

func pageTell(id, rung, ref, action string, change func(*remediate.Notice)) remediate.Started {
	n := notice(func(n *remediate.Notice) { n.Action, n.Rung, n.Status = action, rung, remediate.StatusDenied })
	if change != nil {
		change(&n)
	}
	s := rootTell(id, ref, n)
	s.Tell.Destination = remediate.SlackPage + rung
	return s
}

const (
	oncallCalled = "\\u003c@U0ANNA000\\u003e \\u003c!subteam^S0DBTEAM0\\u003e `oncall` is called"
	leadCalled   = "\\u003c@U0BERT000\\u003e `lead` is called"
)

func TestARungIsCalledByMentionsUntilSomebodyCame(t *testing.T) {
	b := newPager(t)
	tried := func(n *remediate.Notice) {
		n.Attempts = []remediate.Attempt{{ID: "q-i42-a1", Step: "restart it", Act: "restart prod/deployment/shop/db", At: n.Opened, Result: "ok", Verify: "refused"}}
	}
	ref := b.perform(pageTell("q-i42-t1", "oncall", "", "trigger", tried), remediate.OK).Ref
	m := b.workspace.Messages()[0]
	for _, want := range []string{oncallCalled, "Postgres does not answer", "restart it", "remediated_ack", "remediated.example"} {
		if !strings.Contains(string(m.Blocks), want) {
			t.Errorf("the page does not show %s: %s", want, m.Blocks)
		}
	}
	if !strings.HasPrefix(m.Text, "<@U0ANNA000> <!subteam^S0DBTEAM0> `oncall` is called: 🔴 i42 P2 denied") || m.Metadata.EventType != "remediated_page" ||
		m.Metadata.EventPayload["id"] != "q4m2x7kd-i42" {
		t.Errorf("text %q, metadata %+v", m.Text, m.Metadata)
	}
	acked := func(n *remediate.Notice) { n.Acked = "anna <!here>" }
	if got := b.perform(pageTell("q-i42-t2", "oncall", ref, "acknowledge", acked), remediate.OK).Ref; got != ref {
		t.Errorf("reference %q after %q", got, ref)
	}
	now := b.workspace.Messages()[0]
	if !strings.Contains(string(now.Blocks), `oncall: acknowledged by anna \u0026lt;!here\u0026gt;`) || strings.Contains(string(now.Blocks), "remediated_ack\"") {
		t.Errorf("acknowledged, it shows %s", now.Blocks)
	}
	inert(t, now.Content)
	b.perform(pageTell("q-i42-t3", "oncall", ref, "resolve", nil), remediate.OK)
	now = b.workspace.Messages()[0]
	if len(b.workspace.Messages()) != 1 || !strings.Contains(string(now.Blocks), "oncall: it is over") || strings.Contains(string(now.Blocks), "remediated_") {
		t.Errorf("resolved, it shows %s", now.Blocks)
	}
	inert(t, now.Content)
}

func TestALostReplyDoesNotCallTwice(t *testing.T) {
	b := newPager(t)
	b.faults(fault.LoseReply("chat.postMessage"))
	s := pageTell("q-i42-t1", "oncall", "", "trigger", nil)
	b.perform(s, remediate.Later)
	ref := b.perform(again(s), remediate.OK).Ref
	ms := b.workspace.Messages()
	if len(ms) != 1 || len(ms[0].Earlier) != 0 || ref != ms[0].Channel+"/"+ms[0].TS {
		t.Errorf("reference %q, messages %+v; want the one that was there", ref, ms)
	}
}

func TestAPageThatIsNotThisOneIsNotAdopted(t *testing.T) {
	b := newPager(t)
	b.perform(pageTell("q-i42-t1", "oncall", "", "trigger", nil), remediate.OK)
	b.perform(rootTell("q-i42-t2", "", notice(nil)), remediate.OK)
	b.perform(again(pageTell("q-i42-t3", "lead", "", "trigger", nil)), remediate.OK)
	second := func(n *remediate.Notice) { n.Key += "-2" }
	b.perform(again(pageTell("q-i42-t4", "oncall", "", "trigger", second)), remediate.OK)
	if ms := b.workspace.Messages(); len(ms) != 4 || !strings.Contains(string(ms[2].Blocks), leadCalled) || !strings.Contains(string(ms[3].Blocks), oncallCalled) {
		t.Errorf("messages %+v; want three pages and the incident", ms)
	}
}

func TestARungThatIsCalledAgainIsMentionedAgain(t *testing.T) {
	b := newPager(t)
	ref := b.perform(pageTell("q-i42-t1", "oncall", "", "trigger", nil), remediate.OK).Ref
	next := b.perform(pageTell("q-i42-t2", "oncall", ref, "trigger", func(n *remediate.Notice) { n.Key += "-2" }), remediate.OK).Ref
	if next == ref || len(b.workspace.Messages()) != 2 {
		t.Errorf("reference %q after %q, %d messages; an edit calls nobody", next, ref, len(b.workspace.Messages()))
	}
}

func TestWithoutAPageThereIsNothingToEdit(t *testing.T) {
	b := newPager(t)
	for _, action := range []string{"acknowledge", "resolve"} {
		if r := b.perform(pageTell("q-i42-t1", "oncall", "", action, nil), remediate.OK); r.Ref != "" || b.calls() != "" {
			t.Errorf("%s: reference %q, calls %s", action, r.Ref, b.calls())
		}
	}
	ref := b.perform(pageTell("q-i42-t2", "oncall", "", "trigger", nil), remediate.OK).Ref
	channel, ts, _ := strings.Cut(ref, "/")
	b.workspace.Remove(channel, ts)
	b.perform(pageTell("q-i42-t3", "oncall", ref, "resolve", nil), remediate.OK)
	if ms := b.workspace.Messages(); len(ms) != 1 {
		t.Errorf("messages %+v; a page that was deleted needs no successor", ms)
	}
}

func TestAPageThatCannotBePostedFailsOrWaits(t *testing.T) {
	b := newPager(t)
	b.faults(double.NotOK("chat.postMessage", "token_revoked"), double.RateLimited("chat.postMessage", 30*time.Second))
	s := pageTell("q-i42-t1", "oncall", "", "trigger", nil)
	if r := b.perform(s, remediate.Failed); !strings.Contains(r.Text, "token_file") {
		t.Errorf("%q", r.Text)
	}
	if r := b.perform(s, remediate.Later); time.Until(r.Until) < 29*time.Second {
		t.Errorf("tried again in %s", time.Until(r.Until))
	}
	b.workspace.Archive("C0OPS0000", true)
	if r := b.perform(s, remediate.Failed); !strings.Contains(r.Text, "unarchive") {
		t.Errorf("%q", r.Text)
	}
	b.perform(pageTell("q-i42-t2", "nobody", "", "trigger", nil), remediate.Failed)
	b.perform(pageTell("q-i42-t3", "oncall", "", "show", nil), remediate.Failed)
}

func TestMentionsAreRefusedByName(t *testing.T) {
	for name, m := range map[string]map[string][]string{
		"no rung": {"": {"U0ANNA000"}}, "nobody": {"oncall": nil}, "a name": {"oncall": {"@anna"}}, "here": {"oncall": {"!here"}},
		"a channel": {"oncall": {"C0OPS0000"}}, "injected": {"oncall": {"U0ANNA000> <!channel"}}, "too many": {"oncall": make([]string, 51)},
	} {
		o := slack.Options{Token: "f", Channel: "#c", Mentions: m}
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), "notify.slack.mentions") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
