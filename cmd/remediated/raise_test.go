package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/web/webtest"
)

// pager is an Alertmanager, as far as it is told what fires.
type pager struct {
	mu    sync.Mutex
	fires map[string]remediate.Alert
	posts []string // each alert that was posted: when, which and for how long
	err   error    // what it answers instead
}

func (p *pager) post(ctx context.Context, alerts []remediate.Alert) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.fires == nil {
		p.fires = map[string]remediate.Alert{}
	}
	for _, a := range alerts {
		p.fires[a.Labels.String()] = a
		p.posts = append(p.posts, fmt.Sprintf("%s %s %s %s", time.Since(webtest.Epoch).Round(time.Second), a.Name(), a.Labels.Get("incident"), time.Until(a.EndsAt).Round(time.Second)))
	}
	return nil
}

// told returns what was posted since it was last asked for.
func (p *pager) told() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() { p.posts = nil }()
	return strings.Join(p.posts, "\n")
}

// firing is what it holds to fire now.
func (p *pager) firing() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var names []string
	for _, a := range p.fires {
		if a.EndsAt.After(time.Now()) {
			names = append(names, strings.TrimPrefix(a.Name(), remediate.OwnPrefix))
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func (p *pager) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

// raising is a raiser that runs over a world whose time is the bubble's.
type raising struct {
	*raiser
	t     *testing.T
	world *webtest.World
	pager *pager
	log   *bytes.Buffer // read it while nothing runs
	stop  func()
}

const holding = `
policies:
- {name: db, when: ['alertname="DbDown"'], per: [namespace], severity: P2, mode: act, holdPage: true, target: deployment/$namespace/db, steps: [{name: restart, do: [{kind: restart}], verify: {all: [{kind: postgres}], for: 5s, within: 10m, every: 1s}}]}
`

// raise starts a raiser in the test's bubble.
func raise(t *testing.T, with func(*raiser)) *raising {
	t.Helper()
	time.Sleep(time.Until(webtest.Epoch))
	w := webtest.Play(t, "set verify=ok/9m")
	book, err := webtest.Rulebook(holding)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Load(book); err != nil {
		t.Fatal(err)
	}
	r := &raising{t: t, world: w, pager: new(pager), log: new(bytes.Buffer)}
	r.raiser = newRaiser(w, r.pager.post, slog.New(slog.NewTextHandler(r.log, nil)))
	if with != nil {
		with(r.raiser)
	}
	r.start()
	t.Cleanup(func() { r.stop() })
	return r
}

// start starts it, with nothing remembered.
func (r *raising) start() {
	r.told = map[string]remediate.Alert{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- r.run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Errorf("it ended: %v", err)
		}
	})
	r.pass(raiseGap) // what is done next is told at once
}

// crash stops it without a word to anybody.
func (r *raising) crash() {
	r.pager.fail(errors.New("nobody hears a last word"))
	r.stop()
	r.pager.fail(nil)
}

// do carries out lines of a script, and tells of it as the daemon does.
func (r *raising) do(script string) {
	r.t.Helper()
	if err := r.world.Play(script); err != nil {
		r.t.Fatal(err)
	}
	r.poke()
	synctest.Wait()
}

// pass lets time go by, in the world and in the bubble.
func (r *raising) pass(d time.Duration) {
	r.t.Helper()
	for range d / time.Second {
		if err := r.world.Pass(time.Second); err != nil {
			r.t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
	}
}

func (r *raising) fires(want string) {
	r.t.Helper()
	if got := r.pager.firing(); got != want {
		r.t.Errorf("at +%s %q fires, want %q\n%s", time.Since(webtest.Epoch), got, want, r.log)
	}
}

// A page is held at once, renewed while it is, and let go when people are to be
// called.
func TestRaiserHoldsAPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := raise(t, nil)
		r.pass(9 * time.Second)
		r.do("alert DbDown namespace=shop")
		r.pass(70 * time.Second)
		if got, want := r.pager.told(), "10s RemediationInProgress i1 2m0s\n30s RemediationInProgress i1 2m0s\n1m0s RemediationInProgress i1 2m0s"; got != want {
			t.Errorf("told\n%s\nwant\n%s", got, want)
		}
		for time.Since(webtest.Epoch) < 5*time.Minute+10*time.Second {
			r.fires("InProgress")
			r.pass(time.Second)
		}
		r.fires("")
		if got := r.pager.told(); !strings.HasSuffix(got, "RemediationInProgress i1 10s") {
			t.Errorf("told\n%s\nwant it to end by itself", got)
		}
	})
}

// What no longer fires is ended, once, and at once.
func TestRaiserEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := raise(t, nil)
		r.do("alert DbDown namespace=shop")
		r.fires("InProgress")
		r.pass(5 * time.Second)
		r.pager.told()
		r.do("pause all by=anna\nack i1 by=anna")
		r.fires("")
		r.pass(5 * time.Minute)
		if got, want := r.pager.told(), "6s RemediationInProgress i1 0s"; got != want {
			t.Errorf("told\n%s\nwant\n%s", got, want)
		}
	})
}

// What fails is told in place of what was held, and again while it does.
func TestRaiserTellsWhatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := raise(t, func(r *raiser) {
			r.page = func(n uint64) string { return fmt.Sprintf("https://remediated/incidents/%d", n) }
		})
		r.do("set verify=failed/20s\nalert DbDown namespace=shop")
		r.pass(20 * time.Second)
		r.do("")
		r.fires("Failed")
		r.pass(time.Hour)
		r.fires("Failed")
		for _, a := range r.pager.fires {
			if a.GeneratorURL != "https://remediated/incidents/1" {
				t.Errorf("%s links to %q", a.Name(), a.GeneratorURL)
			}
		}
		r.do("ack i1 by=anna")
		r.fires("")
	})
}

// What says something else is told at once, what says the same is not.
func TestRaiserTellsNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := raise(t, nil)
		r.do("pause all by=anna\nalert DbDown namespace=shop")
		r.pass(10 * time.Second)
		r.pager.told()
		for range 5 {
			r.do("")
			r.pass(time.Second)
		}
		if got := r.pager.told(); got != "" {
			t.Errorf("told %s, which is no news", got)
		}
		r.do("pause policy/db by=ben\nresume all by=anna")
		r.pass(2 * time.Second)
		r.do("")
		if got := r.pager.told(); !strings.Contains(got, "RemediationFailed i1") {
			t.Errorf("told %q", got)
		}
		for _, a := range r.pager.fires {
			if !strings.Contains(a.Annotations["summary"], "ben") {
				t.Errorf("it still says %q", a.Annotations["summary"])
			}
		}
	})
}

// Many facts at once are one look.
func TestRaiserLooksOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := raise(t, nil)
		var looks atomic.Int64
		r.on = func() bool { looks.Add(1); return true }
		r.pass(5 * time.Second)
		for range 1000 {
			r.do("")
		}
		if n := looks.Load(); n > 2 {
			t.Errorf("looked %d times", n)
		}
	})
}

// What is not taken is told again, soon, and logged once.
func TestRaiserTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := raise(t, nil)
		r.pager.fail(errors.New("am-1: connection refused"))
		r.do("alert DbDown namespace=shop")
		r.pass(12 * time.Second)
		r.fires("")
		r.pager.fail(nil)
		r.pass(5 * time.Second)
		r.fires("InProgress")
		r.pager.fail(errors.New("am-1: connection refused"))
		r.do("ack i1 by=anna")
		r.pass(20 * time.Second)
		r.pager.fail(nil)
		r.fires("InProgress")
		r.pass(6 * time.Second)
		r.fires("") // its end is told in the end
		r.stop()
		if got := strings.Count(r.log.String(), "connection refused"); got != 2 {
			t.Errorf("logged %d times, want once each time\n%s", got, r.log)
		}
	})
}

// While the state cannot be looked at, nobody knows what is being healed: what is
// held runs out.
func TestRaiserThatCannotLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := raise(t, nil)
		r.do("alert DbDown namespace=shop")
		r.world.Break("live", errors.New("the loop hangs"))
		r.pass(2*time.Minute - time.Second)
		r.fires("InProgress")
		r.pass(time.Second)
		r.fires("")
		r.world.Break("live", nil)
		r.pass(time.Minute)
		r.fires("") // the page may be out: it is not held again
	})
}

// A hang of the engine does not hang the raiser.
func TestRaiserDoesNotHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		r := newRaiser(hangs{}, new(pager).post, slog.New(slog.DiscardHandler))
		if err := r.round(t.Context(), true); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != raiseLook {
			t.Errorf("after %s: %v", time.Since(begun), err)
		}
	})
}

// hangs is an engine that does not answer.
type hangs struct{}

func (hangs) Look(ctx context.Context, _ func(*remediate.State, remediate.Rulebooks)) error {
	<-ctx.Done()
	return ctx.Err()
}

// An orderly stop lets the pages go, and leaves standing what needs people.
func TestRaiserStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := raise(t, nil)
		r.do("pause namespace/home by=anna\nalert DbDown namespace=home\nalert DbDown namespace=shop")
		r.fires("Failed InProgress")
		r.stop()
		r.fires("Failed")
		r.pass(4 * time.Minute)
		r.fires("Failed")
		r.start()
		r.fires("Failed")
		r.stop()
		r.pass(5 * time.Minute)
		r.fires("")
	})
}

// A stop does not wait for Alertmanagers that do not answer.
func TestRaiserStopsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := raise(t, nil)
		r.do("alert DbDown namespace=shop")
		r.pass(5 * time.Second)
		r.post = func(ctx context.Context, _ []remediate.Alert) error { <-ctx.Done(); return ctx.Err() }
		begun := time.Now()
		r.stop()
		if took := time.Since(begun); took != letGo {
			t.Errorf("it took %s", took)
		}
		if !strings.Contains(r.log.String(), "could not be let go") {
			t.Errorf("logged %s", r.log)
		}
	})
}

// After a crash what was held runs out; a restart in time is not soon enough to
// be sure that the page is not out, and so holds nothing that is older than the
// pager's patience.
func TestRaiserCrashes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := raise(t, nil)
		r.do("alert DbDown namespace=shop")
		r.pass(5 * time.Second)
		r.crash()
		r.fires("InProgress")
		r.pass(5 * time.Second)
		r.start() // at once: it goes on
		r.pass(3 * time.Minute)
		r.fires("InProgress")
		r.crash()
		r.start()
		r.pass(2 * time.Minute)
		r.fires("")
	})
}

// What is heard of late is not held.
func TestRaiserIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := raise(t, nil)
		r.pass(time.Hour)
		r.do("alert DbDown namespace=shop ago=31s")
		r.fires("")
		r.do("alert DbDown namespace=home ago=30s")
		r.pass(time.Second)
		r.fires("") // it was looked at a second later
		r.do("alert DbDown namespace=web ago=20s")
		r.pass(2 * time.Second)
		r.fires("InProgress")
	})
}

// What is turned off is ended.
func TestRaiserIsTurnedOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var off atomic.Bool
		r := raise(t, func(r *raiser) { r.on = func() bool { return !off.Load() } })
		r.do("pause namespace/home by=anna\nalert DbDown namespace=home\nalert DbDown namespace=shop")
		r.fires("Failed InProgress")
		off.Store(true)
		r.pass(30 * time.Second)
		r.fires("")
	})
}

// A drill fires though nothing else is raised.
func TestADrillIsRaisedWhateverIsTurnedOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := raise(t, func(r *raiser) { r.on = func() bool { return false } })
		book, err := webtest.Rulebook("destinations: [slack, slack/drill]" + holding)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.world.Load(book); err != nil {
			t.Fatal(err)
		}
		r.do("pause namespace/home by=anna\nalert DbDown namespace=home\nclose i1 by=anna")
		word := remediate.Command{Command: remediate.Drill, By: "anna", Scope: "policy/db", Value: "10m", Labels: remediate.LabelsOf(map[string]string{"namespace": "shop"})}
		if err := r.world.Command(t.Context(), word); err != nil {
			t.Fatal(err)
		}
		r.pass(30 * time.Second)
		r.fires("DbDown")
		word.Command, word.Value, word.Labels = remediate.EndDrill, "", nil
		if err := r.world.Command(t.Context(), word); err != nil {
			t.Fatal(err)
		}
		r.pass(30 * time.Second)
		r.fires("")
	})
}
