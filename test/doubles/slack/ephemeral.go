package slack

import (
	"context"
	"net/url"
	"slices"

	"github.com/x0tta6bl4/remediated/test/doubles/steer"
)

// Ephemeral is a message that one person saw, and only for a while: it is in no history and cannot be edited.
type Ephemeral struct {
	Channel string `json:"channel"`
	User    string `json:"user"`
	TS      string `json:"ts"`
	Content
}

// Ephemerals is every ephemeral message that was shown, oldest first.
func (w *Workspace) Ephemerals() []Ephemeral {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Ephemeral{}, w.whispers...)
}

// AwaitEphemerals returns the ephemeral messages once until holds for them, or with the context's error what there was
// by then.
func (w *Workspace) AwaitEphemerals(ctx context.Context, until func([]Ephemeral) bool) ([]Ephemeral, error) {
	return steer.Await(ctx, &w.changes, w.Ephemerals, until)
}

// postEphemeral is chat.postEphemeral. The channel must be given by ID, and the person must be in it.
func (w *Workspace) postEphemeral(a url.Values) (object, error) {
	c, err := w.writable(w.channelByID(a.Get("channel")))
	if err != nil {
		return nil, err
	}
	user := a.Get("user")
	if !w.isUser(user) || !c.has(user) {
		return nil, refuse("user_not_in_channel")
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
	e := Ephemeral{Channel: c.ID, User: user, TS: w.nextTS(), Content: content}
	w.whispers = append(w.whispers, e)
	defer w.changes.Tell()
	return object{"message_ts": e.TS}, nil
}

func (w *Workspace) isUser(id string) bool {
	return slices.ContainsFunc(w.options.Users, func(u User) bool { return u.ID == id })
}
