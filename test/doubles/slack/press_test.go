package slack_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	slackgo "github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"

	"github.com/x0tta6bl4/remediated/test/doubles/fault"
	"github.com/x0tta6bl4/remediated/test/doubles/slack"
)

// button posts a message with one button and returns the press of it.
func button(t *testing.T, bot *slackgo.Client) slack.Press {
	t.Helper()
	b := slackgo.NewButtonBlockElement("go", "42", slackgo.NewTextBlockObject("plain_text", "Go", false, false))
	b.Confirm = slackgo.NewConfirmationBlockObject(plain(1), plain(1), plain(1), plain(1))
	ts := post(t, bot, slackgo.MsgOptionBlocks(slackgo.NewActionBlock("", b)))
	return slack.Press{User: slack.DefaultUser.ID, Channel: ops, TS: ts, Action: "go"}
}

func TestAPressIsPostedSigned(t *testing.T) {
	w, bot := serve(t, slack.Options{SigningSecret: "hush"})
	var got slackgo.InteractionCallback
	status := http.StatusOK
	app := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		v, err := slackgo.NewSecretsVerifier(r.Header, "hush")
		body, _ := io.ReadAll(r.Body)
		v.Write(body)
		if err != nil || v.Ensure() != nil {
			t.Errorf("the signature does not hold: %v", err)
		}
		form, _ := url.ParseQuery(string(body))
		if err := got.UnmarshalJSON([]byte(form.Get("payload"))); err != nil {
			t.Error(err)
		}
		rw.WriteHeader(status)
	}))
	defer app.Close()
	w.SetRequestURL(app.URL)
	p := button(t, bot)
	if warning, err := w.Press(t.Context(), p); warning != "" || err != nil {
		t.Errorf("warned of %q, %v", warning, err)
	}
	a := got.ActionCallback.BlockActions
	if got.Type != "block_actions" || got.User.ID != p.User || got.Channel.ID != ops || got.Message.Timestamp != p.TS ||
		len(a) != 1 || a[0].ActionID != "go" || a[0].Value != "42" || a[0].ActionTs == "" {
		t.Errorf("got %+v", got)
	}
	for _, status = range []int{http.StatusFound, http.StatusServiceUnavailable} {
		if warning, err := w.Press(t.Context(), p); err != nil || !strings.Contains(warning, http.StatusText(status)) {
			t.Errorf("%d: warned of %q, %v", status, warning, err)
		}
	}
}

func TestOnlyWhatIsThereIsPressed(t *testing.T) {
	w, bot := serve(t, slack.Options{})
	good := button(t, bot)
	bot.UpdateMessage(ops, post(t, bot, text("x")), text("y"))
	for name, change := range map[string]func(*slack.Press){
		"no such person":  func(p *slack.Press) { p.User = "U0NOBODY0" },
		"no such message": func(p *slack.Press) { p.TS = "1.1" },
		"no such channel": func(p *slack.Press) { p.Channel = "C0NONE000" },
		"no such button":  func(p *slack.Press) { p.Action = "stop" },
		"no longer there": func(p *slack.Press) { bot.UpdateMessage(ops, p.TS, text("done")) },
	} {
		p := good
		if name == "no longer there" {
			p = button(t, bot)
		}
		change(&p)
		if _, err := w.Press(t.Context(), p); err == nil {
			t.Errorf("%s: it was pressed", name)
		}
	}
}

// listen runs an app in Socket Mode, and tells the envelopes that it gets.
func listen(t *testing.T, w *slack.Workspace, bot *slackgo.Client, got func(*socketmode.Client, socketmode.Request)) {
	t.Helper()
	server := httptest.NewServer(w)
	api := slackgo.New("", slackgo.OptionAppLevelToken(slack.DefaultAppToken), slackgo.OptionAPIURL(server.URL+"/api/"))
	app := socketmode.New(api)
	var running sync.WaitGroup
	running.Go(func() { app.RunContext(t.Context()) })
	running.Go(func() {
		for {
			select {
			case e := <-app.Events:
				if e.Type == socketmode.EventTypeInteractive {
					got(app, *e.Request)
				}
			case <-t.Context().Done():
				return
			}
		}
	})
	t.Cleanup(func() { running.Wait(); server.Close() })
}

func TestAPressIsSentByASocketOnce(t *testing.T) {
	w, bot := serve(t, slack.Options{AckWithin: 5 * time.Second})
	p := button(t, bot)
	if warning, err := w.Press(t.Context(), p); err != nil || !strings.Contains(warning, "not connected") {
		t.Errorf("without a socket: %q, %v", warning, err)
	}
	envelopes := make(chan string, 10)
	for range 2 {
		listen(t, w, bot, func(app *socketmode.Client, r socketmode.Request) { app.Ack(r); envelopes <- r.EnvelopeID })
	}
	open := func(n int) func([]slack.Socket) bool {
		return func(all []slack.Socket) bool { return len(all) == n && (n == 0 || all[n-1].Number > 0) }
	}
	if _, err := w.AwaitSockets(t.Context(), open(2)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if warning, err := w.Press(t.Context(), p); err != nil || warning != "" {
			t.Errorf("warned of %q, %v", warning, err)
		}
	}
	for _, end := range []func(){func() { w.Refresh("refresh_requested") }, w.Cut} {
		end()
		if _, err := w.AwaitSockets(t.Context(), open(2)); err != nil {
			t.Fatal(err)
		}
		if warning, err := w.Press(t.Context(), p); err != nil || warning != "" {
			t.Errorf("after the sockets were opened anew: warned of %q, %v", warning, err)
		}
	}
	if len(envelopes) != 5 {
		t.Errorf("%d envelopes, want 5", len(envelopes))
	}
}

func TestAPressThatIsNotAcknowledgedWarns(t *testing.T) {
	w, bot := serve(t, slack.Options{AckWithin: 50 * time.Millisecond})
	listen(t, w, bot, func(*socketmode.Client, socketmode.Request) {})
	if _, err := w.AwaitSockets(t.Context(), func(all []slack.Socket) bool { return len(all) == 1 }); err != nil {
		t.Fatal(err)
	}
	if warning, err := w.Press(t.Context(), button(t, bot)); err != nil || !strings.Contains(warning, "in time") {
		t.Errorf("warned of %q, %v", warning, err)
	}
}

func TestSocketsNeedTheAppTokenAndAFreshTicket(t *testing.T) {
	w, _ := serve(t, slack.Options{})
	server := httptest.NewServer(w)
	defer server.Close()
	open := func(token string) error {
		_, _, err := slackgo.New("", slackgo.OptionAppLevelToken(token), slackgo.OptionAPIURL(server.URL+"/api/")).StartSocketModeContext(t.Context())
		return err
	}
	wantCode(t, open(slack.DefaultToken), "not_allowed_token_type")
	wantCode(t, open("xapp-wrong"), "invalid_auth")
	if err := w.Faults.Add(slack.NotOK("apps.connections.open", "token_revoked"), fault.Drop("apps.connections.open")); err != nil {
		t.Fatal(err)
	}
	wantCode(t, open(slack.DefaultAppToken), "token_revoked")
	for _, ticket := range []string{"", "ticket-1"} {
		answer, err := http.Get(server.URL + "/link/?ticket=" + ticket)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusForbidden {
			t.Errorf("ticket %q: %s", ticket, answer.Status)
		}
	}
}
