package slack_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	slackgo "github.com/slack-go/slack"

	"github.com/x0tta6bl4/remediated/test/doubles/slack"
)

// threeMessages posts "one", "two" and "three" a second apart.
func threeMessages(t *testing.T) (bot *slackgo.Client, ts [3]string) {
	t.Helper()
	now := time.Unix(1_750_000_000, 0)
	_, bot = serve(t, slack.Options{Now: func() time.Time { return now }})
	for i, name := range []string{"one", "two", "three"} {
		ts[i] = post(t, bot, text(name))
		now = now.Add(time.Second)
	}
	return bot, ts
}

func texts(messages []slackgo.Message) string {
	var all []string
	for _, m := range messages {
		all = append(all, m.Text)
	}
	return strings.Join(all, " ")
}

func TestHistoryIsNewestFirstWithinBounds(t *testing.T) {
	bot, ts := threeMessages(t)
	for want, p := range map[string]slackgo.GetConversationHistoryParameters{
		"three two one": {},
		"three two":     {Oldest: ts[0]},
		"one":           {Latest: ts[1]},
		"two one":       {Latest: ts[1], Inclusive: true},
		"three":         {Oldest: "1750000001"},
		"":              {Oldest: "1750000003.5"},
	} {
		p.ChannelID = ops
		got, err := bot.GetConversationHistory(&p)
		if err != nil || texts(got.Messages) != want || got.HasMore {
			t.Errorf("%+v: %q, want %q, error %v", p, texts(got.Messages), want, err)
		}
	}
}

func TestHistoryPages(t *testing.T) {
	bot, _ := threeMessages(t)
	p := slackgo.GetConversationHistoryParameters{ChannelID: ops, Limit: 2}
	first, err := bot.GetConversationHistory(&p)
	if err != nil || texts(first.Messages) != "three two" || !first.HasMore {
		t.Fatalf("first page: %+v, %v", first, err)
	}
	p.Cursor = first.ResponseMetaData.NextCursor
	second, err := bot.GetConversationHistory(&p)
	if err != nil || texts(second.Messages) != "one" || second.HasMore || second.ResponseMetaData.NextCursor != "" {
		t.Errorf("second page: %+v, %v", second, err)
	}
}

func TestHistoryIsRefused(t *testing.T) {
	bot, _ := threeMessages(t)
	for code, p := range map[string]slackgo.GetConversationHistoryParameters{
		"channel_not_found": {ChannelID: "#ops"},
		"invalid_ts_oldest": {ChannelID: ops, Oldest: "yesterday"},
		"invalid_ts_latest": {ChannelID: ops, Latest: "now"},
		"invalid_limit":     {ChannelID: ops, Limit: 1000},
		"invalid_cursor":    {ChannelID: ops, Cursor: "three"},
	} {
		_, err := bot.GetConversationHistory(&p)
		wantCode(t, err, code)
	}
}

func TestMetadataIsReturnedOnlyWhenAskedFor(t *testing.T) {
	_, bot := serve(t, slack.Options{})
	post(t, bot, text("x"), slackgo.MsgOptionMetadata(slackgo.SlackMetadata{
		EventType: "incident", EventPayload: map[string]any{"id": "i42"},
	}))
	for _, asked := range []bool{false, true} {
		got, err := bot.GetConversationHistory(&slackgo.GetConversationHistoryParameters{ChannelID: ops, IncludeAllMetadata: asked})
		if err != nil || (got.Messages[0].Metadata.EventType == "incident") != asked {
			t.Errorf("asked %v: %+v, %v", asked, got.Messages, err)
		}
		if asked && fmt.Sprint(got.Messages[0].Metadata.EventPayload) != "map[id:i42]" {
			t.Errorf("payload %v", got.Messages[0].Metadata.EventPayload)
		}
	}
}

func TestThreads(t *testing.T) {
	w, bot := serve(t, slack.Options{})
	parent := post(t, bot, text("parent"))
	first := post(t, bot, text("first"), slackgo.MsgOptionTS(parent))
	post(t, bot, text("second"), slackgo.MsgOptionTS(parent), slackgo.MsgOptionBroadcast())

	for _, ts := range []string{parent, first} {
		got, more, _, err := bot.GetConversationReplies(&slackgo.GetConversationRepliesParameters{ChannelID: ops, Timestamp: ts})
		if err != nil || texts(got) != "parent first second" || more || got[0].ReplyCount != 2 {
			t.Errorf("conversations.replies: %q, %v", texts(got), err)
		}
	}
	p := slackgo.GetConversationRepliesParameters{ChannelID: ops, Timestamp: parent, Limit: 2}
	_, more, cursor, err := bot.GetConversationReplies(&p)
	p.Cursor = cursor
	rest, _, _, err2 := bot.GetConversationReplies(&p)
	if err != nil || err2 != nil || !more || texts(rest) != "second" {
		t.Errorf("second page: %q, %v, %v", texts(rest), err, err2)
	}
	history, err := bot.GetConversationHistory(&slackgo.GetConversationHistoryParameters{ChannelID: ops})
	if err != nil || texts(history.Messages) != "second parent" {
		t.Errorf("history: %q, %v", texts(history.Messages), err)
	}

	w.Remove(ops, parent)
	_, _, _, err = bot.GetConversationReplies(&slackgo.GetConversationRepliesParameters{ChannelID: ops, Timestamp: parent})
	wantCode(t, err, "thread_not_found")
}
