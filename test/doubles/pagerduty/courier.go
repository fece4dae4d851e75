package pagerduty

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/x0tta6bl4/remediated/test/doubles/fault"
)

// How PagerDuty delivers webhooks.
const (
	WebhookTimeout  = 5 * time.Second // for the answer
	WebhookGivenUp  = 48 * time.Hour  // of tries
	WebhookDrops    = 3               // in a row disable the subscription
	WebhookDisabled = 24 * time.Hour
)

// Webhook is a subscription to what happens to incidents.
type Webhook struct {
	URL string `json:"url"` // where to; empty: there is no subscription
	// Secrets sign each webhook, each of them: there are two during a rotation.
	Secrets []string `json:"secrets"`
	// RetryAfter is how long the second try waits; each further one waits twice as long, at most a minute. Zero means a
	// second.
	RetryAfter fault.Duration `json:"retry_after"`
	// Client makes the requests. Nil means one that waits for [WebhookTimeout].
	Client *http.Client `json:"-"`
}

// Delivery is one webhook and what has become of it.
type Delivery struct {
	EventID   string          `json:"event_id"`
	WebhookID string          `json:"webhook_id"`
	EventType string          `json:"event_type"`
	DedupKey  string          `json:"dedup_key"`
	Body      json.RawMessage `json:"body"`
	At        time.Time       `json:"at"`
	Tries     int             `json:"tries"`
	Status    int             `json:"status"` // that the last try was answered with; 0 is none
	Fate      Fate            `json:"fate"`
}

// Fate is what has become of a webhook.
type Fate string

// The fates.
const (
	Waiting   Fate = "waiting"   // for its turn or its next try
	Delivered Fate = "delivered" // answered with 2xx
	Dropped   Fate = "dropped"   // refused with 4xx, or tried for too long
	Discarded Fate = "discarded" // the subscription is disabled
)

// courier delivers webhooks in order, one at a time.
type courier struct {
	now     func() time.Time
	changed func()

	mu       sync.Mutex
	hook     Webhook
	all      []*Delivery
	drops    int // in a row
	disabled time.Time
	stop     context.CancelFunc // of the one that is at work; nil if none is
	work     sync.WaitGroup
}

// subscribe replaces the subscription. What was not delivered yet goes to the new one, if there is one.
func (c *courier) subscribe(hook Webhook) {
	if hook.Client == nil {
		hook.Client = &http.Client{Timeout: WebhookTimeout}
	}
	if hook.RetryAfter == 0 {
		hook.RetryAfter = fault.Duration(time.Second)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hook, c.drops, c.disabled = hook, 0, time.Time{}
	if hook.URL == "" {
		c.discard()
	}
}

// put queues a webhook.
func (c *courier) put(d Delivery) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hook.URL == "" {
		return
	}
	d.Fate = Waiting
	if c.now().Before(c.disabled) {
		d.Fate = Discarded
	}
	c.all = append(c.all, &d)
	if d.Fate != Waiting || c.stop != nil {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	c.work.Go(func() { c.run(ctx) })
}

// run delivers until nothing waits.
func (c *courier) run(ctx context.Context) {
	for {
		d, hook := c.next(ctx)
		if d == nil {
			return
		}
		wait := time.Duration(hook.RetryAfter)
		for !c.try(ctx, d) && pass(ctx, wait) {
			wait = min(2*wait, time.Minute)
		}
	}
}

// next is what to deliver, nil when there is nothing or the courier was stopped; then nobody is at work any more.
func (c *courier) next(ctx context.Context) (*Delivery, Webhook) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.all {
		if d.Fate == Waiting && ctx.Err() == nil {
			return d, c.hook
		}
	}
	if ctx.Err() == nil { // else it was forgotten, and another may be at work
		c.stop()
		c.stop = nil
	}
	return nil, Webhook{}
}

// try makes one try and tells whether it was the last.
func (c *courier) try(ctx context.Context, d *Delivery) bool {
	c.mu.Lock()
	hook, sent := c.hook, *d // since the last try there may be a new one with other secrets
	c.mu.Unlock()
	if sent.Fate != Waiting {
		return true
	}
	status := hook.send(ctx, sent)
	if ctx.Err() != nil {
		return true
	}
	c.mu.Lock()
	d.Tries, d.Status = d.Tries+1, status
	switch {
	case status/100 == 2:
		d.Fate, c.drops = Delivered, 0
	case status != 0 && status/100 != 5 && status != http.StatusTooManyRequests, c.now().Sub(d.At) > WebhookGivenUp:
		d.Fate = Dropped
		c.drop()
	}
	ended := d.Fate != Waiting
	c.mu.Unlock()
	c.changed()
	return ended
}

// drop counts one webhook that was dropped. The lock is held.
func (c *courier) drop() {
	if c.drops++; c.drops < WebhookDrops {
		return
	}
	c.drops, c.disabled = 0, c.now().Add(WebhookDisabled)
	c.discard()
}

// discard gives up what waits. The lock is held.
func (c *courier) discard() {
	for _, d := range c.all {
		if d.Fate == Waiting {
			d.Fate = Discarded
		}
	}
}

// send posts the webhook and returns the status of the answer, 0 if there was none.
func (h Webhook) send(ctx context.Context, d Delivery) int {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(d.Body))
	if err != nil {
		return 0
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "PagerDuty-Webhook/V3.0")
	r.Header.Set("X-Webhook-Id", d.WebhookID)
	r.Header.Set("X-Webhook-Subscription", "PDOUBLE")
	r.Header.Set("X-PagerDuty-Signature", Sign(d.Body, h.Secrets...))
	resp, err := h.Client.Do(r)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// Sign is the signature of a webhook's body by each of the secrets.
func Sign(body []byte, secrets ...string) string {
	var all []string
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		all = append(all, "v1="+hex.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(all, ",")
}

// deliveries is every webhook in the order of what it tells of.
func (c *courier) deliveries() []Delivery {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]Delivery, 0, len(c.all))
	for _, d := range c.all {
		all = append(all, *d)
	}
	return all
}

// forget drops what waits and what has been.
func (c *courier) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop != nil {
		c.stop()
		c.stop = nil
	}
	c.all, c.drops, c.disabled = nil, 0, time.Time{}
}

func (c *courier) close() {
	c.subscribe(Webhook{})
	c.forget()
	c.work.Wait()
}

// pass lets d pass and tells whether it did.
func pass(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
