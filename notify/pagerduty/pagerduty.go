// Package pagerduty pages people through PagerDuty's Events API v2: one
// integration per rung of the ladder, one alert per incident and rung.
//
// An event sent twice is one event as long as its alert is open, because both
// carry the same dedup key. PagerDuty does not order events: who performs
// sends the next of an incident only when the one before has ended.
package pagerduty

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	api "github.com/PagerDuty/go-pagerduty"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/remediate"
)

// Prefix of the destinations; the name of a rung follows.
const Prefix = "pagerduty/"

// DefaultEventsURL is PagerDuty's own, for accounts in the United States
// service region; the one for the EU is https://events.eu.pagerduty.com/v2/enqueue.
const DefaultEventsURL = "https://events.pagerduty.com/v2/enqueue"

const eventsPath = "/v2/enqueue"

// maxAnswer is how much of an answer is read, in bytes.
const maxAnswer = 64 << 10

// Options say whom to page. RoutingKeys is needed.
type Options struct {
	// RoutingKeys are the integration keys by rung.
	RoutingKeys map[string]notify.SecretFile
	EventsURL   string        // with its path, as in Alertmanager's pagerduty_url, or without; empty: DefaultEventsURL
	Timeout     time.Duration // of one call; zero: notify.DefaultTimeout
	// Page returns the address at which people see an incident; nil: there is none.
	Page func(incident uint64) string
}

// Validate names what is missing or wrong.
func (o Options) Validate() error {
	if len(o.RoutingKeys) == 0 {
		return errors.New("notify.pagerduty.routing_keys: want the file of an integration key for at least one rung")
	}
	for _, rung := range slices.Sorted(maps.Keys(o.RoutingKeys)) {
		switch {
		case rung == "":
			return errors.New("notify.pagerduty.routing_keys: want a name for each rung, for example oncall")
		case o.RoutingKeys[rung] == "":
			return fmt.Errorf("notify.pagerduty.routing_keys.%s: want the path of a file with the integration key", rung)
		}
	}
	if u, err := url.Parse(o.EventsURL); o.EventsURL != "" && (err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http")) {
		return fmt.Errorf("notify.pagerduty.events_url: want an address such as %s", DefaultEventsURL)
	}
	return nil
}

// PagerDuty is a [notify.Service]. No breaker is between it and PagerDuty: a
// page is tried as long as it may get through. Its methods may be called from
// any goroutine.
type PagerDuty struct {
	options Options
	client  *http.Client
}

// New returns a PagerDuty that pages as the options say. It calls nobody.
func New(o Options) (*PagerDuty, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.EventsURL == "" {
		o.EventsURL = DefaultEventsURL
	}
	if u, err := url.Parse(o.EventsURL); err == nil && strings.Trim(u.Path, "/") == "" {
		o.EventsURL = u.JoinPath(eventsPath).String()
	}
	return &PagerDuty{options: o, client: notify.HTTPClient(o.Timeout)}, nil
}

// Destinations returns pagerduty/RUNG for each rung, sorted.
func (p *PagerDuty) Destinations() []string {
	var ds []string
	for _, rung := range slices.Sorted(maps.Keys(p.options.RoutingKeys)) {
		ds = append(ds, Prefix+rung)
	}
	return ds
}

// Tell sends one event and returns its dedup key. That PagerDuty took it does
// not say that somebody was woken: it works on from there by itself.
func (p *PagerDuty) Tell(ctx context.Context, started remediate.Started) (string, error) {
	rung := strings.TrimPrefix(started.Tell.Destination, Prefix)
	file, ok := p.options.RoutingKeys[rung]
	if !ok {
		return "", &notify.FinalError{
			Err: fmt.Errorf("pagerduty: there is no rung %q", rung),
			Do:  "add its key under notify.pagerduty.routing_keys",
		}
	}
	event, err := p.event(started.Tell.Notice)
	if err != nil {
		return "", &notify.FinalError{Err: fmt.Errorf("pagerduty: %w", err), Do: "this is a bug in remediated: please report it"}
	}
	key, err := file.Read()
	if err != nil {
		// Not final: the file may be in the middle of a rotation.
		return "", fmt.Errorf("pagerduty, rung %s: %w; check notify.pagerduty.routing_keys.%s", rung, err, rung)
	}
	event.RoutingKey = key.Reveal()
	return event.DedupKey, p.send(ctx, rung, key, event)
}

// send posts the event. The library's types are used and its clients are not:
// [api.ManageEventWithContext] cannot be given an address or a timeout, and
// the method of [api.Client] loses both the reasons of a 400 and Retry-After.
// Its retries would send an empty body the second time, which is taken for a
// success; here each try has its own body.
func (p *PagerDuty) send(ctx context.Context, rung string, key notify.Secret, event *api.V2Event) error {
	body, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("pagerduty, rung %s: encode the event: %w", rung, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.options.EventsURL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("pagerduty, rung %s: %w", rung, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "remediated")
	resp, err := p.client.Do(req)
	if err != nil {
		return errors.New(key.Redact(fmt.Sprintf("pagerduty, rung %s: %s of %s: %s", rung, event.Action, event.DedupKey, err)))
	}
	defer func() { _ = resp.Body.Close() }() // it was read; nothing is left to lose
	if resp.StatusCode == http.StatusAccepted {
		return nil
	}
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // the status alone tells enough
	said := errors.New(key.Redact(fmt.Sprintf("pagerduty, rung %s: %s of %s: %s", rung, event.Action, event.DedupKey, reasons(resp.StatusCode, answer))))
	return p.explain(rung, resp, said)
}

// explain sorts a status that is not 202 into what package notify tells apart.
func (p *PagerDuty) explain(rung string, resp *http.Response, said error) error {
	switch code := resp.StatusCode; {
	case code == http.StatusTooManyRequests:
		return &notify.WaitError{Err: said, Wait: retryAfter(resp.Header.Get("Retry-After"))}
	case code >= http.StatusInternalServerError, code == http.StatusRequestTimeout, code == http.StatusTooEarly:
		return said
	case code == http.StatusBadRequest:
		return &notify.FinalError{Err: said, Do: fmt.Sprintf("check that %s holds the integration key of an Events API v2 integration",
			p.options.RoutingKeys[rung])}
	case code < http.StatusMultipleChoices:
		// Some other server says yes. Nobody was paged; the address may be
		// put right while this is tried again.
		return fmt.Errorf("%w; only 202 is PagerDuty's yes: check notify.pagerduty.events_url", said)
	}
	return &notify.FinalError{Err: said, Do: "check notify.pagerduty.events_url and the proxy"}
}

// reasons puts an answer into words: PagerDuty's own if it gave any.
func reasons(status int, answer []byte) string {
	var e api.EventsAPIV2Error
	if err := json.Unmarshal(answer, &e); err != nil || !e.APIError.Valid {
		return fmt.Sprintf("HTTP %d %s", status, http.StatusText(status))
	}
	words := []string{fmt.Sprintf("HTTP %d", status)}
	for _, w := range append([]string{e.APIError.ErrorObject.Status, e.APIError.ErrorObject.Message}, e.APIError.ErrorObject.Errors...) {
		if w = notify.Clean(w, 200); w != "" {
			words = append(words, w)
		}
	}
	return strings.Join(words, ": ")
}

// defaultWait is used for a 429 without a word about when: PagerDuty's limits
// are over windows of a minute, and it advises half a minute between tries.
const defaultWait = 30 * time.Second

// retryAfter reads the header in either of its forms: seconds or a date.
func retryAfter(header string) time.Duration {
	if n, err := strconv.Atoi(header); err == nil && n >= 0 {
		return min(time.Duration(min(n, 86400))*time.Second, notify.MaxAsked)
	}
	if t, err := http.ParseTime(header); err == nil {
		return max(time.Until(t), 0)
	}
	return defaultWait
}
