package action

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/outbound"
)

const (
	httpCallDoc     = "sends one signed HTTP request to a URL that is written out; an answer other than 2xx is a failed act"
	httpCallExample = `http_call: {url: "https://runner.ops.svc/purge", body: {namespace: $namespace}, secret_file: /etc/remediated/runner.key}`

	callTimeout = 30 * time.Second
	answerBytes = 64 << 10 // of a body that are read
	toldAnswer  = 200      // of these, when it was no success
)

// The headers by which the other side knows a request of ours: that it is ours,
// and that it had it before.
const (
	signatureHeader = "X-Remediated-Signature" // t=UNIX-SECONDS,v1=HEX
	keyHeader       = "Idempotency-Key"        // the act's ID
)

var callMethods = []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// httpCall sends a request at most once, unless the other side is said to know
// what it had before. It follows no redirect and asks no proxy: where these lead
// was never agreed.
type httpCall struct {
	URL           string                     `json:"url"`
	Method        string                     `json:"method,omitempty"` // default POST
	Body          map[string]json.RawMessage `json:"body,omitempty"`   // the place for alert labels
	SecretFile    string                     `json:"secret_file"`
	CAFile        string                     `json:"ca_file,omitempty"` // default: the system's
	Idempotent    bool                       `json:"idempotent,omitempty"`
	AllowLoopback bool                       `json:"allow_loopback,omitempty"`
}

func (a *httpCall) validate() error {
	u, err := url.Parse(a.URL)
	switch {
	case a.URL == "":
		return errors.New(`"url" is missing`)
	case strings.Contains(a.URL, "$"):
		return errors.New(`"url": an alert must not choose who is called: write it out, and put labels into "body"`)
	case err != nil:
		return errors.New(`"url" cannot be read as a URL`) // the parser would quote it
	case u.User != nil:
		return errors.New(`"url" must not carry a user or password: it is shown to people`)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf(`"url" %q: want https://host/path or http://host/path`, a.URL)
	case a.Method != "" && !slices.Contains(callMethods, a.Method):
		return fmt.Errorf(`"method" %q: want one of %s`, a.Method, strings.Join(callMethods, ", "))
	case a.SecretFile == "":
		return errors.New(`"secret_file" is missing: every request is signed`)
	}
	if err := outbound.CheckHost(u.Hostname()); err != nil {
		return fmt.Errorf(`"url": %w`, err)
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
		if why := a.dialer().Refuses(ip); why != "" {
			return fmt.Errorf(`"url": %s is %s`, ip, why)
		}
	}
	return nil
}

func (a *httpCall) dialer() *outbound.Dialer { return &outbound.Dialer{Loopback: a.AllowLoopback} }

func (a *httpCall) method() string {
	if a.Method == "" {
		return http.MethodPost
	}
	return a.Method
}

// httpCallRules are for the Event, and for seeing that the target is the one that
// was judged.
func httpCallRules(target string, _ json.RawMessage) []rbacv1.PolicyRule {
	return append(sameRules(target), eventRule)
}

func httpCallWrites(target string, _ json.RawMessage) []Write {
	return eventWrites("http_call", kindsOf(target)...)
}

func (a *httpCall) perform(ctx context.Context, t *attempt) remediate.Result {
	if t.again && !a.Idempotent {
		return unknown("it may have been sent before; it is sent again only with idempotent: true")
	}
	w, stop := t.same(ctx)
	if stop != nil {
		return *stop
	}
	r := a.call(ctx, t)
	if r.Outcome == remediate.Later {
		return r
	}
	return t.tell(ctx, w, r)
}

// call sends the request once.
func (a *httpCall) call(ctx context.Context, t *attempt) remediate.Result {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaderField: func(string, []string) { sent.Store(true) },
		WroteHeaders:     func() { sent.Store(true) },
	})
	req, err := a.request(ctx, t.ID, time.Now())
	if err != nil {
		return t.stopped("nothing was sent: %s", text(err))
	}
	client, err := a.client()
	if err != nil {
		return t.stopped("nothing was sent: %s", text(err))
	}
	began := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return a.unanswered(t, err, sent.Load())
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, answerBytes)) // the status has said it all
	said := fmt.Sprintf("%s %s: %s after %s", req.Method, a.URL, resp.Status, time.Since(began).Round(time.Millisecond))
	return a.answered(t, resp, said, body)
}

// answered is the result of a request that was answered.
func (a *httpCall) answered(t *attempt, resp *http.Response, said string, body []byte) remediate.Result {
	if resp.StatusCode/100 == 2 {
		return ok("%s", said)
	}
	if resp.StatusCode/100 == 3 {
		said += "; it leads elsewhere, and no redirect is followed"
	} else if words := plainText(strings.ToValidUTF8(string(body), "")); words != "" {
		said += ": " + strings.ToValidUTF8(words[:min(len(words), toldAnswer)], "")
	}
	busy := []int{http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}
	if a.Idempotent && slices.Contains(busy, resp.StatusCode) {
		t.remember()
		return t.later(errors.New(said))
	}
	return failed("%s", said)
}

// unanswered is the result of a request that no answer came to.
func (a *httpCall) unanswered(t *attempt, err error, sent bool) remediate.Result {
	var no *outbound.RefusedError
	switch {
	case errors.As(err, &no):
		return refused("%s", text(no))
	case !sent:
		return t.later(err)
	}
	t.remember()
	if a.Idempotent {
		return t.later(fmt.Errorf("it was sent and no answer came: %w", err))
	}
	return unknown("it was sent and no answer came: %s; it is sent again only with idempotent: true", text(err))
}

// request is the signed request.
func (a *httpCall) request(ctx context.Context, id string, now time.Time) (*http.Request, error) {
	var body []byte
	if a.Body != nil {
		var err error
		if body, err = json.Marshal(a.Body); err != nil {
			return nil, err
		}
	}
	key, err := os.ReadFile(a.SecretFile) // anew, so that a rotated one is used
	if err != nil {
		return nil, fmt.Errorf("read secret: %w", err)
	}
	if key = bytes.TrimSpace(key); len(key) == 0 {
		return nil, fmt.Errorf("read secret: %s is empty", a.SecretFile)
	}
	req, err := http.NewRequestWithContext(ctx, a.method(), a.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.GetBody = nil // so that nothing is sent twice by itself
	req.Header.Set("User-Agent", "remediated")
	req.Header.Set(keyHeader, id)
	req.Header.Set(signatureHeader, signature(key, now, body))
	if a.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// signature is an HMAC-SHA256 over the time, a dot and the body.
func signature(key []byte, now time.Time, body []byte) string {
	at := strconv.FormatInt(now.Unix(), 10)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(at + "."))
	mac.Write(body)
	return "t=" + at + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// client is one for this request: it keeps no connection, and asks no proxy,
// whatever the environment says.
func (a *httpCall) client() (*http.Client, error) {
	trust := &tls.Config{}
	if a.CAFile != "" {
		pem, err := os.ReadFile(a.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read ca_file: %w", err)
		}
		trust.RootCAs = x509.NewCertPool()
		if !trust.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read ca_file: %s has no certificate", a.CAFile)
		}
	}
	return &http.Client{
		Transport:     &http.Transport{DialContext: a.dialer().DialContext, TLSClientConfig: trust, DisableKeepAlives: true, MaxResponseHeaderBytes: answerBytes},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}
