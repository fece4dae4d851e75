package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// issuer is an authority of certificates, for a test.
type issuer struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{t: t}
	i.cert, i.key, _ = i.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "the test's own"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return i
}

// issue signs a certificate, its own when there is no other, and returns it as PEM
// too, with its key.
func (i *issuer) issue(c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey, [2]string) {
	i.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	by, with := i.cert, i.key
	if by == nil {
		by, with = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, &key.PublicKey, with)
	if err != nil {
		i.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		i.t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		i.t.Fatal(err)
	}
	return parsed, key, [2]string{
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
	}
}

// pause posts a pause as whoever has the certificate, nil for nobody.
func (i *issuer) pause(to string, shown *[2]string, with func(*http.Request)) (int, string) {
	i.t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(i.cert)
	config := &tls.Config{RootCAs: roots}
	if shown != nil {
		pair, err := tls.X509KeyPair([]byte(shown[0]), []byte(shown[1]))
		if err != nil {
			i.t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	r, err := http.NewRequestWithContext(i.t.Context(), http.MethodPost, "https://"+to+"/api/v1/pause", strings.NewReader(`{"by": "mallory", "scope": "all"}`))
	if err != nil {
		i.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	with(r)
	tr := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
	resp, err := tr.RoundTrip(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		i.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// Who has a certificate of the listener's authority is whom it says, whatever they
// say themselves; another authority's is none.
func TestClientCertificates(t *testing.T) {
	ours, another := newIssuer(t), newIssuer(t)
	_, _, server := ours.issue(&x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	certificate := func(of *issuer, name string) *[2]string {
		_, _, both := of.issue(&x509.Certificate{Subject: pkix.Name{CommonName: name}})
		return &both
	}
	_, _, annas := ours.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "a-1234"}, EmailAddresses: []string{"anna@example.org"}})
	authority := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ours.cert.Raw}))
	d := startHere(t, map[string]string{
		"remediated.yml": strings.Replace(guardedConfig, "people:\n", "people:\n  - {name: anna, certificate: anna@example.org, roles: [operator]}\n", 1),
		"olga.token":     "token-of-olga-0123456789", "vera.token": "token-of-vera-0123456789", "slack.token": "xoxb-1", "slack.signing": "s",
		"p.yml": "policies: [{name: down, when: ['alertname=\"Down\"'], severity: P3}]", "kubeconfig": nobodysKubeconfig,
		"server.pem": server[0], "server.key": server[1], "authority.pem": authority,
		"web.yml": "tls_server_config: {cert_file: server.pem, key_file: server.key, client_ca_file: authority.pem, client_auth_type: VerifyClientCertIfGiven}",
	}, "--web.config.file=web.yml")
	none := func(*http.Request) {}
	for name, c := range map[string]struct {
		shown *[2]string
		with  func(*http.Request)
		code  int
		says  string
	}{
		"nobody":                   {nil, none, http.StatusUnauthorized, "say who you are"},
		"a person":                 {&annas, none, http.StatusOK, `"by": "anna"`},
		"a person by common name":  {certificate(ours, "olga"), none, http.StatusOK, `"by": "olga"`},
		"the name of another":      {certificate(ours, "anna"), none, http.StatusForbidden, "not the certificate of anna"},
		"a viewer":                 {certificate(ours, "vera"), none, http.StatusForbidden, "vera may not pause"},
		"nobody that is known":     {certificate(ours, "mallory"), none, http.StatusForbidden, "not among the people"},
		"another authority's":      {certificate(another, "olga"), none, 0, "tls:"},
		"a token instead":          {nil, bearer("token-of-olga-0123456789"), http.StatusOK, `"by": "olga"`},
		"a wrong token beside one": {&annas, bearer("token-of-nobody-012345"), http.StatusUnauthorized, "not valid"},
	} {
		if code, says := ours.pause(d.web, c.shown, c.with); code != c.code || !strings.Contains(says, c.says) {
			t.Errorf("%s: %d %s, want %d and %q", name, code, says, c.code, c.says)
		}
	}
	d.stop()
}
