package alertmanager

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	openapi "github.com/go-openapi/runtime/client"
	"github.com/go-openapi/strfmt"
	api "github.com/prometheus/alertmanager/api/v2/client"
	"github.com/sony/gobreaker/v2"

	"github.com/x0tta6bl4/remediated/remediate/internal/outbound"
)

// Options say which Alertmanagers are asked, and how.
type Options struct {
	// URLs are the Alertmanagers that hear of the same alerts: all members of
	// a cluster, each by itself, never a load balancer in front of them.
	URLs []string
	// HTTP is used for all requests; its transport brings TLS and credentials.
	// nil: a plain client.
	HTTP *http.Client
	// HTTPOf, by URL, is used in place of HTTP, so that the credentials of one
	// Alertmanager are not shown to another.
	HTTPOf map[string]*http.Client
	// Timeout ends each request. Default 5 s.
	Timeout time.Duration
	// MinUptime is how long an Alertmanager must have been up before what it
	// does not list counts as resolved: it forgets all alerts when it stops,
	// and Prometheus needs a while to tell it again. Default 5 min.
	MinUptime time.Duration
	// Gossip is how long word of a silence may take between the Alertmanagers of
	// a cluster. Default 5 s.
	Gossip time.Duration
	// ReplicaLabels returns the labels that are not part of an alert's
	// identity. It is asked each time, since a rulebook may be reloaded.
	// nil: there are none.
	ReplicaLabels func() []string
	// Observe hears of each request that ended. nil: nobody does.
	Observe func(Request)
	// Listed hears of each round of [Client.Poll]. nil: nobody does.
	Listed func(Round)
	// Breaker hears that the circuit breaker before an Alertmanager went to
	// closed, half-open or open. It must not block or call back. nil: nobody
	// does.
	Breaker func(alertmanager, state string)
}

// Request is one request to one Alertmanager.
type Request struct {
	Alertmanager string // host:port, and the path if there is one
	Operation    string // alerts, silences, status, raise, silence or unsilence
	Took         time.Duration
	Err          error // nil when it was answered
}

// Client asks all configured Alertmanagers.
type Client struct {
	o      Options
	peers  []*peer
	pull   chan struct{}
	memory memory
}

// peer is one Alertmanager.
type peer struct {
	name    string
	api     *api.AlertmanagerAPI
	breaker *gobreaker.CircuitBreaker[struct{}]
	o       Options
}

// maxResponse bounds the bytes of one answer. A large one is about 1 KiB per
// alert.
const maxResponse = 128 << 20

// The breaker before each Alertmanager: it spares us the timeouts of one that
// is down, and it the requests of one that is struggling.
const (
	breakerFailures = 5
	breakerReset    = time.Minute
)

// New returns a client, or an error that names the option that is wrong.
func New(o Options) (*Client, error) {
	if len(o.URLs) == 0 {
		return nil, errors.New("alertmanager client: Options.URLs is empty: name all Alertmanagers of the cluster")
	}
	if o.Timeout < 0 || o.MinUptime < 0 || o.Gossip < 0 {
		return nil, fmt.Errorf("alertmanager client: Options.Timeout is %s, MinUptime %s and Gossip %s: want 0 for the default, or more", o.Timeout, o.MinUptime, o.Gossip)
	}
	return connect(o.orDefaults())
}

// orDefaults returns the options with all that is zero replaced, but the URLs.
func (o Options) orDefaults() Options {
	if o.HTTP == nil {
		o.HTTP = &http.Client{}
	}
	o.Timeout, o.MinUptime = cmp.Or(o.Timeout, 5*time.Second), cmp.Or(o.MinUptime, 5*time.Minute)
	o.Gossip = cmp.Or(o.Gossip, 5*time.Second)
	if o.ReplicaLabels == nil {
		o.ReplicaLabels = func() []string { return nil }
	}
	if o.Observe == nil {
		o.Observe = func(Request) {}
	}
	if o.Listed == nil {
		o.Listed = func(Round) {}
	}
	if o.Breaker == nil {
		o.Breaker = func(string, string) {}
	}
	return o
}

func connect(o Options) (*Client, error) {
	c := &Client{o: o, pull: make(chan struct{}, 1)}
	for _, raw := range o.URLs {
		p, err := newPeer(raw, o)
		if err != nil {
			return nil, fmt.Errorf("alertmanager client: %w", err)
		}
		if slices.ContainsFunc(c.peers, func(q *peer) bool { return q.name == p.name }) {
			return nil, fmt.Errorf("alertmanager client: %s is named twice", p.name)
		}
		c.peers = append(c.peers, p)
	}
	return c, nil
}

func newPeer(raw string, o Options) (*peer, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("an Alertmanager's URL cannot be read: want http://HOST:PORT") // the error would show credentials
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, fmt.Errorf("URL %q: want http://HOST:PORT or https://HOST:PORT", u.Redacted())
	case u.User != nil:
		return nil, fmt.Errorf("URL %q: credentials belong into the HTTP client's settings", u.Redacted())
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("URL %q: want neither a query nor a fragment", u.Redacted())
	}
	web := *cmp.Or(o.HTTPOf[raw], o.HTTP)
	web.Transport = bounded(web.Transport)
	transport := openapi.NewWithClient(u.Host, path.Join("/", u.Path, "/api/v2"), []string{u.Scheme}, &web)
	transport.EnableConnectionReuse()
	transport.Debug = false // an environment variable would have it print all it sends
	name := u.Host + strings.TrimRight(u.Path, "/")
	return &peer{name: name, api: api.New(transport, strfmt.Default), breaker: newBreaker(name, o.Breaker), o: o}, nil
}

func newBreaker(name string, changed func(name, state string)) *gobreaker.CircuitBreaker[struct{}] {
	return gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name:    name,
		Timeout: breakerReset,
		ReadyToTrip: func(n gobreaker.Counts) bool {
			return n.ConsecutiveFailures >= breakerFailures
		},
		IsSuccessful: func(err error) bool { return err == nil || isRefusal(err) },
		IsExcluded:   func(err error) bool { return errors.Is(err, context.Canceled) },
		OnStateChange: func(name string, _, to gobreaker.State) {
			changed(name, to.String())
		},
	})
}

// isRefusal tells a 4xx: the Alertmanager is well, it is us who are not.
func isRefusal(err error) bool {
	var answered interface{ IsClientError() bool }
	return errors.As(err, &answered) && answered.IsClientError()
}

// do makes one request through the breaker.
func (p *peer) do(ctx context.Context, operation string, request func(context.Context) error) error {
	begun := time.Now()
	_, err := p.breaker.Execute(func() (struct{}, error) {
		ctx, cancel := context.WithTimeout(ctx, p.o.Timeout)
		defer cancel()
		return struct{}{}, request(ctx)
	})
	switch {
	case errors.Is(err, gobreaker.ErrOpenState):
		err = fmt.Errorf("not asked: %d requests in a row failed, so it is left alone for %s: %w", breakerFailures, breakerReset, err)
	case errors.Is(err, gobreaker.ErrTooManyRequests):
		err = fmt.Errorf("not asked: one request tries first whether it answers again: %w", err)
	}
	if failed := (*url.Error)(nil); errors.As(err, &failed) {
		err = failed.Err // less the URL, which is as long as the filter
	}
	if err != nil {
		err = fmt.Errorf("%s: ask for %s: %w", p.name, operation, err)
	}
	p.o.Observe(Request{Alertmanager: p.name, Operation: operation, Took: time.Since(begun), Err: err})
	return err
}

// alerts asks all Alertmanagers at the same time for the alerts that match the
// filter. Their replies are in the order of the configuration.
func (c *Client) alerts(ctx context.Context, filter []string) []reply {
	replies := make([]reply, len(c.peers))
	var wg sync.WaitGroup
	for i, p := range c.peers {
		wg.Go(func() { replies[i] = p.alerts(ctx, filter) })
	}
	wg.Wait()
	return replies
}

// prove finds out of all replies whether absence from them means anything. It
// comes after the alerts were listed: if an Alertmanager restarted in between,
// and so has forgotten what fires, its short uptime shows it.
func (c *Client) prove(ctx context.Context, replies []reply) {
	var wg sync.WaitGroup
	for i, p := range c.peers {
		if replies[i].err == nil {
			wg.Go(func() { replies[i].unproven = p.unproven(ctx) })
		}
	}
	wg.Wait()
}

// doubts says why absence from all replies together is no proof that an alert
// has resolved, "" when it is.
func doubts(replies []reply) string {
	var all []string
	for _, r := range replies {
		switch {
		case r.err != nil:
			all = append(all, brief(r.err))
		case r.unproven != "":
			all = append(all, r.unproven)
		}
	}
	return strings.Join(all, "; ")
}

// brief returns the text of an error, which may hold a whole page of a proxy.
func brief(err error) string { return shorten(err.Error(), 300) }

// bounded ends answers that are larger than any should be. Whether a redirect is
// followed is for the client's settings to say.
func bounded(next http.RoundTripper) http.RoundTripper {
	return outbound.Answers{Next: next, Max: maxResponse, Redirects: true}
}
