package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// load is what a number of senders do: each posts a webhook, waits for its
// answer and posts the next, as so many groups of an Alertmanager would.
type load struct {
	url     string
	senders int
	alerts  int  // in each webhook
	downs   int  // of those, that a policy concerns
	repeats bool // each sender sends the same alerts again and again
	bare    bool // alerts alone, as Prometheus sends them to Alertmanager
	last    atomic.Uint64
}

// answered is what came back.
type answered struct {
	webhooks int
	took     []time.Duration // of each, sorted
	elapsed  time.Duration   // of all
}

// sampleOf is what an answer to this load comes to.
func (l *load) sampleOf(got answered) sample {
	return sample{
		value: float64(got.webhooks*l.alerts) / got.elapsed.Seconds(),
		p50:   quantile(got.took, 0.5), p99: quantile(got.took, 0.99),
	}
}

// send lets the senders send for about d. The first webhook of each only opens
// its connection; after those, begins is called. Anything but 200 is an error:
// what was not taken was not measured.
func (l *load) send(ctx context.Context, d time.Duration, begins func() error) (answered, error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: l.senders}}
	defer client.CloseIdleConnections()
	hooks := make([]*webhook, l.senders)
	at := time.Now()
	for k := range hooks {
		var err error
		if hooks[k], err = newWebhook(l.names(), at, l.bare); err != nil {
			return answered{}, err
		}
	}
	each := func(send func(k int) error) error {
		g := new(errgroup.Group)
		for k := range hooks {
			g.Go(func() error { return send(k) })
		}
		return g.Wait()
	}
	if err := each(func(k int) error { return l.post(ctx, client, l.renew(hooks[k])) }); err != nil {
		return answered{}, err
	}
	if err := begins(); err != nil {
		return answered{}, err
	}
	took := make([][]time.Duration, l.senders)
	begun := time.Now()
	err := each(func(k int) error {
		for time.Since(begun) < d {
			body := hooks[k].body
			if !l.repeats {
				body = l.renew(hooks[k])
			}
			sent := time.Now()
			if err := l.post(ctx, client, body); err != nil {
				return err
			}
			took[k] = append(took[k], time.Since(sent))
		}
		return nil
	})
	all := slices.Sorted(slices.Values(slices.Concat(took...)))
	return answered{len(all), all, time.Since(begun)}, err
}

// names are those of a webhook's alerts.
func (l *load) names() []string {
	return append(slices.Repeat([]string{down}, l.downs), slices.Repeat([]string{other}, l.alerts-l.downs)...)
}

// renew makes the alerts of a webhook such as were not sent before.
func (l *load) renew(w *webhook) []byte {
	return w.number(l.last.Add(uint64(l.alerts)) - uint64(l.alerts))
}

// post sends a webhook.
func (l *load) post(ctx context.Context, client *http.Client, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("a webhook was answered %s: %s", resp.Status, strings.TrimSpace(string(text)))
	}
	return nil
}
