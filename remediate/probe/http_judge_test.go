package probe

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

func TestHTTPJSON(t *testing.T) {
	const mesh = `{"mesh":{"convergence":2.5,"peers":[{"state":"up","n":3},{"state":"down"}],"well":true,"name":null}}`
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			fmt.Fprint(w, mesh)
		case "/long":
			fmt.Fprintf(w, `{"mesh":%q}`, strings.Repeat("x", maxBody))
		default:
			fmt.Fprint(w, "<html>")
		}
	}))
	defer s.Close()
	for name, tc := range map[string]struct {
		path, json string
		ok         bool
		text, err  string
	}{
		"below":            {"/", `"path":"mesh.convergence","max":3`, true, "mesh.convergence is 2.5, want at most 3", ""},
		"above":            {"/", `"path":"mesh.convergence","max":2`, false, "mesh.convergence is 2.5, want at most 2", ""},
		"between":          {"/", `"path":"mesh.convergence","min":2,"max":3`, true, "want 2 to 3", ""},
		"equal number":     {"/", `"path":"mesh.peers.0.n","equals":3`, true, "", ""},
		"equal text":       {"/", `"path":"mesh.peers.0.state","equals":"up"`, true, "", ""},
		"another text":     {"/", `"path":"mesh.peers.1.state","equals":"up"`, false, `mesh.peers.1.state is "down", want "up"`, ""},
		"true":             {"/", `"path":"mesh.well","equals":true`, true, "", ""},
		"a text is none":   {"/", `"path":"mesh.peers.0.n","equals":"3"`, false, `is 3, want "3"`, ""},
		"null is none":     {"/", `"path":"mesh.name","equals":"x"`, false, "is null", ""},
		"a text is no max": {"/", `"path":"mesh.peers.0.state","max":3`, false, "not known", "want a number"},
		"null is no max":   {"/", `"path":"mesh.name","max":3`, false, "not known", "want a number"},
		"not there":        {"/", `"path":"mesh.convergance","max":3`, false, "not known", "the body has no mesh.convergance"},
		"no such item":     {"/", `"path":"mesh.peers.2.n","max":3`, false, "not known", "the list has 2 items"},
		"below a number":   {"/", `"path":"mesh.convergence.ms","max":3`, false, "not known", "the body has no mesh.convergence.ms"},
		"a whole object":   {"/", `"path":"mesh","equals":3`, false, "not known", "no single value"},
		"no JSON":          {"/html", `"path":"mesh","equals":3`, false, "not known", "not JSON"},
		"cut off":          {"/long", `"path":"mesh","equals":3`, false, "not known", "larger than"},
	} {
		a := patient(t).one(t, "http", remediate.Target{}, here(fmt.Sprintf(`{"url":%q,"json":{%s}}`, s.URL+tc.path, tc.json)))
		if a.OK != tc.ok || !strings.Contains(a.Text, tc.text) || !strings.Contains(a.Err, tc.err) || (tc.err == "") != (a.Err == "") {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// That the text is missing is a no, whatever is not known of the JSON.
func TestHTTPSaysNoWhereSomethingIsNotKnown(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "{}") }))
	defer s.Close()
	a := patient(t).one(t, "http", remediate.Target{}, here(fmt.Sprintf(`{"url":%q,"contains":"ok","json":{"path":"a","max":1}}`, s.URL)))
	if a.OK || a.Err != "" || !strings.Contains(a.Text, `lacks "ok"`) || !strings.Contains(a.Text, "not known: the body has no a") {
		t.Errorf("got %+v", a)
	}
}

// signed makes a certificate that ends after so long, by parent, nil for itself.
func signed(t *testing.T, name string, valid time.Duration, parent *tls.Certificate) *tls.Certificate {
	t.Helper()
	return issued(t, name, time.Now().Add(-time.Hour), time.Now().Add(valid), parent)
}

// issued makes a certificate that is valid between two times.
func issued(t *testing.T, name string, from, until time.Time, parent *tls.Certificate) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: until,
		IsCA: name != "leaf", BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	by, with := c, any(key)
	out := &tls.Certificate{PrivateKey: key}
	if parent != nil {
		by, with = parent.Leaf, parent.PrivateKey
		out.Certificate = parent.Certificate
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, &key.PublicKey, with)
	if err != nil {
		t.Fatal(err)
	}
	if out.Leaf, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	out.Certificate = append([][]byte{der}, out.Certificate...)
	return out
}

// serve answers with a certificate, and returns by which URL.
func serve(t *testing.T, c *tls.Certificate) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{*c}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

func TestHTTPCertificate(t *testing.T) {
	const day = 24 * time.Hour
	ca := signed(t, "ca", 100*day, nil)
	trusted := file(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Leaf.Raw})))
	for name, tc := range map[string]struct {
		leaf, between time.Duration // 0: none
		file          string
		ok            bool
		text, err     string
	}{
		"long enough":                {30 * day, 0, trusted, true, "the certificate is valid for ", ""},
		"not for long":               {3 * day, 0, trusted, false, "want 1w", ""},
		"over":                       {-time.Minute, 0, trusted, false, "expired", ""},
		"one between is not":         {30 * day, 3 * day, trusted, false, `"between" in the certificate's chain is valid for`, ""},
		"one between is long enough": {30 * day, 40 * day, trusted, true, "the certificate is valid for", ""},
		"of somebody unknown":        {30 * day, 0, "", false, "unknown authority", ""},
		"no file":                    {30 * day, 0, "/nonexistent", false, "not known", "read the certificates to trust"},
		"no certificate in it":       {30 * day, 0, file(t, "x"), false, "not known", "holds none in PEM"},
	} {
		parent := ca
		if tc.between != 0 {
			parent = signed(t, "between", tc.between, ca)
		}
		url := serve(t, signed(t, "leaf", tc.leaf, parent))
		a := patient(t).one(t, "http", remediate.Target{}, here(fmt.Sprintf(`{"url":%q,"ca_file":%q,"certificate":{"valid_for":"168h"}}`, url, tc.file)))
		if a.OK != tc.ok || !strings.Contains(a.Text, tc.text) || !strings.Contains(a.Err, tc.err) || (tc.err == "") != (a.Err == "") {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// What was there before the change is not taken for what came with it: neither a
// certificate that is still valid, nor one that is not yet.
func TestHTTPCertificateIsNew(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Now()
	ca := issued(t, "ca", now.Add(-90*day), now.Add(90*day), nil) // those above stay as they are
	trusted := file(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Leaf.Raw})))
	for name, tc := range map[string]struct {
		age  time.Duration
		want string // the arguments
		ok   bool
		text string
	}{
		"new":                         {90 * time.Minute, `"issued_within":"2h"`, true, "which is 1h30m"},
		"the old one":                 {20 * day, `"issued_within":"2h"`, false, "want at most 2h"},
		"a bit too old":               {2*time.Hour + time.Minute, `"issued_within":"2h"`, false, "which is 2h1m"},
		"of the future":               {-time.Minute, `"issued_within":"2h"`, false, "not yet valid"},
		"new and for long enough":     {time.Minute, `"issued_within":"2h","valid_for":"168h"`, true, "is valid for"},
		"new and not for long":        {time.Minute, `"issued_within":"2h","valid_for":"60d"`, false, "want 60d"},
		"for long enough and not new": {20 * day, `"issued_within":"2h","valid_for":"168h"`, false, "want at most 2h"},
	} {
		url := serve(t, issued(t, "leaf", now.Add(-tc.age), now.Add(30*day), ca))
		a := patient(t).one(t, "http", remediate.Target{}, here(fmt.Sprintf(`{"url":%q,"ca_file":%q,"certificate":{%s}}`, url, trusted, tc.want)))
		if a.OK != tc.ok || !strings.Contains(a.Text, tc.text) || a.Err != "" {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// The clock may be set between the handshake and the look, and what was not
// verified has no date that counts.
func TestCertificateIsJudgedByItsDates(t *testing.T) {
	own := issued(t, "leaf", time.Now(), time.Now().Add(time.Hour), nil).Leaf
	c := certificate{IssuedWithin: model.Duration(time.Hour)}
	for name, tc := range map[string]struct {
		state *tls.ConnectionState
		text  string
		err   string
	}{
		"of the future": {&tls.ConnectionState{PeerCertificates: []*x509.Certificate{own}, VerifiedChains: [][]*x509.Certificate{{own}}}, "which is in the future", ""},
		"not verified":  {&tls.ConnectionState{PeerCertificates: []*x509.Certificate{own}}, "", "was not verified"},
		"without TLS":   {nil, "", "was not verified"},
	} {
		var f findings
		c.judge(&f, tc.state, own.NotBefore.Add(-time.Minute))
		a, err := f.answer()
		if a.OK || !strings.Contains(a.Text, tc.text) || (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
}
