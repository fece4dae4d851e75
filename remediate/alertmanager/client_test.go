package alertmanager

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/alertmanager/api/v2/models"

	"github.com/x0tta6bl4/remediated/remediate"
)

func TestOptionsAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		urls []string
		want string
	}{
		"none":        {nil, "URLs is empty"},
		"no scheme":   {[]string{"am:9093"}, "http://HOST"},
		"no host":     {[]string{"http:///x"}, "http://HOST"},
		"file":        {[]string{"file:///etc/passwd"}, "http://HOST"},
		"unreadable":  {[]string{"http://user:secret@am:port"}, "http://HOST"},
		"credentials": {[]string{"http://user:secret@am:9093"}, "HTTP client"},
		"query":       {[]string{"http://am:9093?a=b"}, "query"},
		"fragment":    {[]string{"http://am:9093#a"}, "fragment"},
		"twice":       {[]string{"http://am:9093", "http://am:9093/"}, "twice"},
	} {
		_, err := New(Options{URLs: c.urls})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := New(Options{URLs: []string{"http://am:9093"}, MinUptime: -1}); err == nil || !strings.Contains(err.Error(), "MinUptime") {
		t.Errorf("negative: %v", err)
	}
	if _, err := New(Options{URLs: []string{"http://am:9093/one", "https://am:9093/two/"}}); err != nil {
		t.Error(err)
	}
}

func TestPathPrefix(t *testing.T) {
	f := newFake(listed(down))
	c, err := New(Options{
		URLs: []string{"http://am-1/alertmanager/"},
		HTTP: &http.Client{Transport: network{"am-1": http.StripPrefix("/alertmanager", f)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if l := c.List(ctx); !l.Complete || shape(l) != "Down" {
		t.Errorf("listed %+v", l)
	}
}

func TestCredentialsOfOneAreNotShownToAnother(t *testing.T) {
	const one, two = "http://am-1", "http://am-2"
	f := newFake(listed(down))
	c, err := New(Options{
		URLs: []string{one, two},
		HTTP: &http.Client{Transport: network{"am-2": f}},
		HTTPOf: map[string]*http.Client{
			one: {Transport: network{"am-1": f, "am-2": http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				t.Error("am-2 was asked by the client of am-1")
			})}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if l := c.List(ctx); !l.Complete || f.askedFor("/api/v2/alerts") != 2 {
		t.Errorf("listed %+v, asked for %v", l, f.asked)
	}
}

func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.broken = text(http.StatusInternalServerError, "application/json", `"out of order"`)
		var states []string
		c := clientOf(t, Options{Breaker: func(am, state string) { states = append(states, am+" "+state) }}, f)
		for range breakerFailures + 3 {
			c.List(ctx)
		}
		if len(f.asked) != breakerFailures {
			t.Errorf("asked %d times, want %d", len(f.asked), breakerFailures)
		}
		l := c.List(ctx)
		if l.Complete || !strings.Contains(l.Why, "am-1: ask for alerts: not asked") {
			t.Errorf("listed %+v", l)
		}
		refused(t, c.Answer(ctx, question(down)), "not asked")
		f.broken = nil
		time.Sleep(breakerReset + time.Second)
		if l := c.List(ctx); !l.Complete {
			t.Errorf("after %s: %s", breakerReset, l.Why)
		}
		if got, want := strings.Join(states, ", "), "am-1 open, am-1 half-open, am-1 closed"; got != want {
			t.Errorf("breaker went %s, want %s", got, want)
		}
	})
}

// A 4xx says that it is well and that we are wrong; a caller who gave up says
// nothing about it.
func TestWhatTheBreakerDoesNotCount(t *testing.T) {
	f := newFake()
	f.broken = text(http.StatusForbidden, "text/plain", "no")
	c := clientOf(t, Options{}, f)
	for range 2 * breakerFailures {
		c.List(ctx)
	}
	if len(f.asked) != 2*breakerFailures {
		t.Errorf("asked %d times after 4xx, want %d", len(f.asked), 2*breakerFailures)
	}
	f = newFake()
	c = clientOf(t, Options{}, f)
	gone, cancel := context.WithCancel(ctx)
	cancel()
	for range 2 * breakerFailures {
		if l := c.List(gone); l.Complete {
			t.Error("complete without asking")
		}
	}
	if l := c.List(ctx); !l.Complete {
		t.Errorf("after callers gave up: %s", l.Why)
	}
}

// hanging never answers.
type hanging struct{}

func (hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestRequestsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var requests []Request
		c, err := New(Options{
			URLs: []string{"http://am-1"}, HTTP: &http.Client{Transport: hanging{}}, Timeout: 2 * time.Second,
			Observe: func(r Request) { requests = append(requests, r) },
		})
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		l := c.List(ctx)
		if took := time.Since(begun); took != 2*time.Second || l.Complete {
			t.Errorf("took %s: %+v", took, l)
		}
		if len(requests) != 1 || requests[0].Alertmanager != "am-1" || requests[0].Operation != "alerts" || requests[0].Took != 2*time.Second || requests[0].Err == nil {
			t.Errorf("observed %+v", requests)
		}
	})
}

// All are asked at the same time: one that hangs does not keep the others
// waiting for their turn.
func TestAllAreAskedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Options{URLs: []string{"http://am-1", "http://am-2", "http://am-3"}, HTTP: &http.Client{Transport: hanging{}}, Timeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		a := c.Answer(ctx, question(models.LabelSet{"alertname": "Down"}))
		refused(t, a, "am-3: ask for alerts: ")
		if took := time.Since(begun); took != time.Second {
			t.Errorf("took %s", took)
		}
	})
}

var _ func(context.Context, remediate.Question) remediate.Answer = (*Client)(nil).Answer
