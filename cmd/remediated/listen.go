package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	toolkit "github.com/prometheus/exporter-toolkit/web"
	"golang.org/x/time/rate"

	"github.com/x0tta6bl4/remediated/policies/lint"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/alertmanager"
)

// startListeners opens the two listeners: one for people and metrics, one for
// webhooks, which may be reached from further away.
func (d *daemon) startListeners(parts *lifecycle) error {
	if err := d.listen(parts, "web", d.page(), &d.options.web); err != nil {
		return err
	}
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
	return d.listen(parts, "intake", d.webhooks(intake), &d.options.intake)
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

// listen opens the addresses and serves them. An address that is taken is an
// error now, not later.
func (d *daemon) listen(parts *lifecycle, name string, h http.Handler, flags *toolkit.FlagConfig) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}
	var listeners []net.Listener
	for _, address := range *flags.WebListenAddresses {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("listen for %s: %w", name, err)
		}
		listeners = append(listeners, l)
	}
	go func() {
		err := toolkit.ServeMultiple(listeners, server, flags, d.log.With("listener", name))
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
		digest, err := d.journal.Load().Keep(ctx, body)
		d.log.Warn("quarantined what could not be read", "why", why, "bytes", len(body), "kept", digest, "err", err)
	}
}
