package slack

import (
	"context"
	"regexp"
	"strings"
	"time"

	api "github.com/slack-go/slack"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Bounds of a search. Slack advises at most 200 messages a page; what lies
// behind the last page is taken as not there: a second message is the lesser
// evil beside none.
const (
	pageSize        = 200
	channelPageSize = 999 // the most: large workspaces have thousands
	maxPages        = 10
)

// channelID is the form of the IDs of public and private channels.
var channelID = regexp.MustCompile(`^[CG][A-Z0-9]{8,}$`)

// findHome looks for the message in a configured channel, from about a time
// on. It returns the zero ref when there is none, or when the app may not look.
func (s *Slack) findHome(ctx context.Context, home string, from time.Time, wanted tag) (ref, error) {
	channel, err := s.lookUp(ctx, home)
	if err != nil || channel == "" {
		return ref{}, err
	}
	return s.find(ctx, channel, from, wanted)
}

// find looks for the message in the channel with this ID, as findHome does.
func (s *Slack) find(ctx context.Context, channel string, from time.Time, wanted tag) (ref, error) {
	cursor := ""
	for range maxPages {
		var page *api.GetConversationHistoryResponse
		err := s.call(ctx, "conversations.history", channel, func(ctx context.Context, c *api.Client) (err error) {
			page, err = c.GetConversationHistoryContext(ctx, &api.GetConversationHistoryParameters{
				ChannelID: channel, Oldest: since(from), Limit: pageSize, Cursor: cursor, IncludeAllMetadata: true,
			})
			return err
		})
		if err != nil {
			return ref{}, unlessBlind(err)
		}
		if ts := pick(page.Messages, wanted); ts != "" {
			return ref{channel, ts}, nil
		}
		if cursor = page.ResponseMetaData.NextCursor; cursor == "" {
			break
		}
	}
	return ref{}, nil
}

// findReply looks for the tell's own reply in the thread.
func (s *Slack) findReply(ctx context.Context, parent ref, started remediate.Started) (ref, error) {
	cursor := ""
	for range maxPages {
		var page []api.Message
		err := s.call(ctx, "conversations.replies", parent.channel, func(ctx context.Context, c *api.Client) (err error) {
			page, _, cursor, err = c.GetConversationRepliesContext(ctx, &api.GetConversationRepliesParameters{
				ChannelID: parent.channel, Timestamp: parent.ts, Oldest: since(started.Tell.Notice.Lines[0].At),
				Limit: pageSize, Cursor: cursor, IncludeAllMetadata: true,
			})
			return err
		})
		if err != nil {
			return ref{}, unlessBlind(err)
		}
		if ts := pick(page, tag{updateEvent, map[string]string{"id": started.ID}}); ts != "" {
			return ref{parent.channel, ts}, nil
		}
		if cursor == "" {
			break
		}
	}
	return ref{}, nil
}

// pick returns the oldest message that the tag fits, "" when there is none.
func pick(messages []api.Message, wanted tag) string {
	found := ""
	for _, m := range messages {
		if wanted.fits(m.Metadata) && (found == "" || m.Timestamp < found) {
			found = m.Timestamp
		}
	}
	return found
}

// unlessBlind drops the errors that say that the app may not look, or that
// there is nothing to look at. To tell twice is better than not to tell.
func unlessBlind(err error) error {
	switch codeOf(err) {
	case "missing_scope", "not_in_channel", "channel_not_found", "thread_not_found", "access_denied", "no_permission",
		"not_allowed_token_type", "method_not_supported_for_channel_type":
		return nil
	}
	return err
}

// lookUp returns the ID of a configured channel, because a name will do for
// posting but not for looking; "" when it is not to be had.
func (s *Slack) lookUp(ctx context.Context, configured string) (string, error) {
	known := s.idOf(configured)
	if channelID.MatchString(known) {
		return known, nil
	}
	id, err := s.channelNamed(ctx, known)
	if id != "" {
		s.learn(configured, id)
	}
	return id, unlessBlind(err)
}

// channelNamed returns the ID of the public channel, "" when there is none.
func (s *Slack) channelNamed(ctx context.Context, name string) (string, error) {
	name = strings.TrimPrefix(name, "#")
	cursor := ""
	for range maxPages {
		var page []api.Channel
		err := s.call(ctx, "conversations.list", "", func(ctx context.Context, c *api.Client) (err error) {
			page, cursor, err = c.GetConversationsContext(ctx, &api.GetConversationsParameters{
				Cursor: cursor, Limit: channelPageSize, Types: []string{"public_channel"},
			})
			return err
		})
		if err != nil {
			return "", err
		}
		for _, c := range page {
			if c.Name == name || c.NameNormalized == name {
				return c.ID, nil
			}
		}
		if cursor == "" {
			break
		}
	}
	return "", nil
}
