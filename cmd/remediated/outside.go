package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path"
	"strconv"

	"github.com/prometheus/common/config"
	"k8s.io/client-go/rest"

	"github.com/x0tta6bl4/remediated/cmd/internal/clusters"
	"github.com/x0tta6bl4/remediated/cmd/internal/httpclient"
	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/notify/pagerduty"
	"github.com/x0tta6bl4/remediated/notify/slack"
	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/action"
	"github.com/x0tta6bl4/remediated/remediate/alertmanager"
	"github.com/x0tta6bl4/remediated/remediate/probe"
)

// outside is everything through which the daemon deals with the world, and by
// which it knows who speaks to it, made from one configuration. It implements engine.Performer.
type outside struct {
	callers      *callers
	alertmanager *alertmanager.Client
	ask          *probe.Prober
	act          *action.Actor
	tell         *notify.Teller
	slack        *slack.Slack         // nil: not used
	pagerduty    *pagerduty.PagerDuty // nil: not used
	socket       bool                 // presses in Slack come by a socket
	polls        bool                 // PagerDuty is asked who acknowledged
	merges       bool                 // it is paged under Alertmanager's keys
	raises       bool                 // what we have to say fires at the Alertmanagers, too
	watchdog     *watchdog            // nil: none is expected
	heartbeat    *heartbeat           // nil: nobody is told that we are alive
	demote       *policies.Demote     // nil: what does not help is only reported
}

// Perform carries out one ask, act or tell.
func (o *outside) Perform(ctx context.Context, s remediate.Started) remediate.Result {
	switch {
	case s.Ask != nil:
		return o.ask.Perform(ctx, s)
	case s.Act != nil:
		return o.act.Perform(ctx, s)
	}
	return o.tell.Perform(ctx, s)
}

// newOutside makes all clients that the configuration names. It touches
// nothing that runs, so that a reload can fail here and change nothing.
func (d *daemon) newOutside(c *policies.Config) (*outside, error) {
	o, w := d.options, d.watch
	clusters, err := clustersOf(c.Clusters)
	if err != nil {
		return nil, err
	}
	out := new(outside)
	if out.callers, err = d.newCallers(c); err != nil {
		return nil, err
	}
	if out.alertmanager, err = newAlertmanager(c, o, w); err != nil {
		return nil, err
	}
	asking := probe.Options{
		Clusters: clusters, Changed: w.breaker, Keep: d.keep,
		Extra: map[string]func(context.Context, remediate.Question) remediate.Answer{
			alertmanager.QuestionAlert:  out.alertmanager.Answer,
			alertmanager.QuestionAlerts: out.alertmanager.AnswerAlerts,
		},
	}
	if c.Prometheus != nil {
		asking.Prometheus = c.Prometheus.URL
		if asking.PrometheusClient, err = httpClient(c.Prometheus.HTTP, "prometheus"); err != nil {
			return nil, err
		}
	}
	if out.ask, err = probe.New(asking); err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "" // it only names us in Events
	}
	leases := map[string]*action.Lease{c.Cluster: o.lease} // to another one we are no pod
	acting := action.Options{Clusters: clusters, Leases: leases, NameServers: nameServersOf(c.NameServers), Silencer: out.alertmanager, Instance: host, Changed: w.breaker}
	if out.act, err = action.New(acting); err != nil {
		return nil, err
	}
	if err := d.newDeadMan(c, out); err != nil {
		return nil, err
	}
	out.raises, out.demote = c.Raise, c.Demote
	return out, d.newTeller(c, out)
}

// newDeadMan makes what tells that something does not come any more: to us, and
// from us.
func (d *daemon) newDeadMan(c *policies.Config, out *outside) (err error) {
	if w := c.Watchdog; w != nil {
		submit := func(ctx context.Context, batch []remediate.Input) error { return d.engine.Submit(ctx, batch) }
		if out.watchdog, err = newWatchdog(w.When, w.Within, submit, d.log); err != nil {
			return err
		}
	}
	if h := c.Heartbeat; h != nil {
		out.heartbeat, err = newHeartbeat(heartbeatOptions{
			URL: notify.SecretFile(h.URLFile), Method: h.Method, Every: h.Every, HTTP: h.HTTP, Live: lookers{d},
			Beat: d.watch.beat, Failed: d.watch.silent,
		})
	}
	return err
}

// lookers look at the engine that there will be: the clients are made before it
// is started.
type lookers struct{ d *daemon }

// Look runs f between two rounds of the engine.
func (l lookers) Look(ctx context.Context, f func(*remediate.State, remediate.Rulebooks)) error {
	return l.d.engine.Look(ctx, f)
}

func clustersOf(all []policies.Cluster) (map[string]*rest.Config, error) {
	out := map[string]*rest.Config{}
	for _, c := range all {
		rc, err := clusters.Config(c)
		if err != nil {
			return nil, fmt.Errorf("%w: say in the configuration, under clusters, which kubeconfig and context to use", err)
		}
		rc.Wrap(func(next http.RoundTripper) http.RoundTripper { return redacting{next} })
		out[c.Name] = rc
	}
	return out, nil
}

func nameServersOf(all []policies.NameServer) map[string]action.NameServer {
	out := map[string]action.NameServer{}
	for _, s := range all {
		out[s.Name] = action.NameServer{Address: s.Address, Key: s.Key, Algorithm: s.Algorithm, SecretFile: s.SecretFile, Zones: s.Zones}
	}
	return out
}

func newAlertmanager(c *policies.Config, o options, w *watcher) (*alertmanager.Client, error) {
	var urls []string
	clients := map[string]*http.Client{}
	for _, e := range c.Alertmanagers {
		urls = append(urls, e.URL)
		var err error
		if clients[e.URL], err = httpClient(e.HTTP, "alertmanager"); err != nil {
			return nil, err
		}
	}
	return alertmanager.New(alertmanager.Options{
		URLs: urls, HTTPOf: clients, MinUptime: o.minUptime,
		ReplicaLabels: func() []string { return c.ReplicaLabels },
		Observe:       w.asked, Listed: w.listed,
		Breaker: func(am, state string) { w.breaker("alertmanager "+am, "", state) },
	})
}

func httpClient(c config.HTTPClientConfig, name string) (*http.Client, error) {
	client, err := httpclient.New(c, name)
	if err != nil {
		return nil, err
	}
	client.Transport = redacting{client.Transport}
	return client, nil
}

// pageOf returns the address of an incident's page, nil when people cannot
// reach any.
func pageOf(external string) func(uint64) string {
	u, err := url.Parse(external)
	if external == "" || err != nil {
		return nil
	}
	return func(incident uint64) string {
		at := *u
		at.Path = path.Join("/", at.Path, "incidents", strconv.FormatUint(incident, 10))
		return at.String()
	}
}
