package alertmanager

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// failed is an alert of ours.
func failed() remediate.Alert {
	return remediate.Alert{
		Labels:      remediate.LabelsOf(map[string]string{"alertname": remediate.FailedAlert, "source": remediate.OwnSource, "incident": "i42"}),
		Annotations: map[string]string{"summary": "every step was tried"},
		StartsAt:    began, EndsAt: began.Add(5 * time.Minute), GeneratorURL: "https://remediated/incidents/42",
	}
}

func TestRaiseTellsAll(t *testing.T) {
	one, two := newFake(), newFake()
	var asked []Request
	c := served(t, Options{Observe: func(r Request) { asked = append(asked, r) }}, one)
	for _, c := range []*Client{c, clientOf(t, Options{}, one, two)} {
		if err := c.Raise(ctx, []remediate.Alert{failed(), {Labels: failed().Labels, StartsAt: began, EndsAt: began}}); err != nil {
			t.Fatal(err)
		}
	}
	if len(one.posted) != 2 || len(two.posted) != 1 {
		t.Fatalf("took %d and %d, want 2 and 1", len(one.posted), len(two.posted))
	}
	if len(asked) != 1 || asked[0].Operation != "raise" || asked[0].Err != nil {
		t.Errorf("observed %+v", asked)
	}
	p := two.posted[0][0]
	if got := labelsOf(p.Labels).String(); got != failed().Labels.String() {
		t.Errorf("posted the labels %s", got)
	}
	if p.Annotations["summary"] != "every step was tried" || p.GeneratorURL != "https://remediated/incidents/42" {
		t.Errorf("posted %+v", p)
	}
	if from, to := time.Time(p.StartsAt), time.Time(p.EndsAt); !from.Equal(began.Truncate(time.Millisecond)) || to.Sub(from) != 5*time.Minute {
		t.Errorf("posted from %s to %s", from, to)
	}
	if over := two.posted[0][1]; time.Time(over.EndsAt) != time.Time(over.StartsAt) || over.GeneratorURL != "" || over.Annotations != nil {
		t.Errorf("posted %+v", over)
	}
}

func TestRaiseNothing(t *testing.T) {
	f := newFake()
	if err := clientOf(t, Options{}, f).Raise(ctx, nil); err != nil || len(f.asked) > 0 {
		t.Errorf("%v; asked %v", err, f.asked)
	}
}

// Each Alertmanager is posted to with its own credentials.
func TestRaiseByTheClientOfEach(t *testing.T) {
	one, two := newFake(), newFake()
	strange := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("posted by the client of the other") })
	c, err := New(Options{URLs: []string{"http://am-1", "http://am-2"}, HTTPOf: map[string]*http.Client{
		"http://am-1": {Transport: network{"am-1": one, "am-2": strange}},
		"http://am-2": {Transport: network{"am-2": two, "am-1": strange}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Raise(ctx, []remediate.Alert{failed()}); err != nil || len(one.posted) != 1 || len(two.posted) != 1 {
		t.Errorf("%v; took %d and %d", err, len(one.posted), len(two.posted))
	}
}

// What does not take an alert, whatever it says, is no success; one that does is
// enough.
func TestRaiseIsRefused(t *testing.T) {
	for name, h := range map[string]struct {
		by   http.Handler // nil: it is down
		want string
	}{
		"down":                 {nil, "am-1: ask for raise: connection refused"},
		"400":                  {text(400, "application/json", `"start time must be before end time"`), "start time must be before end time"},
		"401":                  {text(401, "text/plain", "who are you"), "401"},
		"413 of a proxy":       {text(413, "text/html", "<html>too large"), "413"},
		"500":                  {text(500, "application/json", `"out of order"`), "out of order"},
		"a login page":         {text(200, "text/html; charset=utf-8", "<html>log in"), "is this an Alertmanager?"},
		"another success":      {text(202, "application/json", `{}`), "202"},
		"a redirect to a page": {http.RedirectHandler("/api/v2/status", http.StatusFound), "302"},
		"the same by post":     {http.RedirectHandler("/api/v2/alerts", http.StatusPermanentRedirect), "308"},
	} {
		t.Run(name, func(t *testing.T) {
			var bad *fake
			if h.by != nil {
				bad = newFake()
				bad.refuses = h.by
			}
			err := clientOf(t, Options{}, bad).Raise(ctx, []remediate.Alert{failed()})
			if err == nil || !strings.Contains(err.Error(), "raise alerts: am-1: ask for raise: ") || !strings.Contains(err.Error(), h.want) {
				t.Errorf("alone: %v, want %q", err, h.want)
			}
			if bad != nil && len(bad.asked) != 1 {
				t.Errorf("asked for %v: a redirect must not be followed", bad.asked)
			}
			good := newFake()
			if err := clientOf(t, Options{}, bad, good).Raise(ctx, []remediate.Alert{failed()}); err != nil || len(good.posted) != 1 {
				t.Errorf("beside one that is well: %v, took %d", err, len(good.posted))
			}
		})
	}
}

// When none took it, each says why.
func TestRaiseIsRefusedByAll(t *testing.T) {
	bad := newFake()
	bad.refuses = text(500, "application/json", `"out of order"`)
	err := clientOf(t, Options{}, nil, bad).Raise(ctx, []remediate.Alert{failed()})
	if err == nil || !strings.Contains(err.Error(), "am-1: ") || !strings.Contains(err.Error(), "am-2: ") {
		t.Errorf("raise = %v", err)
	}
}

// An alert that Alertmanager would not take is refused by the fake as well.
func TestRaiseIsHeldToTheAPI(t *testing.T) {
	a := failed()
	a.EndsAt = a.StartsAt.Add(-time.Second)
	if err := clientOf(t, Options{}, newFake()).Raise(ctx, []remediate.Alert{a}); err == nil || !strings.Contains(err.Error(), "start time") {
		t.Errorf("raise = %v", err)
	}
}

// Posts and questions share the breaker of their Alertmanager, and what it
// refuses with good reason does not open it.
func TestRaiseBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.refuses = text(http.StatusBadRequest, "application/json", `"no"`)
		c := clientOf(t, Options{}, f)
		for range 2 * breakerFailures {
			_ = c.Raise(ctx, []remediate.Alert{failed()})
		}
		if len(f.asked) != 2*breakerFailures {
			t.Errorf("asked %d times after 400, want %d", len(f.asked), 2*breakerFailures)
		}
		f.refuses = text(http.StatusInternalServerError, "application/json", `"out of order"`)
		f.asked = nil
		for range breakerFailures + 3 {
			_ = c.Raise(ctx, []remediate.Alert{failed()})
		}
		if len(f.asked) != breakerFailures {
			t.Errorf("asked %d times after 500, want %d", len(f.asked), breakerFailures)
		}
		if err := c.Raise(ctx, []remediate.Alert{failed()}); err == nil || !strings.Contains(err.Error(), "not asked") {
			t.Errorf("raise = %v", err)
		}
		refused(t, c.Answer(ctx, question(down)), "not asked")
		f.refuses = nil
		time.Sleep(breakerReset + time.Second)
		if err := c.Raise(ctx, []remediate.Alert{failed()}); err != nil {
			t.Errorf("after %s: %v", breakerReset, err)
		}
	})
}

func TestRaiseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Options{URLs: []string{"http://am-1", "http://am-2"}, HTTP: &http.Client{Transport: hanging{}}, Timeout: 2 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if err := c.Raise(ctx, []remediate.Alert{failed()}); err == nil || time.Since(begun) != 2*time.Second {
			t.Errorf("after %s: %v", time.Since(begun), err)
		}
	})
}

// What is longer than the API is used to is cut, and not refused.
func TestRaiseIsCut(t *testing.T) {
	f, a := newFake(), failed()
	a.Annotations["summary"], a.GeneratorURL = strings.Repeat("ä", maxAnnotation), "https://remediated/"+strings.Repeat("x", maxURL)
	if err := clientOf(t, Options{}, f).Raise(ctx, []remediate.Alert{a}); err != nil {
		t.Fatal(err)
	}
	if p := f.posted[0][0]; len(p.Annotations["summary"]) > maxAnnotation || p.GeneratorURL != "" {
		t.Errorf("posted a summary of %d bytes and the link %q", len(p.Annotations["summary"]), p.GeneratorURL)
	}
}

func TestConfigurations(t *testing.T) {
	says := func(text string) *fake {
		f := newFake()
		f.status = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(text))
		})
		return f
	}
	one, two := says(`{"config": {"original": "route: {receiver: a}"}}`), says(`{"config": {"original": "route: {receiver: b}"}}`)
	got, err := clientOf(t, Options{}, one, two).Configurations(ctx)
	if err != nil || got["am-1"] != "route: {receiver: a}" || got["am-2"] != "route: {receiver: b}" {
		t.Errorf("%v, %v", got, err)
	}
	for name, f := range map[string]*fake{"none": nil, "no configuration": says(`{}`), "no text": says(`{"config": {}}`), "not JSON": says(`<html>`)} {
		if got, err := clientOf(t, Options{}, one, f).Configurations(ctx); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}
