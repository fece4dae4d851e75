package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	toolkit "github.com/prometheus/exporter-toolkit/web"
	"golang.org/x/net/netutil"
	"golang.org/x/time/rate"

	"github.com/x0tta6bl4/remediated/policies/lint"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/alertmanager"
)

// startListeners opens the two listeners: one for people and metrics, one for
// webhooks, which may be reached from further away. From then on the configuration is
// looked after, and who started us is told how it stands.
func (d *daemon) startListeners(parts *lifecycle) error {
	if d.options.autoReload > 0 {
		parts.run("auto reload", d.autoReload)
	}
	if err := d.listen(parts, "web", &d.web, &d.options.web); err != nil {
		return err
	}
	parts.add("page's feed", func(context.Context) error { d.feed.Close(); return nil }) // before the listener, which waits for what it serves
	if err := d.listen(parts, "intake", &d.intake, &d.options.intake); err != nil {
		return err
	}
	parts.run("service manager", func(ctx context.Context) error { return d.service.run(ctx, working{d}) })
	d.service.ready()
	return nil
}

// served is what a listener serves, whatever that is at a time.
type served struct{ atomic.Pointer[http.Handler] }

func (s *served) set(h http.Handler) { s.Store(&h) }

// ServeHTTP has it serve a request.
func (s *served) ServeHTTP(w http.ResponseWriter, r *http.Request) { (*s.Load()).ServeHTTP(w, r) }

// serve has the listeners serve what there is.
func (d *daemon) serve() error {
	intake, err := alertmanager.NewIntake(alertmanager.IntakeOptions{
		Submit: d.engine.Submit, Quarantine: d.quarantine(), TokenFiles: d.options.tokens, Guess: d.guesses.begin, Observe: d.watch.delivered,
		Seen: func(ls remediate.Labels) {
			if w := d.outside.Load().watchdog; w != nil {
				w.seen(ls)
			}
		},
		Groups: func() bool { return d.outside.Load().merges },
		Pull:   func() { d.outside.Load().alertmanager.Pull() },
	})
	if err != nil {
		return err
	}
	d.web.set(d.page())
	d.intake.set(d.webhooks(intake))
	return nil
}

// Paths of webhooks.
const (
	alertmanagerPath = lint.WebhookPath
	slackPath        = "/api/v1/webhook/slack"
	pagerDutyPath    = "/api/v1/webhook/pagerduty"
)

// webhooks serves the webhooks and nothing else, Slack's and PagerDuty's with
// the clients that are in use now. An http.ServeMux would redirect a path that
// is not clean, and the client would follow with a GET: a webhook whose body is
// lost.
func (d *daemon) webhooks(intake http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := d.outside.Load()
		switch {
		case r.URL.Path == alertmanagerPath:
			intake.ServeHTTP(w, r)
		case r.URL.Path == slackPath && out.slack != nil:
			out.slack.Interactions().ServeHTTP(w, r)
		case r.URL.Path == pagerDutyPath && out.pagerduty != nil:
			out.pagerduty.Webhooks().ServeHTTP(w, r)
		default:
			http.Error(w, "webhooks go to "+alertmanagerPath+", "+slackPath+" or "+pagerDutyPath+", as far as they are configured", http.StatusNotFound)
		}
	})
}

// bounds are what strangers may cost a listener before anybody knows who they
// are. What is more waits until the system lets it go; telling and acting do not
// need a listener.
type bounds struct {
	connections  int           // at a time
	header       int           // bytes
	headerWithin time.Duration // of a handshake and of each request's header
	readWithin   time.Duration // of a request, its body included
	writeWithin  time.Duration // of its answer
	idle         time.Duration // between two requests
}

// usual bounds: 512 connections whose headers are full are 32 MiB.
var usual = bounds{
	connections: 512, header: 64 << 10,
	headerWithin: 5 * time.Second, readWithin: 10 * time.Second, writeWithin: 30 * time.Second, idle: 2 * time.Minute,
}

// server serves h within the bounds. What it says of single connections, in which
// there may be words of strangers, becomes lines of the log.
func (b bounds) server(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, MaxHeaderBytes: b.header,
		ReadHeaderTimeout: b.headerWithin, ReadTimeout: b.readWithin, WriteTimeout: b.writeWithin, IdleTimeout: b.idle,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// listen opens the addresses and serves them. An address that is taken is an
// error now, not later.
func (d *daemon) listen(parts *lifecycle, name string, h http.Handler, flags *toolkit.FlagConfig) error {
	log := d.log.With("listener", name)
	server := usual.server(h, log)
	var listeners []net.Listener
	for _, address := range *flags.WebListenAddresses {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("listen for %s: %w", name, err)
		}
		listeners = append(listeners, netutil.LimitListener(l, usual.connections))
	}
	go func() {
		err := toolkit.ServeMultiple(listeners, server, flags, log)
		if !errors.Is(err, http.ErrServerClosed) {
			parts.fail(fmt.Errorf("serve %s: %w", name, err))
		}
	}()
	parts.add(name, server.Shutdown)
	return nil
}

// metrics serves what the watcher counts.
func (d *daemon) metrics() http.Handler {
	return promhttp.HandlerFor(d.watch.registry, promhttp.HandlerOpts{Registry: d.watch.registry})
}

// quarantine keeps bodies that could not be read, so that they can be looked
// at. A flood of them must not fill the disk: one a second is enough to see
// what is wrong.
func (d *daemon) quarantine() func(context.Context, []byte, string) {
	few := rate.NewLimiter(rate.Every(time.Second), 20)
	return func(ctx context.Context, body []byte, why string) {
		if !few.Allow() {
			return
		}
		digest, err := d.keep(ctx, body)
		d.log.Warn("quarantined what could not be read", "why", why, "bytes", len(body), "kept", digest, "err", err)
	}
}
