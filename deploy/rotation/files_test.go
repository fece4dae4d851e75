// Package rotation_test holds what needs no database against the shipped script and
// manifests; test/e2e has the rest.
package rotation_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/deploy/internal/shell"
)

const script = "scripts/credential.sh"

func TestScript(t *testing.T) { shell.Check(t, script) }

// What is told by an alert, or was set wrong, is refused before anything is asked.
func TestScriptRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		do   string
		env  []string
		want string
	}{
		"nothing to do":           {"", []string{"ROLES=shop_a shop_b"}, "say what to do"},
		"something else":          {"drop", []string{"ROLES=shop_a shop_b"}, "say what to do"},
		"no roles":                {"new", nil, "ROLES is not set"},
		"one role":                {"new", []string{"ROLES=shop_a", "STOLEN=shop_a"}, "name two"},
		"three roles":             {"new", []string{"ROLES=shop_a shop_b shop_c", "STOLEN=shop_a"}, "name two"},
		"one role twice":          {"retire", []string{"ROLES=shop_a shop_a", "STOLEN=shop_a"}, "name two"},
		"nobody's was stolen":     {"new", []string{"ROLES=shop_a shop_b"}, "STOLEN is not set"},
		"another's was stolen":    {"retire", []string{"ROLES=shop_a shop_b", "STOLEN=postgres"}, `STOLEN is "postgres"`},
		"what is no role":         {"retire", []string{"ROLES=shop_a shop_b", "STOLEN=shop_a shop_b"}, "which is none of"},
		"nothing is known":        {"scan", []string{"ROLES=shop_a shop_b"}, "KNOWN_GOOD is not set"},
		"nothing to tell them by": {"count", []string{"ROLES=shop_a shop_b"}, "APPLICATION is not set"},
		"nobody to tell":          {"count", []string{"ROLES=shop_a shop_b", "APPLICATION=^shop-"}, "PUSHGATEWAY_URL is not set"},
		"nobody to tell of it":    {"new", []string{"ROLES=shop_a shop_b", "STOLEN=shop_a"}, "PUSHGATEWAY_URL is not set"},
	} {
		cmd := exec.Command(script, strings.Fields(tc.do)...)
		cmd.Env = append([]string{"PATH=" + tools(t, "", "")}, tc.env...)
		out, err := cmd.CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte(tc.want)) || bytes.Contains(out, []byte("asked")) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// A look at the workload, held against what is known of it.
func TestScan(t *testing.T) {
	const (
		good  = `{"name": "main", "image": "shop@sha256:1", "command": ["serve"], "env": [{"name": "A", "value": "1"}]}`
		known = `[{"name":"main","image":"shop@sha256:1","command":["serve"],"args":null,"env":[{"name":"A","value":"1"}]}]`
	)
	pod := func(containers, more string) string {
		return `{"metadata": {"name": "shop-1"` + more + `}, "spec": {"containers": [` + containers + `]}}`
	}
	for name, tc := range map[string]struct {
		template, pods string
		want           string // "" is that all is well
	}{
		"as it should be":    {good, pod(good, ""), ""},
		"no pods":            {good, "", ""},
		"another image":      {good, pod(strings.Replace(good, ":1", ":2", 1), ""), "shop-1"},
		"another command":    {good, pod(strings.Replace(good, "serve", "steal", 1), ""), "shop-1"},
		"more arguments":     {good, pod(strings.Replace(good, `"env"`, `"args": ["x"], "env"`, 1), ""), "shop-1"},
		"another setting":    {good, pod(strings.Replace(good, `"1"}`, `"2"}`, 1), ""), "shop-1"},
		"one more container": {good, pod(good+", "+strings.Replace(good, "main", "side", 1), ""), "shop-1"},
		"what is to come":    {strings.Replace(good, "serve", "steal", 1), pod(good, ""), "its template"},
		"looked into":        {good, strings.Replace(pod(good, ""), `"spec": {`, `"spec": {"ephemeralContainers": [`+good+`], `, 1), "shop-1"},
		"before it":          {good, strings.Replace(pod(good, ""), `"spec": {`, `"spec": {"initContainers": [`+good+`], `, 1), "shop-1"},
	} {
		deployment := `{"kind": "Deployment", "spec": {"template": {"spec": {"containers": [` + tc.template + `]}}}}`
		cmd := exec.Command(script, "scan")
		cmd.Env = []string{
			"PATH=" + tools(t, deployment, `{"kind": "List", "items": [`+tc.pods+`]}`),
			"ROLES=a b", "NAMESPACE=shop", "DEPLOYMENT=shop", "SELECTOR=app=shop", "KNOWN_GOOD=" + known,
		}
		out, err := cmd.CombinedOutput()
		if (err == nil) != (tc.want == "") || !bytes.Contains(out, []byte(tc.want)) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// What is being deleted still runs: it is waited for. What stays is not.
func TestScanWaitsForWhatGoes(t *testing.T) {
	const known = `[{"name":"main","image":null,"command":null,"args":null,"env":null}]`
	bad := `{"metadata": {"name": "shop-1"MORE}, "spec": {"containers": [{"name": "bad"}]}}`
	goes := strings.Replace(bad, "MORE", `, "deletionTimestamp": "2026-01-14T10:00:00Z"`, 1)
	for name, tc := range map[string]struct {
		pods string
		want string // "" is that all is well
	}{
		"it goes":                       {goes, ""},
		"it goes and another one stays": {goes + ", " + strings.NewReplacer("MORE", "", "shop-1", "shop-2").Replace(bad), "shop-1, shop-2"},
	} {
		path := tools(t, `{"kind": "Deployment", "spec": {"template": {"spec": {"containers": [{"name": "main"}]}}}}`, `{"kind": "List", "items": [`+tc.pods+`]}`)
		dir, _, _ := strings.Cut(path, ":")
		// The second look finds nothing any more.
		sleep := "#!/bin/sh\nsed -i 's/\"items\": .*]}$/\"items\": []}/' " + filepath.Join(dir, "kubectl") + "\n"
		if err := os.WriteFile(filepath.Join(dir, "sleep"), []byte(sleep), 0o755); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(script, "scan")
		cmd.Env = []string{"PATH=" + path, "ROLES=a b", "NAMESPACE=shop", "DEPLOYMENT=shop", "SELECTOR=app=shop", "KNOWN_GOOD=" + known}
		out, err := cmd.CombinedOutput()
		if (err == nil) != (tc.want == "") || !bytes.Contains(out, []byte(tc.want)) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// What would rotate by itself, or hold a password, must not be shipped.
func TestManifests(t *testing.T) {
	files, err := filepath.Glob("*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte("kind: Secret\n")) {
			t.Errorf("%s has a Secret; they are referred to, and made by hand", file)
		}
		for document := range strings.SplitSeq(string(text), "---\n") {
			never := strings.Contains(document, "  suspend: true\n") && strings.Contains(document, `schedule: "0 0 31 2 *"`)
			if strings.Contains(document, "kind: CronJob\n") && !never && !strings.Contains(document, "name: credential-count,") {
				t.Errorf("a CronJob of %s could start by itself:\n%s", file, document)
			}
		}
	}
}

// tools is a PATH with a kubectl that answers with these objects, and a psql that
// nobody must ask.
func tools(t *testing.T, deployment, pods string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"kubectl": "case $2 in deployment) cat <<'END'\n" + deployment + "\nEND\n;; pods) cat <<'END'\n" + pods + "\nEND\n;; *) echo asked for $2; exit 1;; esac",
		"psql":    "echo asked; exit 1",
		"curl":    "echo asked; exit 1",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir + ":/usr/bin:/bin"
}
