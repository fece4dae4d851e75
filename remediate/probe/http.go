package probe

import (
	"cmp"
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
	httpDoc     = "a URL answers GET with a status, and where they are given with a text, a value in its JSON, and a certificate that stays valid or is a new one"
	httpExample = `http: {url: "http://shop.shop/healthz", status: 200, contains: ok}`

	maxBody = 1 << 20
)

// httpGet gets a URL once, over a new connection. It follows no redirect: where
// that leads was never agreed.
type httpGet struct {
	URL         string       `json:"url"`
	Status      int          `json:"status,omitempty"`   // default 200
	Contains    string       `json:"contains,omitempty"` // looked for in the first MiB of the body
	JSON        *jsonValue   `json:"json,omitempty"`
	Certificate *certificate `json:"certificate,omitempty"`
	// CAFile holds the certificates, in PEM, that the server's must come from;
	// absent: those that the machine trusts.
	CAFile string `json:"ca_file,omitempty"`
	// AllowLoopback has this machine be asked.
	AllowLoopback bool `json:"allow_loopback,omitempty"`
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
	case a.Certificate != nil && u.Scheme != "https":
		return fmt.Errorf(`"certificate": %q has none: want an https:// URL`, a.URL)
	case strings.Contains(a.CAFile, "$"):
		return errors.New(`"ca_file": which file is read must not depend on a label`)
	}
	host := u.Hostname()
	if strings.Contains(remediate.Authority(a.URL), "$") {
		host = "$"
	}
	return cmp.Or(checkHost("url", host, a.AllowLoopback), a.JSON.validate(), a.Certificate.validate())
}

func (a *httpGet) dependency(remediate.Question) string {
	if u, err := url.Parse(a.URL); err == nil {
		return "http " + u.Host
	}
	return "http"
}

func (a *httpGet) put(ctx context.Context, _ *clients, _ remediate.Question) (remediate.Answer, error) {
	client, err := a.client()
	if err != nil {
		return remediate.Answer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL, nil)
	if err != nil {
		return remediate.Answer{}, err
	}
	req.Header.Set("User-Agent", "remediated")
	began := time.Now()
	resp, err := client.Do(req)
	took := func() time.Duration { return time.Since(began).Round(time.Millisecond) }
	switch {
	case notDialled(err):
		return remediate.Answer{}, err
	case err != nil:
		return remediate.Answer{Text: fmt.Sprintf("no answer after %s: %v", took(), err)}, nil
	}
	defer resp.Body.Close()
	if want := a.status(); resp.StatusCode != want {
		return remediate.Answer{Text: fmt.Sprintf("GET %s: status %d, want %d", a.URL, resp.StatusCode, want)}, nil
	}
	var body []byte
	if a.Contains != "" || a.JSON != nil {
		if body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody)); err != nil {
			return remediate.Answer{Text: fmt.Sprintf("GET %s: the body broke off after %s: %v", a.URL, took(), err)}, nil
		}
	}
	return a.judge(resp, body, took())
}

// judge looks at what came with the status that is wanted.
func (a *httpGet) judge(resp *http.Response, body []byte, took time.Duration) (remediate.Answer, error) {
	var f findings
	if a.Contains != "" && !strings.Contains(string(body), a.Contains) {
		f.add(false, fmt.Sprintf("GET %s: status %d, but its body lacks %q", a.URL, resp.StatusCode, a.Contains), nil)
	} else {
		f.add(true, fmt.Sprintf("GET %s: status %d in %s", a.URL, resp.StatusCode, took), nil)
	}
	if a.JSON != nil {
		f.add(a.JSON.judge(body))
	}
	if a.Certificate != nil {
		a.Certificate.judge(&f, resp.TLS, time.Now())
	}
	return f.answer()
}

func (a *httpGet) status() int {
	if a.Status == 0 {
		return http.StatusOK
	}
	return a.Status
}
