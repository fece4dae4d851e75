package bed

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

const (
	alertmanagerAddress       = "127.0.0.1:9093"
	alertmanagerGossip        = "127.0.0.1:9094"
	secondAlertmanagerAddress = "127.0.0.1:9193"
	secondAlertmanagerGossip  = "127.0.0.1:9194"
)

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
	return b.startOneAlertmanager(ctx, "alertmanager", alertmanagerAddress, alertmanagerGossip)
}

// StartSecondAlertmanager adds a peer to the cluster, tells Prometheus of it
// and returns its URL. A peer holds a notification back for peerTimeout, during
// which it may learn that the other one has sent it; with a timeout of 0 both
// send. Stop ends it; the bed's own Alertmanager stays.
func (b *Bed) StartSecondAlertmanager(ctx context.Context, peerTimeout time.Duration) (string, error) {
	err := b.startOneAlertmanager(ctx, "alertmanager-2", secondAlertmanagerAddress, secondAlertmanagerGossip,
		"--cluster.peer="+alertmanagerGossip, "--cluster.peer-timeout="+peerTimeout.String())
	if err != nil {
		return "", err
	}
	if err := b.awaitPeers(ctx, 2); err != nil {
		return "", err
	}
	return "http://" + secondAlertmanagerAddress, b.notifyAlertmanagers(alertmanagerAddress, secondAlertmanagerAddress)
}

func (b *Bed) startOneAlertmanager(ctx context.Context, name, web, gossip string, more ...string) error {
	return b.start(ctx, part{
		name: name,
		command: append([]string{"prometheus-alertmanager",
			"--config.file=" + b.alertmanagerConfig(),
			"--storage.path=" + filepath.Join(b.Dir, name),
			"--web.listen-address=" + web,
			"--cluster.listen-address=" + gossip,
			"--cluster.advertise-address=" + gossip,
			"--cluster.gossip-interval=20ms", // it also paces how soon a new peer begins to notify
		}, more...),
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

func (b *Bed) alertmanagerConfig() string { return filepath.Join(b.Dir, "alertmanager.yml") }

// alertmanagerTargets is the file from which Prometheus learns, at once, whom to
// send alerts to.
func (b *Bed) alertmanagerTargets() string { return filepath.Join(b.Dir, "alertmanagers.json") }

func (b *Bed) notifyAlertmanagers(targets ...string) error {
	text, err := json.Marshal([]map[string]any{{"targets": targets}})
	if err != nil {
		return err
	}
	// By rename: Prometheus must not read half a file.
	tmp := b.alertmanagerTargets() + ".tmp"
	if err := os.WriteFile(tmp, text, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, b.alertmanagerTargets())
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
