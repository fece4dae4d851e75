package main

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

// guardedConfig has a person of each role, with tokens.
const guardedConfig = `cluster: prod
policies: [{files: [p.yml]}]
alertmanagers: [{url: "http://127.0.0.1:1"}]
clusters: [{name: prod, kubeconfig: kubeconfig}]
people:
  - {name: olga, token_file: olga.token, roles: [operator]}
  - {name: vera, token_file: vera.token, roles: [viewer]}
notify: {slack: {token_file: slack.token, signing_secret_file: slack.signing, channel: "#ops", api_url: "http://127.0.0.1:1"}}
`

// nobodysKubeconfig leads to a cluster that is not there.
const nobodysKubeconfig = "{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}], clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}], users: [{name: u, user: {}}]}"

// A viewer sees everything and changes nothing; whoever comes without a credential
// reaches nothing at all, through any route of either listener, and leaves not a
// word in the journal. The routes are those of the daemon's own description, which
// a test of remediate/web holds against its handlers.
func TestNoRouteIsOpen(t *testing.T) {
	d := startHere(t, map[string]string{
		"remediated.yml": guardedConfig,
		"olga.token":     "token-of-olga-0123456789", "vera.token": "token-of-vera-0123456789", "slack.token": "xoxb-1", "slack.signing": "s",
		"p.yml":      "policies: [{name: down, when: ['alertname=\"Down\"'], severity: P3}]",
		"kubeconfig": nobodysKubeconfig,
	})
	vera, olga := bearer("token-of-vera-0123456789"), basic("olga", "token-of-olga-0123456789")
	routes := d.routes(vera)
	for _, route := range routes {
		method, path, _ := strings.Cut(route, " ")
		if path == "/live" {
			continue // it is a stream: what comes of it is seen as long as it is open
		}
		code, body := d.ask(d.web, method, path, wordFor(path), vera)
		if method == http.MethodPost && code != http.StatusForbidden || method == http.MethodGet && code != http.StatusOK && code != http.StatusNotFound {
			t.Errorf("%s by a viewer: %d %.200s", route, code, body)
		}
	}
	if code, body := d.ask(d.web, http.MethodPost, "/api/v1/pause", `{"by": "vera", "scope": "all"}`, olga); code != http.StatusOK || !strings.Contains(body, `"by": "olga"`) {
		t.Errorf("a pause by an operator: %d %s", code, body)
	}
	if code, body := d.ask(d.web, http.MethodPost, "/-/reload", "", olga); code != http.StatusOK {
		t.Errorf("a reload by an operator: %d %s", code, body)
	}
	d.strangers(routes) // last: they guess, and nobody from their address is heard after that
	for _, said := range d.words() {
		if said != "given olga: pause" && !strings.HasPrefix(said, "refused vera: ") {
			t.Errorf("the journal has: %s", said)
		}
	}
}

// strangers go through all routes with what proves nothing.
func (d *inProcess) strangers(routes []string) {
	d.t.Helper()
	strangers := map[string]func(*http.Request){
		"nothing": func(*http.Request) {}, "a wrong token": bearer("token-of-nobody-012345"), "her name": basic("olga", ""),
		"a header": func(r *http.Request) {
			for _, name := range []string{"X-Forwarded-User", "Remote-User", "X-Remote-User"} {
				r.Header.Set(name, "olga")
			}
		},
	}
	for _, route := range routes {
		method, path, _ := strings.Cut(route, " ")
		for what, with := range strangers {
			code, body := d.ask(d.web, method, path, wordFor(path), with)
			if open := slices.Contains(web.OpenPaths, path); open != (code == http.StatusOK) || !open && code != http.StatusUnauthorized && code != http.StatusTooManyRequests {
				d.t.Errorf("%s with %s: %d %.200s", route, what, code, body)
			}
		}
	}
	browser := func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") }
	for _, path := range []string{alertmanagerPath, slackPath, pagerDutyPath, "/api/v1/pause", "/-/reload", "/"} {
		if code, body := d.ask(d.intake, http.MethodPost, path, "{}", browser); code != http.StatusUnauthorized && code != http.StatusNotFound {
			d.t.Errorf("POST %s at the intake: %d %.200s", path, code, body)
		}
	}
}

// wordFor is a word that fits the command of a path.
func wordFor(path string) string {
	command := path[strings.LastIndex(path, "/")+1:]
	word := map[string]string{
		remediate.Override: `{"by": "olga", "reason": "so", "guard": "cooldown"}`, remediate.Note: `{"by": "olga", "reason": "so"}`,
		remediate.Rate: `{"by": "olga", "value": "P1"}`, remediate.Approve: `{"by": "olga", "plan": "0123456789"}`, remediate.Deny: `{"by": "olga", "plan": "0123456789"}`,
		remediate.Accept: `{"by": "olga", "reason": "so", "value": "v1"}`, remediate.Pause: `{"by": "olga", "scope": "all"}`, remediate.Resume: `{"by": "olga", "scope": "all"}`,
		remediate.SetMode: `{"by": "olga", "scope": "all", "value": "observe"}`, remediate.Drill: `{"by": "olga", "scope": "policy/down"}`,
		remediate.LiveDrill: `{"by": "olga", "scope": "policy/down"}`, remediate.EndDrill: `{"by": "olga", "scope": "policy/down"}`,
	}[command]
	return cmp.Or(word, `{"by": "olga"}`)
}

// routes are those that the daemon says it has.
func (d *inProcess) routes(with func(*http.Request)) []string {
	d.t.Helper()
	code, text := d.ask(d.web, http.MethodGet, "/api/v1/openapi.yaml", "", with)
	var doc struct{ Paths map[string]map[string]any }
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil || code != http.StatusOK {
		d.t.Fatalf("%d %v", code, err)
	}
	var out []string
	for path, item := range doc.Paths {
		path = strings.NewReplacer("{id}", "1", "{digest}", strings.Repeat("0", 64)).Replace(path)
		for method := range item {
			if method != "parameters" {
				out = append(out, strings.ToUpper(method)+" "+path)
			}
		}
	}
	if len(out) < 30 {
		d.t.Fatalf("only %d routes were found", len(out))
	}
	slices.Sort(out)
	return out
}

// ask sends a request and returns what it was answered with.
func (d *inProcess) ask(to, method, path, body string, with func(*http.Request)) (int, string) {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), method, "http://"+to+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	with(r)
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// words stops the daemon and returns what its journal has of people's words.
func (d *inProcess) words() []string {
	d.t.Helper()
	d.stop()
	j, err := journal.Open(d.t.Context(), filepath.Join(d.dir, "data"), journal.Options{})
	if err != nil {
		d.t.Fatal(err)
	}
	defer j.Close()
	var out []string
	for r, err := range j.Read(d.t.Context(), 1) {
		if err != nil {
			d.t.Fatal(err)
		}
		f, err := r.Decode()
		if err != nil {
			d.t.Fatal(err)
		}
		switch b := f.Body.(type) {
		case remediate.CommandGiven:
			out = append(out, fmt.Sprintf("given %s: %s", b.By, b.Command))
		case remediate.CommandRefused:
			out = append(out, fmt.Sprintf("refused %s: %s", b.By, b.Command))
		}
	}
	return out
}
