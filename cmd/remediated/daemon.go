package main

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/common/version"
	"golang.org/x/time/rate"

	"github.com/x0tta6bl4/remediated/cmd/internal/catalogue"
	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/engine"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

// daemon is the wiring: every part is made and joined here, and nowhere else.
type daemon struct {
	options options
	log     *slog.Logger
	stderr  io.Writer // where broken configuration is shown with its lines

	watch   *watcher
	loaded  *policies.Loaded
	engine  *engine.Engine
	ended   chan struct{}                  // closed when the engine has, and all that acts with it
	inUse   atomic.Pointer[engine.Journal] // the journal; opened anew after a failure
	journal atomic.Pointer[journal.SQLite] // the same, while there are no other replicas
	member  member                         // this replica among the others; nil: there are none
	name    string                         // and its name, "" when there are none
	outside atomic.Pointer[outside]        // replaced by a reload
	working atomic.Bool                    // it decides, acts and tells: it is alone, or leads
	web     served
	intake  served
	renew   []func() // begin anew, after a reload, what uses the clients
	kill    *killSwitch
	raiser  *raiser
	rejects *rate.Limiter // of refused commands that are written down
	loading sync.Mutex    // one reload at a time
	read    string        // the fingerprint of what was read last
	refused bool          // what was read last is not in force
	guesses guesses       // of tokens, at either listener
	feed    web.Feed      // to those who look at the page
	service supervisor    // who started us
}

// run runs the daemon until ctx ends or a part of it fails.
func (d *daemon) run(ctx context.Context, sig signals) (err error) {
	d.log.Info("starting", "version", version.Info(), "build", version.BuildContext())
	d.watch = newWatcher(d.log)
	d.rejects = rate.NewLimiter(rate.Every(time.Second), 20)
	if d.service, err = newSupervisor(os.Getenv, os.Getpid(), d.log); err != nil {
		return err
	}
	if err := d.configure(); err != nil {
		return err
	}
	parts := newLifecycle(d.log)
	defer func() { err = errors.Join(err, parts.stop()) }()
	defer d.service.say("STOPPING=1")
	d.watch.registry.MustRegister(newJournalMetrics(d.history))
	if d.options.replica.several() {
		if leads, err := d.follow(ctx, parts, sig); !leads {
			return err
		}
	}
	if err := d.work(ctx, parts, sig.pause); err != nil {
		return err
	}
	if d.member == nil { // else they are open already
		if err := d.startListeners(parts); err != nil {
			return err
		}
		d.log.Info("ready")
	} else {
		d.log.Info("ready", "replica", d.name, "leads", true)
	}
	if lost, err := d.await(ctx, parts, signals{reload: sig.reload}, d.lost()); !lost {
		return err
	}
	return errLost
}

// await waits until the daemon is to stop, by ctx or by a part that fails, or what is
// given is closed, which it tells.
func (d *daemon) await(ctx context.Context, parts *lifecycle, sig signals, until <-chan struct{}) (closed bool, err error) {
	for {
		select {
		case <-ctx.Done():
			d.log.Info("stopping: asked to")
			return false, nil
		case err := <-parts.broke:
			return false, err
		case <-until:
			return true, nil
		case <-sig.reload:
			d.reload(ctx)
		case <-sig.pause:
			d.log.Warn("nothing was paused by the signal: this replica does not lead; pause with remedy pause all, which reaches the one that does", "by", bySignal)
		}
	}
}

// work starts all that decides, acts and tells, and serves it.
func (d *daemon) work(ctx context.Context, parts *lifecycle, pause <-chan os.Signal) error {
	if err := d.startEngine(ctx, parts); err != nil {
		return err
	}
	parts.run("raising", d.raiser.run)
	d.kill.begin(ctx)
	parts.run("kill switch", func(ctx context.Context) error { return d.kill.run(ctx, pause) })
	parts.run("upgrade", d.upgrade)
	d.startListening(parts)
	d.working.Store(true)
	d.watch.leads.Set(1)
	return d.serve()
}

// configure reads the configuration and makes what it names.
func (d *daemon) configure() error {
	d.read = policies.Fingerprint(d.options.config) // before: what changes meanwhile is seen later
	loaded, problems := policies.Load(d.options.config, catalogue.New())
	if len(problems) > 0 {
		if err := policies.Render(d.stderr, problems); err != nil {
			return err
		}
	}
	if policies.HasErrors(problems) {
		return fmt.Errorf("%s: it cannot be started with this configuration; mend what is named above, and check it with remedy policy lint", d.options.config)
	}
	out, err := d.newOutside(loaded.Config)
	if err != nil {
		return err
	}
	d.loaded = loaded
	d.outside.Store(out)
	d.watch.reloaded(true)
	return nil
}

// startEngine opens the journal and starts the loop. It returns when the
// journal was read.
func (d *daemon) startEngine(ctx context.Context, parts *lifecycle) error {
	d.loading.Lock() // the configuration may be read anew meanwhile: from here on for the engine
	d.engine = engine.New(engine.Options{
		Open: d.openInUse, Name: drawName, Performer: crashAfterPerforming(d.performer()), Rulebook: d.loaded.Rulebook,
		Release: release(), Hold: d.options.hold, Observe: crashAfterFact(d.observe), Settled: d.watch.accounts.settle, Log: d.log,
		Retention: d.options.keep.kept(),
	})
	d.loading.Unlock()
	d.watch.waiting(d.engine.OldestWaiting)
	d.raiser = d.newRaiser()
	d.kill = newKillSwitch(d.options.storage, d.engine, d.log)
	d.ended = make(chan struct{})
	parts.run("engine", func(ctx context.Context) error {
		defer close(d.ended)
		return d.engine.Run(ctx)
	})
	select {
	case <-d.engine.Ready():
	case <-d.ended:
		return errors.Unwrap(<-parts.broke) // the engine's own words
	case <-ctx.Done():
		return nil
	}
	return d.engine.Look(ctx, func(s *remediate.State, _ remediate.Rulebooks) { d.watch.resume(s) })
}

// observe hears of every fact after it is durable. What a webhook left in doubt
// is settled by the next listing, which therefore comes at once.
func (d *daemon) observe(f remediate.Fact) {
	d.watch.fact(f)
	d.raiser.poke()
	d.feed.Changed()
	if _, doubted := f.Body.(remediate.AlertDoubted); doubted {
		d.outside.Load().alertmanager.Pull()
	}
}

// newRaiser raises what we have to say at the Alertmanagers in use.
func (d *daemon) newRaiser() *raiser {
	post := func(ctx context.Context, alerts []remediate.Alert) error {
		return d.outside.Load().alertmanager.Raise(ctx, alerts)
	}
	r := newRaiser(d.engine, post, d.log)
	r.on = func() bool { return d.outside.Load().raises }
	r.page = pageOf(d.options.externalURL)
	return r
}

// Perform carries out what was started with the clients that are in use now,
// and nothing before the kill switch has had its say.
func (d *daemon) Perform(ctx context.Context, s remediate.Started) remediate.Result {
	select {
	case <-d.kill.looked:
	case <-ctx.Done():
		return remediate.Result{Outcome: remediate.Unknown, Text: "stopped before it was begun"}
	}
	return d.outside.Load().Perform(ctx, s)
}

// openInUse opens the journal for the engine, at the start and anew after it
// failed. Whether that went well is looked at: a journal that cannot be written is
// an alert of ours.
func (d *daemon) openInUse(ctx context.Context) (engine.Journal, error) {
	defer d.raiser.poke()
	j, err := d.openJournal(ctx)
	if err != nil {
		return nil, err
	}
	return timed{j, d.watch.appends}, nil
}

// openJournal opens the journal, and has it be the one in use.
func (d *daemon) openJournal(ctx context.Context) (engine.Journal, error) {
	j, err := d.open(ctx)
	if err != nil {
		return nil, err
	}
	d.inUse.Store(&j)
	return j, nil
}

// open opens the journal that the replicas share, or the one of a daemon that is alone.
func (d *daemon) open(ctx context.Context) (engine.Journal, error) {
	if d.member != nil {
		return d.member.Open(ctx)
	}
	j, err := journal.Open(ctx, d.options.storage, journal.Options{})
	if err != nil {
		return nil, err
	}
	d.journal.Store(j)
	return j, nil
}

// history is what is read of the past, nil while it is not open.
func (d *daemon) history() *journal.SQLite {
	if d.member != nil {
		return d.member.History()
	}
	return d.journal.Load()
}

// keep keeps a blob in the journal in use. It is an error while there is none
// and while it is degraded: a journal that broke off keeps nothing any more,
// and the one that is opened in its place is the one in use from then on.
func (d *daemon) keep(ctx context.Context, blob []byte) (string, error) {
	j := d.inUse.Load()
	if j == nil {
		return "", errors.New("the journal is not open yet")
	}
	return (*j).Keep(ctx, blob)
}

// drawName draws the name of a new journal.
func drawName() string {
	b := make([]byte, 5)
	_, _ = rand.Read(b) // never fails, says its documentation
	return strings.ToLower(base32.StdEncoding.EncodeToString(b))
}

// startListening starts what hears of the world by itself: what fires, what
// people press in Slack, and what they do in PagerDuty.
func (d *daemon) startListening(parts *lifecycle) {
	d.perConfiguration(parts, "listing", func(ctx context.Context, out *outside) {
		out.alertmanager.Poll(ctx, d.options.poll, d.engine.Submit)
	})
	d.perConfiguration(parts, "watchdog", func(ctx context.Context, out *outside) {
		if out.watchdog != nil {
			_ = out.watchdog.run(ctx) // it ends with ctx only
		}
	})
	d.perConfiguration(parts, "heartbeat", func(ctx context.Context, out *outside) {
		if out.heartbeat != nil {
			_ = out.heartbeat.run(ctx) // it ends with ctx only
		}
	})
	d.perConfiguration(parts, "demotion", func(ctx context.Context, out *outside) {
		if out.demote != nil {
			newDemoter(*out.demote, d.options.storage, d.engine, d.log).run(ctx)
		}
	})
	d.perConfiguration(parts, "slack socket", func(ctx context.Context, out *outside) { out.listenToSlack(ctx, d.log) })
	d.perConfiguration(parts, "pagerduty polling", func(ctx context.Context, out *outside) { out.pollPagerDuty(ctx, d) })
}

// perConfiguration runs do with the clients in use until the daemon stops, and
// anew after each reload, with the new ones.
func (d *daemon) perConfiguration(parts *lifecycle, name string, do func(context.Context, *outside)) {
	again := make(chan struct{}, 1)
	d.loading.Lock()
	defer d.loading.Unlock()
	d.renew = append(d.renew, func() {
		select {
		case again <- struct{}{}:
		default:
		}
	})
	parts.run(name, func(ctx context.Context) error {
		for ctx.Err() == nil {
			round, stop := context.WithCancel(ctx)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				do(round, d.outside.Load())
			}()
			select {
			case <-again:
			case <-ctx.Done():
			}
			stop()
			<-ended
		}
		return nil
	})
}

// reload reads the configuration again. Everything that can fail is made
// before anything that runs is touched; a group of files that is broken keeps
// its last good version.
func (d *daemon) reload(ctx context.Context) []policies.Problem {
	d.loading.Lock()
	defer d.loading.Unlock()
	defer d.service.reloading()()
	d.read = policies.Fingerprint(d.options.config)
	loaded, problems := policies.Reload(d.loaded, d.options.config, catalogue.New())
	for _, p := range problems {
		d.log.Warn("configuration", "problem", p.String())
	}
	err := func() error {
		out, err := d.newOutside(loaded.Config)
		if err != nil {
			return err
		}
		if d.engine != nil { // else what was read is what it will begin with
			if err := d.engine.Load(ctx, loaded.Rulebook); err != nil {
				return err
			}
		}
		d.loaded = loaded
		d.outside.Store(out)
		for _, renew := range d.renew {
			renew()
		}
		return nil
	}()
	d.refused = err != nil
	if err != nil {
		d.log.Error("the configuration was not reloaded; the one before stays", "err", err)
		problems = append(problems, policies.Problem{File: d.options.config, Severity: policies.Error, Message: err.Error()})
	}
	d.watch.reloaded(!policies.HasErrors(problems))
	return problems
}
