package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/config"
	toolkit "github.com/prometheus/exporter-toolkit/web"
)

// mounted is a folder as Kubernetes mounts a Secret: each name leads through one
// link, so that all of them change at once.
type mounted struct {
	t   *testing.T
	dir string
}

func mount(t *testing.T, files map[string]string) mounted {
	t.Helper()
	m := mounted{t, t.TempDir()}
	m.swap(files)
	for name := range files {
		if err := os.Symlink(filepath.Join("..data", name), m.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func (m mounted) path(name string) string { return filepath.Join(m.dir, name) }

// swap puts other files in place of those that are there, all at once.
func (m mounted) swap(files map[string]string) {
	m.t.Helper()
	version, err := os.MkdirTemp(m.dir, "..version")
	if err != nil {
		m.t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(version, name), []byte(text), 0o600); err != nil {
			m.t.Fatal(err)
		}
	}
	link := m.path("..data_tmp")
	if err := os.Symlink(filepath.Base(version), link); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Rename(link, m.path("..data")); err != nil {
		m.t.Fatal(err)
	}
}

// write writes into one of the files, as who does not know better.
func (m mounted) write(name, text string) {
	m.t.Helper()
	if err := os.WriteFile(m.path(name), []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// certificate is one for 127.0.0.1 that signs itself, and its key.
func certificate(t *testing.T, number int64, until time.Time) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(number), Subject: pkix.Name{CommonName: "remediated"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: until, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

// tlsServed is a listener of the daemon, with TLS.
type tlsServed struct {
	mounted
	address string
	log     *lockedLog
}

func serveTLS(t *testing.T, files map[string]string) tlsServed {
	t.Helper()
	s := tlsServed{mount(t, files), freePort(t), new(lockedLog)}
	web := filepath.Join(t.TempDir(), "web.yml")
	text := "tls_server_config: {cert_file: " + s.path("tls.crt") + ", key_file: " + s.path("tls.key") + "}"
	if err := os.WriteFile(web, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &daemon{log: slog.New(slog.NewTextHandler(s.log, nil))}
	parts := newLifecycle(d.log)
	err := d.listen(parts, "intake", http.NotFoundHandler(), &toolkit.FlagConfig{WebListenAddresses: &[]string{s.address}, WebSystemdSocket: new(bool), WebConfigFile: &web})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := parts.stop(); err != nil {
			t.Error(err)
		}
	})
	within(t, "it listens", func() bool { return s.serves() != 0 })
	return s
}

// serves is the number of the certificate that a new connection is shown, 0 when
// there is none.
func (s tlsServed) serves() int64 {
	c, err := tls.Dial("tcp", s.address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return 0
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// A certificate of ours that is rotated is served from the next connection on.
// One that is half written is not served, and the log says so; whoever comes
// then comes again.
func TestOurCertificateIsRotated(t *testing.T) {
	next := time.Now().Add(time.Hour)
	first, firstKey := certificate(t, 1, next)
	second, secondKey := certificate(t, 2, next)
	third, thirdKey := certificate(t, 3, next)
	s := serveTLS(t, map[string]string{"tls.crt": first, "tls.key": firstKey})
	if n := s.serves(); n != 1 {
		t.Fatalf("certificate %d is served, want the first", n)
	}
	s.swap(map[string]string{"tls.crt": second, "tls.key": secondKey})
	if n := s.serves(); n != 2 {
		t.Errorf("certificate %d is served, want the second", n)
	}
	s.write("tls.crt", third[:len(third)/2])
	s.write("tls.key", thirdKey)
	if n := s.serves(); n != 0 {
		t.Errorf("certificate %d is served, and half of one is there", n)
	}
	within(t, "the log says so", func() bool {
		return strings.Contains(s.log.String(), "level=WARN") && strings.Contains(s.log.String(), "TLS handshake error")
	})
	s.write("tls.crt", third)
	if n := s.serves(); n != 3 {
		t.Errorf("certificate %d is served, want the third", n)
	}
}

// A certificate of ours that expires is refused by those who look; we go on, and
// serve the next one.
func TestOurCertificateExpires(t *testing.T) {
	old, oldKey := certificate(t, 1, time.Now().Add(-time.Minute))
	fresh, freshKey := certificate(t, 2, time.Now().Add(time.Hour))
	s := serveTLS(t, map[string]string{"tls.crt": old, "tls.key": oldKey})
	get := func(ca string) error {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(ca))
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}, DisableKeepAlives: true}}
		r, err := client.Get("https://" + s.address)
		if err == nil {
			r.Body.Close()
		}
		return err
	}
	if err := get(old); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("who looks at an expired certificate got %v", err)
	}
	s.swap(map[string]string{"tls.crt": fresh, "tls.key": freshKey})
	if err := get(fresh); err != nil {
		t.Errorf("the fresh one: %v", err)
	}
}

// What Alertmanager and Prometheus are asked with, and trusted by, is read anew:
// rotated it is used from the next request on, half written it fails that one,
// and a dependency whose certificate expired is not asked any more.
func TestSecretsForDependenciesAreRotated(t *testing.T) {
	next := time.Now().Add(time.Hour)
	first, firstKey := certificate(t, 1, next)
	second, secondKey := certificate(t, 2, next)
	expired, expiredKey := certificate(t, 3, time.Now().Add(-time.Minute))
	serving := func(cert, key string) tls.Certificate {
		c, err := tls.X509KeyPair([]byte(cert), []byte(key))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	shown := serving(first, firstKey)
	var token string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token = r.Header.Get("Authorization")
		io.WriteString(w, "ok")
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	server.TLS = &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &shown, nil }}
	server.StartTLS()
	defer server.Close()

	m := mount(t, map[string]string{"ca.crt": first, "token": "first"})
	client, err := httpClient(config.HTTPClientConfig{
		TLSConfig:     config.TLSConfig{CAFile: m.path("ca.crt"), ServerName: "localhost"},
		Authorization: &config.Authorization{Type: "Bearer", CredentialsFile: m.path("token")},
	}, "prometheus")
	if err != nil {
		t.Fatal(err)
	}
	get := func() error {
		server.CloseClientConnections() // or the one that stands is used on
		r, err := client.Do(must(http.NewRequestWithContext(context.Background(), http.MethodGet, server.URL, nil)))
		if err == nil {
			r.Body.Close()
		}
		return err
	}
	if err := get(); err != nil || token != "Bearer first" {
		t.Fatalf("got %v with %q", err, token)
	}
	shown = serving(second, secondKey)
	m.swap(map[string]string{"ca.crt": second, "token": "second"})
	if err := get(); err != nil || token != "Bearer second" {
		t.Errorf("rotated: %v, with %q", err, token)
	}
	m.write("ca.crt", first[:len(first)/2])
	if err := get(); err == nil {
		t.Error("half of a CA is trusted")
	}
	m.write("ca.crt", second)
	if err := get(); err != nil {
		t.Errorf("whole again: %v", err)
	}
	shown = serving(expired, expiredKey)
	m.swap(map[string]string{"ca.crt": expired, "token": "second"})
	if err := get(); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("expired: %v", err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
