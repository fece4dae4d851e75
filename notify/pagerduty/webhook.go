package pagerduty

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/notify"
)

const (
	// maxWebhook is in bytes. PagerDuty sends no more than 256 KB.
	maxWebhook = 257 << 10
	// webhookWithin is how long a webhook may take us: PagerDuty waits for 5 s.
	webhookWithin = 4 * time.Second
	// webhookOld is the age from which a webhook is ignored. The signature does
	// not say when it was made, so that a webhook that somebody has kept would
	// be good for ever; and PagerDuty itself tries for two days, after which
	// what it tells of is long over. How things stand by then is found by Poll.
	// IDs are remembered for longer than this unless there are thousands an hour.
	webhookOld = time.Hour
)

// answer is how a webhook is answered. Statuses of 4xx but those for what
// PagerDuty never sends are not among them: it takes the third one in a row for
// a reason to send nothing for a day.
type answer struct {
	status int
	seen   string
	text   string
}

// Webhooks returns the handler of PagerDuty's webhooks (v3).
func (p *PagerDuty) Webhooks() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), webhookWithin)
		defer cancel()
		a := p.receive(ctx, w, r)
		if a.seen != "" {
			p.observe(a.seen)
		}
		if a.status == http.StatusAccepted {
			w.WriteHeader(a.status)
			return
		}
		http.Error(w, a.text, a.status)
	})
}

// receive makes sure of who has sent a webhook before it looks at what it says.
func (p *PagerDuty) receive(ctx context.Context, w http.ResponseWriter, r *http.Request) answer {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return answer{http.StatusMethodNotAllowed, "", "want POST"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxWebhook))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return answer{http.StatusRequestEntityTooLarge, SeenMalformed, fmt.Sprintf("want at most %d bytes", maxWebhook)}
	case err != nil:
		return answer{http.StatusBadRequest, SeenMalformed, "the body cannot be read"}
	}
	good, err := p.signed(body, r.Header.Values("X-PagerDuty-Signature"))
	switch {
	case err != nil:
		return answer{http.StatusServiceUnavailable, SeenUnready, "no secret of webhooks can be read"}
	case !good:
		return answer{http.StatusUnauthorized, SeenForged, "want a signature in X-PagerDuty-Signature by a secret of ours"}
	}
	event, err := parseWebhook(body)
	if err != nil {
		return answer{http.StatusBadRequest, SeenMalformed, err.Error()}
	}
	return p.take(ctx, r.Header.Get("X-Webhook-Id"), event)
}

// signed tells whether one of the signatures is by one of our secrets. It is
// an error when there is no secret to compare with.
func (p *PagerDuty) signed(body []byte, headers []string) (bool, error) {
	given := signatures(headers)
	err := errors.New("there is no secret")
	good, readable := false, false
	for _, file := range p.options.WebhookSecrets {
		var secret notify.Secret
		if secret, err = file.Read(); err != nil {
			continue // it may be in the middle of a rotation
		}
		readable = true
		mac := hmac.New(sha256.New, []byte(secret.Reveal()))
		mac.Write(body)
		want := mac.Sum(nil)
		for _, g := range given {
			good = hmac.Equal(g, want) || good
		}
	}
	if readable {
		err = nil
	}
	return good, err
}

// signatures are those of the version that we know.
func signatures(headers []string) [][]byte {
	var all [][]byte
	for _, one := range strings.Split(strings.Join(headers, ","), ",") {
		text, ok := strings.CutPrefix(strings.TrimSpace(one), "v1=")
		if b, err := hex.DecodeString(text); ok && err == nil && len(b) == sha256.Size {
			all = append(all, b)
		}
	}
	return all
}
