package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/x0tta6bl4/remediated/policies"
)

// Nothing may listen where anybody could tell of alerts.
func TestOpenIntakesAreRefused(t *testing.T) {
	config := file(t, "remediated.yml", "")
	token := file(t, "token", "secret")
	onlyTLS := file(t, "tls.yml", "tls_server_config: {cert_file: c, key_file: k}\n")
	for _, c := range []struct {
		args []string
		want string // "" is accepted
	}{
		{nil, ""},
		{[]string{"--web.listen-address=127.0.0.1:0", "--intake.listen-address=[::1]:0"}, ""},
		{[]string{"--web.config.file=" + onlyTLS + "-lost"}, "tls.yml-lost"},
		{[]string{"--intake.listen-address=:9096"}, "--intake.listen-address=:9096 is open to others"},
		{[]string{"--intake.listen-address=:9096", "--intake.token-file=" + token}, ""},
		{[]string{"--intake.token-file=" + token + "-lost"}, "token-lost"},
	} {
		_, err := parse(append([]string{"--config.file=" + config}, c.args...), new(bytes.Buffer))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%v: %v", c.args, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%v: %v, want %q", c.args, err, c.want)
		}
	}
}

// Nor where anybody could give orders, whichever way there is to know people by.
func TestOpenPagesAreRefused(t *testing.T) {
	users := file(t, "users.yml", "basic_auth_users: {anna: $2y$10$hash}\n")
	certificates := file(t, "mtls.yml", "tls_server_config: {cert_file: c, key_file: k, client_auth_type: RequireAndVerifyClientCert}\n")
	optional := file(t, "optional.yml", "tls_server_config: {cert_file: c, key_file: k, client_auth_type: VerifyClientCertIfGiven}\n")
	unverified := file(t, "any.yml", "tls_server_config: {cert_file: c, key_file: k, client_auth_type: RequireAnyClientCert}\n")
	onlyTLS := file(t, "tls.yml", "tls_server_config: {cert_file: c, key_file: k}\n")
	token := policies.Config{People: []policies.Person{{Name: "anna", TokenFile: file(t, "anna", annasToken)}}}
	named := policies.Config{People: []policies.Person{{Name: "anna", Certificate: "anna@example.org"}}}
	for _, c := range []struct {
		address, web string
		config       policies.Config
		refused      bool
	}{
		{"127.0.0.1:0", "", policies.Config{}, false},
		{"127.0.0.1:0", onlyTLS, policies.Config{}, false},
		{":9095", "", policies.Config{}, true},
		{"0.0.0.0:9095", "", policies.Config{People: []policies.Person{{Name: "anna"}}}, true},
		{"[::]:9095", onlyTLS, policies.Config{}, true},
		{"10.0.0.1:9095", unverified, policies.Config{}, true},
		{"10.0.0.1:9095", optional, policies.Config{}, true},
		{"remediated.example:9095", "", policies.Config{}, true},
		{"10.0.0.1:9095", users, policies.Config{}, false},
		{"10.0.0.1:9095", certificates, policies.Config{}, false},
		{"10.0.0.1:9095", optional, named, false},
		{"10.0.0.1:9095", "", token, false},
		{"10.0.0.1:9095", "", policies.Config{Proxy: &policies.Proxy{Header: "X-User", Certificates: []string{"proxy"}}}, false},
	} {
		d := &daemon{options: options{config: "remediated.yml", web: toolkit.FlagConfig{WebListenAddresses: &[]string{c.address}, WebConfigFile: &c.web}}}
		_, err := d.newCallers(&c.config)
		if c.refused != (err != nil) || err != nil && !strings.Contains(err.Error(), "--web.listen-address="+c.address+" is open to others: give people a token_file in remediated.yml") {
			t.Errorf("%s with %s: %v", c.address, filepath.Base(c.web), err)
		}
	}
}

// Whoever calls it wrong is told what is wrong, with the exit code for that.
func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--help"}, 0, "--config.file"},
		{[]string{"--no-such-flag"}, 2, "no-such-flag"},
		{[]string{"--help"}, 0, "--upgrade.days=7d"},
		{[]string{"--upgrade.days=week"}, 2, `"week" is no time span: write for example 7d or 36h`},
		{[]string{"--upgrade.days=0s"}, 2, `--upgrade.days=0s would compare nothing: give for example 7d`},
		{[]string{"--config.auto-reload-interval=-1s"}, 2, "--config.auto-reload-interval=-1s is no time: give for example 30s, or 0s for never"},
		{[]string{"--cluster.lease=remediated"}, 2, "--cluster.lease=remediated is no Lease: give NAMESPACE/NAME, for example remediated/remediated"},
		{[]string{"--cluster.lease=remediated/"}, 2, "--cluster.lease=remediated/ is no Lease"},
		{[]string{"--cluster.lease=ops/healer", "--cluster.pod-uid="}, 2, "--cluster.lease=ops/healer needs the UID of the daemon's pod: give the container the environment variable POD_UID from the field metadata.uid, or --cluster.pod-uid"},
		{[]string{"--help"}, 0, "--storage.retention.time=90d"},
		{[]string{"--storage.retention.time=12h"}, 2, "--storage.retention.time=12h is less than a day: give for example 90d, or 0s for ever"},
		{[]string{"--storage.retention.evidence=1h"}, 2, "--storage.retention.evidence=1h is less than a day: give for example 14d, or 0s for as long as the rest"},
		{[]string{"--storage.retention.evidence=91d"}, 2, "--storage.retention.evidence=13w is longer than --storage.retention.time=90d, with which it goes"},
		{[]string{"--storage.retention.size=1MB"}, 2, "--storage.retention.size=1MiB is less than 16MB: give for example 512MB"},
		{[]string{"--storage.retention.reserve=much"}, 2, "much"},
		{[]string{"--config.file=" + filepath.Join(t.TempDir(), "lost.yml")}, 2, "lost.yml"},
		{[]string{"--config.file=" + file(t, "remediated.yml", "policies: 7\n")}, 1, "remediated.yml:1:11"},
	} {
		var out bytes.Buffer
		if code := run(context.Background(), c.args, signals{}, &out); code != c.code || !strings.Contains(out.String(), c.want) {
			t.Errorf("%v: exit %d, want %d and %q:\n%s", c.args, code, c.code, c.want, out.String())
		}
	}
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
