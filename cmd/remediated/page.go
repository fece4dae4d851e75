package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/http"
	"net/url"

	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

// page returns what is served to people, to the command line and to Prometheus.
func (d *daemon) page() http.Handler {
	authority, o := d.authority(), d.pageOptions()
	o.Live, o.May, o.Reload, o.Check = authority, authority.May, d.reloadNow, d.check
	o.Feed, o.Links, o.History, o.Version, o.Leader = &d.feed, d.links, history{d}, release(), d.name
	return web.New(o)
}

// pageOptions are those of every replica, whether or not it leads.
func (d *daemon) pageOptions() web.Options {
	var hosts []string
	if u, err := url.Parse(d.options.externalURL); err == nil && u.Hostname() != "" {
		hosts = []string{u.Hostname()}
	}
	return web.Options{
		Metrics: d.metrics(), Ready: d.ready, Log: d.log, Hosts: hosts,
		Admit: func(r *http.Request) (string, error) { return d.outside.Load().callers.admit(r) },
	}
}

// links are where people find the other parts, as the daemon itself reaches them:
// the first Alertmanager, and Prometheus.
func (d *daemon) links() (l web.Links) {
	c := d.config()
	if len(c.Alertmanagers) > 0 {
		l.Alertmanager = c.Alertmanagers[0].URL
	}
	if c.Prometheus != nil {
		l.Prometheus = c.Prometheus.URL
	}
	return l
}

// authority holds commands to who may give them, however they are given.
func (d *daemon) authority() authority {
	return authority{Live: drillGround{d.engine, d.configurations}, people: d.people, refuses: d.kill.refuses, reject: d.reject}
}

// configurations are those of the Alertmanagers in use.
func (d *daemon) configurations(ctx context.Context) (map[string]string, error) {
	return d.outside.Load().alertmanager.Configurations(ctx)
}

// reject writes down a word that was refused. A flood of them must not fill the
// journal.
func (d *daemon) reject(ctx context.Context, r remediate.Rejected) error {
	if !d.rejects.Allow() {
		d.log.Warn("refused a command, and did not write it down since there are too many", "command", r.Command, "by", r.By, "why", r.Why)
		return nil
	}
	return d.engine.Hear(ctx, r)
}

// people are those that the configuration in force names.
func (d *daemon) people() []policies.Person { return d.config().People }

// ready says why the daemon cannot take alerts. One that passes them on can.
func (d *daemon) ready() error {
	if !d.working.Load() {
		return nil
	}
	select {
	case <-d.engine.Ready():
		return nil
	default:
		return errors.New("the journal is being read")
	}
}

// reloadNow reloads the configuration for who asks over HTTP.
func (d *daemon) reloadNow(ctx context.Context, by string) error {
	if err := d.mayReload(by); err != nil {
		return err
	}
	var errs []error
	for _, p := range d.reload(ctx) {
		if p.Severity == policies.Error {
			errs = append(errs, errors.New(p.String()))
		}
	}
	return errors.Join(errs...)
}

// history reads from the journal that is in use now.
type history struct{ d *daemon }

// Closed returns closed incidents, newest first.
func (h history) Closed(ctx context.Context, which web.Closed) ([]web.Row, error) {
	found, err := h.d.history().Incidents(ctx, journal.Filter{
		Status: remediate.StatusClosed, Policy: which.Policy, Severity: which.Severity, Before: which.Before, Limit: which.Limit,
	})
	if err != nil {
		return nil, err
	}
	rows := make([]web.Row, 0, len(found))
	for _, r := range found {
		rows = append(rows, web.Row{
			Number: r.ID, Policy: r.Policy, Severity: r.Severity, Status: r.Status, Why: r.Why,
			Target: r.Target, Alert: r.AlertName, Firing: r.Firing, Attempts: r.Attempts, Told: r.Told,
			Found: r.Found, Drill: r.Drill, Live: r.Live, Exhausted: r.Exhausted, Opened: r.Opened, Healed: r.Healed, Closed: r.Closed,
			Took: r.Took, Verified: r.Verified,
		})
	}
	return rows, nil
}

// Facts returns the facts of one incident, oldest first.
func (h history) Facts(ctx context.Context, incident uint64) ([]remediate.Fact, error) {
	return h.d.history().Facts(ctx, incident)
}

// Since yields the facts from one on, or from the first that is kept.
func (h history) Since(ctx context.Context, from uint64) iter.Seq2[remediate.Fact, error] {
	j := h.d.history()
	if c, trimmed, err := j.Checkpoint(ctx); err == nil && trimmed { // else the reading says what is wrong
		from = max(from, c.Seq+1)
	}
	return journal.Facts(j.Read(ctx, from))
}

// Kept returns what was kept under a digest.
func (h history) Kept(ctx context.Context, digest string) ([]byte, error) {
	blob, err := h.d.history().Load(ctx, digest)
	if errors.Is(err, journal.ErrNotKept) {
		return nil, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return blob, err
}
