package slack_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/notify/slack"
	"github.com/x0tta6bl4/remediated/remediate"
	double "github.com/x0tta6bl4/remediated/test/doubles/slack"

	"github.com/x0tta6bl4/remediated/test/doubles/fault"
)

func bridgeTell(id, ref, action string, change func(*remediate.Notice)) remediate.Started {
	n := notice(func(n *remediate.Notice) {
		n.Action, n.Impact = action, "40% of checkouts fail"
		n.Attempts = []remediate.Attempt{{ID: "q-i42-a1", Step: "restart it", Act: "restart prod/deployment/shop/db", At: n.Opened, Result: "ok", Verify: "refused"}}
		if action == "close" {
			n.Status, n.Healed, n.Closed, n.Took = remediate.StatusClosed, n.Opened.Add(10*time.Minute), n.Opened.Add(12*time.Minute), model.Duration(10*time.Minute)
			n.Attempts = append(n.Attempts, remediate.Attempt{ID: "q-i42-a2", Step: "fail over", Act: "failover prod/deployment/shop/db", At: n.Opened, Result: "ok", OK: true})
		}
	})
	if change != nil {
		change(&n)
	}
	s := rootTell(id, ref, n)
	s.Tell.Destination = remediate.SlackBridge
	return s
}

func newBridge(t *testing.T, br slack.Bridge) *bench {
	return newBench(t, func(o *slack.Options) { o.Bridge = &br })
}

// own returns the channel that was made, failing when there is not one.
func (b *bench) own() double.Channel {
	b.Helper()
	made := slices.DeleteFunc(b.workspace.Channels(), func(c double.Channel) bool { return !strings.HasPrefix(c.Name, "inc-") })
	if len(made) != 1 {
		b.Fatalf("channels made: %+v, want one", made)
	}
	return made[0]
}

var both = slack.Bridge{Invite: []string{"U0ANNA000", "U0BERT000"}}

func TestABridgeIsAChannelOfItsOwn(t *testing.T) {
	b := newBridge(t, both)
	ref := b.perform(bridgeTell("q-i42-t1", "", "open", nil), remediate.OK).Ref
	c, ms := b.own(), b.workspace.Messages()
	if c.Name != "inc-q4m2x7kd-i42" || !strings.Contains(c.Topic, "i42 P2 deciding: postgres-down") || !slices.Equal(c.Members, both.Invite) {
		t.Errorf("made %+v", c)
	}
	if len(ms) != 1 || ref != c.ID+"/"+ms[0].TS || ms[0].Metadata.EventType != "remediated_bridge" {
		t.Fatalf("reference %q, messages %+v", ref, ms)
	}
	for _, want := range []string{"40% of checkouts fail", "restart it", "Postgres does not answer"} {
		if !strings.Contains(string(ms[0].Blocks), want) {
			t.Errorf("the first message does not show %q: %s", want, ms[0].Blocks)
		}
	}
	if got := b.perform(bridgeTell("q-i42-t2", ref, "open", nil), remediate.OK).Ref; got != ref || len(b.workspace.Messages()[0].Earlier) != 1 {
		t.Errorf("reference %q after %q; want the first message edited", got, ref)
	}
	if got := b.perform(bridgeTell("q-i42-t3", ref, "close", nil), remediate.OK).Ref; got != ref || !b.own().Archived {
		t.Errorf("reference %q, channel %+v; want it archived", got, b.own())
	}
	last := b.workspace.Messages()[1]
	for _, want := range []string{"It took 12m, well after 10m", "What helped: fail over: failover prod/deployment/shop/db", "What was tried, 2 in all", "restart it"} {
		if !strings.Contains(string(last.Blocks), want) {
			t.Errorf("the summary does not show %q: %s", want, last.Blocks)
		}
	}
}

// TestABridgeIsOpenedAndClosedOnce loses each reply, and each request, once.
func TestABridgeIsOpenedAndClosedOnce(t *testing.T) {
	for _, method := range []string{"conversations.create", "conversations.setTopic", "conversations.invite", "chat.postMessage",
		"conversations.info", "conversations.archive"} {
		for name, f := range map[string]fault.Fault{"reply": fault.LoseReply(method), "request": fault.Drop(method)} {
			t.Run(method+" "+name, func(t *testing.T) {
				b := newBridge(t, both)
				b.faults(f)
				ref := b.insist(bridgeTell("q-i42-t1", "", "open", nil))
				b.insist(bridgeTell("q-i42-t2", ref, "close", nil))
				c, ms := b.own(), posted(b)
				if !c.Archived || c.Topic == "" || !slices.Equal(c.Members, both.Invite) || len(ms) != 2 {
					t.Errorf("channel %+v, messages %+v", c, ms)
				}
				if left := b.workspace.Faults.Pending(); len(left) != 0 {
					t.Errorf("%v did not happen", left)
				}
			})
		}
	}
}

// insist performs until it is OK, as one who restarts after each failure.
func (b *bench) insist(s remediate.Started) (ref string) {
	b.Helper()
	r := b.teller.Perform(b.Context(), s)
	for range 3 {
		if r.Outcome == remediate.OK {
			return r.Ref
		}
		if r.Outcome != remediate.Later {
			b.Fatalf("%s: %+v", s.ID, r)
		}
		b.restart()
		r = b.teller.Perform(b.Context(), again(s))
	}
	b.Fatalf("%s: still %+v", s.ID, r)
	return ""
}

func TestASummaryWhoseReplyWasLostIsNotRepeated(t *testing.T) {
	b := newBridge(t, slack.Bridge{})
	ref := b.insist(bridgeTell("q-i42-t1", "", "open", nil))
	b.faults(fault.LoseReply("chat.postMessage"))
	b.insist(bridgeTell("q-i42-t2", ref, "close", nil))
	if ms := posted(b); len(ms) != 2 || !b.own().Archived {
		t.Errorf("messages %+v", ms)
	}
}

func TestWhoCannotBeInvitedKeepsNobodyOut(t *testing.T) {
	b := newBridge(t, slack.Bridge{Invite: []string{"U0NOBODY0", "U0ANNA000"}})
	b.faults(double.NotOK("conversations.setTopic", "user_is_restricted"))
	b.perform(bridgeTell("q-i42-t1", "", "open", nil), remediate.OK)
	m := b.workspace.Messages()[0]
	if !slices.Equal(b.own().Members, []string{"U0ANNA000"}) || !strings.Contains(string(m.Blocks), "Slack refused the topic: user_is_restricted, the invitation of U0NOBODY0: user_not_found") {
		t.Errorf("channel %+v, message %s", b.own(), m.Blocks)
	}
	b = newBridge(t, both)
	b.faults(double.NotOK("conversations.invite", "already_in_channel"))
	b.perform(bridgeTell("q-i42-t1", "", "open", nil), remediate.OK)
	if m := b.workspace.Messages()[0]; strings.Contains(string(m.Blocks), "Slack refused") || len(b.own().Members) != 1 {
		t.Errorf("channel %+v, message %s", b.own(), m.Blocks)
	}
}

func TestAWarRoomIsUsedAndNeverArchived(t *testing.T) {
	for _, room := range []string{"#war-room", "C0WAR0000"} {
		b := newBridge(t, slack.Bridge{WarRoom: room})
		b.faults(fault.LoseReply("chat.postMessage"))
		ref := b.insist(bridgeTell("q-i42-t1", "", "open", nil))
		if ms := posted(b); len(ms) != 1 || ref != "C0WAR0000/"+ms[0].TS {
			t.Errorf("%s: reference %q, messages %+v", room, ref, ms)
		}
		b.options.Bridge = &slack.Bridge{} // the configuration changed since
		b.restart()
		b.insist(bridgeTell("q-i42-t2", ref, "close", nil))
		for _, c := range b.workspace.Channels() {
			if c.ID == "C0WAR0000" && (c.Archived || c.Topic != "") {
				t.Errorf("%s: %+v", room, c)
			}
		}
		if ms := posted(b); len(ms) != 2 || ms[1].Channel != "C0WAR0000" {
			t.Errorf("%s: messages %+v; want the summary in the war room", room, ms)
		}
	}
}

func TestWhatIsClosedAlreadyStaysClosed(t *testing.T) {
	for name, before := range map[string]func(*bench){
		"archived by hand":      func(b *bench) { b.workspace.Archive(b.own().ID, true) },
		"archived in between":   func(b *bench) { b.faults(double.NotOK("conversations.archive", "already_archived")) },
		"deleted":               func(b *bench) { b.faults(double.NotOK("conversations.info", "channel_not_found")) },
		"first message deleted": func(b *bench) { b.workspace.Remove(b.own().ID, b.workspace.Messages()[0].TS) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBridge(t, slack.Bridge{})
			ref := b.insist(bridgeTell("q-i42-t1", "", "open", nil))
			before(b)
			if got := b.perform(bridgeTell("q-i42-t2", ref, "close", nil), remediate.OK).Ref; got != ref {
				t.Errorf("reference %q after %q", got, ref)
			}
		})
	}
	b := newBridge(t, slack.Bridge{})
	b.perform(bridgeTell("q-i42-t1", "", "close", nil), remediate.OK)
	if b.calls() != "" {
		t.Errorf("what was never opened was closed by %s", b.calls())
	}
}

func TestABridgeThatIsRefusedFailsWithWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		action string
		before func(*bench)
		want   string
	}{
		"no scope":          {"open", func(b *bench) { b.faults(double.NotOK("conversations.create", "missing_scope")) }, "channels:manage"},
		"not allowed":       {"open", func(b *bench) { b.faults(double.NotOK("conversations.create", "restricted_action")) }, "war_room"},
		"a name unseen":     {"open", func(b *bench) { b.faults(double.NotOK("conversations.create", "name_taken")) }, "rename it"},
		"revoked":           {"open", func(b *bench) { b.faults(double.NotOK("chat.postMessage", "token_revoked")) }, "token_file"},
		"archived too soon": {"open", func(b *bench) { b.faults(double.NotOK("chat.postMessage", "is_archived")) }, "unarchive"},
		"archiving":         {"close", func(b *bench) { b.faults(double.NotOK("conversations.archive", "restricted_action")) }, "by hand"},
		"an odd action":     {"show", func(*bench) {}, "report it"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBridge(t, slack.Bridge{})
			ref := ""
			if c.action == "close" {
				ref = b.insist(bridgeTell("q-i42-t1", "", "open", nil))
			}
			c.before(b)
			if r := b.perform(bridgeTell("q-i42-t2", ref, c.action, nil), remediate.Failed); !strings.Contains(r.Text, c.want) {
				t.Errorf("%q does not say %q", r.Text, c.want)
			}
		})
	}
}

func TestAnArchivedBridgeIsNotOpenedAgain(t *testing.T) {
	b := newBridge(t, slack.Bridge{})
	b.insist(bridgeTell("q-i42-t1", "", "open", nil))
	b.workspace.Archive(b.own().ID, true)
	b.workspace.Remove(b.own().ID, b.workspace.Messages()[0].TS)
	if r := b.perform(again(bridgeTell("q-i42-t1", "", "open", nil)), remediate.Failed); !strings.Contains(r.Text, "is_archived") {
		t.Errorf("%q", r.Text)
	}
}

func TestABridgeWithAKeyThatIsNoneIsRefused(t *testing.T) {
	b := newBridge(t, slack.Bridge{})
	b.perform(bridgeTell("q-i42-t1", "", "open", func(n *remediate.Notice) { n.Key = "Channel <!here>" }), remediate.Failed)
	b = newBench(t, nil)
	b.perform(bridgeTell("q-i42-t1", "", "open", nil), remediate.Failed)
	if b.calls() != "" {
		t.Errorf("Slack was called: %s", b.calls())
	}
}

func TestBridgesAreRefusedByName(t *testing.T) {
	for name, br := range map[string]slack.Bridge{
		"war_room": {WarRoom: "#"}, "invite": {Invite: []string{"@anna"}}, "invite:": {Invite: []string{"S0DBTEAM0"}},
		"invite: nobody is invited": {WarRoom: "#war-room", Invite: []string{"U0ANNA000"}},
	} {
		o := slack.Options{Token: "f", Channel: "#c", Bridge: &br}
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), "notify.slack.bridge."+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDestinationsAreThoseThatAreConfigured(t *testing.T) {
	o := slack.Options{Token: "f", Channel: "#c"}
	s, err := slack.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.Destinations(), []string{"slack", "slack/thread", "slack/digest"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	o.Bridge, o.Mentions = &slack.Bridge{}, map[string][]string{"oncall": {"U0ANNA000"}, "lead": {"U0ANNA000"}}
	if s, err = slack.New(o); err != nil {
		t.Fatal(err)
	}
	want := []string{"slack", "slack/thread", "slack/digest", "slack/bridge", "slack/page/lead", "slack/page/oncall"}
	if got := s.Destinations(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
