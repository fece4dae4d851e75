//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	openapi "github.com/go-openapi/runtime/client"
	"github.com/go-openapi/strfmt"
	amclient "github.com/prometheus/alertmanager/api/v2/client"
	"github.com/prometheus/alertmanager/api/v2/client/alert"
	"github.com/prometheus/alertmanager/api/v2/client/silence"
	"github.com/prometheus/alertmanager/api/v2/models"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/alertmanager"
)

const alertmanagerConfig = `
route:
  receiver: team.db
  group_by: [alertname]
  group_wait: 50ms
  group_interval: 1s
receivers:
- name: team.db
  webhook_configs:
  - url: %s
    http_config:
      authorization: {credentials_file: %s}
`

// realAlertmanager starts an Alertmanager that posts to hook.
func realAlertmanager(t *testing.T, hook, tokenFile string) (url string, kill func()) {
	t.Helper()
	return alertmanagerWith(t, fmt.Sprintf(alertmanagerConfig, hook, tokenFile))
}

// alertmanagerWith starts Debian's Alertmanager on a free port of the loopback
// interface, alone, and returns its URL and what kills it.
func alertmanagerWith(t *testing.T, text string) (url string, kill func()) {
	t.Helper()
	program, err := exec.LookPath("prometheus-alertmanager")
	if err != nil {
		t.Fatalf("%v: apt-get install prometheus-alertmanager", err)
	}
	dir, address := t.TempDir(), freeAddress(t)
	config := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd := exec.Command(program, "--config.file="+config, "--storage.path="+dir, "--web.listen-address="+address, "--cluster.listen-address=")
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	kill = func() {
		if !killed {
			killed = true
			cmd.Process.Kill()
			cmd.Wait()
		}
	}
	t.Cleanup(func() {
		kill()
		if t.Failed() {
			t.Logf("Alertmanager's log:\n%s", &log)
		}
	})
	within(t, "Alertmanager is ready", func() bool {
		resp, err := http.Get("http://" + address + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return "http://" + address, kill
}

// freeAddress returns an address of the loopback interface that nobody uses.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// within tries for 15 s until it holds.
func within(t *testing.T, what string, holds func() bool) {
	t.Helper()
	again, end := time.NewTicker(50*time.Millisecond), time.After(15*time.Second)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-end:
			t.Fatalf("after 15 s it is not so that %s", what)
		}
	}
}

// awaited returns what comes within 15 s.
func awaited[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(15 * time.Second):
		t.Fatalf("no %s within 15 s", what)
		panic("unreachable")
	}
}

// oddLabels are label values that would be syntax somewhere.
var oddLabels = models.LabelSet{
	"alertname": "PostgresDown", "namespace": "shop", "quoted": `a "b" {c="d"}`, "slashes": `\d\\n\`,
	"lines": "one\ntwo", "text": `ünïcode & <b>`,
}

// wired is an intake and a client on either side of a real Alertmanager.
type wired struct {
	url        string
	kill       func()
	client     *alertmanager.Client
	operator   *amclient.AlertmanagerAPI // a human, or Prometheus
	deliveries chan alertmanager.Delivery
	batches    chan []remediate.Input
	tries      int
}

// wire starts all of it. The first webhook is not kept.
func wire(t *testing.T) *wired {
	t.Helper()
	w := &wired{deliveries: make(chan alertmanager.Delivery, 100), batches: make(chan []remediate.Input, 100)}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	intake, err := alertmanager.NewIntake(alertmanager.IntakeOptions{
		Submit:     w.submit,
		Quarantine: func(_ context.Context, body []byte, why string) { t.Errorf("in quarantine, %s: %s", why, body) },
		TokenFiles: []string{token},
		Observe:    func(d alertmanager.Delivery) { w.deliveries <- d },
	})
	if err != nil {
		t.Fatal(err)
	}
	hook := httptest.NewServer(intake)
	t.Cleanup(hook.Close)
	w.url, w.kill = realAlertmanager(t, hook.URL, token)
	w.client, err = alertmanager.New(alertmanager.Options{URLs: []string{w.url}, MinUptime: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	w.operator = operator(w.url)
	return w
}

// operator is a human's way to an Alertmanager, or Prometheus's.
func operator(url string) *amclient.AlertmanagerAPI {
	return amclient.New(openapi.New(strings.TrimPrefix(url, "http://"), "/api/v2", []string{"http"}), strfmt.Default)
}

// submit is called by one webhook after the other: there is one group.
func (w *wired) submit(_ context.Context, batch []remediate.Input) error {
	if w.tries++; w.tries == 1 {
		return errors.New("the first try is not kept")
	}
	w.batches <- batch
	return nil
}

// state asks whether the alert fires.
func (w *wired) state(t *testing.T) (state, suppressedBy string) {
	t.Helper()
	a := w.client.Answer(t.Context(), oddQuestion)
	if !a.OK {
		t.Fatalf("answered %+v", a)
	}
	return a.Values[remediate.ValueState], a.Values[remediate.ValueSuppressedBy]
}

var oddQuestion = remediate.Question{Kind: alertmanager.QuestionAlert, Labels: remediate.LabelsOf(oddLabels)}

// The intake and the client against the real Alertmanager: it tries again what
// was not kept, delivers what we can read, lists the same, and says when it is
// silenced, gone, or when nobody can tell.
func TestRealAlertmanager(t *testing.T) {
	w := wire(t)
	if state, _ := w.state(t); state != remediate.AlertStateGone {
		t.Fatalf("before it fires: %s", state)
	}
	begun := time.Now().Add(-time.Minute)
	postAlert(t, w.operator, begun, time.Now().Add(time.Hour))
	heard := w.delivered(t)
	if !heard.Firing || heard.Alert.Labels.String() != oddQuestion.Labels.String() || !heard.Alert.StartsAt.Equal(begun.Truncate(time.Millisecond)) {
		t.Errorf("heard %+v", heard)
	}
	l := w.client.List(t.Context())
	if !l.Complete || len(l.Alerts) != 1 || len(l.Alerts[0].Suppressed) > 0 || fmt.Sprint(l.Alerts[0].Alert) != fmt.Sprint(heard.Alert) {
		t.Errorf("listed %+v, heard %+v", l, heard)
	}
	if state, _ := w.state(t); state != remediate.AlertStateFiring {
		t.Errorf("while it fires: %s", state)
	}

	w.silenced(t)
	postAlert(t, w.operator, begun, time.Now())
	within(t, "the alert is gone", func() bool { state, _ := w.state(t); return state == remediate.AlertStateGone })
	w.provesNothing(t)
}

// silenced tells that a silence is known by who made it, until when and why,
// and that what it silences is not counted as firing.
func (w *wired) silenced(t *testing.T) {
	t.Helper()
	count := remediate.Question{Kind: alertmanager.QuestionAlerts, Args: json.RawMessage(`{"filter":["namespace=\"shop\""]}`)}
	if a := w.client.AnswerAlerts(t.Context(), count); a.Values[remediate.ValueCount] != "1" {
		t.Errorf("while it fires: %+v", a)
	}
	until := time.Now().Add(time.Hour).Truncate(time.Second)
	id := postSilence(t, w.operator, "PostgresDown", until)
	want := "silence " + id[:8] + " by anna until " + until.UTC().Format(time.RFC3339) + ": maintenance"
	within(t, "the alert is suppressed by "+want, func() bool {
		state, by := w.state(t)
		return state == remediate.AlertStateSuppressed && by == want
	})
	if l := w.client.List(t.Context()); len(l.Alerts) != 1 || fmt.Sprint(l.Alerts[0].Suppressed) != "["+want+"]" {
		t.Errorf("silenced: listed %+v", l)
	}
	if a := w.client.AnswerAlerts(t.Context(), count); a.Values[remediate.ValueCount] != "0" {
		t.Errorf("silenced: %+v", a)
	}
}

// delivered returns the alert of the first webhook that was kept.
func (w *wired) delivered(t *testing.T) remediate.Heard {
	t.Helper()
	if d := awaited(t, "delivery", w.deliveries); d.Outcome != alertmanager.NotKept || d.Code != http.StatusServiceUnavailable {
		t.Errorf("the first delivery: %+v", d)
	}
	if d := awaited(t, "second delivery", w.deliveries); d.Outcome != alertmanager.Accepted || d.Receiver != "team.db" || d.Firing != 1 {
		t.Errorf("the second delivery: %+v", d)
	}
	return awaited(t, "batch", w.batches)[0].(remediate.Heard)
}

// provesNothing tells that an Alertmanager that just started, and one that is
// dead, do not resolve what they do not list.
func (w *wired) provesNothing(t *testing.T) {
	t.Helper()
	careful, err := alertmanager.New(alertmanager.Options{URLs: []string{w.url}})
	if err != nil {
		t.Fatal(err)
	}
	if l, a := careful.List(t.Context()), careful.Answer(t.Context(), oddQuestion); l.Complete || a.OK || a.Err == "" {
		t.Errorf("up for seconds: %+v, %+v", l, a)
	}
	w.kill()
	if l, a := w.client.List(t.Context()), w.client.Answer(t.Context(), oddQuestion); l.Complete || a.OK || a.Err == "" {
		t.Errorf("killed: %+v, %+v", l, a)
	}
}

func postAlert(t *testing.T, to *amclient.AlertmanagerAPI, from, until time.Time) {
	t.Helper()
	_, err := to.Alert.PostAlerts(alert.NewPostAlertsParams().WithAlerts(models.PostableAlerts{{
		Alert:       models.Alert{Labels: oddLabels, GeneratorURL: "http://prometheus.invalid/graph"},
		Annotations: models.LabelSet{"summary": "it is down"},
		StartsAt:    strfmt.DateTime(from), EndsAt: strfmt.DateTime(until),
	}}))
	if err != nil {
		t.Fatal(err)
	}
}

// postSilence silences all alerts of a name, as anna, and returns the silence's id.
func postSilence(t *testing.T, to *amclient.AlertmanagerAPI, alertname string, until time.Time) string {
	t.Helper()
	name, yes, no, who, why := "alertname", true, false, "anna", "maintenance"
	starts, ends := strfmt.DateTime(time.Now()), strfmt.DateTime(until)
	ok, err := to.Silence.PostSilences(silence.NewPostSilencesParams().WithSilence(&models.PostableSilence{Silence: models.Silence{
		Matchers: models.Matchers{{Name: &name, Value: &alertname, IsEqual: &yes, IsRegex: &no}},
		StartsAt: &starts, EndsAt: &ends, CreatedBy: &who, Comment: &why,
	}}))
	if err != nil {
		t.Fatal(err)
	}
	return ok.Payload.SilenceID
}
