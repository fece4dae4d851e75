//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/api/v2/client/silence"
	"github.com/prometheus/alertmanager/api/v2/models"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/alertmanager"
	"github.com/x0tta6bl4/remediated/test/bed"
)

// called notes which alerts people are called for.
type called struct {
	mu     sync.Mutex
	alerts map[string]bool
}

func (c *called) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var message struct {
		Alerts []struct{ Labels map[string]string }
	}
	if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range message.Alerts {
		c.alerts[a.Labels["alertname"]] = true
	}
}

func (c *called) of(alert string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.alerts[alert]
}

// silencesAt are the states of all silences that an Alertmanager has, by who
// made them, sorted.
func silencesAt(t *testing.T, url string) (all []string) {
	t.Helper()
	ok, err := operator(url).Silence.GetSilences(silence.NewGetSilencesParams())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range ok.Payload {
		all = append(all, *s.CreatedBy+" "+*s.Status.State)
	}
	slices.Sort(all)
	return all
}

// fireAt posts an alert of this name at both.
func (p *pair) fireAt(name string) {
	p.t.Helper()
	a := posted{labels: map[string]string{"alertname": name, "namespace": "shop"}, since: time.Now()}
	body, err := json.Marshal([]postable{a.until(time.Now().Add(time.Hour))})
	if err != nil {
		p.t.Fatal(err)
	}
	for _, url := range p.urls() {
		if code, answer := postJSON(p.t, url+"/api/v2/alerts", body); code != http.StatusOK {
			p.t.Fatalf("%s: %d %s", url, code, answer)
		}
	}
}

// expect waits until both have these silences.
func (p *pair) expect(want string) {
	p.t.Helper()
	for _, url := range p.urls() {
		eventually(p.t, 20*time.Second, func() string {
			if got := strings.Join(silencesAt(p.t, url), ", "); got != want {
				return fmt.Sprintf("%s has silences %q, want %q", url, got, want)
			}
			return ""
		})
	}
}

// At two Alertmanagers that hear of each other a silence is made once, and at
// each when they do not; nobody is called while it is there, and afterwards
// people are.
func TestSilenceAtTwoAlertmanagers(t *testing.T) {
	people := &called{alerts: map[string]bool{}}
	hook := httptest.NewServer(people)
	defer hook.Close()
	p := startPair(t, hook.URL, 1)
	client, err := alertmanager.New(alertmanager.Options{URLs: p.urls()})
	if err != nil {
		t.Fatal(err)
	}
	act := func(n int) remediate.Started {
		id := fmt.Sprintf("e2etest0-i42-a%d", n)
		return remediate.Started{ID: id, Incident: 42, Act: &remediate.Act{Attempt: id}}
	}
	check := func(r remediate.Result, want string) {
		t.Helper()
		if r.Outcome != remediate.OK || !strings.Contains(r.Text, want) {
			t.Fatalf("%s: %s, want %q", r.Outcome, r.Text, want)
		}
	}
	matchers := []string{`alertname=~"ApiErrors|ApiSlow"`, `namespace="shop"`}

	check(client.Silence(t.Context(), act(1), matchers, time.Hour), "127.0.0.1:9313, 127.0.0.1:9323")
	again := act(1)
	again.Again = true
	check(client.Silence(t.Context(), again, matchers, time.Hour), "silenced until")
	p.expect("remediated active")
	p.fireAt("ApiErrors")
	p.fireAt("ApiLost")
	within(t, "people are called for what is not silenced", func() bool { return people.of("ApiLost") })
	count := remediate.Question{Kind: alertmanager.QuestionAlerts, Args: json.RawMessage(`{"filter":["alertname=\"ApiErrors\""]}`)}
	within(t, "what we silenced fires for us", func() bool {
		return client.AnswerAlerts(t.Context(), count).Values[remediate.ValueCount] == "1"
	})
	if people.of("ApiErrors") {
		t.Error("people were called for what was silenced")
	}

	postSilence(t, operator(p.urls()[0]), "ApiErrors", time.Now().Add(time.Hour)) // the same, by a person
	p.expect("anna active, remediated active")
	check(client.Unsilence(t.Context(), act(1)), "no longer silenced at")
	p.expect("anna active, remediated expired")
	p.fireAt("ApiSlow")
	within(t, "people are called again", func() bool { return people.of("ApiSlow") })

	p.cut()
	check(client.Silence(t.Context(), act(2), matchers, time.Hour), "127.0.0.1:9313, 127.0.0.1:9323")
	p.expect("anna active, remediated active, remediated expired")
	p.heal()
	check(client.Unsilence(t.Context(), act(2)), "no longer silenced at")
	for _, url := range p.urls() {
		for _, s := range silencesAt(t, url) {
			if s == "remediated active" {
				t.Errorf("%s: still silenced", url)
			}
		}
	}
}

// hushPolicies silence while the cache is restarted and something is called.
const hushPolicies = `
policies:
- name: posted
  when: ['alertname="Posted"']
  per: [job]
  severity: P1
  mode: act
  target: deployment/x0tta6bl4/x0tta6bl4-redis
  guards: {cooldown: 1m}
  steps:
  - name: restart without a word
    do:
    - silence: {alert: ['alertname="Hushed"', 'job="$job"'], for: 30m}
    - http_call: {url: "CALLED", secret_file: "SECRET", allow_loopback: true}
    - unsilence: {}
    undo: [{unsilence: {}}]
    verify: {all: [{rollout: $target}], for: 1s, within: 1m, every: 200ms}
`

// hushing leads a daemon through a procedure, in the middle of which an alert
// fires that it silences, and which goes on or breaks off as answer says. After
// what is named the daemon dies, and is started again.
func hushing(t *testing.T, b *bed.Bed, after string, answer int) *daemon {
	t.Helper()
	quiet(t, b)
	second, err := b.StartSecondAlertmanager(t.Context(), bed.GossipInTime)
	if err != nil {
		t.Fatal(err)
	}
	hushed := newPosted(t, map[string]string{"alertname": "Hushed"})
	before := len(silencesAt(t, b.Alertmanager))
	middle := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for _, url := range []string{b.Alertmanager, second} {
			if all := silencesAt(t, url); len(all) != before+1 {
				t.Errorf("in the middle %s has silences %q, of which %d were there before", url, all, before)
			}
		}
		fire(t, b, hushed)
		eventually(t, 10*time.Second, func() string { return suppressed(t, b.Alertmanager, "Hushed") })
		w.WriteHeader(answer)
	}))
	t.Cleanup(middle.Close)
	secret := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(secret, []byte("a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := setup{policies: strings.NewReplacer("CALLED", middle.URL, "SECRET", secret).Replace(hushPolicies), alertmanagers: []string{b.Alertmanager, second}}
	start := func() *daemon { return startDaemon(t, b, s) }
	if after != "" {
		start = func() *daemon { d := startMortal(t, b, after, s); d.start(); return d }
	}
	d := start()
	fire(t, b, newPosted(t, nil))
	if after != "" {
		d.awaitDeath()
		d.start()
	}
	for _, url := range []string{b.Alertmanager, second} {
		eventually(t, time.Minute, func() string {
			all := silencesAt(t, url)
			if n := strings.Count(strings.Join(all, ","), "active"); len(all) != before+1 || n > 0 {
				return fmt.Sprintf("%s has silences %q, of which %d were there before; want one more, ended", url, all, before)
			}
			return ""
		})
	}
	return d
}

// suppressed says that an alert is not, "" when it is.
func suppressed(t *testing.T, url, name string) string {
	ok, err := operator(url).Alert.GetAlerts(nil)
	if err != nil {
		return err.Error()
	}
	for _, a := range ok.Payload {
		if a.Labels["alertname"] == name && *a.Status.State == models.AlertStatusStateSuppressed {
			return ""
		}
	}
	return name + " is not suppressed"
}

// What a procedure makes fire is silenced while it works, and no longer.
func TestSilenceForAProcedure(t *testing.T) {
	d := hushing(t, connect(t), "", http.StatusOK)
	d.await("healed/1", 1)
}

// When it breaks off, the undo ends the silence.
func TestSilenceIsTakenBack(t *testing.T) {
	d := hushing(t, connect(t), "", http.StatusInternalServerError)
	d.awaitLog("500 Internal Server Error")
}

// Killed between making the silence and writing that down, it makes no second one.
func TestSilenceIsMadeOnce(t *testing.T) {
	d := hushing(t, connect(t), "performed act", http.StatusOK)
	d.await("healed/1", 1)
}
