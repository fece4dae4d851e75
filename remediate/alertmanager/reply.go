package alertmanager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/alertmanager/api/v2/client/alert"
	"github.com/prometheus/alertmanager/api/v2/client/general"
	"github.com/prometheus/alertmanager/api/v2/models"

	"github.com/x0tta6bl4/remediated/remediate"
)

// reply is what one Alertmanager said.
type reply struct {
	peer string
	err  error // it did not say what fires; the rest is empty
	// unproven says why what it does not list may fire all the same; "" when
	// it has resolved. See [Client.prove].
	unproven   string
	alerts     []seen
	unreadable int // alerts that no webhook would have been taken for either
}

// seen is an alert as one Alertmanager lists it.
type seen struct {
	alert     remediate.Alert
	state     string // one of models.AlertStatusState*
	stops     stops
	updatedAt time.Time
	at        string // the Alertmanager
}

// looked tells whether Alertmanager has looked whether the alert is suppressed.
func (s seen) looked() bool {
	return s.state == models.AlertStatusStateActive || !s.stops.none()
}

// alerts returns the alerts that match the filter, suppressed ones among them.
func (p *peer) alerts(ctx context.Context, filter []string) reply {
	r := reply{peer: p.name}
	var listed models.GettableAlerts
	r.err = p.do(ctx, "alerts", func(ctx context.Context) error {
		ok, err := p.api.Alert.GetAlerts(alert.NewGetAlertsParamsWithContext(ctx).WithTimeout(p.o.Timeout).WithFilter(filter))
		if err != nil {
			return err
		}
		if ok.Payload == nil { // an empty body passes for a list; Alertmanager sends []
			return errors.New("the answer is no list of alerts: is this an Alertmanager?")
		}
		listed = ok.Payload
		return nil
	})
	if r.err != nil {
		return r
	}
	for _, g := range listed {
		s, err := listedAlert(g)
		if err != nil {
			r.unreadable++
			continue
		}
		s.at = p.name
		r.alerts = append(r.alerts, s)
	}
	return r
}

// unproven says why absence from this Alertmanager is no proof that an alert
// has resolved, "" when it is.
func (p *peer) unproven(ctx context.Context) string {
	status, err := p.status(ctx, func(s *models.AlertmanagerStatus) error {
		if s.Cluster == nil || s.Cluster.Status == nil || s.Uptime == nil {
			return errors.New("the answer lacks cluster.status or uptime: is this an Alertmanager?")
		}
		return nil
	})
	if err != nil {
		return brief(err)
	}
	switch cluster := *status.Cluster.Status; cluster {
	case models.ClusterStatusStatusReady, models.ClusterStatusStatusDisabled:
	default:
		return fmt.Sprintf("%s: its cluster is %.40q, not ready", p.name, cluster)
	}
	switch up := time.Since(time.Time(*status.Uptime)); {
	case up < 0:
		return fmt.Sprintf("%s: it was started %s from now: compare its clock with ours", p.name, -up.Truncate(time.Millisecond))
	case up < p.o.MinUptime:
		return fmt.Sprintf("%s: it is up for %s only, and absence counts after %s", p.name, up.Truncate(time.Second), p.o.MinUptime)
	}
	return ""
}

// status asks an Alertmanager how it is. An answer that lacks what is wanted is a
// failed request.
func (p *peer) status(ctx context.Context, want func(*models.AlertmanagerStatus) error) (s *models.AlertmanagerStatus, err error) {
	err = p.do(ctx, "status", func(ctx context.Context) error {
		ok, err := p.api.General.GetStatus(general.NewGetStatusParamsWithContext(ctx).WithTimeout(p.o.Timeout))
		if err != nil {
			return err
		}
		if s = ok.Payload; s == nil {
			return errors.New("the answer is empty: is this an Alertmanager?")
		}
		return want(s)
	})
	return s, err
}

// listedAlert reads one alert of a listing.
func listedAlert(g *models.GettableAlert) (seen, error) {
	if g == nil || g.Status == nil || g.Status.State == nil || g.StartsAt == nil {
		return seen{}, errors.New("it lacks what Alertmanager always gives")
	}
	a, err := newAlert(remediate.LabelsOf(g.Labels), remediate.LabelsOf(g.Annotations), time.Time(*g.StartsAt))
	if err != nil {
		return seen{}, err
	}
	a.GeneratorURL = link(g.GeneratorURL.String())
	if g.Fingerprint != nil {
		a.Fingerprint = fingerprint(*g.Fingerprint)
	}
	s := seen{alert: a, state: *g.Status.State, stops: stopsOf(g.Status)}
	if g.UpdatedAt != nil {
		s.updatedAt = time.Time(*g.UpdatedAt)
	}
	return s, nil
}
