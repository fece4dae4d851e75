package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/prometheus/common/config"

	"github.com/x0tta6bl4/remediated/cmd/internal/httpclient"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 20

// get asks the daemon and reads its answer into v, unless that is nil. It
// returns the answer as it came, too.
func (c *cli) get(ctx context.Context, path string, query url.Values, v any) ([]byte, error) {
	return c.ask(ctx, http.MethodGet, path, query, nil, v)
}

// post gives the daemon a word.
func (c *cli) post(ctx context.Context, path string, word web.Word) ([]byte, error) {
	word.By = c.by
	if word.By == "" {
		return nil, usagef("say who you are with --by: it is written down with the command")
	}
	b, err := json.Marshal(word)
	if err != nil {
		return nil, err
	}
	return c.ask(ctx, http.MethodPost, path, nil, b, &web.Given{})
}

func (c *cli) ask(ctx context.Context, method, path string, query url.Values, body []byte, v any) ([]byte, error) {
	base, err := url.Parse(c.url)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, usagef("--url %q is not an address; want for example http://127.0.0.1:9095", c.url)
	}
	client, err := c.client()
	if err != nil {
		return nil, err
	}
	u := base.JoinPath(path)
	u.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("remediated cannot be reached at %s: %w; is it running, and is --url (or $REMEDY_URL) right?", base.Redacted(), cause(err))
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", base.Redacted(), err)
	}
	return b, read(resp, b, v)
}

// read reads an answer, or says what the daemon says is wrong.
func read(resp *http.Response, b []byte, v any) error {
	if resp.StatusCode == http.StatusOK && v == nil {
		return nil
	}
	if resp.StatusCode == http.StatusOK {
		if err := json.Unmarshal(b, v); err != nil {
			return fmt.Errorf("the answer is not remediated's (%w); is --url right?", err)
		}
		return nil
	}
	var said web.Error
	ours := json.Unmarshal(b, &said) == nil && said.Error != ""
	switch {
	case ours && resp.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("%s. Give remedy your token in a file that --http.config.file names: authorization: {credentials_file: ...}", said.Error)
	case ours:
		return errors.New(said.Error)
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return fmt.Errorf("the daemon answers %s: give it your credentials with --http.config.file", resp.Status)
	}
	return fmt.Errorf("the answer is %s, and not remediated's; is --url right?", resp.Status)
}

// cause leaves out the method and the address, which were said.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// client asks the daemon. There is one for all that a command asks.
func (c *cli) client() (*http.Client, error) {
	if c.http != nil {
		return c.http, nil
	}
	cfg := config.DefaultHTTPClientConfig
	if c.config != "" {
		said, _, err := config.LoadHTTPConfigFile(c.config)
		if err != nil {
			return nil, usagef("read --http.config.file %s: %v", c.config, err)
		}
		cfg = *said
	}
	client, err := httpclient.New(cfg, "remedy")
	if err != nil {
		return nil, usagef("--http.config.file %s: %v", c.config, err)
	}
	c.http = client
	return client, nil
}
