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
// A request is taken once, and not at all when it is from before Options.Begun:
// whoever has a signed one could otherwise send it again for five minutes, and
// approve the next plan with the word for the last. A press may still come in two
// requests: so Pressed must do the same thing once, however often it is asked. The
// same press has the same Press, its At included.
func (s *Slack) Interactions() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, refusal := s.verified(w, r)
		if refusal != nil {
			s.refuse(w, refusal)
			return
		}
		signature := r.Header.Get("X-Slack-Signature")
		if !s.replays.begin(strings.ToLower(signature), time.Now()) {
			s.trouble(errors.New("a request of Slack's came twice: the second was not looked at"))
			w.WriteHeader(http.StatusOK)
			return
		}
		p, err := parseForm(r.Header.Get("Content-Type"), body)
		switch {
		case errors.Is(err, errIgnored):
			w.WriteHeader(http.StatusOK)
		case err != nil:
			s.refuse(w, &refusedError{http.StatusBadRequest, err})
		default:
			if !s.answer(r.Context(), w, p) {
				s.replays.forget(strings.ToLower(signature))
			}
		}
	})
}

// answer hands the press on, answers Slack, and then the presser. It returns
// whether the press was kept. The connection is given up, because the next press
// on it would have to wait for the second answer.
func (s *Slack) answer(ctx context.Context, w http.ResponseWriter, p Press) (kept bool) {
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
	return status == http.StatusOK
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
	if err := s.fresh(stamp, time.Now()); err != nil {
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

// fresh refuses times that are not about now, and those from before we listened:
// whether what was pressed then was taken is not known any more.
func (s *Slack) fresh(stamp string, now time.Time) error {
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return errors.New("want X-Slack-Request-Timestamp in seconds")
	}
	at := time.Unix(seconds, 0)
	if age := now.Sub(at); age.Abs() > maxSkew {
		return fmt.Errorf("the request is of %s ago", age)
	}
	if at.Before(s.options.Begun.Truncate(time.Second)) {
		return errors.New("the request is from before this daemon began to listen, or read its configuration anew")
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
