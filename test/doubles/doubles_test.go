package doubles_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	pd "github.com/PagerDuty/go-pagerduty"
	slackgo "github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"

	"github.com/x0tta6bl4/remediated/test/doubles"
	"github.com/x0tta6bl4/remediated/test/doubles/fault"
	"github.com/x0tta6bl4/remediated/test/doubles/pagerduty"
	"github.com/x0tta6bl4/remediated/test/doubles/slack"
)

func start(t *testing.T) *doubles.Servers {
	t.Helper()
	s, err := doubles.Start(doubles.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestSlackIsSteeredAndReadFromOutside(t *testing.T) {
	s := start(t)
	steering := doubles.NewSlackClient(s.SlackURL)
	bot := slackgo.New(slack.DefaultToken, slackgo.OptionAPIURL(s.SlackURL+"/api/"))
	if err := steering.AddFaults(t.Context(), fault.Drop("chat.postMessage"), slack.RateLimited("chat.update", time.Second)); err != nil {
		t.Fatal(err)
	}
	go func() {
		bot.PostMessage("ops", slackgo.MsgOptionText("dropped", false))
		_, ts, _ := bot.PostMessage("ops", slackgo.MsgOptionText("hello", false))
		bot.UpdateMessage(slack.DefaultChannel.ID, ts, slackgo.MsgOptionText("limited", false))
		bot.UpdateMessage(slack.DefaultChannel.ID, ts, slackgo.MsgOptionText("bye", false))
	}()
	all, err := steering.AwaitMessages(t.Context(), func(all []slack.Message) bool { return len(all) == 1 && all[0].Text == "bye" })
	if err != nil || len(all[0].Earlier) != 1 {
		t.Errorf("messages %+v, %v", all, err)
	}
	requests, err := steering.Requests(t.Context())
	if err != nil || len(requests) != 4 || requests[0].Fault != "drop" || requests[2].Fault != "status 429" {
		t.Errorf("requests %+v, %v", requests, err)
	}
	if left, err := steering.PendingFaults(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("faults left: %+v, %v", left, err)
	}
	if err := steering.Reset(t.Context()); err != nil {
		t.Error(err)
	}
	if all, err := steering.Messages(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("after the reset: %+v, %v", all, err)
	}
}

func TestAButtonIsPressedFromOutside(t *testing.T) {
	s := start(t)
	steering := doubles.NewSlackClient(s.SlackURL)
	bot := slackgo.New(slack.DefaultToken, slackgo.OptionAPIURL(s.SlackURL+"/api/"))
	b := slackgo.NewButtonBlockElement("go", "42", slackgo.NewTextBlockObject("plain_text", "Go", false, false))
	channel, ts, err := bot.PostMessage("ops", slackgo.MsgOptionBlocks(slackgo.NewActionBlock("", b)))
	if err != nil {
		t.Fatal(err)
	}
	status := http.StatusOK
	app := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		bot.PostEphemeral(channel, slack.DefaultUser.ID, slackgo.MsgOptionText("taken", false))
		rw.WriteHeader(status)
	}))
	defer app.Close()
	p := slack.Press{User: slack.DefaultUser.ID, Channel: channel, TS: ts, Action: "go"}
	if warning, err := steering.Press(t.Context(), p); err != nil || !strings.Contains(warning, "not connected") {
		t.Errorf("without an app: %q, %v", warning, err)
	}
	if err := steering.SetRequestURL(t.Context(), app.URL); err != nil {
		t.Fatal(err)
	}
	if warning, err := steering.Press(t.Context(), p); err != nil || warning != "" {
		t.Errorf("warned of %q, %v", warning, err)
	}
	if _, err := steering.AwaitEphemerals(t.Context(), func(all []slack.Ephemeral) bool { return len(all) == 1 && all[0].Text == "taken" }); err != nil {
		t.Error(err)
	}
	status = http.StatusServiceUnavailable
	if warning, err := steering.Press(t.Context(), p); err != nil || !strings.Contains(warning, "503") {
		t.Errorf("warned of %q, %v", warning, err)
	}
	p.Action = "stop"
	if _, err := steering.Press(t.Context(), p); err == nil || !strings.Contains(err.Error(), `no button "stop"`) {
		t.Errorf("a button that is not there: %v", err)
	}
}

func TestChannelsAndSocketsAreSteeredFromOutside(t *testing.T) {
	s := start(t)
	steering := doubles.NewSlackClient(s.SlackURL)
	if err := steering.Archive(t.Context(), slack.DefaultChannel.ID, true); err != nil {
		t.Error(err)
	}
	archived := func(all []slack.Channel) bool { return len(all) == 1 && all[0].Archived }
	if all, err := steering.AwaitChannels(t.Context(), archived); err != nil {
		t.Errorf("%+v, %v", all, err)
	}
	if err := steering.Archive(t.Context(), "C0NONE000", true); err == nil {
		t.Error("a channel that is not there was archived")
	}
	api := slackgo.New("", slackgo.OptionAppLevelToken(slack.DefaultAppToken), slackgo.OptionAPIURL(s.SlackURL+"/api/"))
	app := socketmode.New(api)
	running := make(chan error, 1)
	go func() { running <- app.RunContext(t.Context()) }()
	opened := func(n int) func([]slack.Socket) bool {
		return func(all []slack.Socket) bool { return len(all) == 1 && all[0].Number == n }
	}
	for n, reason := range []string{"refresh_requested", "", "warning"} {
		if _, err := steering.AwaitSockets(t.Context(), opened(n+1)); err != nil {
			t.Fatal(err)
		}
		if err := steering.Disconnect(t.Context(), reason); err != nil {
			t.Error(err)
		}
	}
}

func TestPagerDutyIsSteeredAndReadFromOutside(t *testing.T) {
	s := start(t)
	steering := doubles.NewPagerDutyClient(s.PagerDutyURL)
	c := pd.NewClient("", pd.WithV2EventsAPIEndpoint(s.PagerDutyURL))
	if err := steering.AddFaults(t.Context(), fault.LoseReply("/v2/enqueue")); err != nil {
		t.Fatal(err)
	}
	go func() {
		e := &pd.V2Event{RoutingKey: pagerduty.DefaultRoutingKey, Action: "trigger", DedupKey: "k",
			Payload: &pd.V2Payload{Summary: "down", Source: "db1", Severity: "error"}}
		c.ManageEventWithContext(t.Context(), e)
		c.ManageEventWithContext(t.Context(), e)
		c.CreateChangeEventWithContext(t.Context(), pd.ChangeEvent{RoutingKey: pagerduty.DefaultRoutingKey,
			Payload: pd.ChangeEventPayload{Summary: "restarted"}})
		c.ManageEventWithContext(t.Context(), &pd.V2Event{RoutingKey: pagerduty.DefaultRoutingKey, Action: "resolve", DedupKey: "k"})
	}()
	resolved := func(all []pagerduty.Incident) bool { return len(all) == 1 && all[0].Status == pagerduty.Resolved }
	all, err := steering.AwaitIncidents(t.Context(), resolved)
	if err != nil || all[0].Triggers != 2 {
		t.Errorf("incidents %+v, %v", all, err)
	}
	pages, err1 := steering.Pages(t.Context())
	events, err2 := steering.Events(t.Context())
	changes, err3 := steering.ChangeEvents(t.Context())
	if err := errors.Join(err1, err2, err3); err != nil || len(pages) != 1 || len(events) != 3 || len(changes) != 1 {
		t.Errorf("pages %+v, events %+v, changes %+v, %v", pages, events, changes, err)
	}
}

func TestAPersonActsFromOutside(t *testing.T) {
	s := start(t)
	defer s.PagerDuty.Close()
	steering := doubles.NewPagerDutyClient(s.PagerDutyURL)
	heard := make(chan string, 10)
	daemon := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		heard <- r.Header.Get("X-PagerDuty-Signature")
	}))
	defer daemon.Close()
	c := pd.NewClient("", pd.WithV2EventsAPIEndpoint(s.PagerDutyURL))
	if _, err := c.ManageEventWithContext(t.Context(), &pd.V2Event{RoutingKey: pagerduty.DefaultRoutingKey, Action: "trigger", DedupKey: "k",
		Payload: &pd.V2Payload{Summary: "down", Source: "db1", Severity: "error"}}); err != nil {
		t.Fatal(err)
	}
	for n, err := range []error{
		steering.Subscribe(t.Context(), pagerduty.Webhook{URL: daemon.URL, Secrets: []string{"s"}}),
		steering.Acknowledge(t.Context(), "k", "Anna"), steering.Unacknowledge(t.Context(), "k", ""),
		steering.Escalate(t.Context(), "k", "Anna", 2), steering.Resolve(t.Context(), "k", "Boris"),
		steering.Reopen(t.Context(), "k", "Boris"), steering.Ping(t.Context()),
	} {
		if err != nil {
			t.Errorf("act %d: %v", n, err)
		}
	}
	all, err := steering.AwaitDeliveries(t.Context(), func(all []pagerduty.Delivery) bool {
		return len(all) == 6 && all[5].Fate == pagerduty.Delivered
	})
	if err != nil || <-heard != pagerduty.Sign(all[0].Body, "s") {
		t.Errorf("webhooks %+v, %v", all, err)
	}
	if again, err := steering.Deliveries(t.Context()); err != nil || len(again) != 6 {
		t.Errorf("webhooks %+v, %v", again, err)
	}
	if err := steering.Acknowledge(t.Context(), "k", "Nobody"); err == nil || !strings.Contains(err.Error(), "no user") {
		t.Errorf("an unknown user: %v", err)
	}
}

func TestClientTellsWhatIsWrong(t *testing.T) {
	s := start(t)
	steering := doubles.NewSlackClient(s.SlackURL)
	if err := steering.AddFaults(t.Context(), fault.Fault{}); err == nil || !strings.Contains(err.Error(), "nothing goes wrong") {
		t.Errorf("an empty fault: %v", err)
	}
	if _, err := doubles.NewPagerDutyClient(s.SlackURL).Incidents(t.Context()); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("the wrong double: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	never := func([]slack.Message) bool { cancel(); return false }
	if _, err := steering.AwaitMessages(ctx, never); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting in vain: %v", err)
	}
}

func TestCloseEndsDelaysAndWaitingLooks(t *testing.T) {
	s, err := doubles.Start(doubles.Options{})
	if err != nil {
		t.Fatal(err)
	}
	steering := doubles.NewSlackClient(s.SlackURL)
	if err := steering.AddFaults(t.Context(), fault.Delay("auth.test", time.Hour)); err != nil {
		t.Fatal(err)
	}
	delayed, waiting := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := slackgo.New(slack.DefaultToken, slackgo.OptionAPIURL(s.SlackURL+"/api/")).AuthTest()
		delayed <- err
	}()
	if _, err := steering.AwaitRequests(t.Context(), func(all []fault.Request) bool { return len(all) == 1 }); err != nil {
		t.Fatal(err)
	}
	looked := make(chan struct{}, 1)
	go func() {
		_, err := steering.AwaitMessages(t.Context(), func([]slack.Message) bool { looked <- struct{}{}; return false })
		waiting <- err
	}()
	<-looked
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-delayed; err != nil {
		t.Errorf("the delayed request was not carried out: %v", err)
	}
	if err := <-waiting; err == nil {
		t.Error("the waiting look was answered though nothing changed")
	}
	if err := steering.Reset(t.Context()); err == nil {
		t.Error("the double still answers")
	}
}

func TestStartRefusesAddresses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, o := range map[string]doubles.Options{
		"loopback":  {SlackAddress: "0.0.0.0:0"},
		"pagerduty": {PagerDutyAddress: taken.Addr().String()},
		"slack":     {SlackAddress: "nowhere"},
	} {
		if s, err := doubles.Start(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%+v: started %v, error %v", o, s, err)
		}
	}
}
