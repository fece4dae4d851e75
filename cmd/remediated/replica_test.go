package main

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/config"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/action"
	"github.com/x0tta6bl4/remediated/remediate/journal/etcd"
)

// seat is a member that follows whoever it says.
type seat struct {
	member
	leader   atomic.Pointer[etcd.Leader]
	resigned atomic.Bool
}

func (s *seat) Resign(context.Context) error { s.resigned.Store(true); return nil }

func (s *seat) Leader() (etcd.Leader, bool) { return *s.leader.Load(), true }

// Nobody else is let lead by one that acts still.
func TestTheLeadIsHandedOverWhenAllHasEnded(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	for _, ended := range []bool{true, false} {
		m := new(seat)
		d := &daemon{log: log, watch: newWatcher(log), member: m, ended: make(chan struct{}), options: options{tokens: []string{file(t, "token", annasToken)}}}
		d.working.Store(true)
		d.watch.leads.Set(1)
		if ended {
			close(d.ended)
		}
		if err := d.handOver(t.Context(), http.DefaultTransport); (err == nil) != ended || m.resigned.Load() != ended {
			t.Errorf("all has ended: %v; it resigned: %v, %v", ended, m.resigned.Load(), err)
		}
		if d.working.Load() || d.web.Load() == nil || d.intake.Load() == nil {
			t.Error("it does not pass on what comes")
		}
		shows(t, d, "remediated_leader 0")
	}
}

// Of what comes to either listener of a replica that follows it answers for itself, has
// no stranger get any further, and passes on the rest to the same listener of the leader.
func TestAReplicaThatFollows(t *testing.T) {
	listener := func(name string) string {
		return "http://" + serve(t, usual, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Came", name+" "+r.URL.Path)
			w.WriteHeader(http.StatusTeapot)
		})
	}
	log := slog.New(slog.DiscardHandler)
	d := &daemon{log: log, watch: newWatcher(log), name: "follows", options: options{tokens: []string{file(t, "token", annasToken)}}}
	m := new(seat)
	m.leader.Store(&etcd.Leader{Name: "leads", Address: listener("web") + " " + listener("intake")})
	d.member = m
	d.outside.Store(&outside{callers: &callers{people: crew(t), guesses: &d.guesses}})
	peers, err := newPeers(config.TLSConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer peers.CloseIdleConnections()
	if err := d.passOn(peers); err != nil {
		t.Fatal(err)
	}
	web, intake := serve(t, usual, d.web.ServeHTTP), serve(t, usual, d.intake.ServeHTTP)
	for _, c := range []struct {
		to, path string
		with     func(*http.Request)
		code     int
		came     string // to the leader
	}{
		{web, "/-/ready", nil, http.StatusOK, ""},
		{web, "/-/healthy", nil, http.StatusOK, ""},
		{web, "/metrics", bearer(annasToken), http.StatusOK, ""},
		{web, "/metrics", nil, http.StatusUnauthorized, ""},
		{web, "/api/v1/status", bearer(bensToken), http.StatusTeapot, "web /api/v1/status"},
		{web, "/api/v1/status", bearer("wrong"), http.StatusUnauthorized, ""},
		{web, "/", nil, http.StatusUnauthorized, ""},
		{web, "/-/reload", bearer(annasToken), http.StatusTeapot, "web /-/reload"},
		{intake, alertmanagerPath, bearer(annasToken), http.StatusTeapot, "intake " + alertmanagerPath},
		{intake, alertmanagerPath, bearer(bensToken), http.StatusUnauthorized, ""},
		{intake, alertmanagerPath, nil, http.StatusUnauthorized, ""},
		{intake, slackPath, nil, http.StatusTeapot, "intake " + slackPath},
		{intake, "/metrics", nil, http.StatusTeapot, "intake /metrics"},
	} {
		r := request(t, http.MethodGet, "http://"+c.to+c.path, nil)
		if c.with != nil {
			c.with(r)
		}
		resp, body := ask(t, r)
		if came := resp.Header.Get("Came"); resp.StatusCode != c.code || came != c.came {
			t.Errorf("%s: %d, and to the leader came %q, want %d and %q: %s", c.path, resp.StatusCode, came, c.code, c.came, body)
		}
	}
	shows(t, d, `remediated_forwarded_requests_total{listener="web",ok="true"} 2`)
	shows(t, d, `remediated_forwarded_requests_total{listener="intake",ok="true"} 3`)
	shows(t, d, "remediated_leader 0")
	m.leader.Store(&etcd.Leader{Name: d.name})
	r := request(t, http.MethodGet, "http://"+web+"/api/v1/status", nil)
	bearer(bensToken)(r)
	if resp, body := ask(t, r); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, `"error": "this replica is about to lead: try again"`) {
		t.Errorf("before it leads: %d %s", resp.StatusCode, body)
	}
	shows(t, d, `remediated_forwarded_requests_total{listener="web",ok="false"} 1`)
}

// lasting performs whatever it is given until that is to end.
type lasting struct{ begun atomic.Int64 }

func (l *lasting) Perform(ctx context.Context, _ remediate.Started) remediate.Result {
	l.begun.Add(1)
	<-ctx.Done()
	return remediate.Result{Outcome: remediate.Unknown, Text: "broke off"}
}

func (s *seat) Leads() bool { return !s.resigned.Load() }

// The Lease of the cluster is the leader's.
func TestOnlyALeaderTakesTheLease(t *testing.T) {
	m, l := new(seat), new(action.Lease)
	d := &daemon{member: m, options: options{lease: l}}
	d.performer()
	if l.Leads == nil || !l.Leads() {
		t.Fatal("who leads may not take it")
	}
	if m.resigned.Store(true); l.Leads() {
		t.Error("who leads no more may take it")
	}
}

// Who may not lead any more begins no act, and breaks off what it does; it asks and
// tells nevertheless.
func TestOnlyALeaderActs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		act, tell := remediate.Started{Act: &remediate.Act{}}, remediate.Started{Tell: &remediate.Tell{}}
		var leads atomic.Bool
		under := new(lasting)
		l := leader{under, leads.Load}
		if r := l.Perform(t.Context(), act); r.Outcome != remediate.Unknown || !strings.HasPrefix(r.Text, "not begun: ") || under.begun.Load() != 0 {
			t.Errorf("who does not lead: %+v", r)
		}
		leads.Store(true)
		acted, told := make(chan remediate.Result, 1), make(chan remediate.Result, 1)
		go func() { acted <- l.Perform(t.Context(), act) }()
		go func() { told <- l.Perform(t.Context(), tell) }()
		time.Sleep(time.Minute)
		if len(acted) != 0 || under.begun.Load() != 2 {
			t.Error("who leads does not act")
		}
		leads.Store(false)
		time.Sleep(whileEvery)
		synctest.Wait()
		select {
		case r := <-acted:
			if r.Text != "broke off" {
				t.Errorf("the act: %+v", r)
			}
		default:
			t.Error("it acts though another may lead")
		}
		if len(told) != 0 {
			t.Error("it does not tell any more")
		}
	})
}
