package slack_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	slackgo "github.com/slack-go/slack"

	"github.com/x0tta6bl4/remediated/test/doubles/fault"
	"github.com/x0tta6bl4/remediated/test/doubles/slack"
)

func TestOneMessageIsPostedAndEdited(t *testing.T) {
	w, bot := serve(t, slack.Options{})
	ts := post(t, bot, text("disk is full"))
	for _, next := range []string{"cleaning up", "disk is fine"} {
		if _, _, shown, err := bot.UpdateMessage(ops, ts, text(next)); err != nil || shown != next {
			t.Errorf("chat.update: %q, %v", shown, err)
		}
	}
	all := w.Messages()
	if len(all) != 1 || all[0].Text != "disk is fine" || len(all[0].Earlier) != 2 || all[0].Earlier[0].Text != "disk is full" {
		t.Errorf("messages: %+v", all)
	}
}

func TestPostIsNotIdempotent(t *testing.T) {
	w, bot := serve(t, slack.Options{})
	if post(t, bot, text("same")) == post(t, bot, text("same")) || len(w.Messages()) != 2 {
		t.Errorf("messages: %+v", w.Messages())
	}
}

func TestPostTakesAChannelByNameAndUpdateDoesNot(t *testing.T) {
	w, bot := serve(t, slack.Options{})
	id, ts, err := bot.PostMessage("#ops", text("hello"))
	if err != nil || id != ops {
		t.Fatalf("chat.postMessage: %q, %v", id, err)
	}
	_, _, _, err = bot.UpdateMessage("#ops", ts, text("changed"))
	wantCode(t, err, "channel_not_found")
	_, _, err = bot.DeleteMessage("#ops", ts)
	wantCode(t, err, "channel_not_found")
	if all := w.Messages(); all[0].Text != "hello" || all[0].Deleted {
		t.Errorf("messages: %+v", all)
	}
}

func TestPostIsRefused(t *testing.T) {
	w, bot := serve(t, slack.Options{Channels: []slack.Channel{
		{ID: ops, Name: "ops"}, {ID: "C0OLD0000", Name: "old", Archived: true}, {ID: "C0FAR0000", Name: "far", NotMember: true},
	}})
	for code, c := range map[string]struct {
		channel string
		option  slackgo.MsgOption
	}{
		"channel_not_found":       {"C0NONE000", text("x")},
		"is_archived":             {"C0OLD0000", text("x")},
		"not_in_channel":          {"C0FAR0000", text("x")},
		"no_text":                 {ops, text("")},
		"too_many_attachments":    {ops, slackgo.MsgOptionAttachments(make([]slackgo.Attachment, 101)...)},
		"invalid_metadata_schema": {ops, slackgo.MsgOptionCompose(text("x"), slackgo.MsgOptionMetadata(slackgo.SlackMetadata{EventType: "incident"}))},
	} {
		_, _, err := bot.PostMessage(c.channel, c.option)
		wantCode(t, err, code)
	}
	if all := w.Messages(); len(all) != 0 {
		t.Errorf("posted all the same: %+v", all)
	}
}

func TestLongTextIsCutByPostAndRefusedByUpdate(t *testing.T) {
	w, bot := serve(t, slack.Options{})
	ts := post(t, bot, text(strings.Repeat("ü", slack.MaxPostLength+1)))
	if got := len([]rune(w.Messages()[0].Text)); got != slack.MaxPostLength {
		t.Errorf("posted %d characters", got)
	}
	if _, _, _, err := bot.UpdateMessage(ops, ts, text(strings.Repeat("ü", slack.MaxUpdateLength))); err != nil {
		t.Error(err)
	}
	_, _, _, err := bot.UpdateMessage(ops, ts, text(strings.Repeat("ü", slack.MaxUpdateLength+1)))
	wantCode(t, err, "msg_too_long")
}

func TestOnlyOwnMessagesAreChanged(t *testing.T) {
	w, bot := serve(t, slack.Options{})
	hers := w.Say(slack.DefaultUser.ID, "ops", "mine")
	_, _, _, err := bot.UpdateMessage(ops, hers, text("yours"))
	wantCode(t, err, "cant_update_message")
	_, _, err = bot.DeleteMessage(ops, hers)
	wantCode(t, err, "cant_delete_message")
	_, _, _, err = bot.UpdateMessage(ops, "1.000001", text("x"))
	wantCode(t, err, "message_not_found")
	_, _, _, err = bot.UpdateMessage(ops, post(t, bot, text("own")), text(""))
	wantCode(t, err, "no_text")

	own := post(t, bot, text("own"))
	if _, _, err := bot.DeleteMessage(ops, own); err != nil {
		t.Error(err)
	}
	_, _, _, err = bot.UpdateMessage(ops, own, text("x"))
	wantCode(t, err, "message_not_found")
}

func TestUpdateKeepsOrRemovesWhatItDoesNotName(t *testing.T) {
	w, bot := serve(t, slack.Options{})
	section := slackgo.NewSectionBlock(slackgo.NewTextBlockObject("mrkdwn", "*full*", false, false), nil, nil)
	about := slackgo.MsgOptionMetadata(slackgo.SlackMetadata{EventType: "incident", EventPayload: map[string]any{"id": "i42"}})
	ts := post(t, bot, text("full"), slackgo.MsgOptionBlocks(section), about)
	now := func() slack.Message { return w.Messages()[0] }

	bot.UpdateMessage(ops, ts, text("still full"), slackgo.MsgOptionBlocks(section))
	if m := now(); m.Blocks == nil || m.Metadata == nil || m.Metadata.EventPayload["id"] != "i42" {
		t.Errorf("after an edit with blocks: %+v", m)
	}
	bot.UpdateMessage(ops, ts, text("fine"))
	if m := now(); m.Blocks != nil || m.Metadata == nil {
		t.Errorf("after an edit without blocks: %+v", m)
	}
	history, err := bot.GetConversationHistory(&slackgo.GetConversationHistoryParameters{ChannelID: ops})
	if err != nil || history.Messages[0].Edited == nil {
		t.Errorf("not marked as edited: %+v, %v", history, err)
	}
}

func TestRepliesJoinTheirThread(t *testing.T) {
	w, bot := serve(t, slack.Options{})
	parent := post(t, bot, text("parent"))
	reply := post(t, bot, text("reply"), slackgo.MsgOptionTS(parent))
	post(t, bot, text("reply to the reply"), slackgo.MsgOptionTS(reply))
	all := w.Messages()
	if all[1].ThreadTS != parent || all[2].ThreadTS != parent {
		t.Errorf("messages: %+v", all)
	}
}

func TestReplyToADeletedMessageIsShownInTheChannel(t *testing.T) {
	w, bot := serve(t, slack.Options{})
	parent := post(t, bot, text("parent"))
	if !w.Remove(ops, parent) || w.Remove(ops, parent) {
		t.Error("the parent was not there once")
	}
	_, _, m, err := bot.PostMessageWithResponse(ops, text("reply"), slackgo.MsgOptionTS(parent))
	if err != nil || m.ThreadTimestamp != "" {
		t.Errorf("chat.postMessage: %+v, %v", m, err)
	}
	if all := w.Messages(); !all[1].Unthreaded || all[1].ThreadTS != "" {
		t.Errorf("messages: %+v", all)
	}
}

func TestPostingTooFastIsLimitedPerChannel(t *testing.T) {
	now := time.Unix(1_750_000_000, 0)
	w, bot := serve(t, slack.Options{
		PostInterval: 2500 * time.Millisecond, Now: func() time.Time { return now },
		Channels: []slack.Channel{{ID: ops, Name: "ops"}, {ID: "C0DEV0000", Name: "dev"}},
	})
	post(t, bot, text("one"))
	_, _, err := bot.PostMessage(ops, text("two"))
	var limited *slackgo.RateLimitedError
	if !errors.As(err, &limited) || limited.RetryAfter != 3*time.Second {
		t.Errorf("got %v, want to wait 3s", err)
	}
	if _, _, err := bot.PostMessage("C0DEV0000", text("elsewhere")); err != nil {
		t.Error(err)
	}
	now = now.Add(3 * time.Second)
	post(t, bot, text("three"))
	if all := w.Messages(); len(all) != 3 {
		t.Errorf("messages: %+v", all)
	}
}

func TestFaults(t *testing.T) {
	w, bot := serve(t, slack.Options{})
	arrange := func(f fault.Fault) {
		t.Helper()
		if err := w.Faults.Add(f); err != nil {
			t.Fatal(err)
		}
	}
	arrange(slack.RateLimited("chat.postMessage", 30*time.Second))
	_, _, err := bot.PostMessage(ops, text("limited"))
	var limited *slackgo.RateLimitedError
	if !errors.As(err, &limited) || limited.RetryAfter != 30*time.Second {
		t.Errorf("got %v, want to wait 30s", err)
	}
	arrange(slack.NotOK("chat.postMessage", "fatal_error"))
	_, _, err = bot.PostMessage(ops, text("fatal"))
	wantCode(t, err, "fatal_error")

	arrange(fault.Answer("chat.postMessage", http.StatusInternalServerError))
	_, _, err = bot.PostMessage(ops, text("broken"))
	var status slackgo.StatusCodeError
	if !errors.As(err, &status) || status.Code != 500 {
		t.Errorf("got %v, want status 500", err)
	}
	if all := w.Messages(); len(all) != 0 {
		t.Fatalf("posted all the same: %+v", all)
	}

	arrange(fault.LoseReply("chat.postMessage"))
	if _, _, err = bot.PostMessage(ops, text("lost")); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want an end of file", err)
	}
	if all := w.Messages(); len(all) != 1 || all[0].Text != "lost" {
		t.Errorf("messages after the lost reply: %+v", all)
	}
}

func TestArgumentsAreTakenAsFormJSONOrQuery(t *testing.T) {
	for name, c := range map[string]struct{ method, target, kind, auth, body, code string }{
		"json":              {"POST", "chat.postMessage", "application/json; charset=utf-8", "Bearer " + slack.DefaultToken, `{"channel":"` + ops + `","text":"x","reply_broadcast":false}`, ""},
		"query":             {"GET", "conversations.history?channel=" + ops, "", "Bearer " + slack.DefaultToken, "", ""},
		"token in query":    {"GET", "auth.test?token=" + slack.DefaultToken, "", "", "", "not_authed"},
		"token in json":     {"POST", "auth.test", "application/json", "", `{"token":"` + slack.DefaultToken + `"}`, "not_authed"},
		"broken json":       {"POST", "auth.test", "application/json", "", "{", "invalid_json"},
		"json, no object":   {"POST", "auth.test", "application/json", "", "[]", "json_not_object"},
		"another type":      {"POST", "auth.test", "text/plain", "", "x", "invalid_post_type"},
		"no type":           {"POST", "auth.test", "", "", "x", "missing_post_type"},
		"unknown method":    {"POST", "chat.shout", "application/json", "", "{}", "unknown_method"},
		"misspelt argument": {"POST", "chat.postMessage", "application/json", "Bearer " + slack.DefaultToken, `{"chanel":"x"}`, "invalid_arg_name"},
		"broken metadata":   {"POST", "chat.postMessage", "application/json", "Bearer " + slack.DefaultToken, `{"channel":"` + ops + `","text":"x","metadata":"no"}`, "invalid_metadata_format"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, "/api/"+c.target, strings.NewReader(c.body))
			r.Header.Set("Content-Type", c.kind)
			if c.auth != "" {
				r.Header.Set("Authorization", c.auth)
			}
			rec := httptest.NewRecorder()
			slack.New(slack.Options{Strict: true}).ServeHTTP(rec, r)
			var answer struct {
				OK    bool
				Error string
			}
			if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil || rec.Code != 200 {
				t.Fatalf("answered %d %s", rec.Code, rec.Body)
			}
			if answer.OK != (c.code == "") || answer.Error != c.code {
				t.Errorf("answered %+v, want %q", answer, c.code)
			}
		})
	}
}

func TestOnlyAStrictWorkspaceRefusesUnknownArguments(t *testing.T) {
	r := httptest.NewRequest("POST", "/api/auth.test", strings.NewReader(`{"colour":"blue"}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+slack.DefaultToken)
	rec := httptest.NewRecorder()
	slack.New(slack.Options{}).ServeHTTP(rec, r)
	if !strings.Contains(rec.Body.String(), `"ok":true`) {
		t.Errorf("answered %s", rec.Body)
	}
}
