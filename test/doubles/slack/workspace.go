// Package slack is a double of Slack: one workspace with channels, people and a bot, behind the part of the Web API
// that a bot needs to post, edit, thread and find its messages, to keep channels, and to hear of pressed buttons.
//
// It answers as Slack does, refusals included: HTTP 200 with "ok": false and Slack's own error codes, 429 with
// Retry-After when a channel is posted to too fast, the limits of Block Kit, and no idempotency at all, so that a
// repeated chat.postMessage is a second message. What it has received can be looked at with [Workspace.Messages] or,
// from another process, below the path of package steer.
//
// Methods are served at /api/<method>; a client is pointed there with
//
//	slack.New(token, slack.OptionAPIURL(server.URL+"/api/"))
package slack

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/x0tta6bl4/remediated/test/doubles/fault"
	"github.com/x0tta6bl4/remediated/test/doubles/steer"
)

// Options describe a workspace. The zero value is a workspace with the default token, channel and people.
type Options struct {
	// Token is the bot token that calls must carry. Empty means [DefaultToken].
	Token string
	// Channels are the conversations of the workspace. Empty means one public channel, [DefaultChannel].
	Channels []Channel
	// Users are the people of the workspace besides the bot. Empty means one, [DefaultUser].
	Users []User
	// Scopes are what the bot token may do; a method that needs another is refused with missing_scope. Empty means
	// everything.
	Scopes []string
	// Strict refuses arguments that Slack does not document for a method, with invalid_arg_name; Slack itself ignores
	// them, which hides misspelt ones.
	Strict bool
	// Address is where its people see it, as auth.test says. Empty means https://double.slack.com/.
	Address string
	// AppToken is the token that opens sockets. Empty means [DefaultAppToken].
	AppToken string
	// RequestURL is where presses of buttons are delivered, signed with SigningSecret (empty: [DefaultSigningSecret]).
	// Without one they are sent by socket.
	RequestURL, SigningSecret string
	// AckWithin is how long the app has to take a press. Zero means the three seconds that Slack gives it.
	AckWithin time.Duration
	// PostInterval is the least time between two messages in one channel; a message that comes sooner is answered
	// with 429. Slack documents about one second. Zero means no limit, because most tests are not about it.
	PostInterval time.Duration
	// Now is the clock of message timestamps and of PostInterval. Nil means time.Now.
	Now func() time.Time
}

// Channel is one conversation.
type Channel struct {
	ID   string // "C..." for a public channel
	Name string // without the number sign
	// Archived makes posting fail with is_archived, NotMember with not_in_channel.
	Archived, NotMember bool
	Topic               string
	// Members are the people in it besides the bot. Nil means everybody.
	Members []string
}

// User is one person.
type User struct {
	ID, Name, RealName, TimeZone string
}

// The defaults of [Options], and who the bot is.
const (
	DefaultToken         = "xoxb-double-0000000000"
	DefaultAppToken      = "xapp-double-0000000000"
	DefaultSigningSecret = "double-signing-secret"
	BotUserID            = "U0BOT0000"
	BotID                = "B0BOT0000"
	AppID                = "A0DOUBLE0"
	TeamID               = "T0DOUBLE0"
)

// DefaultChannel and DefaultUser populate a workspace for which the options name nobody.
var (
	DefaultChannel = Channel{ID: "C0OPS0000", Name: "ops"}
	DefaultUser    = User{ID: "U0ANNA000", Name: "anna", RealName: "Anna Example", TimeZone: "Europe/Berlin"}
)

// Workspace is a Slack workspace. It is an [http.Handler]; all its methods may be called from any goroutine.
type Workspace struct {
	// Faults is what goes wrong with the next calls. Calls below the path of package steer are never befallen.
	Faults  *fault.Script
	options Options
	changes steer.Changes
	handler http.Handler

	mu       sync.Mutex
	channels []Channel
	messages []*Message // in the order of their timestamps
	whispers []Ephemeral
	lastTS   int64 // microseconds since 1970 of the newest timestamp
	lastPost map[string]time.Time
	// Of Socket Mode: addresses that were given out and not used, sockets, and how many of everything there were.
	unused                           []string
	sockets                          []*socket
	tickets, opened, envelopes, turn int
}

// New is an empty workspace.
func New(options Options) *Workspace {
	w := &Workspace{Faults: &fault.Script{}, options: options.withDefaults(), lastPost: map[string]time.Time{}}
	w.channels = slices.Clone(w.options.Channels)
	w.Faults.OnRequest = w.changes.Tell
	mux := http.NewServeMux()
	mux.Handle("/api/", w.Faults.Wrap(http.HandlerFunc(w.serveMethod)))
	mux.Handle("/api/apps.connections.open", w.Faults.Wrap(http.HandlerFunc(w.openConnection)))
	mux.Handle("/link/", w.Faults.Wrap(http.HandlerFunc(w.serveSocket)))
	mux.Handle(steer.Prefix, w.panel().Handler())
	w.handler = mux
	return w
}

func (o Options) withDefaults() Options {
	if o.Token == "" {
		o.Token = DefaultToken
	}
	if len(o.Channels) == 0 {
		o.Channels = []Channel{DefaultChannel}
	}
	if len(o.Users) == 0 {
		o.Users = []User{DefaultUser}
	}
	if o.AppToken == "" {
		o.AppToken = DefaultAppToken
	}
	if o.SigningSecret == "" {
		o.SigningSecret = DefaultSigningSecret
	}
	if o.AckWithin == 0 {
		o.AckWithin = 3 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// ServeHTTP serves the Web API and the steering interface.
func (w *Workspace) ServeHTTP(rw http.ResponseWriter, r *http.Request) { w.handler.ServeHTTP(rw, r) }

// Messages is every message ever posted, deleted ones included, oldest first.
func (w *Workspace) Messages() []Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]Message, 0, len(w.messages))
	for _, m := range w.messages {
		c := *m
		c.Earlier = slices.Clone(m.Earlier)
		all = append(all, c)
	}
	return all
}

// Await returns the messages once until holds for them, or with the context's error what there was by then.
func (w *Workspace) Await(ctx context.Context, until func([]Message) bool) ([]Message, error) {
	return steer.Await(ctx, &w.changes, w.Messages, until)
}

// Reset forgets all messages, made channels, faults and logged requests.
func (w *Workspace) Reset() {
	w.Faults.Reset()
	w.forget()
	w.changes.Tell()
}

func (w *Workspace) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.channels = slices.Clone(w.options.Channels)
	w.messages, w.whispers = nil, nil
	clear(w.lastPost)
}

// Say posts a message as a person, to whom alone it belongs, and returns its timestamp. It panics on a channel that
// does not exist, which is a mistake in the test.
func (w *Workspace) Say(userID, channel, text string) (ts string) {
	c, ok := w.channel(channel)
	if !ok {
		panic("slack double: no channel " + channel)
	}
	w.mu.Lock()
	m := w.append(&Message{Channel: c.ID, User: userID, Content: Content{Text: text}})
	w.mu.Unlock()
	w.changes.Tell()
	return m.TS
}

// Remove deletes a message as a moderator would, whoever posted it, and tells whether it was there.
func (w *Workspace) Remove(channelID, ts string) bool {
	w.mu.Lock()
	m := w.find(channelID, ts)
	if m != nil {
		m.Deleted = true
	}
	w.mu.Unlock()
	w.changes.Tell()
	return m != nil
}
