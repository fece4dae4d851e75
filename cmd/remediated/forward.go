package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/config"
)

// via is how a request says, in the header of that name, that a replica passed it on.
const via = "1.1 remediated"

// Times of what is passed on.
const (
	dialWithin   = 2 * time.Second  // a machine that is gone does not say so
	streamWithin = 15 * time.Minute // more than the page has a stream last
	retryAfter   = 5 * time.Second  // until nobody leads no more, for sure
)

// leading is the replica that leads: its name, and where its listeners are reached.
type leading struct{ name, web, intake string }

// forwarder passes what comes to one listener on to the same listener of the replica
// that leads, which decides about it by what the caller sends along.
type forwarder struct {
	self   string                 // our name
	leader func() (leading, bool) // as last heard
	where  func(leading) string   // is its listener
	peers  http.RoundTripper
	passed func(ok bool) // counts
	log    *slog.Logger
}

// newPeers returns what connects to the listeners of the other replicas: with so many
// connections that others reach the leader beside them, and keeping them for less time
// than a listener does.
func newPeers(c config.TLSConfig) (*http.Transport, error) {
	tls, err := config.NewTLSConfig(&c)
	if err != nil {
		return nil, fmt.Errorf("--cluster.ca-file: %w", err)
	}
	return &http.Transport{
		DialContext: (&net.Dialer{Timeout: dialWithin}).DialContext, TLSClientConfig: tls, TLSHandshakeTimeout: usual.headerWithin,
		MaxConnsPerHost: usual.connections / 4, MaxIdleConnsPerHost: usual.connections / 16, IdleConnTimeout: usual.idle / 2,
		ResponseHeaderTimeout: usual.writeWithin, DisableCompression: true,
	}, nil
}

// ServeHTTP passes a webhook on.
func (f *forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := f.forward(w, r); err != nil {
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}

// forward passes a request on, and its answer back. When it returns an error nothing
// was answered. It lets go of a leader that leads no more: nobody might ever hear of it.
func (f *forwarder) forward(w http.ResponseWriter, r *http.Request) (err error) {
	defer func() { f.passed(err == nil) }()
	leader, to, err := f.to(r)
	if err != nil {
		return err
	}
	ctx, cancel := while(r.Context(), func() bool { now, known := f.leader(); return !known || now == leader })
	defer cancel()
	proxy := httputil.ReverseProxy{
		Transport: f.peers, ErrorLog: slog.NewLogLogger(f.log.Handler(), slog.LevelDebug),
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(to)
			p.Out.Host = p.In.Host // by which the leader knows whether a browser was on our page
			p.Out.Header["X-Forwarded-For"] = p.In.Header["X-Forwarded-For"]
			p.SetXForwarded()
			p.Out.Header.Add("Via", via)
		},
		ModifyResponse: func(answer *http.Response) error {
			if strings.HasPrefix(answer.Header.Get("Content-Type"), "text/event-stream") {
				_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(streamWithin)) // what cannot be set is not needed
			}
			return nil
		},
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, cause error) {
			f.log.Warn("a request could not be passed on", "leader", leader.name, "err", cause)
			err = fmt.Errorf("the replica %s leads, and does not answer: try again", leader.name)
		},
	}
	proxy.ServeHTTP(w, r.WithContext(ctx))
	return err
}

// to is who leads and where a request is to go, or why it goes nowhere.
func (f *forwarder) to(r *http.Request) (leader leading, to *url.URL, err error) {
	if slices.ContainsFunc(r.Header.Values("Via"), func(v string) bool { return strings.Contains(v, via) }) {
		return leader, nil, errors.New("this was passed on to a replica that does not lead, or not yet: try again")
	}
	leader, known := f.leader()
	switch {
	case !known:
		return leader, nil, errors.New("no replica leads just now, or it is not known which: try again")
	case leader.name == f.self:
		return leader, nil, errors.New("this replica is about to lead: try again")
	}
	to, err = url.Parse(f.where(leader))
	if err != nil || to.Host == "" {
		return leader, nil, fmt.Errorf("the replica %s leads, and does not say where it is reached: give it --cluster.advertise-url and --cluster.advertise-intake-url", leader.name)
	}
	return leader, to, nil
}

// whileEvery is how often is looked whether something still holds.
const whileEvery = 100 * time.Millisecond

// while returns a context that ends with ctx, and as soon as holds does not hold.
func while(ctx context.Context, holds func() bool) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		tick := time.NewTicker(whileEvery)
		defer tick.Stop()
		for holds() {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return ctx, cancel
}
