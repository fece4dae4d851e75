package slack

import (
	"encoding/json"
	"net/url"
	"time"
	"unicode/utf8"
)

// Limits of messages, as Slack documents them.
const (
	MaxPostLength   = 40_000 // characters of text; chat.postMessage cuts what is longer
	MaxUpdateLength = 4_000  // characters of text; chat.update refuses what is longer
	MaxAttachments  = 100
)

// isTrue reads a boolean argument in either of the ways in which clients write it.
func isTrue(text string) bool { return text == "1" || text == "true" }

// postMessage is chat.postMessage. Posting twice makes two messages: Slack has no idempotency key.
func (w *Workspace) postMessage(a url.Values) (object, error) {
	c, err := w.writable(w.channel(a.Get("channel")))
	if err != nil {
		return nil, err
	}
	content, err := parseContent(a)
	if err != nil {
		return nil, err
	}
	if content.isEmpty() {
		return nil, refuse("no_text")
	}
	content.Text = cut(content.Text, MaxPostLength)

	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.limit(c.ID); err != nil {
		return nil, err
	}
	m := &Message{Channel: c.ID, User: BotUserID, Content: content}
	w.thread(m, a)
	w.append(m)
	defer w.changes.Tell()
	return object{"channel": c.ID, "ts": m.TS, "message": w.render(m, true)}, nil
}

// thread makes the message a reply if its parent is there, else a message in the channel. A reply to a reply belongs
// to the thread of both.
func (w *Workspace) thread(m *Message, a url.Values) {
	parentTS := a.Get("thread_ts")
	if parentTS == "" {
		return
	}
	parent := w.find(m.Channel, parentTS)
	if parent == nil {
		m.Unthreaded = true
		return
	}
	m.ThreadTS = parent.TS
	if parent.ThreadTS != "" {
		m.ThreadTS = parent.ThreadTS
	}
	m.Broadcast = isTrue(a.Get("reply_broadcast"))
}

// limit refuses a message that comes too soon after the one before it. The lock is held.
func (w *Workspace) limit(channelID string) error {
	now := w.options.Now()
	last, posted := w.lastPost[channelID]
	if wait := w.options.PostInterval - now.Sub(last); posted && wait > 0 {
		return &refusal{code: "ratelimited", retryAfter: max(wait, time.Second)}
	}
	w.lastPost[channelID] = now
	return nil
}

// update is chat.update. The channel must be given by ID.
func (w *Workspace) update(a url.Values) (object, error) {
	c, err := w.writable(w.channelByID(a.Get("channel")))
	if err != nil {
		return nil, err
	}
	content, err := parseContent(a)
	if err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(content.Text) > MaxUpdateLength {
		return nil, refuse("msg_too_long")
	}
	if content.isEmpty() && !a.Has("metadata") {
		return nil, refuse("no_text")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	m, err := w.own(c.ID, a.Get("ts"), "cant_update_message")
	if err != nil {
		return nil, err
	}
	w.edit(m, content, a)
	defer w.changes.Tell()
	return object{"channel": c.ID, "ts": m.TS, "text": m.Text, "message": w.render(m, true)}, nil
}

// edit replaces what a message shows, by the rules of chat.update: text without blocks removes the blocks,
// attachments and metadata stay unless given, and only an edit without blocks is marked as edited.
func (w *Workspace) edit(m *Message, next Content, a url.Values) {
	m.Earlier = append(m.Earlier, m.Content)
	if !a.Has("text") {
		next.Text = m.Text
		if !a.Has("blocks") {
			next.Blocks = m.Blocks
		}
	}
	if !a.Has("attachments") {
		next.Attachments = m.Attachments
	}
	if !a.Has("metadata") {
		next.Metadata = m.Metadata
	}
	m.Content = next
	if next.Blocks == nil {
		m.edited = w.nextTS()
	}
}

// delete is chat.delete.
func (w *Workspace) delete(a url.Values) (object, error) {
	c, err := w.writable(w.channelByID(a.Get("channel")))
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	m, err := w.own(c.ID, a.Get("ts"), "cant_delete_message")
	if err != nil {
		return nil, err
	}
	m.Deleted = true
	defer w.changes.Tell()
	return object{"channel": c.ID, "ts": m.TS}, nil
}

// own finds a message of the bot; one of somebody else is refused with the code. The lock is held.
func (w *Workspace) own(channelID, ts, code string) (*Message, error) {
	m := w.find(channelID, ts)
	switch {
	case m == nil:
		return nil, refuse("message_not_found")
	case m.User != BotUserID:
		return nil, refuse(code)
	}
	return m, nil
}

// writable refuses channels in which the bot cannot write.
func (w *Workspace) writable(c Channel, found bool) (Channel, error) {
	switch {
	case !found:
		return c, refuse("channel_not_found")
	case c.Archived:
		return c, refuse("is_archived")
	case c.NotMember:
		return c, refuse("not_in_channel")
	}
	return c, nil
}

// isEmpty tells that there is nothing to show. An empty list of blocks, which removes blocks, shows nothing either.
func (c Content) isEmpty() bool { return c.Text == "" && c.Blocks == nil && c.Attachments == nil }

// parseContent reads and checks what a message is to show.
func parseContent(a url.Values) (Content, error) {
	content := Content{Text: a.Get("text")}
	if content.Text == "" {
		content.Text = a.Get("markdown_text")
	}
	var err error
	if content.Blocks, err = parseBlocks(a.Get("blocks")); err != nil {
		return content, err
	}
	if content.Attachments, err = parseAttachments(a.Get("attachments")); err != nil {
		return content, err
	}
	content.Metadata, err = parseMetadata(a.Get("metadata"))
	return content, err
}

func parseAttachments(text string) (json.RawMessage, error) {
	if text == "" {
		return nil, nil
	}
	var items []map[string]any
	if err := json.Unmarshal([]byte(text), &items); err != nil {
		return nil, refuse("invalid_attachments")
	}
	switch {
	case len(items) > MaxAttachments:
		return nil, refuse("too_many_attachments")
	case len(items) == 0:
		return nil, nil
	}
	return json.RawMessage(text), nil
}

// parseMetadata reads an event type and payload; an empty object means to have none.
func parseMetadata(text string) (*Metadata, error) {
	if text == "" || text == "{}" {
		return nil, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		return nil, refuse("invalid_metadata_format")
	}
	var m Metadata
	err := json.Unmarshal([]byte(text), &m)
	if err != nil || m.EventType == "" || m.EventPayload == nil {
		return nil, refuse("invalid_metadata_schema")
	}
	return &m, nil
}

// cut shortens a text to so many characters.
func cut(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most])
}
