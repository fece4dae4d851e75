package slack

import (
	"encoding/json"
	"fmt"
	"regexp"
)

// Message is one message as a test looks at it: what it shows now and everything it has shown before.
type Message struct {
	// Channel is the ID of the conversation.
	Channel string `json:"channel"`
	// TS is the timestamp that names the message in its channel: Unix seconds, a point and six digits.
	TS string `json:"ts"`
	// ThreadTS is the TS of the message that this is a reply to; empty for a message in the channel itself.
	ThreadTS string `json:"thread_ts,omitempty"`
	// User is the ID of who posted it; [BotUserID] for messages posted with the token.
	User string `json:"user"`
	Content
	// Earlier is what the message showed before each of its edits, oldest first; its length is the number of edits.
	Earlier []Content `json:"earlier,omitempty"`
	// Broadcast tells that a reply is also shown in the channel.
	Broadcast bool `json:"broadcast,omitempty"`
	// Unthreaded tells that the message was meant as a reply to a message that is not there (any more). Slack does not
	// refuse such a reply but shows it in the channel.
	Unthreaded bool `json:"unthreaded,omitempty"`
	Deleted    bool `json:"deleted,omitempty"`

	edited string // timestamp of the newest edit that Slack marks as one
}

// Content is what a message shows at one time.
type Content struct {
	Text        string          `json:"text"`
	Blocks      json.RawMessage `json:"blocks,omitempty"`
	Attachments json.RawMessage `json:"attachments,omitempty"`
	Metadata    *Metadata       `json:"metadata,omitempty"`
}

// Metadata is the data that an app attaches to a message for itself.
type Metadata struct {
	EventType    string         `json:"event_type"`
	EventPayload map[string]any `json:"event_payload"`
}

// tsPattern is the form of message timestamps; it sorts like the time it stands for.
var tsPattern = regexp.MustCompile(`^\d{10}\.\d{6}$`)

// append gives the message a timestamp that no other has and keeps it. The lock is held.
func (w *Workspace) append(m *Message) *Message {
	m.TS = w.nextTS()
	w.messages = append(w.messages, m)
	return m
}

// nextTS is the time now or, so that it is unique and rises, a microsecond after the timestamp before.
func (w *Workspace) nextTS() string {
	w.lastTS = max(w.options.Now().UnixMicro(), w.lastTS+1)
	return fmt.Sprintf("%010d.%06d", w.lastTS/1e6, w.lastTS%1e6)
}

// find is the message that the timestamp names, or nil if there is none or it is deleted. The lock is held.
func (w *Workspace) find(channelID, ts string) *Message {
	for _, m := range w.messages {
		if m.Channel == channelID && m.TS == ts && !m.Deleted {
			return m
		}
	}
	return nil
}

// replies are the messages of a thread without its parent, oldest first. The lock is held.
func (w *Workspace) replies(channelID, parentTS string) (replies []*Message) {
	for _, m := range w.messages {
		if m.Channel == channelID && m.ThreadTS == parentTS && !m.Deleted {
			replies = append(replies, m)
		}
	}
	return replies
}

// render is the message as the Web API shows it. The lock is held.
func (w *Workspace) render(m *Message, withMetadata bool) object {
	o := object{"type": "message", "user": m.User, "text": m.Text, "ts": m.TS, "team": TeamID}
	if m.User == BotUserID {
		o["bot_id"] = BotID
	}
	if m.Blocks != nil {
		o["blocks"] = m.Blocks
	}
	if m.Attachments != nil {
		o["attachments"] = m.Attachments
	}
	if m.edited != "" {
		o["edited"] = object{"user": m.User, "ts": m.edited}
	}
	if m.Metadata != nil && withMetadata {
		o["metadata"] = m.Metadata
	}
	if m.Broadcast {
		o["subtype"] = "thread_broadcast"
	}
	w.renderThread(m, o)
	return o
}

func (w *Workspace) renderThread(m *Message, o object) {
	if m.ThreadTS != "" {
		o["thread_ts"] = m.ThreadTS
		if parent := w.find(m.Channel, m.ThreadTS); parent != nil {
			o["parent_user_id"] = parent.User
		}
		return
	}
	if replies := w.replies(m.Channel, m.TS); len(replies) > 0 {
		o["thread_ts"] = m.TS
		o["reply_count"] = len(replies)
		o["latest_reply"] = replies[len(replies)-1].TS
	}
}
