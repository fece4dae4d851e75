package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/promslog"
	promslogflag "github.com/prometheus/common/promslog/flag"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"

	"github.com/x0tta6bl4/remediated/cmd/internal/flags"
	"github.com/x0tta6bl4/remediated/remediate/action"
)

// options are the flags. What belongs to an installation rather than to a
// process stands in the configuration file.
type options struct {
	lease       *action.Lease // of the cluster that the daemon runs in; nil: it is written to without
	config      string
	autoReload  time.Duration // between looks at its files; 0: never
	storage     string
	replica     replicaOptions
	web         web.FlagConfig // the page, the API and the metrics
	externalURL string
	intake      web.FlagConfig // webhooks
	tokens      []string
	poll        time.Duration
	minUptime   time.Duration
	keep        retention
	hold        bool       // a new release only observes at first
	days        flags.Span // so much is decided again by a new release
	log         promslog.Config
}

var errHelp = errors.New("help was asked for")

// parse reads the flags.
func parse(args []string, stderr io.Writer) (options, error) {
	o := options{}
	app := kingpin.New("remediated", "Heals what Alertmanager says is broken, as far as policies allow, and calls people for the rest.")
	app.HelpFlag.Short('h')
	app.Version(version.Print("remediated"))
	app.UsageWriter(stderr).ErrorWriter(stderr)
	helped := false
	app.Terminate(func(int) { helped = true })

	lease := app.Flag("cluster.lease", "Lease of the cluster that the daemon runs in, as NAMESPACE/NAME, which it takes before its first act there: with the fence that remedy policy fence --lease prints only the pod writes that took it last.").String()
	pod := app.Flag("cluster.pod-uid", "UID of the pod that the daemon runs in, for --cluster.lease: metadata.uid of the downward API.").Envar("POD_UID").String()
	app.Flag("config.file", "The configuration.").Default("remediated.yml").StringVar(&o.config)
	app.Flag("config.auto-reload-interval", "How often the files of the configuration are looked at, to be read again when they have changed; 0s: only on SIGHUP and on /-/reload.").Default("0s").DurationVar(&o.autoReload)
	o.replica.flags(app)
	app.Flag("storage.path", "Folder of the journal.").Default("data").StringVar(&o.storage)
	o.keep.flags(app)
	o.web.WebListenAddresses = app.Flag("web.listen-address", "Address for the page, the API and the metrics. Repeatable.").Default("127.0.0.1:9095").Strings()
	o.web.WebConfigFile = app.Flag("web.config.file", "TLS and authentication for them, in the format of Prometheus's exporter toolkit.").Default("").String()
	o.web.WebSystemdSocket = new(bool)
	app.Flag("web.external-url", "Where people reach the page, for the links in messages.").StringVar(&o.externalURL)
	o.intake.WebListenAddresses = app.Flag("intake.listen-address", "Address for webhooks. Repeatable.").Default("127.0.0.1:9096").Strings()
	o.intake.WebConfigFile = app.Flag("intake.config.file", "TLS and authentication for webhooks, in the format of --web.config.file.").Default("").String()
	o.intake.WebSystemdSocket = new(bool)
	app.Flag("intake.token-file", "File with a bearer token that Alertmanager sends. Repeatable: two are valid while one is being replaced.").StringsVar(&o.tokens)
	app.Flag("alertmanager.poll-interval", "How often is listed what fires.").Default("1m").DurationVar(&o.poll)
	app.Flag("alertmanager.min-uptime", "How long an Alertmanager must have been up before what it does not list counts as resolved.").Default("5m").DurationVar(&o.minUptime)
	app.Flag("upgrade.hold", "Have a release that is another than before only observe until what it decides was compared with what was decided, and nothing differs, or until somebody accepts it (remedy upgrade accept). People are told all the while.").BoolVar(&o.hold)
	app.Flag("upgrade.days", "How much of the journal a release that is another than before decides again in the background, to see what it comes to otherwise: such as 7d, back from the last fact.").Default("7d").SetValue(&o.days)
	promslogflag.AddFlags(app, &o.log)

	if _, err := app.Parse(args); err != nil {
		return o, err
	}
	if helped {
		return o, errHelp
	}
	var err error
	if o.lease, err = newLease(*lease, *pod); err != nil {
		return o, err
	}
	return o, o.validate()
}

// validate refuses to take alerts from anybody, and to compare nothing. Who may
// give orders is seen when it is known whether people have tokens.
func (o options) validate() error {
	if o.days <= 0 {
		return fmt.Errorf("--upgrade.days=%s would compare nothing: give for example 7d", &o.days)
	}
	if o.autoReload < 0 {
		return fmt.Errorf("--config.auto-reload-interval=%s is no time: give for example 30s, or 0s for never", o.autoReload)
	}
	if err := o.keep.validate(); err != nil {
		return err
	}
	if _, err := authenticationOf(*o.web.WebConfigFile); err != nil {
		return err
	}
	if err := o.validateReplica(); err != nil {
		return err
	}
	for _, a := range *o.intake.WebListenAddresses {
		if !loopback(a) && *o.intake.WebConfigFile == "" && len(o.tokens) == 0 {
			return fmt.Errorf("--intake.listen-address=%s is open to others: give --intake.token-file or --intake.config.file, or listen on 127.0.0.1", a)
		}
	}
	for _, f := range append([]string{o.config}, o.tokens...) {
		if _, err := os.Stat(f); err != nil {
			return fmt.Errorf("%w: name it with its flag, see --help", err)
		}
	}
	return nil
}

// loopback tells whether only this machine reaches the address.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
