package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/common/config"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/remediate"
)

// How long is waited for a sign of life, and for somebody to hear it.
const (
	beatLook    = 3 * time.Second
	beatTimeout = 10 * time.Second
)

// heartbeatOptions say who is told that we are alive.
type heartbeatOptions struct {
	// URL is a file with the address: whoever knows it could keep us alive for
	// others, so it is read at each beat and shown nowhere.
	URL    notify.SecretFile
	Method string                  // GET, or POST with an empty body; "" is GET
	Every  time.Duration           // at most half of what the other side waits for
	HTTP   config.HTTPClientConfig // no redirect is followed, whatever it says
	Live   looker
	Beat   func(time.Time) // a beat was heard; nil: nobody asks
	Failed func(error)     // one was not, or there was none to send; nil: nobody asks
}

// heartbeat tells somebody outside at intervals that we are alive and remember
// what we do. When it falls silent people are called from there: who is dead
// cannot say so.
type heartbeat struct {
	o   heartbeatOptions
	web *http.Client
}

// newHeartbeat returns a heartbeat, or an error that says which option is wrong.
func newHeartbeat(o heartbeatOptions) (*heartbeat, error) {
	switch o.Method {
	case "":
		o.Method = http.MethodGet
	case http.MethodGet, http.MethodPost:
	default:
		return nil, fmt.Errorf("heartbeat: method %q: want GET or POST", o.Method)
	}
	if o.Every <= 0 {
		return nil, fmt.Errorf("heartbeat: every is %s: want a time such as 1m", o.Every)
	}
	if o.Beat == nil {
		o.Beat = func(time.Time) {}
	}
	if o.Failed == nil {
		o.Failed = func(error) {}
	}
	o.HTTP.FollowRedirects = false // the address would be handed on
	web, err := config.NewClientFromConfig(o.HTTP, "heartbeat")
	if err != nil {
		return nil, fmt.Errorf("heartbeat: %w", err)
	}
	web.Timeout = beatTimeout
	h := &heartbeat{o, web}
	if _, err := h.address(); err != nil {
		return nil, fmt.Errorf("heartbeat: %w", err)
	}
	return h, nil
}

// run beats until ctx ends.
func (h *heartbeat) run(ctx context.Context) error {
	tick := time.NewTicker(h.o.Every)
	defer tick.Stop()
	for {
		if err := h.beat(ctx); err == nil {
			h.o.Beat(time.Now())
		} else if ctx.Err() == nil {
			h.o.Failed(err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// beat sends one beat, if we are well.
func (h *heartbeat) beat(ctx context.Context) error {
	if err := h.alive(ctx); err != nil {
		return fmt.Errorf("no heartbeat was sent: %w", err)
	}
	if err := h.send(ctx); err != nil {
		return fmt.Errorf("send the heartbeat: %w", err)
	}
	return nil
}

// alive says why we are not: the loop does not answer, or what is done would not
// be remembered, so that nothing is done.
func (h *heartbeat) alive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, beatLook)
	defer cancel()
	degraded := make(chan string, 1) // the loop may answer when nobody waits any more
	err := h.o.Live.Look(ctx, func(s *remediate.State, _ remediate.Rulebooks) { degraded <- s.Degraded() })
	if err != nil {
		return fmt.Errorf("the loop does not answer: %w", err)
	}
	if why := <-degraded; why != "" {
		return errors.New("the journal is degraded: " + why)
	}
	return nil
}

func (h *heartbeat) send(ctx context.Context) error {
	address, err := h.address()
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, h.o.Method, address.Reveal(), nil)
	if err != nil {
		return errNoAddress
	}
	resp, err := h.web.Do(r)
	if err != nil {
		return errors.New(address.Redact(withoutURL(err).Error()))
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("it was answered with %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	return nil
}

var errNoAddress = errors.New("the file does not hold an address that can be used: want http://... or https://...")

// address reads the file anew. Its errors do not show what is in it.
func (h *heartbeat) address() (notify.Secret, error) {
	s, err := h.o.URL.Read()
	if err != nil {
		return s, err
	}
	u, err := url.Parse(s.Reveal())
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return s, errNoAddress
	}
	return s, nil
}

// withoutURL is what was wrong with a request, less the URL, which is a secret.
func withoutURL(err error) error {
	if failed := (*url.Error)(nil); errors.As(err, &failed) {
		return failed.Err
	}
	return err
}
