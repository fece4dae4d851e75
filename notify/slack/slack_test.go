package slack_test

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/notify/slack"
	"github.com/x0tta6bl4/remediated/remediate"
	double "github.com/x0tta6bl4/remediated/test/doubles/slack"

	"github.com/x0tta6bl4/remediated/test/doubles/fault"
)

const canary = "xoxb-canary-4711"

// scopes are those that the package comment asks for.
var scopes = []string{"chat:write", "channels:history", "channels:read", "channels:manage"}

// bench is a workspace and a teller that posts to it.
type bench struct {
	*testing.T
	workspace *double.Workspace
	options   slack.Options
	slack     *slack.Slack
	teller    *notify.Teller
}

func newBench(t *testing.T, change func(*slack.Options)) *bench {
	t.Helper()
	b := &bench{T: t, workspace: double.New(double.Options{Token: canary, Strict: true, Scopes: scopes, Channels: []double.Channel{
		{ID: "C0OPS0000", Name: "incidents"}, {ID: "C0OLD0000", Name: "old", Archived: true},
		{ID: "C0DRILL00", Name: "drills"}, {ID: "C0SECRET0", Name: "secret", NotMember: true}, {ID: "C0WAR0000", Name: "war-room"},
	}, Users: []double.User{double.DefaultUser, {ID: "U0BERT000", Name: "bert"}}})}
	server := httptest.NewServer(b.workspace)
	t.Cleanup(server.Close)
	b.options = slack.Options{
		Token: tokenFile(t, canary), Channel: "#incidents", APIURL: server.URL + "/api", Timeout: 5 * time.Second, Pace: time.Nanosecond,
		Page: func(uint64) string { return "https://remediated.example/?a=1&b=2" },
	}
	if change != nil {
		change(&b.options)
	}
	b.restart()
	return b
}

// restart forgets all that the process knew.
func (b *bench) restart() {
	b.Helper()
	s, err := slack.New(b.options)
	if err != nil {
		b.Fatal(err)
	}
	b.slack = s
	if b.teller, err = notify.New(s); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) faults(fs ...fault.Fault) {
	b.Helper()
	if err := b.workspace.Faults.Add(fs...); err != nil {
		b.Fatal(err)
	}
}

// perform makes one try and checks how it ended.
func (b *bench) perform(s remediate.Started, outcome string) remediate.Result {
	b.Helper()
	r := b.teller.Perform(b.Context(), s)
	if r.Outcome != outcome {
		b.Fatalf("%s: %s, %q; want %s", s.ID, r.Outcome, r.Text, outcome)
	}
	if strings.Contains(r.Text+r.Ref, canary) {
		b.Errorf("the result shows the token: %+v", r)
	}
	return r
}

// calls returns the methods that were called, in order.
func (b *bench) calls() string {
	var methods []string
	for _, r := range b.workspace.Faults.Requests() {
		methods = append(methods, strings.TrimPrefix(r.Path, "/api/"))
	}
	return strings.Join(methods, " ")
}

func tokenFile(t *testing.T, token string) notify.SecretFile {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return notify.SecretFile(file)
}

func notice(change func(*remediate.Notice)) remediate.Notice {
	n := remediate.Notice{
		Key: "q4m2x7kd-i42", Incident: 42, Action: "show", Status: remediate.StatusDeciding, Policy: "postgres-down", Severity: remediate.P2,
		Target: remediate.Target{Cluster: "prod", Kind: "deployment", Namespace: "shop", Name: "db"},
		Alert:  "PostgresDown", Summary: "Postgres does not answer", Firing: 1, Opened: time.Now(),
	}
	if change != nil {
		change(&n)
	}
	return n
}

func rootTell(id, ref string, n remediate.Notice) remediate.Started {
	return remediate.Started{ID: id, Incident: n.Incident, Deadline: time.Now().Add(time.Hour),
		Tell: &remediate.Tell{Destination: remediate.Slack, Notice: n, Ref: ref}}
}

func threadTell(id, ref string, texts ...string) remediate.Started {
	n := notice(nil)
	for _, text := range texts {
		n.Lines = append(n.Lines, remediate.Line{At: time.Now(), Text: text})
	}
	s := rootTell(id, ref, n)
	s.Tell.Destination = remediate.SlackThread
	return s
}

func again(s remediate.Started) remediate.Started { s.Again = true; return s }

func TestAnIncidentIsOneMessageEditedToItsEnd(t *testing.T) {
	b := newBench(t, nil)
	ref := b.perform(rootTell("q-i42-t1", "", notice(nil)), remediate.OK).Ref
	for i, status := range []remediate.Status{remediate.StatusActing, remediate.StatusVerifying, remediate.StatusHealed, remediate.StatusClosed} {
		n := notice(func(n *remediate.Notice) {
			n.Status = status
			if status == remediate.StatusHealed || status == remediate.StatusClosed {
				n.Healed = n.Opened.Add(time.Minute)
			}
		})
		if got := b.perform(rootTell("q-i42-t"+string(rune('2'+i)), ref, n), remediate.OK).Ref; got != ref {
			t.Errorf("editing the message changed its reference from %q to %q", ref, got)
		}
	}
	ms := b.workspace.Messages()
	if len(ms) != 1 || len(ms[0].Earlier) != 4 {
		t.Fatalf("%d messages: %+v; want one with 4 edits", len(ms), ms)
	}
	m := ms[0]
	if ref != m.Channel+"/"+m.TS {
		t.Errorf("reference %q, message %s/%s", ref, m.Channel, m.TS)
	}
	if want := "🟢 i42 P2 closed: postgres-down on prod/deployment/shop/db"; !strings.HasPrefix(m.Text, want) || !strings.Contains(string(m.Blocks), want) {
		t.Errorf("in the end it shows %q and %s; want %q in both", m.Text, m.Blocks, want)
	}
	if m.Metadata == nil || m.Metadata.EventType != "remediated_incident" || m.Metadata.EventPayload["incident"] != "q4m2x7kd-i42" {
		t.Errorf("metadata %+v", m.Metadata)
	}
	if strings.Contains(m.Text, "\n") {
		t.Errorf("the text for notifications has several lines: %q", m.Text)
	}
}

func TestWhatHappenedIsToldInTheThread(t *testing.T) {
	b := newBench(t, nil)
	root := b.perform(rootTell("q-i42-t1", "", notice(nil)), remediate.OK).Ref
	b.perform(threadTell("q-i42-t2", root, "restart: ok", "SELECT 1 answers"), remediate.OK)
	ms := b.workspace.Messages()
	if len(ms) != 2 || ms[1].ThreadTS != ms[0].TS || ms[1].Broadcast {
		t.Fatalf("want one reply in the thread of the first message: %+v", ms)
	}
	reply := ms[1]
	if !strings.Contains(string(reply.Blocks), "restart: ok") || !strings.Contains(reply.Text, "SELECT 1 answers") {
		t.Errorf("the reply shows %q, %s", reply.Text, reply.Blocks)
	}
	if reply.Metadata.EventType != "remediated_update" || reply.Metadata.EventPayload["id"] != "q-i42-t2" {
		t.Errorf("metadata %+v", reply.Metadata)
	}
}

func TestNoLineOfTheStoryIsLeftOutOfTheThread(t *testing.T) {
	for name, tail := range map[string]string{"short": "", "long": strings.Repeat(" and more", 100), "hostile": strings.Repeat("&<", 1000)} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			root := b.perform(rootTell("q-i42-t1", "", notice(nil)), remediate.OK).Ref
			var texts []string
			for i := range 20 {
				texts = append(texts, fmt.Sprintf("happening %d.", i)+tail)
			}
			b.perform(threadTell("q-i42-t2", root, texts...), remediate.OK)
			shown := string(b.workspace.Messages()[1].Blocks)
			for i := range 20 {
				if !strings.Contains(shown, fmt.Sprintf("happening %d.", i)) {
					t.Errorf("happening %d is not told", i)
				}
			}
		})
	}
}

func TestRateLimitIsHonouredThenTold(t *testing.T) {
	for name, f := range map[string]fault.Fault{
		"with Retry-After": double.RateLimited("chat.postMessage", 30*time.Second),
		"without":          fault.Answer("chat.postMessage", 429),
		"as not ok":        double.NotOK("chat.postMessage", "ratelimited"),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.faults(f)
			s := rootTell("q-i42-t1", "", notice(nil))
			r := b.perform(s, remediate.Later)
			if wait := time.Until(r.Until); name == "with Retry-After" && (wait < 29*time.Second || wait > 30*time.Second) {
				t.Errorf("next try in %s, want the 30s that Slack asked for", wait)
			}
			b.perform(again(s), remediate.OK)
			if ms := b.workspace.Messages(); len(ms) != 1 {
				t.Errorf("%d messages, want one", len(ms))
			}
		})
	}
}

func TestAMessageWhoseReplyWasLostIsAdopted(t *testing.T) {
	for _, channel := range []string{"#incidents", "incidents", "C0OPS0000"} {
		t.Run(channel, func(t *testing.T) {
			b := newBench(t, func(o *slack.Options) { o.Channel = channel })
			for range 250 { // so that it is not on the first page
				b.workspace.Say(double.DefaultUser.ID, "C0OPS0000", "chatter")
			}
			b.faults(fault.LoseReply("chat.postMessage"))
			s := rootTell("q-i42-t1", "", notice(nil))
			b.perform(s, remediate.Later)
			for range 250 {
				b.workspace.Say(double.DefaultUser.ID, "C0OPS0000", "chatter")
			}
			b.restart()
			ref := b.perform(again(s), remediate.OK).Ref
			ours := posted(b)
			if len(ours) != 1 || ref != ours[0].Channel+"/"+ours[0].TS {
				t.Errorf("reference %q, messages of ours %+v; want the one that was there", ref, ours)
			}
		})
	}
}

func TestAReplyWhoseAnswerWasLostIsAdopted(t *testing.T) {
	b := newBench(t, nil)
	root := b.perform(rootTell("q-i42-t1", "", notice(nil)), remediate.OK).Ref
	b.perform(threadTell("q-i42-t2", root, "first"), remediate.OK)
	b.faults(fault.LoseReply("chat.postMessage"))
	s := threadTell("q-i42-t3", root, "second")
	b.perform(s, remediate.Later)
	ref := b.perform(again(s), remediate.OK).Ref
	ms := b.workspace.Messages()
	if len(ms) != 3 || ref != ms[2].Channel+"/"+ms[2].TS {
		t.Errorf("reference %q, messages %+v; want the third of three", ref, ms)
	}
}

func TestWhatWasNeverPostedIsPostedAgain(t *testing.T) {
	b := newBench(t, nil)
	b.faults(fault.Drop("chat.postMessage"))
	s := rootTell("q-i42-t1", "", notice(nil))
	b.perform(s, remediate.Later)
	root := b.perform(again(s), remediate.OK).Ref
	b.faults(fault.Drop("chat.postMessage"))
	line := threadTell("q-i42-t2", root, "restart: ok")
	b.perform(line, remediate.Later)
	b.perform(again(line), remediate.OK)
	if ms := b.workspace.Messages(); len(ms) != 2 {
		t.Errorf("%d messages, want the root and one reply", len(ms))
	}
}

func TestTheMessageOfAnOlderIncidentIsLookedForByANewTell(t *testing.T) {
	b := newBench(t, nil)
	old := func(n *remediate.Notice) { n.Opened = time.Now().Add(-5 * time.Minute) }
	b.faults(fault.LoseReply("chat.postMessage"))
	b.perform(rootTell("q-i42-t1", "", notice(old)), remediate.Later)
	// The core has given t1 up, and knows of no message.
	b.perform(rootTell("q-i42-t2", "", notice(old)), remediate.OK)
	if ms := b.workspace.Messages(); len(ms) != 1 || len(ms[0].Earlier) != 1 {
		t.Errorf("want one message, edited once: %+v", ms)
	}
}

func TestANewIncidentIsPostedWithoutLooking(t *testing.T) {
	b := newBench(t, nil)
	b.perform(rootTell("q-i42-t1", "", notice(nil)), remediate.OK)
	b.perform(rootTell("q-i43-t1", "", notice(func(n *remediate.Notice) { n.Key, n.Incident = "q4m2x7kd-i43", 43 })), remediate.OK)
	if got := b.calls(); got != "chat.postMessage auth.test chat.postMessage" {
		t.Errorf("calls: %s; want one each, because all methods are rate limited, and once where the workspace is", got)
	}
}

func TestTheMessageOfAnotherIncidentIsNotAdopted(t *testing.T) {
	b := newBench(t, nil)
	other := notice(func(n *remediate.Notice) { n.Key, n.Incident = "q4m2x7kd-i41", 41 })
	b.perform(rootTell("q-i41-t1", "", other), remediate.OK)
	b.perform(again(rootTell("q-i42-t1", "", notice(nil))), remediate.OK)
	if ms := b.workspace.Messages(); len(ms) != 2 || len(ms[0].Earlier) != 0 {
		t.Errorf("want two messages, the first as it was: %+v", ms)
	}
}

func TestWhoMayNotLookPostsAllTheSame(t *testing.T) {
	b := newBench(t, nil)
	b.faults(double.NotOK("conversations.list", "missing_scope"), double.NotOK("conversations.history", "missing_scope"))
	b.perform(again(rootTell("q-i42-t1", "", notice(nil))), remediate.OK)
	b.perform(again(rootTell("q-i42-t1", "", notice(nil))), remediate.OK) // the channel's ID is known by now
	if ms := b.workspace.Messages(); len(ms) != 2 {
		t.Errorf("%d messages, want 2: told twice rather than not at all", len(ms))
	}
}

func TestWhoCannotLookNowPostsNothingYet(t *testing.T) {
	for _, method := range []string{"conversations.list", "conversations.history"} {
		b := newBench(t, nil)
		b.faults(fault.Answer(method, 503))
		b.perform(again(rootTell("q-i42-t1", "", notice(nil))), remediate.Later)
		if ms := b.workspace.Messages(); len(ms) != 0 {
			t.Errorf("%s failed and %d messages were posted", method, len(ms))
		}
	}
}

func TestADeletedMessageIsReplaced(t *testing.T) {
	b := newBench(t, nil)
	ref := b.perform(rootTell("q-i42-t1", "", notice(nil)), remediate.OK).Ref
	channel, ts, _ := strings.Cut(ref, "/")
	b.workspace.Remove(channel, ts)
	next := b.perform(rootTell("q-i42-t2", ref, notice(nil)), remediate.OK).Ref
	if next == ref || len(posted(b)) != 2 {
		t.Errorf("reference %q after %q was deleted, %d messages; want a new one", next, ref, len(posted(b)))
	}
}

func TestWhatSlackRefusesFailsWithWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*slack.Options)
		fault  fault.Fault
		want   []string
	}{
		"invalid token":  {change: func(o *slack.Options) { o.Token = tokenFile(t, "xoxb-wrong") }, want: []string{"invalid_auth", "token_file"}},
		"no channel":     {change: func(o *slack.Options) { o.Channel = "#nowhere" }, want: []string{"#nowhere", "channel_not_found", "notify.slack.channel"}},
		"archived":       {change: func(o *slack.Options) { o.Channel = "#old" }, want: []string{"is_archived", "unarchive"}},
		"not invited":    {change: func(o *slack.Options) { o.Channel = "#secret" }, want: []string{"not_in_channel", "invite the app"}},
		"missing scope":  {fault: double.NotOK("chat.postMessage", "missing_scope"), want: []string{"missing_scope", "install it again"}},
		"too long":       {fault: double.NotOK("chat.postMessage", "msg_too_long"), want: []string{"msg_too_long", "report it"}},
		"unknown code":   {fault: double.NotOK("chat.postMessage", "brand_new_code"), want: []string{"brand_new_code"}},
		"wrong address":  {change: func(o *slack.Options) { o.APIURL += "/elsewhere/" }, want: []string{"unknown_method", "api_url"}},
		"HTTP 404":       {fault: fault.Answer("chat.postMessage", 404), want: []string{"404", "api_url"}},
		"a redirection":  {fault: fault.Answer("chat.postMessage", 302).With("Location", "/api/auth.test"), want: []string{"302", "api_url"}},
		"echoed secrets": {fault: double.NotOK("chat.postMessage", "no_such_"+canary), want: []string{"no_such_[redacted]"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, c.change)
			if c.fault.Status != 0 {
				b.faults(c.fault)
			}
			r := b.perform(rootTell("q-i42-t1", "", notice(nil)), remediate.Failed)
			for _, w := range c.want {
				if !strings.Contains(r.Text, w) {
					t.Errorf("%q does not say %q", r.Text, w)
				}
			}
			if len(b.workspace.Messages()) != 0 {
				t.Error("a message was posted")
			}
		})
	}
}

func TestWhatMayGetThroughLaterIsTriedLater(t *testing.T) {
	for name, f := range map[string]fault.Fault{
		"HTTP 503":            fault.Answer("chat.postMessage", 503),
		"reset":               fault.Drop("chat.postMessage"),
		"internal error":      double.NotOK("chat.postMessage", "internal_error"),
		"not JSON":            {Path: "chat.postMessage", Status: 200, Body: "<html>Sign in to the proxy</html>"},
		"slower than we wait": fault.Delay("chat.postMessage", time.Minute),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(o *slack.Options) { o.Timeout = 100 * time.Millisecond })
			b.faults(f)
			r := b.perform(rootTell("q-i42-t1", "", notice(nil)), remediate.Later)
			if r.Until.Before(time.Now()) || r.Text == "" || r.Ref != "" {
				t.Errorf("got %+v, want a time to come, and why", r)
			}
		})
	}
}

func TestAMissingTokenFileIsTriedLater(t *testing.T) {
	b := newBench(t, func(o *slack.Options) { o.Token += ".none" })
	r := b.perform(rootTell("q-i42-t1", "", notice(nil)), remediate.Later)
	if !strings.Contains(r.Text, "token.none") || !strings.Contains(r.Text, "token_file") {
		t.Errorf("%q does not name the file and the setting", r.Text)
	}
}

func TestMalformedTellsAreRefused(t *testing.T) {
	b := newBench(t, nil)
	for name, s := range map[string]remediate.Started{
		"a reply to nothing":    threadTell("t1", "", "line"),
		"a reply without lines": threadTell("t1", "C0OPS0000/1.1"),
		"no reference":          rootTell("t1", "nonsense", notice(nil)),
		"half a reference":      threadTell("t1", "C0OPS0000/", "line"),
	} {
		t.Run(name, func(t *testing.T) {
			if r := b.perform(s, remediate.Failed); !strings.Contains(r.Text, "report it") {
				t.Errorf("%q", r.Text)
			}
		})
	}
	if got := b.calls(); got != "" {
		t.Errorf("Slack was called: %s", got)
	}
}

func TestOptionsAreRefusedByName(t *testing.T) {
	good := slack.Options{Token: "f", Channel: "#c"}
	for want, change := range map[string]func(*slack.Options){
		"token_file": func(o *slack.Options) { o.Token = "" },
		"channel":    func(o *slack.Options) { o.Channel = "#" },
		"api_url":    func(o *slack.Options) { o.APIURL = "slack.com/api" },
	} {
		o := good
		change(&o)
		if _, err := slack.New(o); err == nil || !strings.Contains(err.Error(), "notify.slack."+want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := slack.New(good); err != nil {
		t.Errorf("good options were refused: %v", err)
	}
}

// posted returns the messages that are not people's.
func posted(b *bench) []double.Message {
	return slices.DeleteFunc(b.workspace.Messages(), func(m double.Message) bool { return m.User != double.BotUserID })
}

func TestADrillIsShownWhereDrillsAre(t *testing.T) {
	b := newBench(t, func(o *slack.Options) { o.Drills = "#drills" })
	drill := func(n *remediate.Notice) {
		n.Drill, n.Lines = "d7", []remediate.Line{{At: time.Now(), Text: "step 1: observe"}}
	}
	b.perform(rootTell("q-i41-t1", "", notice(nil)), remediate.OK)
	b.faults(fault.LoseReply("chat.postMessage"))
	b.perform(rootTell("q-i42-t1", "", notice(drill)), remediate.Later)
	again := rootTell("q-i42-t1", "", notice(drill))
	again.Again = true
	ref := b.perform(again, remediate.OK).Ref
	reply := rootTell("q-i42-t2", ref, notice(drill))
	reply.Tell.Destination = remediate.SlackThread
	b.perform(reply, remediate.OK)
	var got []string
	for _, m := range posted(b) {
		got = append(got, m.Channel+" "+m.Text)
	}
	want := []string{"C0OPS0000 🔵 i42 P2 deciding: postgres-down on prod/deployment/shop/db: Postgres does not answer",
		"C0DRILL00 🔵 DRILL i42 P2 deciding: postgres-down on prod/deployment/shop/db: Postgres does not answer", "C0DRILL00 DRILL i42: "}
	if len(got) != len(want) {
		t.Fatalf("posted %q", got)
	}
	for k := range want {
		if !strings.HasPrefix(got[k], want[k]) {
			t.Errorf("posted %q, want %q", got[k], want[k])
		}
	}
}

func TestWithoutAPlaceForThemThereAreNoDrills(t *testing.T) {
	for _, drills := range []string{"", "#drills"} {
		b := newBench(t, func(o *slack.Options) { o.Drills = drills })
		if got := slices.Contains(b.slack.Destinations(), remediate.SlackDrill); got != (drills != "") {
			t.Errorf("with drills %q they can be told: %t", drills, got)
		}
	}
}
