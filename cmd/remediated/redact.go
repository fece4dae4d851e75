package main

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/x0tta6bl4/remediated/notify"
)

// redacting takes the credentials of a request out of a server's refusal: a
// proxy that one debugs repeats what it was sent, and what servers say is
// logged, kept and shown to people.
type redacting struct{ next http.RoundTripper }

// maxRefusal is how much of a refusal is kept, in bytes.
const maxRefusal = 256 << 10

// RoundTrip returns the answer, with a body that names no credentials when it
// is a refusal.
func (r redacting) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.next.RoundTrip(req)
	if err != nil || resp.StatusCode < http.StatusBadRequest {
		return resp, err
	}
	sent := req
	if resp.Request != nil {
		sent = resp.Request // as it left, with what was added on the way
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	if closing := resp.Body.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return nil, err
	}
	text := string(body)
	for _, secret := range credentialsOf(sent) {
		text = strings.ReplaceAll(text, secret, notify.Redacted)
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewBufferString(text)), int64(len(text))
	resp.Header.Set("Content-Length", strconv.Itoa(len(text)))
	return resp, nil
}

// credentialsOf are what a request says of who sends it, in each form in which
// it may be repeated.
func credentialsOf(r *http.Request) []string {
	var out []string
	if _, credentials, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.TrimSpace(credentials) != "" {
		out = append(out, strings.TrimSpace(credentials))
	}
	if _, password, ok := r.BasicAuth(); ok && password != "" {
		out = append(out, password)
	}
	return out
}
