package alertmanager

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"sync"

	"github.com/go-openapi/strfmt"
	"github.com/prometheus/alertmanager/api/v2/client/alert"
	"github.com/prometheus/alertmanager/api/v2/models"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Raise tells all Alertmanagers that these alerts fire until their EndsAt, or,
// when that has passed, that they are over. It returns nil when at least one of
// them took all: members of a cluster do not pass alerts on, but one is enough to
// notify. Those that did not are told again by the next renewal.
//
// What comes back to us of them is ignored: see [remediate.Labels.Own].
func (c *Client) Raise(ctx context.Context, alerts []remediate.Alert) error {
	if len(alerts) == 0 {
		return nil
	}
	posts := make(models.PostableAlerts, 0, len(alerts))
	for _, a := range alerts {
		posts = append(posts, postable(a))
	}
	errs := make([]error, len(c.peers))
	var wg sync.WaitGroup
	for i, p := range c.peers {
		wg.Go(func() { errs[i] = p.raise(ctx, c.posting(i), posts) })
	}
	wg.Wait()
	for _, err := range errs {
		if err == nil {
			return nil
		}
	}
	return fmt.Errorf("raise alerts: %w", errors.Join(errs...))
}

// raise posts to one Alertmanager.
func (p *peer) raise(ctx context.Context, web *http.Client, posts models.PostableAlerts) error {
	return p.do(ctx, "raise", func(ctx context.Context) error {
		_, err := p.api.Alert.PostAlerts(alert.NewPostAlertsParamsWithContext(ctx).WithTimeout(p.o.Timeout).WithHTTPClient(web).WithAlerts(posts))
		return err
	})
}

// posting is the client by which alerts are posted to an Alertmanager: the one
// by which it is asked, but a redirect, which would make a GET of it, is followed
// nowhere, and the page of a proxy is no success.
func (c *Client) posting(i int) *http.Client {
	web := *cmp.Or(c.o.HTTPOf[c.o.URLs[i]], c.o.HTTP)
	web.Transport = noPages{bounded(web.Transport)}
	web.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &web
}

// noPages makes an error of an answer that is a page for people: Alertmanager
// answers a post with nothing.
type noPages struct{ next http.RoundTripper }

// RoundTrip sends r on.
func (n noPages) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := n.next.RoundTrip(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		return resp, err
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "text/html" {
		resp.Body.Close()
		return nil, errors.New("the answer is a page for people: is this an Alertmanager?")
	}
	return resp, nil
}

// postable is an alert as the API takes it. A link that is too long is left out.
func postable(a remediate.Alert) *models.PostableAlert {
	p := &models.PostableAlert{
		Alert:    models.Alert{Labels: models.LabelSet{}, GeneratorURL: strfmt.URI(link(a.GeneratorURL))},
		StartsAt: strfmt.DateTime(a.StartsAt), EndsAt: strfmt.DateTime(a.EndsAt),
	}
	for _, l := range a.Labels {
		p.Labels[l.Name] = l.Value
	}
	if len(a.Annotations) > 0 {
		p.Annotations = models.LabelSet(cut(remediate.LabelsOf(a.Annotations)))
	}
	return p
}
