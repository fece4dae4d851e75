// Package slack tells an incident in one Slack channel: one message per
// incident, edited in place, and what happened since as replies in its thread.
// It calls people by mentioning them, opens a channel where they meet, sends
// digests, and takes presses of the buttons below an incident.
//
// Slack has no idempotency key: a message posted twice is two messages. So
// each message carries the incident and the tell in its metadata, and a tell
// whose outcome nobody knows looks for its message before it posts.
//
// The app needs the scope chat:write and, to look, channels:history (in a
// private channel groups:history). A channel that is configured by name is
// looked up with channels:read; a private one is best configured by its ID.
// Without these it posts unseeing, perhaps twice, rather than not at all.
// Bridges of their own need channels:manage and channels:read; a war room needs
// the app to be invited to it. Presses by socket need Socket Mode and an app
// token with connections:write, presses over HTTP interactivity with the
// address of [Slack.Interactions] for a request URL.
//
// Start reading at [Slack.Tell] for what goes out, and at [Press] for what
// comes in.
package slack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	api "github.com/slack-go/slack"
	"github.com/sony/gobreaker/v2"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/remediate"
)

// Breaker of the calls to Slack: after 5 failures in a row none is tried for a
// minute. What Slack refuses (4xx, "ok": false) is not a failure of Slack.
const (
	breakerFailures = 5
	breakerTimeout  = time.Minute
)

// Options say where to post. Token and Channel are needed.
type Options struct {
	Token   notify.SecretFile // of the bot, xoxb-...
	Channel string            // "#incidents" or an ID such as C0123456789; an ID survives a renaming
	Drills  string            // likewise: where drills are shown; empty: nowhere
	APIURL  string            // empty: Slack's own
	Timeout time.Duration     // of one call; zero: notify.DefaultTimeout
	Pace    time.Duration     // between posts in one channel, and between edits of one message; zero: DefaultPace
	// Mentions are who is called for a rung: Slack's IDs of people (U..., W...)
	// and of user groups (S...).
	Mentions map[string][]string
	// Bridge is where people meet about an incident; nil: nowhere.
	Bridge *Bridge
	// Page returns the address at which people see an incident; nil: there is none.
	Page func(incident uint64) string
	// Templates are of what people read; nil: the defaults.
	Templates *notify.Templates
	// Buttons are shown when presses of them can be received: with the signing
	// secret by Interactions, with the app token (xapp-...) by Listen.
	SigningSecret notify.SecretFile
	AppToken      notify.SecretFile
	// Begun is when presses began to be received, by us and with these options:
	// Interactions takes none from before. Zero: there is no such time.
	Begun time.Time
	// Pressed gets each press, from several goroutines, and again when Slack
	// sends it again. It returns nil once the press is durably taken or durably
	// refused, and words for the presser, which may be none; an error means that
	// it could not be kept, which the presser is told. It has 2.5 s.
	Pressed func(context.Context, Press) (reply string, err error)
	// OnListen hears how Listen stands: nil when a socket is open, else why none is.
	OnListen func(error)
	// OnTrouble hears of single requests that were refused, by whoever they were
	// sent, and of answers to presses that could not be shown.
	OnTrouble func(error)

	// OnBreaker hears of each change of the breaker's state (closed, half-open,
	// open). It is called under the breaker's lock: do not call back.
	OnBreaker func(from, to string)
}

// pressable tells whether presses of buttons can be received.
func (o Options) pressable() bool { return o.SigningSecret != "" || o.AppToken != "" }

// Validate names what is missing or wrong.
func (o Options) Validate() error {
	switch {
	case o.Token == "":
		return errors.New("notify.slack.token_file: want the path of a file with the bot token")
	case strings.Trim(o.Channel, "# ") == "":
		return errors.New("notify.slack.channel: want #name or the ID of a channel")
	case o.pressable() && o.Pressed == nil:
		return errors.New("slack: presses can be received and nobody takes them, which is a bug in remediated")
	}
	if err := errors.Join(validateMentions(o.Mentions), o.Bridge.validate()); err != nil || o.APIURL == "" {
		return err
	}
	if u, err := url.Parse(o.APIURL); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return errors.New("notify.slack.api_url: want an address such as https://slack.com/api/")
	}
	return nil
}

// Slack is a [notify.Service]. Its methods may be called from any goroutine.
type Slack struct {
	options Options
	client  *http.Client
	breaker *gobreaker.CircuitBreaker[struct{}]
	posts   *pace // by channel
	edits   *pace // by message

	replays replays

	mu  sync.Mutex
	ids map[string]string // of the configured channels, once Slack has told them

	workspace *url.URL  // where people see it, nil until Slack has told
	located   time.Time // when that was asked for last
}

// New returns a Slack that posts as the options say. It calls nobody.
func New(o Options) (*Slack, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.APIURL == "" {
		o.APIURL = api.APIURL
	}
	if !strings.HasSuffix(o.APIURL, "/") {
		o.APIURL += "/"
	}
	return &Slack{options: o, client: notify.HTTPClient(o.Timeout), breaker: newBreaker(o), posts: newPace(o.Pace), edits: newPace(o.Pace), ids: map[string]string{}}, nil
}

func newBreaker(o Options) *gobreaker.CircuitBreaker[struct{}] {
	settings := gobreaker.Settings{
		Name:         "slack",
		Timeout:      breakerTimeout,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= breakerFailures },
		IsSuccessful: func(err error) bool { return err == nil || refused(err) },
		// Our own stop says nothing about Slack.
		IsExcluded: func(err error) bool { return errors.Is(err, context.Canceled) },
	}
	if o.OnBreaker != nil {
		settings.OnStateChange = func(_ string, from, to gobreaker.State) { o.OnBreaker(from.String(), to.String()) }
	}
	return gobreaker.NewCircuitBreaker[struct{}](settings)
}

// Destinations returns those that the options allow: the incident's message,
// its thread and the digest always, pages for the rungs with mentions, drills and
// bridges when they are configured.
func (s *Slack) Destinations() []string {
	all := []string{remediate.Slack, remediate.SlackThread, remediate.SlackDigest}
	if s.options.Drills != "" {
		all = append(all, remediate.SlackDrill)
	}
	if s.options.Bridge != nil {
		all = append(all, remediate.SlackBridge)
	}
	for _, rung := range slices.Sorted(maps.Keys(s.options.Mentions)) {
		all = append(all, remediate.SlackPage+rung)
	}
	return all
}

// Breaker returns the state of the breaker: closed, half-open or open.
func (s *Slack) Breaker() string { return s.breaker.State().String() }

// Tell makes one try. The reference is "channelID/ts" of the message that was
// posted, edited or found. For [remediate.SlackThread] it is of the reply; the
// tell's own Ref names the root message.
func (s *Slack) Tell(ctx context.Context, started remediate.Started) (string, error) {
	switch d := started.Tell.Destination; d {
	case remediate.Slack:
		return s.root(ctx, started)
	case remediate.SlackThread:
		return s.reply(ctx, started)
	case remediate.SlackDigest:
		return s.digest(ctx, started)
	case remediate.SlackBridge:
		return s.bridge(ctx, started)
	default:
		rung, called := strings.CutPrefix(d, remediate.SlackPage)
		if !called {
			return "", bug("there is no destination %q", d)
		}
		return s.page(ctx, started, rung)
	}
}

// lookAfter is how old an incident without a message may be before its message
// is looked for, even when the tell itself is new: the tell before it may have
// ended without anybody knowing whether it posted.
const lookAfter = time.Minute

// root edits the incident's message; without one it looks whether one must be
// looked for, and posts at last.
func (s *Slack) root(ctx context.Context, started remediate.Started) (string, error) {
	n := started.Tell.Notice
	m := message{tag: tag{rootEvent, map[string]string{"incident": n.Key, "id": started.ID}}}
	m.text, m.blocks = s.rootMessage(n)
	ref, err := parseRef(started.Tell.Ref)
	if err != nil {
		return "", err
	}
	if ref.ts == "" && (started.Again || time.Since(n.Opened) > lookAfter) {
		if ref, err = s.findHome(ctx, s.home(n), n.Opened, tag{rootEvent, map[string]string{"incident": n.Key}}); err != nil {
			return "", err
		}
	}
	if ref.ts != "" {
		err := s.update(ctx, ref, m)
		if !lost(err) {
			return ref.String(), err
		}
	}
	if ref, err = s.postHome(ctx, s.home(n), m); err == nil {
		s.locate(ctx)
	}
	return ref.String(), err
}

// home is the channel that a notice belongs in, as it is configured.
func (s *Slack) home(n remediate.Notice) string {
	if n.Drill != "" {
		return s.options.Drills
	}
	return s.options.Channel
}

// reply posts what happened into the incident's thread.
func (s *Slack) reply(ctx context.Context, started remediate.Started) (string, error) {
	n := started.Tell.Notice
	parent, err := parseRef(started.Tell.Ref)
	switch {
	case err != nil:
		return "", err
	case parent.ts == "":
		return "", bug("a reply for %s came without the message that it answers", notify.ID(n))
	case len(n.Lines) == 0:
		return "", bug("a reply for %s came without lines", notify.ID(n))
	}
	if started.Again {
		ref, err := s.findReply(ctx, parent, started)
		if err != nil || ref.ts != "" {
			return ref.String(), err
		}
	}
	m := message{tag: tag{updateEvent, map[string]string{"incident": n.Key, "id": started.ID}}}
	m.text, m.blocks = s.replyMessage(n)
	ref, err := s.post(ctx, parent.channel, parent.ts, m)
	return ref.String(), err
}

// bug is for tells that the core should not have started.
func bug(format string, args ...any) error {
	return &notify.FinalError{Err: fmt.Errorf("slack: "+format, args...), Do: "this is a bug in remediated: please report it"}
}

// ref names one message.
type ref struct{ channel, ts string }

func (r ref) String() string {
	if r.ts == "" {
		return ""
	}
	return r.channel + "/" + r.ts
}

// parseRef reads what String wrote; an empty text is no message.
func parseRef(text string) (ref, error) {
	if text == "" {
		return ref{}, nil
	}
	channel, ts, ok := strings.Cut(text, "/")
	if !ok || channel == "" || ts == "" {
		return ref{}, bug("%q names no message: want channelID/ts", notify.Clean(text, 80))
	}
	return ref{channel, ts}, nil
}
