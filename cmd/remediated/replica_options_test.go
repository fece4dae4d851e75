package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

// What the flags say comes to etcd: the secrets from their files, and both addresses.
func TestWhatAReplicaJoinsWith(t *testing.T) {
	cert, key := certificate(t, 1, time.Now().Add(time.Hour))
	pem, private := file(t, "one.pem", cert), file(t, "one.key", key)
	o := options{storage: "data", replica: replicaOptions{
		endpoints: []string{"https://10.0.0.1:2379"}, user: "remediated", password: file(t, "password", "secret\n"), prefix: "/shop/", publish: true,
		web: "http://10.0.0.2:9095", intake: "http://10.0.0.2:9096",
	}}
	o.replica.tls.CAFile, o.replica.tls.CertFile, o.replica.tls.KeyFile = pem, pem, private
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"": host, "a": "a"} {
		o.replica.name = name
		e, err := o.etcd()
		if err != nil {
			t.Fatal(err)
		}
		if e.Name != want || e.Password != "secret" || e.Username != "remediated" || e.Prefix != "/shop/" || !e.Publish || e.Folder != "data" || e.Address != "http://10.0.0.2:9095 http://10.0.0.2:9096" {
			t.Errorf("%+v", e)
		}
		if c, err := e.TLS.GetClientCertificate(nil); e.TLS.RootCAs == nil || err != nil || len(c.Certificate) != 1 {
			t.Errorf("TLS: %+v, %v", e.TLS, err)
		}
	}
	for wrong, change := range map[string]func(*replicaOptions){
		"--storage.etcd.ca-file, .cert-file and .key-file": func(r *replicaOptions) { r.tls.CAFile = file(t, "ca", "none") },
		"--storage.etcd.password-file: ":                   func(r *replicaOptions) { r.password = file(t, "empty", "") },
	} {
		broken := o
		change(&broken.replica)
		if _, err := broken.etcd(); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%v, want %q", err, wrong)
		}
	}
}

// What cannot be one of several replicas does not start, and says what is missing.
func TestReplicaOptions(t *testing.T) {
	configured := "--config.file=" + file(t, "remediated.yml", "")
	token, one := file(t, "token", "secret"), file(t, "one.pem", "")
	mtls := file(t, "mtls.yml", "tls_server_config: {cert_file: c, key_file: k, client_auth_type: RequireAndVerifyClientCert}\n")
	given := file(t, "given.yml", "tls_server_config: {cert_file: c, key_file: k, client_auth_type: VerifyClientCertIfGiven}\n")
	right := []string{
		"--storage.etcd.endpoints=https://10.0.0.1:2379", "--storage.etcd.endpoints=http://etcd-2:2379",
		"--cluster.advertise-url=http://10.0.0.2:9095", "--cluster.advertise-intake-url=https://remediated-1:9096/", "--intake.token-file=" + token,
	}
	without := func(flag string) (args []string) {
		for _, a := range right {
			if !strings.HasPrefix(a, flag+"=") {
				args = append(args, a)
			}
		}
		return args
	}
	and := func(more ...string) []string { return append(more, right...) }
	for _, c := range []struct {
		args []string
		want string // "" is accepted
	}{
		{nil, ""},
		{right, ""},
		{and("--storage.etcd.user=r", "--storage.etcd.password-file="+token, "--storage.etcd.ca-file="+one, "--storage.etcd.cert-file="+one, "--storage.etcd.key-file="+one, "--cluster.ca-file="+one), ""},
		{and("--storage.etcd.prefix=/shop/remediated/", "--storage.etcd.publish", "--web.config.file="+given, "--intake.config.file="+given), ""},

		{without("--intake.token-file"), "--intake.token-file is missing"},
		{without("--cluster.advertise-url"), "--cluster.advertise-url= is no address: with --storage.etcd.endpoints say where"},
		{without("--cluster.advertise-intake-url"), "--cluster.advertise-intake-url= is no address"},
		{append(without("--cluster.advertise-url"), "--cluster.advertise-url=10.0.0.2:9095"), "--cluster.advertise-url=10.0.0.2:9095 is no address"},
		{append(without("--cluster.advertise-url"), "--cluster.advertise-url=http://a b"), "is no address"},
		{and("--storage.etcd.endpoints=10.0.0.3:2379"), "--storage.etcd.endpoints=10.0.0.3:2379 is no address: give for example https://10.0.0.1:2379"},
		{and("--storage.etcd.prefix=remediated"), "--storage.etcd.prefix=remediated: it must begin and end with a slash"},
		{and("--storage.etcd.prefix=/"), "--storage.etcd.prefix=/: it must begin and end with a slash, with something in between"},
		{and("--storage.etcd.user=r"), "--storage.etcd.user and --storage.etcd.password-file go together"},
		{and("--storage.etcd.password-file=" + token), "--storage.etcd.user and --storage.etcd.password-file go together"},
		{and("--storage.etcd.key-file=" + one), "--storage.etcd.cert-file and --storage.etcd.key-file go together"},
		{and("--storage.etcd.user=r", "--storage.etcd.password-file="+token+"-lost"), "--storage.etcd.password-file: "},
		{and("--storage.etcd.ca-file=" + one + "-lost"), "one.pem-lost"},
		{and("--cluster.ca-file=" + one + "-lost"), "one.pem-lost"},
		{and("--web.config.file=" + mtls), "--web.config.file=" + mtls + " has client_auth_type: RequireAndVerifyClientCert"},
		{and("--intake.config.file=" + mtls), "--intake.config.file=" + mtls + " has client_auth_type: RequireAndVerifyClientCert"},

		{[]string{"--cluster.name=a"}, "--cluster.name=a means nothing to a daemon that is alone: give --storage.etcd.endpoints"},
		{[]string{"--storage.etcd.ca-file=" + one}, "means nothing to a daemon that is alone"},
		{[]string{"--storage.etcd.publish"}, "--storage.etcd.publish does not say to which etcd"},
	} {
		_, err := parse(append([]string{configured}, c.args...), new(bytes.Buffer))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.args, err, c.want)
		}
	}
}
