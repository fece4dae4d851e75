package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/config"
)

// replicaOptions are what the flags say of a daemon that is one of several, which
// share a journal in etcd.
type replicaOptions struct {
	name   string           // "": the host's
	web    string           // where the others reach our web listener
	intake string           // and our intake
	peers  config.TLSConfig // of connections to theirs

	endpoints []string         // of etcd; none: there are no others
	tls       config.TLSConfig // of connections to it
	user      string
	password  string // a file
	prefix    string
	publish   bool
}

func (r *replicaOptions) flags(app *kingpin.Application) {
	app.Flag("cluster.advertise-intake-url", "Where the other replicas reach the intake of this one: such as http://10.0.0.1:9096.").StringVar(&r.intake)
	app.Flag("cluster.advertise-url", "Where the other replicas reach the web listener of this one: such as http://10.0.0.1:9095.").StringVar(&r.web)
	app.Flag("cluster.ca-file", "Certificates of who issued those of the other replicas' listeners; whom the system trusts otherwise.").StringVar(&r.peers.CAFile)
	app.Flag("cluster.name", "Name of this replica, another than the others have; the host's otherwise.").StringVar(&r.name)
	app.Flag("storage.etcd.ca-file", "Certificates of who issued those of etcd; whom the system trusts otherwise.").StringVar(&r.tls.CAFile)
	app.Flag("storage.etcd.cert-file", "Our certificate for etcd. It and its key are read anew at each connection.").StringVar(&r.tls.CertFile)
	app.Flag("storage.etcd.endpoints", "An etcd that has the journal, for several replicas of which one leads: such as https://10.0.0.1:2379. Repeatable. Each replica has a copy in its --storage.path; without an etcd the journal is there alone.").StringsVar(&r.endpoints)
	app.Flag("storage.etcd.key-file", "The key of --storage.etcd.cert-file.").StringVar(&r.tls.KeyFile)
	app.Flag("storage.etcd.password-file", "File with the password of --storage.etcd.user. It is read at the start.").StringVar(&r.password)
	app.Flag("storage.etcd.prefix", "What the names of all our keys in etcd begin with.").Default(defaultPrefix).StringVar(&r.prefix)
	app.Flag("storage.etcd.publish", "Found the journal in etcd, when there is none, from the one in --storage.path: so one daemon becomes several.").BoolVar(&r.publish)
	app.Flag("storage.etcd.user", "Who we are to etcd, where it wants a name and a password.").StringVar(&r.user)
}

const defaultPrefix = "/remediated/"

// several tells whether there may be other replicas.
func (r replicaOptions) several() bool { return len(r.endpoints) > 0 }

// validateReplica refuses what cannot become one of several replicas.
func (o options) validateReplica() error {
	r := o.replica
	if !r.several() {
		return r.validateAlone()
	}
	for _, e := range r.endpoints {
		if !isAddress(e) {
			return fmt.Errorf("--storage.etcd.endpoints=%s is no address: give for example https://10.0.0.1:2379", e)
		}
	}
	switch {
	case !strings.HasPrefix(r.prefix, "/") || !strings.HasSuffix(r.prefix, "/") || len(r.prefix) < 2:
		return fmt.Errorf("--storage.etcd.prefix=%s: it must begin and end with a slash, with something in between, such as %s", r.prefix, defaultPrefix)
	case (r.user == "") != (r.password == ""):
		return errors.New("--storage.etcd.user and --storage.etcd.password-file go together: give both, or neither")
	case (r.tls.CertFile == "") != (r.tls.KeyFile == ""):
		return errors.New("--storage.etcd.cert-file and --storage.etcd.key-file go together: give both, or neither")
	case !isAddress(r.web):
		return fmt.Errorf("--cluster.advertise-url=%s is no address: with --storage.etcd.endpoints say where the other replicas reach the web listener of this one, for example http://10.0.0.1:9095", r.web)
	case !isAddress(r.intake):
		return fmt.Errorf("--cluster.advertise-intake-url=%s is no address: with --storage.etcd.endpoints say where the other replicas reach the intake of this one, for example http://10.0.0.1:9096", r.intake)
	case len(o.tokens) == 0:
		return errors.New("--intake.token-file is missing: with --storage.etcd.endpoints webhooks are passed on to the replica that leads, which knows by nothing else who sent them")
	}
	return cmp.Or(
		passable("--web.config.file", *o.web.WebConfigFile), passable("--intake.config.file", *o.intake.WebConfigFile),
		readable("--cluster.ca-file", r.peers.CAFile), readable("--storage.etcd.ca-file", r.tls.CAFile), readable("--storage.etcd.cert-file", r.tls.CertFile),
		readable("--storage.etcd.key-file", r.tls.KeyFile), readable("--storage.etcd.password-file", r.password),
	)
}

// validateAlone refuses what means nothing where there are no others.
func (r replicaOptions) validateAlone() error {
	for _, given := range []struct{ flag, value string }{
		{"--cluster.advertise-intake-url", r.intake},
		{"--cluster.advertise-url", r.web},
		{"--cluster.ca-file", r.peers.CAFile},
		{"--cluster.name", r.name},
		{"--storage.etcd.ca-file", r.tls.CAFile},
		{"--storage.etcd.cert-file", r.tls.CertFile},
		{"--storage.etcd.key-file", r.tls.KeyFile},
		{"--storage.etcd.password-file", r.password},
		{"--storage.etcd.user", r.user},
	} {
		if given.value != "" {
			return fmt.Errorf("%s=%s means nothing to a daemon that is alone: give --storage.etcd.endpoints as well, or leave it out", given.flag, given.value)
		}
	}
	if r.publish {
		return errors.New("--storage.etcd.publish does not say to which etcd: give --storage.etcd.endpoints as well, or leave it out")
	}
	return nil
}

// isAddress tells whether something can be connected to at a text.
func isAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// passable refuses a listener that wants what one replica cannot show to another.
func passable(flag, webConfig string) error {
	listener, err := authenticationOf(webConfig)
	if err == nil && listener.certificates {
		return fmt.Errorf("%s=%s has client_auth_type: RequireAndVerifyClientCert, and no replica can show another the certificate of who came to it: have people and programs known by tokens", flag, webConfig)
	}
	return err
}

func readable(flag, file string) error {
	if file == "" {
		return nil
	}
	if _, err := os.Stat(file); err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	return nil
}
