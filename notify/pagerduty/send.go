package pagerduty

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	api "github.com/PagerDuty/go-pagerduty"

	"github.com/x0tta6bl4/remediated/notify"
)

// maxAnswer is how much of an answer to an event is read, in bytes.
const maxAnswer = 64 << 10

func (p *PagerDuty) sendEvent(ctx context.Context, to integration, event *api.V2Event) error {
	event.RoutingKey = to.key.Reveal()
	return p.send(ctx, to, p.eventsURL, event.Action+" of "+event.DedupKey, event)
}

// send posts an event; what says which it is. The library's types are used and
// its clients are not: [api.ManageEventWithContext] cannot be given an address
// or a timeout, and the method of [api.Client] loses both the reasons of a 400
// and Retry-After. Its retries would send an empty body the second time, which
// is taken for a success; here each try has its own body.
func (p *PagerDuty) send(ctx context.Context, to integration, address, what string, event any) error {
	body, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("pagerduty, rung %s: encode the event: %w", to.rung, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("pagerduty, rung %s: %w", to.rung, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "remediated")
	resp, err := p.client.Do(req)
	if err != nil {
		return errors.New(to.key.Redact(fmt.Sprintf("pagerduty, rung %s: %s: %s", to.rung, what, err)))
	}
	defer func() { _ = resp.Body.Close() }() // it was read; nothing is left to lose
	if resp.StatusCode == http.StatusAccepted {
		return nil
	}
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // the status alone tells enough
	said := errors.New(to.key.Redact(fmt.Sprintf("pagerduty, rung %s: %s: %s", to.rung, what, reasons(resp.StatusCode, answer))))
	return explain(to, resp, said)
}

// explain sorts a status that is not 202 into what package notify tells apart.
func explain(to integration, resp *http.Response, said error) error {
	switch code := resp.StatusCode; {
	case code == http.StatusTooManyRequests:
		return &notify.WaitError{Err: said, Wait: waitOf(resp.Header)}
	case code >= http.StatusInternalServerError, code == http.StatusRequestTimeout, code == http.StatusTooEarly:
		return said
	case code == http.StatusBadRequest:
		return &notify.FinalError{Err: said, Do: fmt.Sprintf("check that %s holds the integration key of an Events API v2 integration", to.file)}
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

// waitOf is how long PagerDuty asks to be left alone: some of its answers say
// so in one header, some in the other, and some not at all.
func waitOf(header http.Header) time.Duration {
	for _, name := range []string{"Retry-After", "ratelimit-reset"} {
		if wait, ok := readWait(header.Get(name)); ok {
			return wait
		}
	}
	return defaultWait
}

// readWait reads a header in either of its forms: seconds or a date.
func readWait(header string) (time.Duration, bool) {
	if n, err := strconv.Atoi(header); err == nil && n >= 0 {
		return min(time.Duration(min(n, 86400))*time.Second, notify.MaxAsked), true
	}
	if t, err := http.ParseTime(header); err == nil {
		return min(max(time.Until(t), 0), notify.MaxAsked), true
	}
	return 0, false
}
