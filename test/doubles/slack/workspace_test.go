package slack_test

import (
	"errors"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	slackgo "github.com/slack-go/slack"

	"github.com/x0tta6bl4/remediated/test/doubles/slack"
)

const ops = "C0OPS0000"

// serve is a workspace and the bot's client for it.
func serve(t *testing.T, options slack.Options) (*slack.Workspace, *slackgo.Client) {
	t.Helper()
	w := slack.New(options)
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	token := options.Token
	if token == "" {
		token = slack.DefaultToken
	}
	return w, slackgo.New(token, slackgo.OptionAPIURL(server.URL+"/api/"))
}

func text(s string) slackgo.MsgOption { return slackgo.MsgOptionText(s, false) }

func post(t *testing.T, bot *slackgo.Client, options ...slackgo.MsgOption) (ts string) {
	t.Helper()
	_, ts, err := bot.PostMessage(ops, options...)
	if err != nil {
		t.Fatal(err)
	}
	return ts
}

// wantCode fails unless the error is a refusal by Slack with the code.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var refused slackgo.SlackErrorResponse
	if !errors.As(err, &refused) || refused.Err != code {
		t.Errorf("got error %v, want %s", err, code)
	}
}

func TestTokenIsChecked(t *testing.T) {
	w := slack.New(slack.Options{Token: "xoxb-right"})
	server := httptest.NewServer(w)
	defer server.Close()
	api := slackgo.OptionAPIURL(server.URL + "/api/")

	who, err := slackgo.New("xoxb-right", api).AuthTest()
	if err != nil || who.UserID != slack.BotUserID || who.BotID != slack.BotID {
		t.Errorf("auth.test: %+v, %v", who, err)
	}
	_, err = slackgo.New("xoxb-wrong", api).AuthTest()
	wantCode(t, err, "invalid_auth")
	_, err = slackgo.New("", api).AuthTest()
	wantCode(t, err, "not_authed")
}

func TestPeopleAreKnown(t *testing.T) {
	_, bot := serve(t, slack.Options{})
	anna, err := bot.GetUserInfo(slack.DefaultUser.ID)
	if err != nil || anna.Name != "anna" || anna.IsBot || anna.TZ != "Europe/Berlin" {
		t.Errorf("users.info: %+v, %v", anna, err)
	}
	_, err = bot.GetUserInfo("U0NOBODY0")
	wantCode(t, err, "user_not_found")
}

func TestChannelsAreFoundByIDAndListedByName(t *testing.T) {
	_, bot := serve(t, slack.Options{Channels: []slack.Channel{{ID: ops, Name: "ops"}, {ID: "C0OLD0000", Name: "old", Archived: true}}})
	c, err := bot.GetConversationInfo(&slackgo.GetConversationInfoInput{ChannelID: ops})
	if err != nil || c.Name != "ops" || !c.IsMember {
		t.Errorf("conversations.info: %+v, %v", c, err)
	}
	_, err = bot.GetConversationInfo(&slackgo.GetConversationInfoInput{ChannelID: "#ops"})
	wantCode(t, err, "channel_not_found")

	all, next, err := bot.GetConversations(&slackgo.GetConversationsParameters{})
	if err != nil || len(all) != 2 || next != "" || all[1].Name != "old" || !all[1].IsArchived {
		t.Errorf("conversations.list: %+v, %q, %v", all, next, err)
	}
	current, _, err := bot.GetConversations(&slackgo.GetConversationsParameters{ExcludeArchived: true})
	if err != nil || len(current) != 1 {
		t.Errorf("conversations.list without archived: %+v, %v", current, err)
	}
}

func TestTimestampsAreUniqueAndRise(t *testing.T) {
	stopped := time.Unix(1_750_000_000, 0)
	w, bot := serve(t, slack.Options{Now: func() time.Time { return stopped }})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { bot.PostMessage(ops, text("hello")) })
	}
	wg.Wait()
	all := w.Messages()
	if len(all) != 20 || all[0].TS != "1750000000.000000" {
		t.Fatalf("%d messages, the first at %s", len(all), all[0].TS)
	}
	for i := 1; i < len(all); i++ {
		if all[i].TS <= all[i-1].TS || len(all[i].TS) != 17 {
			t.Errorf("%s follows %s", all[i].TS, all[i-1].TS)
		}
	}
}

func TestAwaitAndReset(t *testing.T) {
	w, bot := serve(t, slack.Options{})
	go bot.PostMessage(ops, text("hello"))
	all, err := w.Await(t.Context(), func(all []slack.Message) bool { return len(all) == 1 })
	if err != nil || all[0].Text != "hello" {
		t.Errorf("saw %+v, %v", all, err)
	}
	w.Reset()
	if all := w.Messages(); len(all) != 0 || len(w.Faults.Requests()) != 0 {
		t.Errorf("left after the reset: %+v, %+v", all, w.Faults.Requests())
	}
}
