package alertmanager

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"strings"
)

// gate lets in who may tell us that something fires. Alertmanager signs
// nothing, so it is a bearer token, a client certificate or this machine.
type gate struct {
	tokenFiles []string
	guess      func(*http.Request) (done func(right bool))
}

// Why somebody stays outside.
var (
	errStranger   = errors.New("stranger")
	errTokenFiles = errors.New("the intake cannot read its token file")
	errGuessing   = errors.New("too many wrong tokens came from this address: try again later")
)

// newGate returns the gate of an intake with these options.
func newGate(o IntakeOptions) (gate, error) {
	for _, name := range o.TokenFiles {
		if _, err := readToken(name); err != nil {
			return gate{}, fmt.Errorf("alertmanager intake: %w", err)
		}
	}
	if o.Guess == nil {
		o.Guess = func(*http.Request) func(bool) { return func(bool) {} }
	}
	return gate{o.TokenFiles, o.Guess}, nil
}

// Guard returns a handler that has next take the webhooks of those who may come in,
// and answers all others as an [Intake] of the same options would. Of the options it
// takes TokenFiles, Guess and Observe; the latter hears of what was refused.
func Guard(o IntakeOptions, next http.Handler) (http.Handler, error) {
	gate, err := newGate(o)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d := gate.refusal(r)
		if d.Code == 0 {
			next.ServeHTTP(w, r)
			return
		}
		answer(w, d)
		if o.Observe != nil {
			o.Observe(d)
		}
	}), nil
}

// refusal is what becomes of the webhook of who may not come in, with the code 0 for
// who may.
func (g gate) refusal(r *http.Request) Delivery {
	switch err := g.admit(r); {
	case errors.Is(err, errTokenFiles):
		return Delivery{Outcome: NoTokens, Code: http.StatusServiceUnavailable, Why: errTokenFiles.Error(), Err: err}
	case errors.Is(err, errGuessing): // it may be Alertmanager beside who guesses: it shall try again
		return Delivery{Outcome: Guessed, Code: http.StatusServiceUnavailable, Why: err.Error(), Err: err}
	case err != nil:
		return Delivery{Outcome: Unauthorized, Code: http.StatusUnauthorized, Why: err.Error(), Err: err}
	}
	return Delivery{}
}

// admit returns nil for who may come in, errStranger for who may not,
// errGuessing for who has tried too often, and errTokenFiles when that cannot be
// told. It reads nothing of the body.
func (g gate) admit(r *http.Request) error {
	if len(g.tokenFiles) == 0 {
		return admitLocal(r)
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return fmt.Errorf("%w: there is no bearer token; give Alertmanager one by http_config.authorization", errStranger)
	}
	done := g.guess(r)
	if done == nil {
		return errGuessing
	}
	err := g.check(strings.TrimSpace(token))
	done(err == nil)
	return err
}

// check compares token with all that are valid. The files are read anew each
// time, so that a rotation needs no reload; hashes are compared, so that the
// time it takes does not depend on the length.
func (g gate) check(token string) error {
	given := sha256.Sum256([]byte(token))
	var match int
	var unread error
	for _, name := range g.tokenFiles {
		valid, err := readToken(name)
		if err != nil {
			unread = errors.Join(unread, err)
			continue
		}
		sum := sha256.Sum256(valid)
		match |= subtle.ConstantTimeCompare(sum[:], given[:])
	}
	switch {
	case match == 1:
		return nil
	case unread != nil: // it may be the right one: Alertmanager must try again
		return fmt.Errorf("%w: %w", errTokenFiles, unread)
	}
	return fmt.Errorf("%w: the bearer token is not valid", errStranger)
}

// readToken reads a token file. A file without a token is an error, and never
// a token that is empty.
func readToken(name string) ([]byte, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read token: %w", err)
	}
	if b = bytes.TrimSpace(b); len(b) == 0 {
		return nil, fmt.Errorf("read token: %s is empty", name)
	}
	return b, nil
}

// admitLocal is for an intake without tokens: it admits who showed a client
// certificate that the listener verified, and programs on this machine. A
// browser or a proxy on this machine speaks for somebody else.
func admitLocal(r *http.Request) error {
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		return nil
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !from.Addr().IsLoopback() {
		return fmt.Errorf("%w: without a token file only this machine may post", errStranger)
	}
	for _, name := range []string{"Origin", "Sec-Fetch-Site", "Forwarded", "X-Forwarded-For", "X-Real-Ip"} {
		if r.Header.Get(name) != "" {
			return fmt.Errorf("%w: without a token file nothing is taken from browsers and proxies, and this has the header %s", errStranger, name)
		}
	}
	return nil
}
