package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/alertmanager/template"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/alertmanager"
)

// measureIntake measures how many alerts a second are durably taken, from the
// POST to the 200: by the intake, the engine and the journal; by the intake
// alone, which reads them and forgets them; and by a file that they are
// appended to unread. Others that take such things are measured beside it. What is known already is measured by itself, and so is what
// opens an incident with each alert.
func measureIntake(ctx context.Context, o options) ([]row, error) {
	var contests []contest
	for _, alerts := range []int{1, 50} {
		for _, senders := range []int{1, 16, 256} {
			c := contest{subject: "intake", unit: "alerts/s", name: fmt.Sprintf("%d senders x %d alerts", senders, alerts)}
			for _, s := range []struct {
				name  string
				downs int
				serve server
			}{
				{"remediated, no policy matches", 0, serveEngine},
				{"remediated, one opens an incident", 1, serveEngine},
				{"read and forgotten", 0, serveDecoder},
				{"appended unread and synced", 0, serveFloor},
			} {
				c.contestants = append(c.contestants, contestant{s.name, func(ctx context.Context) (sample, error) {
					return s.serve.measure(ctx, o, &load{senders: senders, alerts: alerts, downs: s.downs})
				}})
			}
			contests = append(contests, c)
		}
	}
	return o.hold(ctx, append(contests, o.peers(), o.repeats(), o.incidents()))
}

// Of what is measured by itself.
const (
	manySenders = 256
	manyAlerts  = 50
)

// peers is what is there today, and keeps nothing.
func (o options) peers() contest {
	many := func() *load { return &load{senders: manySenders, alerts: manyAlerts} }
	return contest{subject: "intake", unit: "alerts/s", name: fmt.Sprintf("%d senders x %d alerts, that are new", manySenders, manyAlerts), contestants: []contestant{
		{"remediated", func(ctx context.Context) (sample, error) { return server(serveEngine).measure(ctx, o, many()) }},
		{"Alertmanager", func(ctx context.Context) (sample, error) { return alertmanagerPeer.measure(ctx, o, many()) }},
		{"webhook", func(ctx context.Context) (sample, error) { return webhookPeer.measure(ctx, o, many()) }},
	}}
}

// repeats is what Alertmanager sends most: what is known already, of which nothing
// is written down. It is held against what does no more than read the JSON.
func (o options) repeats() contest {
	c := contest{subject: "intake", unit: "alerts/s", name: fmt.Sprintf("%d senders x %d alerts, again and again", manySenders, manyAlerts)}
	for _, s := range []struct {
		name  string
		serve server
	}{{"remediated", serveEngine}, {"read by encoding/json", serveJSON}} {
		c.contestants = append(c.contestants, contestant{s.name, func(ctx context.Context) (sample, error) {
			return s.serve.measure(ctx, o, &load{senders: manySenders, alerts: manyAlerts, repeats: true})
		}})
	}
	return c
}

// incidents is the most that an alert can cost. It is held against a loop that
// writes the records of such incidents into a table, and does nothing else.
func (o options) incidents() contest {
	return contest{subject: "intake", unit: "facts/s", name: "an incident for each alert", contestants: []contestant{
		{"remediated", func(ctx context.Context) (sample, error) {
			s, err := server(serveEngine).measure(ctx, o, &load{senders: 16, alerts: manyAlerts, downs: manyAlerts})
			s.value = s.facts
			return s, err
		}},
		{"a bare SQLite loop", o.bareSQLite},
	}}
}

// server begins to serve webhooks, with its files in dir. It returns how many
// facts were kept so far, and what ends it once nobody is served any more.
type server func(ctx context.Context, dir string, senders int) (h http.Handler, facts counter, end func() error, err error)

// measure lets the server take the load.
func (serve server) measure(ctx context.Context, o options, l *load) (s sample, err error) {
	dir, err := os.MkdirTemp(o.dir, "intake-")
	if err != nil {
		return sample{}, err
	}
	defer os.RemoveAll(dir)
	handler, facts, end, err := serve(ctx, dir, l.senders)
	if err != nil {
		return sample{}, err
	}
	defer func() { err = errors.Join(err, end()) }()
	stop, err := l.listen(handler)
	if err != nil {
		return sample{}, err
	}
	defer stop()
	var before uint64
	got, err := l.send(ctx, o.sample, func() (err error) { before, err = facts(ctx); return err })
	if err != nil {
		return sample{}, err
	}
	kept, err := facts(ctx)
	if err != nil {
		return sample{}, err
	}
	kept -= before
	if alerts := uint64(got.webhooks * l.alerts); kept > 0 && kept < alerts {
		return sample{}, fmt.Errorf("%d alerts were sent and %d facts kept: the engine forgets alerts that no policy concerns beyond a number; measure for a shorter time", alerts, kept)
	}
	s = l.sampleOf(got)
	s.facts = float64(kept) / got.elapsed.Seconds()
	return s, nil
}

// listen serves h on the loopback interface, until stop is called.
func (l *load) listen(h http.Handler) (stop func() error, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l.url = "http://" + listener.Addr().String() + "/"
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	go s.Serve(listener)
	return s.Close, nil
}

// serveEngine is the daemon's way.
func serveEngine(ctx context.Context, dir string, senders int) (http.Handler, counter, func() error, error) {
	r, err := startEngine(ctx, filepath.Join(dir, "journal"), nil)
	if err != nil {
		return nil, nil, nil, err
	}
	in, err := newIntake(r.Submit, senders)
	if err != nil {
		return nil, nil, nil, errors.Join(err, r.close())
	}
	return in, r.facts, r.close, nil
}

// serveDecoder is the same without an engine.
func serveDecoder(_ context.Context, _ string, senders int) (http.Handler, counter, func() error, error) {
	in, err := newIntake(func(context.Context, []remediate.Input) error { return nil }, senders)
	return in, none, func() error { return nil }, err
}

// serveJSON reads what a webhook says, and that is all.
func serveJSON(context.Context, string, int) (http.Handler, counter, func() error, error) {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m template.Data
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	}), none, func() error { return nil }, nil
}

// serveFloor only makes bytes durable.
func serveFloor(_ context.Context, dir string, _ int) (http.Handler, counter, func() error, error) {
	f, err := newFloor(filepath.Join(dir, "appended"))
	if err != nil {
		return nil, nil, nil, err
	}
	return f, none, f.close, nil
}

// counter tells how many facts were kept so far.
type counter func(context.Context) (uint64, error)

func none(context.Context) (uint64, error) { return 0, nil }

// newIntake returns the daemon's intake. Its limit on webhooks at a time is
// raised to the number of senders: they must be taken to be measured.
func newIntake(submit func(context.Context, []remediate.Input) error, senders int) (http.Handler, error) {
	return alertmanager.NewIntake(alertmanager.IntakeOptions{
		Submit:     submit,
		Quarantine: func(context.Context, []byte, string) {}, // the sender hears of it, and fails
		Limits:     alertmanager.Limits{Concurrent: int64(senders)},
	})
}
