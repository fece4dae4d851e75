package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// planted are secrets, one for each field of the configuration that has one.
var planted = map[string]string{
	"slack.token": "xoxb-planted-0001", "slack.signing": "planted-0002", "slack.app": "xapp-planted-0003",
	"oncall.key": "planted0004planted0004planted000", "manager.key": "planted0005planted0005planted000", "director.key": "planted0006planted0006planted000",
	"pagerduty.token": "planted-0007", "pagerduty.webhook": "planted-0008", "intake.token": "planted-0009",
	"alertmanager.password": "planted-0010", "prometheus.token": "planted-0011", "kube.token": "planted-0012", "beat.url": "planted-0013",
	"anna.token": "planted-token-0014", "dns.key": "cGxhbnRlZC0wMDE1", "s3.credentials": "planted-0016", "db.dsn": "planted-0017", "redis.password": "planted-0018", "call.key": "planted-0019",
}

// parrot is a server that says no and repeats all that it was sent, as servers
// do that one debugs.
type parrot struct {
	mu    sync.Mutex
	heard strings.Builder
}

func (p *parrot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_, password, _ := r.BasicAuth()
	said := fmt.Sprintf("%s %s %s %s", r.URL, r.Header, password, body)
	p.mu.Lock()
	p.heard.WriteString(said + "\n")
	p.mu.Unlock()
	said = strings.Map(func(c rune) rune {
		if strings.ContainsRune("\"\\\n\r\t", c) {
			return ' '
		}
		return c
	}, said)
	switch {
	case strings.HasPrefix(r.URL.Path, "/api/auth.test"), strings.HasPrefix(r.URL.Path, "/api/chat"), strings.HasPrefix(r.URL.Path, "/api/conversations"), strings.HasPrefix(r.URL.Path, "/api/apps"):
		fmt.Fprintf(w, `{"ok": false, "error": "%s"}`, said)
	case strings.HasPrefix(r.URL.Path, "/v2/enqueue"):
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"status": "invalid event", "message": "%s", "errors": ["%s"]}`, said, said)
	default:
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, `{"status": "error", "errorType": "internal", "message": "%s", "error": "%s"}`, said, said)
	}
}

// used says which planted secrets it was shown.
func (p *parrot) saw(secret string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Contains(p.heard.String(), secret)
}

const plantedConfig = `cluster: prod
policies: [{files: [p.yml]}]
alertmanagers: [{url: "PARROT/am", basic_auth: {username: me, password_file: alertmanager.password}}]
prometheus: {url: "PARROT/prometheus", authorization: {credentials_file: prometheus.token}}
clusters: [{name: prod, kubeconfig: kubeconfig}]
name_servers: [{name: primary, address: '127.0.0.1:1', key: {name: remediated, secret_file: dns.key}, zones: [shop.example]}]
people: [{name: anna, token_file: anna.token, slack: U0ANNA000, roles: [operator, approver]}]
heartbeat: {url_file: beat.url, every: 100ms}
watchdog: {when: ['alertname="Watchdog"'], within: 1s}
notify:
  alertmanager: {raise: true}
  slack: {token_file: slack.token, signing_secret_file: slack.signing, app_token_file: slack.app, channel: "#ops", api_url: "PARROT/api/", mentions: {oncall: [U0ANNA000]}, bridge: {}}
  pagerduty:
    routing_keys: {oncall: {file: oncall.key}, manager: {file: manager.key}, director: {file: director.key}}
    events_url: PARROT
    api_url: PARROT
    api_token_file: pagerduty.token
    webhook_secret_files: [pagerduty.webhook]
    changes_rung: oncall
runbooks:
  P1: {objective: 1s, page: at once, ladder: [{tell: oncall, wait: 300ms}, {tell: manager, wait: 300ms}, {tell: director, wait: 1h}]}
`

const plantedPolicy = `policies:
  - name: down
    when: ['alertname="Down"']
    severity: {default: P1, impact: [{query: 'up', p1: 5}]}
    mode: act
    target: deployment/shop/db
    steps: [{name: restart, do: [{restart: {}}], verify: {all: [{rollout: $target}], within: 1m}}]
  - name: probed
    when: ['alertname="Probed"']
    severity: P2
    mode: act
    target: deployment/shop/db
    steps:
      - name: call
        do: [{http_call: {url: "PARROT/call", secret_file: call.key, allow_loopback: true}}, {dns_update: {server: primary, name: api.shop.example, from: [192.0.2.9], to: [192.0.2.1], ttl: 60s}}]
        verify:
          within: 1m
          all:
            - backup: {s3: {endpoint: "PARROT", bucket: backups, path_style: true, allow_loopback: true, credentials_file: s3.credentials}, pattern: '*.dump', max_age: 25h}
            - postgres: {dsn_file: db.dsn}
            - redis: {address: "HOST", password_file: redis.password, allow_loopback: true}
            - http: {url: "PARROT/healthz", allow_loopback: true, contains: well}
  - name: half
    when: ['alertname="Half"']
    severity: {default: P2, impact: [{query: 'up', p1: 5}]}
`

// TestNoSecretIsEverShown: everything that the daemon is configured with is
// refused and repeated by a server that does not keep anything to itself. What
// is logged, kept, counted and answered has none of it.
func TestNoSecretIsEverShown(t *testing.T) {
	p := &parrot{}
	server := httptest.NewServer(p)
	defer server.Close()
	cluster := httptest.NewTLSServer(p) // a token is not shown to one without TLS
	defer cluster.Close()
	d := startPlanted(t, server.URL, cluster.URL)
	d.post("alertmanager", http.Header{"Authorization": {"Bearer " + planted["intake.token"]}},
		`{"version": "4", "groupKey": "g", "status": "firing", "alerts": [`+alertNow("Down")+`,`+alertNow("Half")+`,`+alertNow("Probed")+`]}`)
	d.post("alertmanager", http.Header{"Authorization": {"Bearer " + planted["intake.token"]}},
		`{"version": "4", "groupKey": "g", "status": "resolved", "alerts": [`+strings.Replace(strings.Replace(alertNow("Probed"), `"firing"`, `"resolved"`, 1), "0001-01-01T00:00:00Z", time.Now().Add(time.Second).UTC().Format(time.RFC3339), 1)+`]}`)
	d.post("alertmanager", http.Header{"Authorization": {"Bearer planted-but-wrong"}}, "{}")
	form := "payload=" + url.QueryEscape(`{"type": "block_actions", "user": {"id": "U0EVE0000"}, "channel": {"id": "C0OPS0000"}, "message": {"ts": "1700000000.000100"}, "actions": [{"type": "button", "action_id": "remediated_ack", "value": "aaaaaaaa-i1", "action_ts": "1700000000.000100"}]}`)
	for _, secret := range []string{planted["slack.signing"], "another"} {
		at := fmt.Sprint(time.Now().Unix())
		d.post("slack", http.Header{"X-Slack-Request-Timestamp": {at}, "X-Slack-Signature": {"v0=" + mac(secret, "v0:"+at+":"+form)}, "Content-Type": {"application/x-www-form-urlencoded"}}, form)
		d.post("pagerduty", http.Header{"X-Pagerduty-Signature": {"v1=" + mac(strings.Replace(secret, planted["slack.signing"], planted["pagerduty.webhook"], 1), "{}")}}, "{}")
	}
	for _, with := range []func(*http.Request){basic("anna", planted["anna.token"]), basic("ben", planted["anna.token"]), bearer("x" + planted["anna.token"])} {
		d.say("/api/v1/pause", `{"by": "anna", "scope": "namespace/other"}`, with)
		d.say("/api/v1/drill", `{"by": "anna", "scope": "policy/half"}`, with)
	}
	for _, path := range []string{"/metrics", "/api/v1/check", "/api/v1/status", "/api/v1/policies", "/api/v1/breakers", "/", "/automation"} {
		d.get(path)
	}
	within(t, "the bucket is asked for", func() bool { return p.saw("AKIAOFTHEPARROT") })
	for name, secret := range planted {
		if slices.Contains([]string{"slack.signing", "pagerduty.webhook", "intake.token", "anna.token"}, name) {
			continue // they are what others send
		}
		if slices.Contains([]string{"dns.key", "s3.credentials", "call.key", "db.dsn", "redis.password"}, name) {
			continue // they sign what is sent, or are not sent to who speaks HTTP
		}
		within(t, "the parrot is shown "+name, func() bool { return p.saw(secret) })
	}
	for _, path := range []string{"/api/v1/incidents", "/api/v1/incidents/1", "/api/v1/incidents/1/facts", "/api/v1/incidents/2/facts", "/incidents/1"} {
		d.get(path)
	}
	d.stop()
	for _, name := range slices.Sorted(maps.Keys(planted)) {
		if where := d.shows(planted[name]); where != "" {
			t.Errorf("%s is shown: %s", name, where)
		}
	}
}

// startPlanted starts the daemon with all that is planted.
func startPlanted(t *testing.T, parrot, cluster string) *inProcess {
	t.Helper()
	files := maps.Clone(planted)
	files["beat.url"] = parrot + "/beat/" + planted["beat.url"]
	files["p.yml"] = strings.NewReplacer("PARROT", parrot, "HOST", strings.TrimPrefix(parrot, "http://")).Replace(plantedPolicy)
	files["s3.credentials"] = "[default]\naws_access_key_id = AKIAOFTHEPARROT\naws_secret_access_key = " + planted["s3.credentials"]
	files["db.dsn"] = "postgres://me:" + planted["db.dsn"] + "@" + strings.TrimPrefix(parrot, "http://") + "/shop?sslmode=disable"
	files["remediated.yml"] = strings.ReplaceAll(plantedConfig, "PARROT", parrot)
	files["kubeconfig"] = fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],
clusters: [{name: c, cluster: {server: "%s", insecure-skip-tls-verify: true}}], users: [{name: u, user: {token: "%s"}}]}`, cluster, planted["kube.token"])
	d := startHere(t, files, "--intake.token-file=intake.token", "--alertmanager.poll-interval=200ms")
	d.as = http.Header{"Authorization": {"Bearer " + planted["anna.token"]}}
	return d
}

// say posts a command, and keeps what it is answered.
func (d *inProcess) say(path, word string, with func(*http.Request)) {
	d.t.Helper()
	code, body := d.ask(d.web, http.MethodPost, path, word, with)
	fmt.Fprintf(&d.answers, "%d\n%s\n", code, body)
}

// shows says where a secret stands that was planted, "" when nowhere: in what
// was logged and answered, and in all files that were kept.
func (d *inProcess) shows(secret string) string {
	if where := d.showsAsIs(base64.StdEncoding.EncodeToString([]byte("me:" + secret))); where != "" {
		return where
	}
	return d.showsAsIs(secret)
}

func (d *inProcess) showsAsIs(secret string) string {
	if at := strings.Index(d.log.String(), secret); at >= 0 {
		return "in the log: " + around(d.log.String(), at)
	}
	if at := strings.Index(d.answers.String(), secret); at >= 0 {
		return "in an answer: " + around(d.answers.String(), at)
	}
	where := ""
	err := fs.WalkDir(os.DirFS(filepath.Join(d.dir, "data")), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(d.dir, "data", path))
		if at := bytes.Index(b, []byte(secret)); at >= 0 {
			where = "in " + path + ": " + around(string(b), at)
		}
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return where
}

func around(text string, at int) string { return text[max(0, at-200):min(len(text), at+60)] }

func alertNow(name string) string {
	return fmt.Sprintf(`{"status": "firing", "labels": {"alertname": %q}, "annotations": {}, "startsAt": %q, "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "", "fingerprint": "0"}`,
		name, time.Now().Add(time.Second).UTC().Format(time.RFC3339))
}

func mac(secret, text string) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(text))
	return hex.EncodeToString(m.Sum(nil))
}
