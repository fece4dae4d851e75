package slack_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/notify/slack"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/doubles/fault"
	double "github.com/x0tta6bl4/remediated/test/doubles/slack"
)

// seenAt has the bench talk to a workspace that is seen at an address; HOST in it is the
// host that is called.
func (b *bench) seenAt(address string) {
	b.Helper()
	server := httptest.NewUnstartedServer(nil)
	host := server.Listener.Addr().String()
	b.workspace = double.New(double.Options{
		Token: canary, Channels: []double.Channel{{ID: "C0OPS0000", Name: "incidents"}}, Address: strings.Replace(address, "HOST", host, 1),
	})
	server.Config.Handler = b.workspace
	server.Start()
	b.Cleanup(server.Close)
	b.options.APIURL = "http://" + host + "/api/"
	b.restart()
}

func TestAMessageSaysWhereItIsSeen(t *testing.T) {
	b := newBench(t, nil)
	b.seenAt("https://HOST/")
	r := b.perform(rootTell("q-i42-t1", "", notice(nil)), remediate.OK)
	channel, ts, _ := strings.Cut(r.Ref, "/")
	want := strings.Replace(b.options.APIURL, "http://", "https://", 1)
	want = strings.TrimSuffix(want, "api/") + "archives/" + channel + "/p" + strings.Replace(ts, ".", "", 1)
	if r.Link != want {
		t.Errorf("the message is seen at %q, want %q", r.Link, want)
	}
	// An edit leads to the same place, and what is below it leads nowhere else.
	if edited := b.perform(rootTell("q-i42-t2", r.Ref, notice(nil)), remediate.OK); edited.Link != want {
		t.Errorf("edited, it is seen at %q, want %q", edited.Link, want)
	}
	for destination, ref := range map[string]string{
		remediate.SlackThread: r.Ref, remediate.Slack: "C1/../../evil/1.2", remediate.SlackPage + "oncall": "C1/p1", "pagerduty/oncall": r.Ref,
	} {
		if got := b.slack.Link(remediate.Started{Tell: &remediate.Tell{Destination: destination}}, ref); got != "" {
			t.Errorf("%s %s leads to %q", destination, ref, got)
		}
	}
}

// A workspace that is seen elsewhere than at Slack is not believed, nor is one over plain HTTP.
func TestAMessageLeadsToSlackAlone(t *testing.T) {
	for _, address := range []string{"https://double.slack.com/", "https://evil.example/", "http://HOST/", "javascript:alert(1)", ""} {
		b := newBench(t, nil)
		b.seenAt(address)
		if r := b.perform(rootTell("q-i42-t1", "", notice(nil)), remediate.OK); r.Link != "" {
			t.Errorf("%q leads to %q", address, r.Link)
		}
	}
}

// Where the workspace is is nothing that a message waits for, or is tried again for.
func TestAMessageIsToldWithoutKnowingWhereItIsSeen(t *testing.T) {
	b := newBench(t, func(o *slack.Options) { o.Timeout = 50 * time.Millisecond })
	b.faults(fault.Delay("auth.test", time.Hour))
	if r := b.perform(rootTell("q-i42-t1", "", notice(nil)), remediate.OK); r.Link != "" || r.Ref == "" {
		t.Errorf("told as %+v", r)
	}
	b.perform(rootTell("q-i43-t1", "", notice(func(n *remediate.Notice) { n.Key, n.Incident = "q4m2x7kd-i43", 43 })), remediate.OK)
	if got := strings.Count(b.calls(), "auth.test"); got != 1 {
		t.Errorf("it was asked %d times where the workspace is, want once in a while", got)
	}
}
