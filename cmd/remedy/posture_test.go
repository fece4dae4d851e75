package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate/posture"
)

const (
	apiWeb = `{"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "web", "namespace": "shop"}, "spec": {
  "replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}}, "spec": {
    "containers": [{"name": "web", "readinessProbe": {}, "livenessProbe": {}, "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}}],
    "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "web"}}}]}}},
  "status": {"availableReplicas": 2}}`
	apiBudgets = `{"kind": "PodDisruptionBudgetList", "apiVersion": "policy/v1", "items": [{"metadata": {"name": "web", "namespace": "shop"},
  "spec": {"selector": {"matchLabels": {"app": "web"}}}, "status": {"expectedPods": 2, "desiredHealthy": 1}}]}`
	apiNoPods    = `{"kind": "PodList", "apiVersion": "v1", "items": []}`
	apiForbidden = `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403,
  "message": "poddisruptionbudgets.policy is forbidden: User \"eve\" cannot list resource \"poddisruptionbudgets\" in API group \"policy\" in the namespace \"shop\""}`
	budgetsPath = "/apis/policy/v1/namespaces/shop/poddisruptionbudgets"
)

// wellAPI answers as an API server at which nothing is wrong with shop/web.
func wellAPI() map[string]string {
	return map[string]string{
		"/apis/apps/v1/namespaces/shop/deployments/web": apiWeb,
		budgetsPath: apiBudgets, "/api/v1/namespaces/shop/pods": apiNoPods,
	}
}

// answersAs starts a server that answers these paths in JSON, with the code that
// the body names, and counts in asked how often. All others are not found.
func answersAs(t *testing.T, bodies map[string]string) (url string, asked *int) {
	t.Helper()
	asked = new(int)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked++
		var status struct{ Code int }
		body, ok := bodies[r.URL.Path]
		if !ok {
			body = `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}`
		}
		_ = json.Unmarshal([]byte(body), &status)
		w.Header().Set("Content-Type", "application/json")
		if status.Code != 0 {
			w.WriteHeader(status.Code)
		}
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

// postureFiles writes a configuration with policies, and a kubeconfig for a
// server. It returns their paths.
func postureFiles(t *testing.T, policies, prometheus, server string) (config, kubeconfig string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"remediated.yml": fmt.Sprintf(`cluster: prod
policies: [{files: [policies.yaml]}]
alertmanagers: [{url: http://127.0.0.1:1}]
prometheus: {url: %q}
clusters: [{name: prod, kubeconfig: kubeconfig}, {name: dr, kubeconfig: kubeconfig, context: dr}]
`, prometheus),
		"policies.yaml": policies,
		"kubeconfig": fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: prod,
clusters: [{name: prod, cluster: {server: %q}}],
contexts: [{name: prod, context: {cluster: prod}}, {name: dr, context: {cluster: prod}}]}
`, server),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "remediated.yml"), filepath.Join(dir, "kubeconfig")
}

// policiesOn are policies that restart these targets, with these guards.
func policiesOn(guards string, targets ...string) string {
	var b strings.Builder
	b.WriteString("policies:\n")
	for i, target := range targets {
		fmt.Fprintf(&b, `- {name: p%d, when: ['alertname="Down%d"', 'namespace=~".+"', 'pod=~".+"'], per: [namespace, pod], severity: P2, target: %s, guards: %s,
   steps: [{name: restart, do: [{restart: {}}], verify: {all: [{rollout: $target}], within: 3m}}]}
`, i+1, i+1, target, guards)
	}
	return b.String()
}

func TestCheckPosture(t *testing.T) {
	const web = "deployment/shop/web"
	newest := func(ago time.Duration) string {
		return fmt.Sprintf(`{"status": "success", "data": {"resultType": "scalar", "result": [1, "%d"]}}`, time.Now().Add(-ago).Unix())
	}
	const guarded = "{backup: {newest: 'max(newest)', max: 24h}}"
	for _, c := range []struct {
		name, policies string
		api            func(map[string]string) // what is changed of it
		prometheus     string
		code           int
		says           []string // the lines; a part of each
		json           int      // findings
	}{
		{
			name: "nothing is wrong", policies: policiesOn("{}", web, web), code: exitOK,
			says: []string{"ok   prod/deployment/shop/web (p1, p2)"},
		}, {
			name: "what cannot be looked at is no fault", policies: policiesOn("{}", web, "owner/$namespace/$pod"), code: exitOK, json: 1,
			says: []string{"note prod/owner/$namespace/$pod (p2): target: not looked at: which object it is is known only when an alert says it", "ok   prod/deployment/shop/web (p1)"},
		}, {
			name: "something is wrong", policies: policiesOn("{}", web), code: exitFailed, json: 1,
			api: func(m map[string]string) { m[budgetsPath] = strings.Replace(apiBudgets, `"web"`, `"other"`, 3) },
			says: []string{"bad  prod/deployment/shop/web (p1): budget: no PodDisruptionBudget covers its pods: a drain may end all of them at once; " +
				"make one that picks their labels and says maxUnavailable: 1"},
		}, {
			name: "a right is missing", policies: policiesOn("{}", web), code: exitFailed, json: 1,
			api:  func(m map[string]string) { m[budgetsPath] = apiForbidden },
			says: []string{`cannot list resource "poddisruptionbudgets" in API group "policy" in the namespace "shop"; give the account`},
		}, {
			name: "it is not there", policies: policiesOn("{}", "deployment/shop/lost"), code: exitFailed, json: 1,
			says: []string{"bad  prod/deployment/shop/lost (p1): target: prod/deployment/shop/lost: "},
		}, {
			name: "the backup is old", policies: policiesOn(guarded, web), prometheus: newest(25 * time.Hour), code: exitFailed, json: 1,
			says: []string{"bad  prod/deployment/shop/web (p1): backup: the newest good backup is 25h0m"},
		}, {
			name: "the backup is new", policies: policiesOn(guarded, web), prometheus: newest(time.Hour), code: exitOK,
			says: []string{"ok   prod/deployment/shop/web (p1)"},
		}, {
			name: "nobody is acted on", policies: "policies:\n- {name: told, when: ['alertname=\"X\"'], severity: P3}\n", code: exitOK,
			says: []string{"No policy has a target."},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			answers := wellAPI()
			if c.api != nil {
				c.api(answers)
			}
			server, _ := answersAs(t, answers)
			prometheus, _ := answersAs(t, map[string]string{"/api/v1/query": c.prometheus})
			config, _ := postureFiles(t, c.policies, prometheus, server)
			code, out, errs := calls(t, "check", "posture", config)
			lines := strings.Split(strings.TrimSpace(out), "\n")
			if code != c.code || errs != "" || len(lines) != len(c.says) {
				t.Fatalf("exit code %d, want %d; it says\n%s%s", code, c.code, out, errs)
			}
			for i, want := range c.says {
				if !strings.Contains(lines[i], want) {
					t.Errorf("it says %q, want %q", lines[i], want)
				}
			}
			code, out, _ = calls(t, "-o", "json", "check", "posture", config)
			var found []posture.Finding
			if err := json.Unmarshal([]byte(out), &found); err != nil || code != c.code || found == nil || len(found) != c.json {
				t.Errorf("as JSON, with exit code %d: %v\n%s", code, err, out)
			}
		})
	}
}

// Flags say by whom it is asked; what would take one cluster for another is
// refused before anything is asked.
func TestCheckPostureAsks(t *testing.T) {
	wrong, wronglyAsked := answersAs(t, nil)
	right, asked := answersAs(t, wellAPI())
	config, _ := postureFiles(t, policiesOn("{}", "dr/deployment/shop/web"), "http://127.0.0.1:1", wrong)
	_, kubeconfig := postureFiles(t, "", "", right)
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	lost := filepath.Join(filepath.Dir(config), "lost.yml")
	if err := os.WriteFile(lost, bytes.ReplaceAll(text, []byte("kubeconfig: kubeconfig"), []byte("kubeconfig: kubeconfig.lost")), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := calls(t, "check", "posture", "--kubeconfig", kubeconfig, config); code != exitOK || *asked == 0 || *wronglyAsked > 0 {
		t.Errorf("exit code %d, asked %d times and the other %d times\n%s%s", code, *asked, *wronglyAsked, out, errs)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--context", "prod", config}, exitUsage, "the clusters prod and dr would be the same"},
		{[]string{"--kubeconfig", kubeconfig + ".lost", config}, exitFailed, "kubeconfig.lost: no such file or directory: check --kubeconfig and --context"},
		{[]string{lost}, exitFailed, "kubeconfig.lost: no such file or directory: say which kubeconfig to use with --kubeconfig"},
		{[]string{config + ".lost"}, exitFailed, ""},
	} {
		code, out, errs := calls(t, append([]string{"check", "posture"}, c.args...)...)
		if code != c.code || !strings.Contains(errs, c.says) || c.says == "" && !strings.Contains(out, "remediated.yml.lost") {
			t.Errorf("%s: exit code %d, want %d\n%s%s", c.args, code, c.code, out, errs)
		}
	}
	if *wronglyAsked > 0 {
		t.Error("it was asked all the same")
	}
}

// The page names every check.
func TestThePageNamesEveryCheck(t *testing.T) {
	page, err := os.ReadFile("../../docs/workbench.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, check := range []string{
		posture.Replicas, posture.Evictions, posture.Spread, posture.Readiness, posture.Liveness, posture.Requests,
		posture.Memory, posture.Volume, posture.Backup, posture.Owner, posture.Looking,
	} {
		if !regexp.MustCompile("(?m)^\\|.*`" + check + "`.*\\|.*\\|$").Match(page) {
			t.Errorf("docs/workbench.md has no row for %s", check)
		}
	}
}
