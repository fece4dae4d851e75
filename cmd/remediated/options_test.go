package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Nothing may listen where anybody could give orders.
func TestOpenListenersAreRefused(t *testing.T) {
	config := file(t, "remediated.yml", "")
	token := file(t, "token", "secret")
	users := file(t, "users.yml", "basic_auth_users: {anna: $2y$10$hash}\n")
	certificates := file(t, "mtls.yml", "tls_server_config: {cert_file: c, key_file: k, client_auth_type: RequireAndVerifyClientCert}\n")
	onlyTLS := file(t, "tls.yml", "tls_server_config: {cert_file: c, key_file: k}\n")
	for _, c := range []struct {
		args []string
		want string // "" is accepted
	}{
		{nil, ""},
		{[]string{"--web.listen-address=127.0.0.1:0", "--intake.listen-address=[::1]:0"}, ""},
		{[]string{"--web.listen-address=:9095"}, "--web.listen-address=:9095 is open to others"},
		{[]string{"--web.listen-address=0.0.0.0:9095"}, "is open to others"},
		{[]string{"--web.listen-address=10.0.0.1:9095", "--web.config.file=" + users}, ""},
		{[]string{"--web.listen-address=10.0.0.1:9095", "--web.config.file=" + certificates}, ""},
		{[]string{"--web.listen-address=10.0.0.1:9095", "--web.config.file=" + onlyTLS}, "is open to others"},
		{[]string{"--web.config.file=" + onlyTLS}, ""},
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
		{[]string{"--help"}, 0, "--storage.retention.time=90d"},
		{[]string{"--storage.retention.time=12h"}, 2, "--storage.retention.time=12h is less than a day: give for example 90d, or 0s for ever"},
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
