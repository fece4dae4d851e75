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
	ValidFor model.Duration `json:"valid_for"` // from now on
}

func (c *certificate) validate() error {
	if c != nil && c.ValidFor <= 0 {
		return errors.New(`"valid_for" is missing: want for how long the certificate must be valid, such as 168h`)
	}
	return nil
}

// judge looks at when the chain ends that was verified: with its first
// certificate to expire, which is not always the server's own. Of several
// chains the longest counts.
func (c *certificate) judge(state *tls.ConnectionState, now time.Time) (ok bool, text string, err error) {
	if state == nil || len(state.VerifiedChains) == 0 {
		return false, "", errors.New("the server's certificate was not verified")
	}
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
		return false, fmt.Sprintf("%s, want %s", text, c.ValidFor), nil
	}
	return true, text, nil
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

// client makes a client for one question.
func (a *httpGet) client() (*http.Client, error) {
	tr := &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10}
	if a.CAFile != "" {
		pem, err := os.ReadFile(a.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read the certificates to trust: %w", err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read the certificates to trust: %s holds none in PEM", a.CAFile)
		}
		tr.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{
		Transport:     tr,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}
