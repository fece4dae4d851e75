package pagerduty_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/x0tta6bl4/remediated/test/doubles/pagerduty"
)

// receiver answers webhooks with one status after the other, then with 202.
type receiver struct {
	mu       sync.Mutex
	statuses []int
	got      []*http.Request
	bodies   []string
}

func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got, r.bodies = append(r.got, req), append(r.bodies, string(body))
	status := http.StatusAccepted
	if len(r.statuses) > 0 {
		status, r.statuses = r.statuses[0], r.statuses[1:]
	}
	if status == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return &http.Response{StatusCode: status, Body: http.NoBody}, nil
}

// subscribed is an account in a bubble whose webhooks go to the receiver.
func subscribed(t *testing.T, r *receiver, o pagerduty.Options) *pagerduty.Account {
	o.Webhook = pagerduty.Webhook{URL: "http://r.example/webhooks", Secrets: []string{"s1"}, Client: &http.Client{Transport: r}}
	a := pagerduty.New(o)
	t.Cleanup(a.Close)
	return a
}

// put sends an event without a network.
func put(t *testing.T, a *pagerduty.Account, action, key string) {
	t.Helper()
	if w := enqueue(t, a, whole(func(e, _ object) { e["event_action"], e["dedup_key"] = action, key })); w.Code != http.StatusAccepted {
		t.Fatalf("%s of %s: %d %s", action, key, w.Code, w.Body)
	}
}

// fates is "<event type> <fate> <tries>" of every webhook.
func fates(a *pagerduty.Account) (all []string) {
	for _, d := range a.Deliveries() {
		all = append(all, strings.TrimPrefix(d.EventType, "incident.")+" "+string(d.Fate)+" "+string(rune('0'+d.Tries)))
	}
	return all
}

func TestWhatPeopleDoIsToldInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		a := subscribed(t, r, pagerduty.Options{})
		put(t, a, "trigger", "k")
		for name, err := range map[string]error{
			"acknowledge": a.Acknowledge("k", "Anna"), "unacknowledge": a.Unacknowledge("k", ""),
		} {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		put(t, a, "acknowledge", "k")
		put(t, a, "acknowledge", "k") // changes nothing
		if err := a.Escalate("k", "", 2); err != nil {
			t.Error(err)
		}
		put(t, a, "resolve", "k")
		if err := a.Reopen("k", "boris@example.com"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if got := fates(a); len(got) != 7 || slices.ContainsFunc(got, func(f string) bool { return !strings.HasSuffix(f, " delivered 1") }) {
			t.Errorf("webhooks %q", got)
		}
		var agents []string
		for n, body := range r.bodies {
			var w struct {
				Event struct {
					ID, Event_type, Occurred_at string
					Agent                       *struct{ ID, Type, Summary string }
					Data                        struct{ Incident_key, Status, Html_url string }
				}
			}
			if err := json.Unmarshal([]byte(body), &w); err != nil || w.Event.Data.Incident_key != "k" || w.Event.ID != a.Deliveries()[n].EventID {
				t.Errorf("%s: %v", body, err)
			}
			if w.Event.Agent == nil {
				agents = append(agents, w.Event.Event_type)
			} else {
				agents = append(agents, w.Event.Event_type+" "+w.Event.Agent.Type+" "+w.Event.Agent.Summary)
			}
			if got := r.got[n].Header.Get("X-PagerDuty-Signature"); got != pagerduty.Sign([]byte(body), "s1") || !strings.HasPrefix(got, "v1=") {
				t.Errorf("signature %q", got)
			}
		}
		if want := []string{"incident.triggered", "incident.acknowledged user_reference Anna", "incident.unacknowledged", "incident.acknowledged",
			"incident.escalated", "incident.resolved", "incident.reopened user_reference Boris"}; !slices.Equal(agents, want) {
			t.Errorf("told %q, want %q", agents, want)
		}
		// The trigger, the take-back, the escalation and the reopening wake somebody.
		if pages := a.Pages(); len(pages) != 4 || !slices.Equal(pages[2].To, []string{"Boris"}) || pages[2].Level != 2 {
			t.Errorf("pages %+v", pages)
		}
	})
}

func TestAWebhookIsTriedAgainAndHoldsUpTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{statuses: []int{500, 0, 429}}
		a := subscribed(t, r, pagerduty.Options{})
		begun := time.Now()
		put(t, a, "trigger", "k")
		put(t, a, "resolve", "k")
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := fates(a); !slices.Equal(got, []string{"triggered delivered 4", "resolved delivered 1"}) {
			t.Errorf("webhooks %q", got)
		}
		ids := map[string]int{}
		for _, q := range r.got {
			ids[q.Header.Get("X-Webhook-Id")]++
		}
		if len(ids) != 2 || time.Since(begun) < 7*time.Second {
			t.Errorf("ids %v after %s", ids, time.Since(begun))
		}
	})
}

func TestThreeRefusalsDisableTheSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{statuses: []int{400, 202, 401, 404, 410}}
		a := subscribed(t, r, pagerduty.Options{})
		for _, key := range []string{"k1", "k2", "k3", "k4", "k5", "k6"} {
			put(t, a, "trigger", key)
		}
		synctest.Wait()
		put(t, a, "trigger", "k7")
		time.Sleep(pagerduty.WebhookDisabled)
		put(t, a, "trigger", "k8")
		synctest.Wait()
		want := []string{"triggered dropped 1", "triggered delivered 1", "triggered dropped 1", "triggered dropped 1", "triggered dropped 1",
			"triggered discarded 0", "triggered discarded 0", "triggered delivered 1"}
		if got := fates(a); !slices.Equal(got, want) {
			t.Errorf("webhooks %q, want %q", got, want)
		}
	})
}

func TestARotatedSecretSignsBesideTheOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{statuses: []int{503}}
		a := subscribed(t, r, pagerduty.Options{})
		put(t, a, "trigger", "k")
		synctest.Wait()
		a.Subscribe(pagerduty.Webhook{URL: "http://r.example/", Secrets: []string{"s1", "s2"}, Client: &http.Client{Transport: r}})
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(r.got) != 2 || strings.Count(r.got[1].Header.Get("X-PagerDuty-Signature"), "v1=") != 2 || r.bodies[0] != r.bodies[1] {
			t.Errorf("requests %+v", r.got)
		}
		a.Ping()
		synctest.Wait()
		if got := fates(a); len(got) != 2 || got[1] != "pagey.ping delivered 1" {
			t.Errorf("webhooks %q", got)
		}
	})
}

func TestDeliveryEndsWithTheSubscriptionResetAndClose(t *testing.T) {
	for name, end := range map[string]func(*pagerduty.Account){
		"subscription": func(a *pagerduty.Account) { a.Subscribe(pagerduty.Webhook{}) },
		"reset":        (*pagerduty.Account).Reset,
		"close":        (*pagerduty.Account).Close,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &receiver{statuses: slices.Repeat([]int{500}, 100)}
				a := subscribed(t, r, pagerduty.Options{})
				put(t, a, "trigger", "k")
				synctest.Wait()
				end(a)
				time.Sleep(time.Hour)
				synctest.Wait()
				if len(r.got) != 1 {
					t.Errorf("%d tries, want the one before the end", len(r.got))
				}
			})
		})
	}
}

func TestWhatPeopleCannotDoIsRefused(t *testing.T) {
	a := pagerduty.New(pagerduty.Options{})
	put(t, a, "trigger", "k")
	for name, err := range map[string]error{
		"unknown user": a.Acknowledge("k", "Nobody"), "nobody": a.Acknowledge("k", ""), "no such key": a.Resolve("x", "Anna"),
		"not acknowledged": a.Unacknowledge("k", ""), "not resolved": a.Reopen("k", "Anna"), "no such level": a.Escalate("k", "Anna", 4),
	} {
		if err == nil {
			t.Errorf("%s: it was done", name)
		}
	}
	for path, body := range map[string]string{"acknowledge": `{"key":"k","usr":"Anna"}`, "resolve": `{"key":"x","user":"Anna"}`, "subscribe": `[]`} {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, httptest.NewRequest("POST", "/_double/"+path, strings.NewReader(body)))
		if w.Code != http.StatusBadRequest {
			t.Errorf("%s answered %d", path, w.Code)
		}
	}
	if i := a.Incidents()[0]; i.Status != pagerduty.Triggered || i.Level != 1 || len(a.Deliveries()) != 0 {
		t.Errorf("incident %+v", i)
	}
}
