package bed

import (
	"context"
	_ "embed"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"time"
)

const (
	alertmanagerAddress       = "127.0.0.1:9093"
	alertmanagerGossip        = "127.0.0.1:9094"
	secondAlertmanagerAddress = "127.0.0.1:9193"
	secondAlertmanagerGossip  = "127.0.0.1:9194"
	nowhere                   = "127.0.0.1:9195" // nobody listens there
)

// Gossip says how well two Alertmanagers of one cluster hear of each other.
type Gossip int

const (
	// GossipInTime lets each hear what the other has sent: a group is delivered once.
	GossipInTime Gossip = iota
	// GossipCut is a cluster that has just been partitioned: both deliver each group.
	GossipCut
)

// flags make the second peer hear and tell, or not. When cut, it has joined by
// its own call, but tells nothing for an hour and is told at the wrong address.
func (g Gossip) flags() []string {
	if g == GossipCut {
		return []string{
			"--cluster.advertise-address=" + nowhere,
			"--cluster.gossip-interval=1h",
			"--cluster.pushpull-interval=1h",
			"--cluster.settle-timeout=1s",
			"--cluster.peer-timeout=0s",
		}
	}
	return []string{
		"--cluster.advertise-address=" + secondAlertmanagerGossip,
		"--cluster.gossip-interval=" + gossipInterval,
		"--cluster.peer-timeout=1s",
	}
}

// gossipInterval is a tenth of Alertmanager's own: it also paces how soon a
// peer that has started begins to notify.
const gossipInterval = "20ms"

//go:embed config/alertmanager.yml.tmpl
var alertmanagerConfig string

// startAlertmanager starts Alertmanager with one receiver, the daemon. It
// listens for peers from the beginning, since it cannot begin to later.
func (b *Bed) startAlertmanager(ctx context.Context) error {
	if b.options.WebhookURL == "" {
		b.options.WebhookURL = DefaultWebhookURL
	}
	if b.options.WebhookTokenFile != "" {
		var err error
		if b.options.WebhookTokenFile, err = filepath.Abs(b.options.WebhookTokenFile); err != nil {
			return err
		}
	}
	if err := render(b.alertmanagerConfig(), alertmanagerConfig, b.options); err != nil {
		return err
	}
	if err := b.notifyAlertmanagers(alertmanagerAddress); err != nil {
		return err
	}
	return b.startOneAlertmanager(ctx, "alertmanager", alertmanagerAddress, alertmanagerGossip,
		"--cluster.advertise-address="+alertmanagerGossip, "--cluster.gossip-interval="+gossipInterval, "--cluster.peer-timeout=1s")
}

// StartSecondAlertmanager adds a peer to the cluster, tells Prometheus of it and
// returns its URL. Stop takes it away again.
func (b *Bed) StartSecondAlertmanager(ctx context.Context, g Gossip) (string, error) {
	flags := append([]string{"--cluster.peer=" + alertmanagerGossip}, g.flags()...)
	if err := b.startOneAlertmanager(ctx, "alertmanager-2", secondAlertmanagerAddress, secondAlertmanagerGossip, flags...); err != nil {
		return "", err
	}
	if err := b.awaitPeers(ctx, 2); err != nil {
		return "", err
	}
	return "http://" + secondAlertmanagerAddress, b.NotifyAlertmanagers(ctx, alertmanagerAddress, secondAlertmanagerAddress)
}

// NotifyAlertmanagers has Prometheus send its alerts to these addresses
// (host:port), a test's own Alertmanagers for example, until Stop.
func (b *Bed) NotifyAlertmanagers(ctx context.Context, addresses ...string) error {
	b.OnStop(func() error { return b.notifyAlertmanagers(alertmanagerAddress) })
	if err := b.notifyAlertmanagers(addresses...); err != nil {
		return err
	}
	return b.awaitDiscovered(ctx, addresses...)
}

func (b *Bed) startOneAlertmanager(ctx context.Context, name, web, gossip string, flags ...string) error {
	return b.start(ctx, part{
		name: name,
		command: append([]string{"prometheus-alertmanager",
			"--config.file=" + b.alertmanagerConfig(),
			"--storage.path=" + filepath.Join(b.Dir, name),
			"--web.listen-address=" + web,
			"--cluster.listen-address=" + gossip,
		}, flags...),
		ready: ready("http://" + web + "/-/ready"),
	})
}

// awaitPeers waits until the bed's Alertmanager sees n members, itself included.
func (b *Bed) awaitPeers(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	return poll(ctx, func(ctx context.Context) error {
		var status struct {
			Cluster struct {
				Status string
				Peers  []struct{ Name string }
			}
		}
		if err := getJSON(ctx, b.Alertmanager+"/api/v2/status", &status); err != nil {
			return err
		}
		if got := len(status.Cluster.Peers); got != n || status.Cluster.Status != "ready" {
			return fmt.Errorf("Alertmanager's cluster is %s with %d of %d members", status.Cluster.Status, got, n)
		}
		return nil
	})
}

// awaitDiscovered waits until Prometheus sends to these Alertmanagers and no
// others.
func (b *Bed) awaitDiscovered(ctx context.Context, addresses ...string) error {
	want := slices.Sorted(slices.Values(addresses))
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	return poll(ctx, func(ctx context.Context) error {
		var answer struct {
			Data struct {
				ActiveAlertmanagers []struct{ URL string }
			}
		}
		if err := getJSON(ctx, b.Prometheus+"/api/v1/alertmanagers", &answer); err != nil {
			return err
		}
		var got []string
		for _, am := range answer.Data.ActiveAlertmanagers {
			u, err := url.Parse(am.URL)
			if err != nil {
				return final{err}
			}
			got = append(got, u.Host)
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			return fmt.Errorf("Prometheus sends to the Alertmanagers %v, not yet to %v", got, want)
		}
		return nil
	})
}

func (b *Bed) alertmanagerConfig() string { return filepath.Join(b.Dir, "alertmanager.yml") }

// alertmanagerTargets is the file from which Prometheus learns, at once, whom to
// send alerts to.
func (b *Bed) alertmanagerTargets() string { return filepath.Join(b.Dir, "alertmanagers.json") }

func (b *Bed) notifyAlertmanagers(targets ...string) error {
	return writeTargets(b.alertmanagerTargets(), []targetGroup{{Targets: targets}})
}

// Alert is an alert as Alertmanager lists it.
type Alert struct {
	Labels      map[string]string
	Annotations map[string]string
	Fingerprint string
	StartsAt    time.Time
	Status      struct{ State string } // "active" or "suppressed"
}

// Alerts lists the alerts that Alertmanager holds as firing and that fit all
// matchers, such as alertname="PostgresDown".
func (b *Bed) Alerts(ctx context.Context, matchers ...string) ([]Alert, error) {
	var alerts []Alert
	query := url.Values{"filter": matchers}
	err := getJSON(ctx, b.Alertmanager+"/api/v2/alerts?"+query.Encode(), &alerts)
	return alerts, err
}
