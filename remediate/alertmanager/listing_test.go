package alertmanager

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/alertmanager/api/v2/models"

	"github.com/x0tta6bl4/remediated/remediate"
)

// shape returns what matters of a listing on one line.
func shape(l remediate.Listing) string {
	var out []string
	for _, a := range l.Alerts {
		s := a.Alert.Name()
		if len(a.Suppressed) > 0 {
			s += "(" + strings.Join(a.Suppressed, ",") + ")"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestList(t *testing.T) {
	before := time.Now()
	l := served(t, Options{}, newFake(listed(models.LabelSet{"alertname": "Down", "pod": "web-1"}))).List(ctx)
	if !l.Complete || l.Why != "" || len(l.Alerts) != 1 || l.At.Before(before) || l.At.After(time.Now()) {
		t.Fatalf("listed %+v", l)
	}
	want := remediate.Alert{
		Labels:       labelsOf(models.LabelSet{"alertname": "Down", "pod": "web-1"}),
		Annotations:  map[string]string{"summary": "it is down"},
		StartsAt:     began.Truncate(time.Millisecond),
		GeneratorURL: "http://prometheus/graph",
		Fingerprint:  *listed(models.LabelSet{"alertname": "Down", "pod": "web-1"}).Fingerprint,
	}
	got := l.Alerts[0].Alert
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("listed\n%+v, want\n%+v", got, want)
	}
	checkHeard(t, remediate.Heard{Alert: got, Firing: true})
}

func TestNothingFires(t *testing.T) {
	if l := served(t, Options{}, newFake(), newFake()).List(ctx); !l.Complete || len(l.Alerts) != 0 {
		t.Errorf("listed %+v", l)
	}
}

func TestListMerges(t *testing.T) {
	a, b, c := models.LabelSet{"alertname": "A"}, models.LabelSet{"alertname": "B"}, models.LabelSet{"alertname": "C"}
	inhibited := listed(c)
	*inhibited.Status.State = models.AlertStatusStateSuppressed
	inhibited.Status.InhibitedBy = []string{"f00d"}
	l := served(t, Options{},
		newFake(listed(c, "s-2", "s-1"), listed(a)),
		newFake(listed(b), listed(a, "s-3"), inhibited),
	).List(ctx)
	if got, want := shape(l), "A(silence s-3) B C(inhibited by alert f00d,silence s-1,silence s-2)"; got != want || !l.Complete {
		t.Errorf("listed %s, complete %v: %s; want %s", got, l.Complete, l.Why, want)
	}
}

func TestMergeTakesTheEarliestStartAndTheLatestText(t *testing.T) {
	older, newer := listed(models.LabelSet{"alertname": "A"}), listed(models.LabelSet{"alertname": "A"})
	newer.UpdatedAt, newer.StartsAt = dateTime(began.Add(time.Minute)), dateTime(began.Add(time.Second))
	newer.Annotations = models.LabelSet{"summary": "newer"}
	for _, fakes := range [][]*fake{{newFake(older), newFake(newer)}, {newFake(newer), newFake(older)}} {
		l := clientOf(t, Options{}, fakes...).List(ctx)
		if len(l.Alerts) != 1 || l.Alerts[0].Alert.Annotations["summary"] != "newer" || !l.Alerts[0].Alert.StartsAt.Equal(began.Truncate(time.Millisecond)) {
			t.Errorf("listed %+v", l.Alerts)
		}
	}
}

func TestSuppressedIsNeverTakenForActive(t *testing.T) {
	muted := listed(models.LabelSet{"alertname": "Muted"})
	muted.Status.MutedBy = []string{"weekend"}
	nameless := listed(models.LabelSet{"alertname": "Nameless"})
	*nameless.Status.State = models.AlertStatusStateSuppressed
	if got, want := shape(clientOf(t, Options{}, newFake(muted, nameless)).List(ctx)), "Muted(muted by time interval weekend) Nameless(something that Alertmanager does not name)"; got != want {
		t.Errorf("listed %s, want %s", got, want)
	}
}

// One that did not answer proves nothing, and hides nothing of the others.
func TestBrokenIsNotComplete(t *testing.T) {
	for name, f := range broken() {
		t.Run(name, func(t *testing.T) {
			l := clientOf(t, Options{}, newFake(listed(models.LabelSet{"alertname": "Down"})), f).List(ctx)
			if l.Complete || !strings.Contains(l.Why, "am-2: ") || strings.Contains(l.Why, "am-1") || strings.Contains(l.Why, "http://am-") || len(l.Why) > 400 {
				t.Errorf("complete %v because of %q", l.Complete, l.Why)
			}
			if got := shape(l); got != "Down" {
				t.Errorf("listed %q", got)
			}
		})
	}
}

func TestUnprovenIsNotComplete(t *testing.T) {
	for name, f := range unproven() {
		t.Run(name, func(t *testing.T) {
			f.alerts = models.GettableAlerts{listed(models.LabelSet{"alertname": "Down"})}
			l := clientOf(t, Options{}, newFake(), f).List(ctx)
			if l.Complete || !strings.Contains(l.Why, "am-2: ") || strings.Contains(l.Why, "am-1") {
				t.Errorf("complete %v because of %q", l.Complete, l.Why)
			}
			if got := shape(l); got != "Down" {
				t.Errorf("listed %q", got)
			}
		})
	}
}

func TestMinUptime(t *testing.T) {
	f := newFake()
	f.cluster = models.ClusterStatusStatusDisabled // no gossip: one Alertmanager alone
	f.started = time.Now().Add(-time.Minute)
	for uptime, want := range map[time.Duration]bool{30 * time.Second: true, 2 * time.Minute: false} {
		if l := clientOf(t, Options{MinUptime: uptime}, f).List(ctx); l.Complete != want {
			t.Errorf("up for a minute, wanted %s: complete %v, %s", uptime, l.Complete, l.Why)
		}
	}
}

// Asked for its status first, one that restarts in between would be up for long
// and have nothing to list.
func TestStatusIsAskedForLast(t *testing.T) {
	f := newFake(listed(models.LabelSet{"alertname": "Down"}))
	if l := clientOf(t, Options{}, f).List(ctx); !l.Complete {
		t.Fatal(l.Why)
	}
	if want := []string{"/api/v2/alerts", "/api/v2/status"}; !slices.Equal(f.asked, want) {
		t.Errorf("asked for %v, want %v", f.asked, want)
	}
}

// What no webhook would have been taken for is not listed either, and does not
// keep the rest from being complete.
func TestUnreadableAlertsAreLeftOut(t *testing.T) {
	noStart, noStatus := listed(models.LabelSet{"alertname": "NoStart"}), listed(models.LabelSet{"alertname": "NoStatus"})
	noStart.StartsAt, noStatus.Status = nil, nil
	long := listed(models.LabelSet{"alertname": strings.Repeat("x", maxLabelValue+1)})
	c := clientOf(t, Options{}, newFake(noStart, noStatus, long, nil, listed(models.LabelSet{"alertname": "Down"})))
	l, unreadable := c.list(ctx)
	if shape(l) != "Down" || !l.Complete || unreadable != 4 {
		t.Errorf("listed %s, complete %v, %d unreadable", shape(l), l.Complete, unreadable)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	next := network{"am-1": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {})}
	r, err := http.NewRequest(http.MethodGet, "http://am-1/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := bounded(endless{next}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	if tooLarge := (*http.MaxBytesError)(nil); !errors.As(err, &tooLarge) || n != maxResponse {
		t.Errorf("read %d bytes: %v", n, err)
	}
}

type endless struct{ next http.RoundTripper }

func (e endless) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := e.next.RoundTrip(r)
	if err == nil {
		resp.Body = e
	}
	return resp, err
}
func (endless) Read(b []byte) (int, error) { return len(b), nil }
func (endless) Close() error               { return nil }

// polled runs Poll in virtual time and counts the listings.
type polled struct {
	client   *Client
	at       []time.Duration // of each submit, since the start
	listings []remediate.Listing
	rounds   []Round
	begun    time.Time
	stop     context.CancelFunc
	ended    chan struct{}
	submit   func(context.Context) error
}

func poll(t *testing.T, submit func(context.Context) error, fakes ...*fake) *polled {
	p := &polled{begun: time.Now(), ended: make(chan struct{}), submit: submit}
	p.client = clientOf(t, Options{Listed: func(r Round) { p.rounds = append(p.rounds, r) }}, fakes...)
	inner, stop := context.WithCancel(context.Background())
	p.stop = stop
	go func() {
		defer close(p.ended)
		p.client.Poll(inner, time.Minute, func(ctx context.Context, batch []remediate.Input) error {
			p.at = append(p.at, time.Since(p.begun))
			p.listings = append(p.listings, batch[0].(remediate.Listing))
			if p.submit != nil {
				return p.submit(ctx)
			}
			return nil
		})
	}()
	return p
}

func (p *polled) end() { p.stop(); <-p.ended }

func TestPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := poll(t, nil, newFake(listed(models.LabelSet{"alertname": "Down"}), listed(models.LabelSet{"alertname": "Hushed"}, "s-1")), nil)
		defer p.end()
		synctest.Wait()
		time.Sleep(90 * time.Second)
		p.client.Pull()
		time.Sleep(40 * time.Second)
		p.end()
		want := []time.Duration{0, time.Minute, 90 * time.Second, 2 * time.Minute}
		if !slices.Equal(p.at, want) {
			t.Errorf("listed at %v, want %v", p.at, want)
		}
		for i, r := range p.rounds {
			if r.Firing != 1 || r.Suppressed != 1 || r.Complete || !strings.Contains(r.Why, "am-2") || r.Err != nil || !r.At.Equal(p.listings[i].At) {
				t.Errorf("round %d: %+v", i, r)
			}
		}
	})
}

func TestPullDuringARoundHasAnotherFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		p := poll(t, func(context.Context) error { <-release; return nil }, newFake())
		defer p.end()
		synctest.Wait()
		p.client.Pull()
		p.client.Pull()
		close(release)
		synctest.Wait()
		if len(p.at) != 2 {
			t.Errorf("listed %d times, want the round and one for both pulls", len(p.at))
		}
	})
}

func TestListingThatIsNotKeptIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := poll(t, func(context.Context) error { return errors.New("the disk is full") }, newFake())
		defer p.end()
		synctest.Wait()
		if len(p.rounds) != 1 || p.rounds[0].Err == nil || !strings.Contains(p.rounds[0].Err.Error(), "the disk is full") {
			t.Errorf("rounds %+v", p.rounds)
		}
	})
}

// The bubble is deadlocked, and the test fails, when Poll does not return.
func TestPollEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := poll(t, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, newFake())
		synctest.Wait()
		p.end() // in the midst of a round
		p = poll(t, nil, newFake())
		synctest.Wait()
		p.end() // between rounds
		p.client.Pull()
		p.client.Pull() // nobody listens any more, and nobody waits
		if len(p.at) != 1 {
			t.Errorf("listed %d times", len(p.at))
		}
	})
}

// What an Alertmanager seems to lack because we are stopping is not handed on.
func TestCancelledListingIsNotSubmitted(t *testing.T) {
	f := newFake()
	inner, cancel := context.WithCancel(ctx)
	f.broken = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { cancel() })
	clientOf(t, Options{}, f).Poll(inner, time.Minute, func(context.Context, []remediate.Input) error {
		t.Error("submitted")
		return nil
	})
}
