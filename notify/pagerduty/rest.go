package pagerduty

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	api "github.com/PagerDuty/go-pagerduty"

	"github.com/x0tta6bl4/remediated/notify"
)

// maxListed is how much of an answer of the REST API is read, in bytes.
const maxListed = 8 << 20

// pace is until when the REST API asks to be left alone. All calls share it,
// because the limit is the token's.
type pace struct {
	mu    sync.Mutex
	until time.Time
}

func (c *pace) left() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Until(c.until)
}

func (c *pace) rest(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if until := time.Now().Add(d); until.After(c.until) {
		c.until = until
	}
}

// ask makes one call of the REST API. The body and the answer may be nil.
func (p *PagerDuty) ask(ctx context.Context, method, path string, query url.Values, body, answer any) error {
	what := method + " " + path
	if left := p.pace.left(); left > 0 {
		return &notify.WaitError{Err: fmt.Errorf("pagerduty: %s: the limit of requests is reached", what), Wait: left}
	}
	if p.options.APIToken == "" {
		return fmt.Errorf("pagerduty: %s needs a token: set notify.pagerduty.api_token_file", what)
	}
	token, err := p.options.APIToken.Read()
	if err != nil {
		return fmt.Errorf("pagerduty: %w; check notify.pagerduty.api_token_file", err)
	}
	req, err := p.request(ctx, token, method, path, query, body)
	if err != nil {
		return fmt.Errorf("pagerduty: %s: %w", what, err)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return errors.New(token.Redact(fmt.Sprintf("pagerduty: %s: %s", what, err)))
	}
	defer func() { _ = resp.Body.Close() }() // it was read; nothing is left to lose
	said, err := io.ReadAll(io.LimitReader(resp.Body, maxListed))
	if resp.StatusCode != http.StatusOK {
		refused := errors.New(token.Redact(fmt.Sprintf("pagerduty: %s: %s", what, restReasons(resp.StatusCode, said))))
		return p.explainREST(resp, refused)
	}
	p.heed(resp.Header)
	if err == nil && answer != nil {
		err = json.Unmarshal(said, answer)
	}
	if err != nil {
		return errors.New(token.Redact(fmt.Sprintf("pagerduty: the answer to %s cannot be read: %s; check notify.pagerduty.api_url", what, err)))
	}
	return nil
}

func (p *PagerDuty) request(ctx context.Context, token notify.Secret, method, path string, query url.Values, body any) (*http.Request, error) {
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(b)
	}
	address := strings.TrimSuffix(p.options.APIURL, "/") + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Token token="+token.Reveal())
	req.Header.Set("Accept", "application/vnd.pagerduty+json;version=2")
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "remediated")
	if p.options.From != "" {
		req.Header.Set("From", p.options.From)
	}
	return req, nil
}

// heed stops asking when that was the last request of the minute.
func (p *PagerDuty) heed(header http.Header) {
	if left, err := strconv.Atoi(header.Get("ratelimit-remaining")); err == nil && left <= 0 {
		p.pace.rest(waitOf(header))
	}
}

// explainREST sorts a status that is not 200. A token that is not taken may be
// in the middle of a rotation and is tried again.
func (p *PagerDuty) explainREST(resp *http.Response, said error) error {
	switch resp.StatusCode {
	case http.StatusTooManyRequests:
		wait := waitOf(resp.Header)
		p.pace.rest(wait)
		return &notify.WaitError{Err: said, Wait: wait}
	case http.StatusBadRequest:
		return &notify.FinalError{Err: said, Do: "check notify.pagerduty.from and the levels, then PagerDuty's policy"}
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%w; check that notify.pagerduty.api_token_file may do this", said)
	case http.StatusNotFound:
		return fmt.Errorf("%w: %w; check notify.pagerduty.api_url", errNotFound, said)
	}
	return said
}

var errNotFound = errors.New("PagerDuty does not know it")

// restReasons puts an answer of the REST API into words.
func restReasons(status int, answer []byte) string {
	var e struct {
		Error api.APIErrorObject `json:"error"`
	}
	words := []string{fmt.Sprintf("HTTP %d %s", status, http.StatusText(status))}
	if json.Unmarshal(answer, &e) == nil {
		for _, w := range append([]string{e.Error.Message}, e.Error.Errors...) {
			if w = notify.Clean(w, 200); w != "" {
				words = append(words, w)
			}
		}
	}
	return strings.Join(words, ": ")
}
