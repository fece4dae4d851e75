package slack

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxBody bounds a press in bytes: it repeats the message that the button is
// on, which has some ten thousand.
const maxBody = 1 << 20

// maxSkew is how old a request may be, and how far ahead of our clock: Slack
// asks for five minutes, so that what was overheard is of no use later.
const maxSkew = 5 * time.Minute

// Interactions returns the handler of the app's request URL. Only what Slack
// has signed gets further than the signature.
//
// Whoever has a signed request can send it again for five minutes, and a press
// may come twice: so Pressed must do the same thing once, however often it is
// asked. The same press has the same Press, its At included.
func (s *Slack) Interactions() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, refusal := s.verified(w, r)
		if refusal != nil {
			s.refuse(w, refusal)
			return
		}
		p, err := parseForm(r.Header.Get("Content-Type"), body)
		switch {
		case errors.Is(err, errIgnored):
			w.WriteHeader(http.StatusOK)
		case err != nil:
			s.refuse(w, &refusedError{http.StatusBadRequest, err})
		default:
			s.answer(r.Context(), w, p)
		}
	})
}

// answer hands the press on, answers Slack, and then the presser. The
// connection is given up, because the next press on it would have to wait for
// the second answer.
func (s *Slack) answer(ctx context.Context, w http.ResponseWriter, p Press) {
	words, err := s.press(ctx, p)
	status := http.StatusOK
	if err != nil {
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Connection", "close")
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(status)
	if err := http.NewResponseController(w).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		s.trouble(fmt.Errorf("answer the press of %s on %s: %w", p.Command, p.Key, err))
	}
	s.whisper(ctx, p, words)
}

// refusedError is a request that is not taken, and the status that says so.
type refusedError struct {
	status int
	err    error
}

func (e *refusedError) Error() string {
	return fmt.Sprintf("slack interaction refused with %d: %s", e.status, e.err)
}

func (e *refusedError) Unwrap() error { return e.err }

// refuse answers with the status alone: who could not sign need not know why.
func (s *Slack) refuse(w http.ResponseWriter, refusal *refusedError) {
	s.trouble(refusal)
	if refusal.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	http.Error(w, http.StatusText(refusal.status), refusal.status)
}

// verified returns the body of a request that Slack has signed just now.
func (s *Slack) verified(w http.ResponseWriter, r *http.Request) ([]byte, *refusedError) {
	if r.Method != http.MethodPost {
		return nil, &refusedError{http.StatusMethodNotAllowed, errors.New(r.Method)}
	}
	secret, err := s.signingSecret()
	if err != nil {
		return nil, &refusedError{http.StatusServiceUnavailable, err}
	}
	stamp := r.Header.Get("X-Slack-Request-Timestamp")
	if err := fresh(stamp, time.Now()); err != nil {
		return nil, &refusedError{http.StatusUnauthorized, err}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, &refusedError{http.StatusRequestEntityTooLarge, err}
	case err != nil:
		return nil, &refusedError{http.StatusBadRequest, err}
	case !signed(secret, stamp, body, r.Header.Get("X-Slack-Signature")):
		return nil, &refusedError{http.StatusUnauthorized, errors.New("the signature is not Slack's")}
	}
	return body, nil
}

// signingSecret is read at each use. None means that nothing can be verified,
// and so nothing is taken.
func (s *Slack) signingSecret() (string, error) {
	if s.options.SigningSecret == "" {
		return "", errors.New("no notify.slack.signing_secret_file is configured")
	}
	secret, err := s.options.SigningSecret.Read()
	if err != nil {
		return "", fmt.Errorf("%w; check notify.slack.signing_secret_file", err)
	}
	return secret.Reveal(), nil
}

// fresh refuses times that are not about now.
func fresh(stamp string, now time.Time) error {
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return errors.New("want X-Slack-Request-Timestamp in seconds")
	}
	if age := now.Sub(time.Unix(seconds, 0)); age.Abs() > maxSkew {
		return fmt.Errorf("the request is of %s ago", age)
	}
	return nil
}

// signed tells whether the signature is Slack's over the time and the raw body.
// It takes as long for a nearly right one as for any other.
func signed(secret, stamp string, body []byte, signature string) bool {
	text, ok := strings.CutPrefix(signature, "v0=")
	got, err := hex.DecodeString(text)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("v0:" + stamp + ":"))
	mac.Write(body)
	return ok && err == nil && hmac.Equal(got, mac.Sum(nil))
}

// parseForm reads the press out of the form that it comes in.
func parseForm(contentType string, body []byte) (Press, error) {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return Press{}, fmt.Errorf("want a form, got %.80q", contentType)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return Press{}, fmt.Errorf("read the form: %w", err)
	}
	if len(form["payload"]) != 1 {
		return Press{}, errors.New("want one payload")
	}
	return parsePress([]byte(form["payload"][0]))
}
