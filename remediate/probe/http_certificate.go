package probe

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/common/model"
)

// certificate is what is wanted of a server's certificate, beside that it is
// valid: without that there is no connection.
type certificate struct {
	ValidFor model.Duration `json:"valid_for,omitempty"` // from now on
	// IssuedWithin is how long ago it may have begun to be valid, as it says itself.
	// Some date that back, Let's Encrypt by an hour: add that to the time that the
	// change of a certificate takes.
	IssuedWithin model.Duration `json:"issued_within,omitempty"`
}

func (c *certificate) validate() error {
	if c != nil && c.ValidFor <= 0 && c.IssuedWithin <= 0 {
		return errors.New(`"certificate": want "valid_for", for how long it must be valid, such as 168h, or "issued_within", how long ago it may have begun to be, such as 2h`)
	}
	return nil
}

// judge looks at what is wanted of the certificate that the server showed.
func (c *certificate) judge(f *findings, state *tls.ConnectionState, now time.Time) {
	if state == nil || len(state.VerifiedChains) == 0 {
		f.add(false, "", errors.New("the server's certificate was not verified"))
		return
	}
	if c.ValidFor > 0 {
		ok, text := c.judgeEnd(state, now)
		f.add(ok, text, nil)
	}
	if c.IssuedWithin > 0 {
		ok, text := c.judgeBegin(state.PeerCertificates[0], now)
		f.add(ok, text, nil)
	}
}

// judgeBegin looks at the server's own certificate: those above it stay when it is
// changed. One of the future would not have been verified, unless by a clock that
// was set since.
func (c *certificate) judgeBegin(own *x509.Certificate, now time.Time) (ok bool, text string) {
	age := now.Sub(own.NotBefore)
	text = fmt.Sprintf("the certificate is valid since %s, which is %s ago", own.NotBefore.UTC().Format(time.RFC3339), rough(age))
	switch {
	case age < 0:
		return false, fmt.Sprintf("the certificate is valid from %s on, which is in the future", own.NotBefore.UTC().Format(time.RFC3339))
	case age > time.Duration(c.IssuedWithin):
		return false, fmt.Sprintf("%s, want at most %s", text, c.IssuedWithin)
	}
	return true, text
}

// judgeEnd looks at when the chain ends that was verified: with its first
// certificate to expire, which is not always the server's own. Of several
// chains the longest counts.
func (c *certificate) judgeEnd(state *tls.ConnectionState, now time.Time) (ok bool, text string) {
	var last *x509.Certificate
	for _, chain := range state.VerifiedChains {
		if first := firstToExpire(chain); last == nil || first.NotAfter.After(last.NotAfter) {
			last = first
		}
	}
	left, of := last.NotAfter.Sub(now), "the certificate"
	if last != state.PeerCertificates[0] {
		of = fmt.Sprintf("%q in the certificate's chain", last.Subject.CommonName)
	}
	text = fmt.Sprintf("%s is valid for %s, until %s", of, rough(left), last.NotAfter.UTC().Format(time.RFC3339))
	if left < time.Duration(c.ValidFor) {
		return false, fmt.Sprintf("%s, want %s", text, c.ValidFor)
	}
	return true, text
}

func firstToExpire(chain []*x509.Certificate) *x509.Certificate {
	first := chain[0]
	for _, c := range chain {
		if c.NotAfter.Before(first.NotAfter) {
			first = c
		}
	}
	return first
}

// client makes a client for one question. It asks no proxy, whatever the
// environment says.
func (a *httpGet) client() (*http.Client, error) {
	tr := &http.Transport{DialContext: dialer(a.AllowLoopback).DialContext, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10}
	var err error
	if tr.TLSClientConfig, err = trusting(a.CAFile); err != nil {
		return nil, err
	}
	return &http.Client{
		Transport:     tr,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// trusting has a server's certificate come from those in a file, or from those
// that the machine trusts when there is no file.
func trusting(caFile string) (*tls.Config, error) {
	if caFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("read the certificates to trust: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read the certificates to trust: %s holds none in PEM", caFile)
	}
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, nil
}
