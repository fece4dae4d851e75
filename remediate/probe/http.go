package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/args"
)

const (
	httpDoc     = "a URL answers GET with a status, and with a text where one is given"
	httpExample = `http: {url: "http://shop.shop/healthz", status: 200, contains: ok}`

	maxBody = 1 << 20
)

// httpGet gets a URL once, over a new connection. It follows no redirect: where
// that leads was never agreed.
type httpGet struct {
	URL      string `json:"url"`
	Status   int    `json:"status,omitempty"`   // default 200
	Contains string `json:"contains,omitempty"` // looked for in the first MiB of the body
}

func (a *httpGet) validate() error {
	if a.URL == "" {
		return errors.New(`"url" is missing`)
	}
	if a.Status != 0 && (a.Status < 200 || a.Status > 599) {
		return fmt.Errorf(`"status" %d: want 200 to 599`, a.Status)
	}
	u, err := url.Parse(args.Sample(a.URL))
	switch {
	case err != nil:
		return errors.New(`"url" cannot be read as a URL`) // the parser would quote it
	case u.User != nil:
		return errors.New(`"url" must not carry a user or password: it is shown to people`)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf(`"url" %q: want http://host/path or https://host/path`, a.URL)
	}
	return nil
}

func (a *httpGet) dependency(remediate.Question) string {
	if u, err := url.Parse(a.URL); err == nil {
		return "http " + u.Host
	}
	return "http"
}

var httpClient = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (a *httpGet) put(ctx context.Context, _ *Prober, _ remediate.Question) (remediate.Answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL, nil)
	if err != nil {
		return remediate.Answer{}, err
	}
	req.Header.Set("User-Agent", "remediated")
	began := time.Now()
	resp, err := httpClient.Do(req)
	took := func() time.Duration { return time.Since(began).Round(time.Millisecond) }
	if err != nil {
		return remediate.Answer{Text: fmt.Sprintf("no answer after %s: %v", took(), err)}, nil
	}
	defer resp.Body.Close()
	if want := a.status(); resp.StatusCode != want {
		return remediate.Answer{Text: fmt.Sprintf("GET %s: status %d, want %d", a.URL, resp.StatusCode, want)}, nil
	}
	if a.Contains != "" {
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
		if err != nil {
			return remediate.Answer{Text: fmt.Sprintf("GET %s: the body broke off after %s: %v", a.URL, took(), err)}, nil
		}
		if !strings.Contains(string(body), a.Contains) {
			return remediate.Answer{Text: fmt.Sprintf("GET %s: status %d, but its body lacks %q", a.URL, resp.StatusCode, a.Contains)}, nil
		}
	}
	return remediate.Answer{OK: true, Text: fmt.Sprintf("GET %s: status %d in %s", a.URL, resp.StatusCode, took())}, nil
}

func (a *httpGet) status() int {
	if a.Status == 0 {
		return http.StatusOK
	}
	return a.Status
}
