package slack_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	slackgo "github.com/slack-go/slack"

	"github.com/x0tta6bl4/remediated/test/doubles/slack"
)

func create(t *testing.T, bot *slackgo.Client, name string) string {
	t.Helper()
	c, err := bot.CreateConversation(slackgo.CreateConversationParams{ChannelName: name})
	if err != nil {
		t.Fatal(err)
	}
	return c.ID
}

func TestAChannelIsMadeFilledAndArchived(t *testing.T) {
	w, bot := serve(t, slack.Options{})
	id := create(t, bot, "inc-1")
	if _, err := bot.SetTopicOfConversation(id, "it burns"); err != nil {
		t.Error(err)
	}
	if _, err := bot.InviteUsersToConversation(id, slack.DefaultUser.ID); err != nil {
		t.Error(err)
	}
	if _, _, err := bot.PostMessage(id, text("hello")); err != nil {
		t.Error(err)
	}
	if err := bot.ArchiveConversation(id); err != nil {
		t.Error(err)
	}
	all := w.Channels()
	made := all[len(all)-1]
	if made.ID != id || made.Topic != "it burns" || !slices.Equal(made.Members, []string{slack.DefaultUser.ID}) || !made.Archived {
		t.Errorf("made %+v", made)
	}
	_, _, err := bot.PostMessage(id, text("hello"))
	wantCode(t, err, "is_archived")
	w.Archive(id, false)
	if _, _, err := bot.PostMessage(id, text("hello")); err != nil {
		t.Error(err)
	}
	w.Reset()
	if len(w.Channels()) != 1 {
		t.Errorf("left after the reset: %+v", w.Channels())
	}
}

func TestChannelCallsAreRefused(t *testing.T) {
	_, bot := serve(t, slack.Options{Channels: []slack.Channel{
		{ID: ops, Name: "ops"}, {ID: "C0OLD0000", Name: "old", Archived: true}, {ID: "C0FAR0000", Name: "far", NotMember: true},
	}})
	id := create(t, bot, "inc-1")
	invite := func(channel, user string) func() error {
		return func() error { _, err := bot.InviteUsersToConversation(channel, user); return err }
	}
	named := func(name string) func() error {
		return func() error {
			_, err := bot.CreateConversation(slackgo.CreateConversationParams{ChannelName: name})
			return err
		}
	}
	topic := func(channel, text string) func() error {
		return func() error { _, err := bot.SetTopicOfConversation(channel, text); return err }
	}
	for name, c := range map[string]struct {
		code string
		call func() error
	}{
		"no name":         {"invalid_name_required", named("")},
		"capitals":        {"invalid_name_specials", named("Inc-1")},
		"long name":       {"invalid_name_maxlength", named(strings.Repeat("x", 81))},
		"same name":       {"name_taken", named("inc-1")},
		"long topic":      {"too_long", topic(id, strings.Repeat("é", 251))},
		"topic, archived": {"is_archived", topic("C0OLD0000", "x")},
		"topic, nowhere":  {"channel_not_found", topic("C0NONE000", "x")},
		"unknown person":  {"user_not_found", invite(id, "U0NOBODY0")},
		"nobody":          {"no_user", invite(id, "")},
		"itself":          {"cant_invite_self", invite(id, slack.BotUserID)},
		"already in":      {"already_in_channel", invite(ops, slack.DefaultUser.ID)},
		"invite, not in":  {"not_in_channel", invite("C0FAR0000", slack.DefaultUser.ID)},
		"archive, not in": {"not_in_channel", func() error { return bot.ArchiveConversation("C0FAR0000") }},
		"archive twice":   {"already_archived", func() error { return bot.ArchiveConversation("C0OLD0000") }},
		"archive by name": {"channel_not_found", func() error { return bot.ArchiveConversation("#ops") }},
		"page of channels": {"invalid_limit", func() error {
			_, _, err := bot.GetConversations(&slackgo.GetConversationsParameters{Limit: 1000})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) { wantCode(t, c.call(), c.code) })
	}
}

func TestChannelsAreListedInPages(t *testing.T) {
	_, bot := serve(t, slack.Options{})
	for _, name := range []string{"a", "b", "c"} {
		create(t, bot, name)
	}
	var names []string
	for cursor, pages := "", 0; pages < 4; pages++ {
		page, next, err := bot.GetConversations(&slackgo.GetConversationsParameters{Limit: 2, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page {
			names = append(names, c.Name)
		}
		if cursor = next; next == "" {
			break
		}
	}
	if want := []string{"ops", "a", "b", "c"}; !slices.Equal(names, want) {
		t.Errorf("listed %q, want %q", names, want)
	}
}

func TestAnEphemeralIsShownToOneWhoIsThere(t *testing.T) {
	w, bot := serve(t, slack.Options{Strict: true, Users: []slack.User{slack.DefaultUser, {ID: "U0BERT000", Name: "bert"}}})
	id := create(t, bot, "inc-1")
	if _, err := bot.InviteUsersToConversation(id, slack.DefaultUser.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := bot.PostEphemeral(id, slack.DefaultUser.ID, text("psst")); err != nil {
		t.Error(err)
	}
	if seen := w.Ephemerals(); len(seen) != 1 || seen[0].User != slack.DefaultUser.ID || seen[0].Text != "psst" || len(w.Messages()) != 0 {
		t.Errorf("shown %+v, messages %+v", seen, w.Messages())
	}
	_, err := bot.PostEphemeral(id, "U0BERT000", text("psst"))
	wantCode(t, err, "user_not_in_channel")
	_, err = bot.PostEphemeral("#inc-1", slack.DefaultUser.ID, text("psst"))
	wantCode(t, err, "channel_not_found")
	_, err = bot.PostEphemeral(ops, "U0BERT000", text(""))
	wantCode(t, err, "no_text")
}

func TestAScopeThatIsLackingIsNamed(t *testing.T) {
	_, bot := serve(t, slack.Options{Scopes: []string{"chat:write"}})
	post(t, bot, text("hello"))
	_, err := bot.CreateConversation(slackgo.CreateConversationParams{ChannelName: "x"})
	wantCode(t, err, "missing_scope")
	var refused slackgo.SlackErrorResponse
	if errors.As(err, &refused); refused.Needed != "channels:manage" || refused.Provided != "chat:write" {
		t.Errorf("refused with %+v", refused)
	}
}
