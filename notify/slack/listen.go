package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	api "github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
	"golang.org/x/time/rate"

	"github.com/x0tta6bl4/remediated/notify"
)

// How soon a socket that did not open is tried again: at once after one that
// stood, then after a second, doubled each time.
const (
	listenAgain     = time.Second
	listenAgainMost = time.Minute
	// steady is how long receiving must have gone well for failures to be forgotten.
	steady = time.Minute
)

// Sockets may end as soon as they are opened. A few are opened again at once,
// then one at a time: Slack allows few calls for a new one.
const (
	openEvery = 10 * time.Second
	openBurst = 3
)

// Bounds of a socket.
const (
	maxFrame   = 1 << 20 // bytes
	maxPresses = 20      // at a time; what comes on top is not acknowledged
)

// Listen receives presses in Socket Mode until the context ends, and then
// returns nil, with nothing left running. No address that Slack could call is
// needed for that, but the app token, and sockets that can be opened outwards.
//
// An envelope is acknowledged once Pressed has kept the press, never before:
// the presser sees that one did not go through. Slack may send a press by any
// of an app's sockets, of other replicas as well.
func (s *Slack) Listen(ctx context.Context) error {
	if s.options.AppToken == "" {
		return errors.New("slack: no notify.slack.app_token_file is configured")
	}
	opener := &pacedClient{next: s.client, pace: rate.NewLimiter(rate.Every(openEvery), openBurst)}
	for tries := 0; ctx.Err() == nil; tries++ {
		begun := time.Now()
		err := s.listenOnce(ctx, opener)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it ends with ctx
		}
		s.listening(err)
		if time.Since(begun) > steady {
			tries = 0
		}
		pause(ctx, waitFor(err, tries))
	}
	return nil
}

// waitFor is how long to wait before the next socket. What Slack refuses for
// good is tried slowly: somebody has to do something first.
func waitFor(err error, tries int) time.Duration {
	var final *notify.FinalError
	var asked *notify.WaitError
	switch {
	case errors.As(err, &final):
		return listenAgainMost
	case errors.As(err, &asked) && asked.Wait > 0:
		return min(asked.Wait, notify.MaxAsked)
	case tries == 0:
		return 0
	}
	return min(listenAgain<<min(tries-1, 6), listenAgainMost)
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// listening reports how it stands with receiving: nil when a socket is open.
func (s *Slack) listening(err error) {
	if s.options.OnListen != nil {
		s.options.OnListen(err)
	}
}

// pacedClient makes requests at a pace.
type pacedClient struct {
	next *http.Client
	pace *rate.Limiter
}

// Do waits for its turn and then makes the request.
func (c *pacedClient) Do(r *http.Request) (*http.Response, error) {
	if err := c.pace.Wait(r.Context()); err != nil {
		return nil, fmt.Errorf("wait for the turn to open a socket: %w", err)
	}
	return c.next.Do(r)
}

// listenOnce opens a socket, serves it, and returns why there is none any more.
// When one ends, the library opens the next; when that fails, the library is
// stopped, because it would go on for ever with the token that it began with.
func (s *Slack) listenOnce(ctx context.Context, opener *pacedClient) error {
	token, err := s.options.AppToken.Read()
	if err != nil {
		return fmt.Errorf("slack: %w; check notify.slack.app_token_file", err)
	}
	open, stop := context.WithCancel(ctx)
	defer stop()
	client := api.New("", api.OptionAppLevelToken(token.Reveal()), api.OptionHTTPClient(opener), api.OptionAPIURL(s.options.APIURL))
	l := &listener{slack: s, token: token, socket: socketmode.New(client, socketmode.OptionReadLimit(maxFrame)), places: make(chan struct{}, maxPresses)}
	ended := make(chan error, 1)
	l.running.Go(func() { ended <- l.socket.RunContext(open) })
	defer l.running.Wait()
	defer stop()
	for {
		select {
		case event := <-l.socket.Events:
			if err := l.take(ctx, open, event); err != nil {
				return err
			}
		case err := <-ended:
			return l.explain(err)
		}
	}
}

// listener serves the sockets of one token.
type listener struct {
	slack   *Slack
	token   notify.Secret
	socket  *socketmode.Client
	places  chan struct{} // of presses that are being handed on
	running sync.WaitGroup
}

// take looks at one event, quickly: what takes time runs beside it, and goes on
// under ctx when the sockets are no longer open. An error means that this
// listener should end.
func (l *listener) take(ctx, open context.Context, e socketmode.Event) error {
	switch e.Type {
	case socketmode.EventTypeConnected:
		l.slack.listening(nil)
	case socketmode.EventTypeConnectionError:
		if failed, ok := e.Data.(*api.ConnectionErrorEvent); ok {
			return l.explain(failed.ErrorObj)
		}
	case socketmode.EventTypeErrorBadMessage:
		l.slack.trouble(errors.New("slack sent by the socket what cannot be read"))
	case socketmode.EventTypeInteractive:
		l.interaction(ctx, open, *e.Request)
	case socketmode.EventTypeEventsAPI, socketmode.EventTypeSlashCommand:
		l.ack(open, e.Request.EnvelopeID) // nothing was asked for that would be sent so
	}
	return nil
}

func (l *listener) explain(err error) error {
	return explain("apps.connections.open", "", l.token, err)
}

// interaction reads one and lets it be handed on.
func (l *listener) interaction(ctx, open context.Context, r socketmode.Request) {
	p, err := parsePress(r.Payload)
	switch {
	case errors.Is(err, errIgnored):
		l.ack(open, r.EnvelopeID)
		return
	case err != nil:
		l.slack.trouble(fmt.Errorf("slack interaction refused: %w", err))
		return
	}
	select {
	case l.places <- struct{}{}:
	default:
		l.slack.trouble(fmt.Errorf("slack interaction refused: %d others are being handed on", maxPresses))
		return
	}
	l.running.Go(func() {
		defer func() { <-l.places }()
		words, err := l.slack.press(ctx, p)
		if err == nil {
			l.ack(open, r.EnvelopeID)
		}
		l.slack.whisper(ctx, p, words)
	})
}

func (l *listener) ack(open context.Context, envelope string) {
	if err := l.socket.AckCtx(open, envelope, nil); err != nil && open.Err() == nil {
		l.slack.trouble(fmt.Errorf("acknowledge a press: %w", err))
	}
}
