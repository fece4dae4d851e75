// Package helm_test holds what needs no Helm against the shipped script and
// manifests; test/e2e has the rest.
package helm_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/x0tta6bl4/remediated/deploy/helm"
	"github.com/x0tta6bl4/remediated/deploy/internal/shell"
)

const script = "scripts/helm-rollback.sh"

func TestScript(t *testing.T) { shell.Check(t, script, upgradeScript, "scripts/common.sh") }

// revision is one as "helm history" has it, and the labels of its Secret.
type revision struct {
	Revision    int    `json:"revision"`
	Status      string `json:"status"`
	Description string `json:"description"`
	Chart       string `json:"chart"` // "" is web-1.0.0
	mark, up    string // who has rolled back from it, or upgraded it
}

// release is one that a small Helm and a small kubectl keep in files.
type release struct {
	*testing.T
	dir string
}

// The programs keep what they are told in files, and note what they did.
const (
	helmProgram = `case $1 in
history) cat history ;;
rollback)
  echo "rollback to $3" >>did
  [ ! -e killed ] || exit 137
  jq --arg to "$3" --arg status "$(cat ends)" '. + [{revision: (.[-1].revision + 1), status: $status, description: "Rollback to \($to)", chart: .[-1].chart}]' history >new && mv new history
  [ "$(cat ends)" = deployed ]
  ;;
show) cat chart ;;
upgrade)
  echo "$*" | sed "s,$PWD,.," >>did
  [ ! -e killed ] || exit 137
  jq --arg status "$(cat ends)" --arg chart "$(basename "$3" .tgz)" '. + [{revision: (.[-1].revision + 1), status: $status, description: "Upgrade", chart: $chart}]' history >new && mv new history
  [ "$(cat ends)" != deployed ] || exit 0
  if [[ $* == *--rollback-on-failure* ]]; then
    jq '. + [{revision: (.[-1].revision + 1), status: "deployed", description: "Rollback to \(.[-2].revision)", chart: .[-2].chart}]' history >new && mv new history
  fi
  exit 1
  ;;
*) exit 1 ;;
esac`
	kubectlProgram = `case $1 in
get) cat secrets ;;
label)
  echo "label $3 ${@: -1}" >>did
  label=${@: -1}
  jq --arg version "${3##*.v}" --arg name "${label%%=*}" --arg value "${label#*=}" --arg over "$5" '.items |= map(if .metadata.labels.version != $version then .
    elif .metadata.labels[$name] and $over != "--overwrite" then error("it has that label") else .metadata.labels[$name] = $value end)' secrets >new && mv new secrets
  ;;
*) exit 1 ;;
esac`
)

func releaseOf(t *testing.T, revisions ...revision) *release {
	t.Helper()
	r := &release{t, t.TempDir()}
	revisions = append([]revision{}, revisions...)
	for k := range revisions {
		revisions[k].Chart = cmp.Or(revisions[k].Chart, "web-1.0.0")
	}
	history, err := json.Marshal(revisions)
	if err != nil {
		t.Fatal(err)
	}
	var secrets []string
	for _, v := range revisions {
		mark := ""
		if v.mark != "" {
			mark = fmt.Sprintf(`, "remediated/rolled-back": %q`, v.mark)
		}
		if v.up != "" {
			mark += fmt.Sprintf(`, "remediated/upgraded": %q`, v.up)
		}
		secrets = append(secrets, fmt.Sprintf(`{"metadata": {"labels": {"owner": "helm", "name": "shop", "version": "%d"%s}}}`, v.Revision, mark))
	}
	for name, text := range map[string]string{
		"helm": "#!/bin/bash\nset -e\ncd " + r.dir + "\n" + helmProgram, "kubectl": "#!/bin/bash\nset -e\ncd " + r.dir + "\n" + kubectlProgram,
		"history": string(history), "secrets": `{"items": [` + strings.Join(secrets, ",") + `]}`, "ends": "deployed", "did": "",
	} {
		r.put(name, text)
	}
	return r
}

func (r *release) put(name, text string) {
	r.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o755); err != nil {
		r.Fatal(err)
	}
}

// run runs the script as an attempt, and returns what was done so far.
func (r *release) run(attempt string) (said, did string, err error) {
	r.Helper()
	out, err := r.with("RELEASE=shop", "NAMESPACE=shop", "TIMEOUT=4m", "REMEDIATED_ATTEMPT="+attempt)
	return out, r.did(), err
}

// did is what was done so far.
func (r *release) did() string {
	r.Helper()
	text, failed := os.ReadFile(filepath.Join(r.dir, "did"))
	if failed != nil {
		r.Fatal(failed)
	}
	return strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", "; ")
}

func (r *release) with(env ...string) (string, error) { return r.execute(exec.Command(script), env...) }

func (r *release) execute(cmd *exec.Cmd, env ...string) (string, error) {
	cmd.Env = append([]string{"PATH=" + r.dir + ":/usr/bin:/bin"}, env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestRollsBack(t *testing.T) {
	ok := func(n int) revision {
		return revision{Revision: n, Status: "superseded", Description: "Upgrade complete"}
	}
	now := func(n int, status string) revision {
		return revision{Revision: n, Status: status, Description: "Upgrade " + status}
	}
	marked := func(v revision, mark string) revision { v.mark = mark; return v }
	upgraded := func(v revision, mark string) revision { v.up = mark; return v }
	back := func(n, to int, status string) revision {
		return revision{Revision: n, Status: status, Description: fmt.Sprint("Rollback to ", to)}
	}
	const label = "label sh.helm.release.v1.shop.v%d remediated/rolled-back=%[1]d.j-i1-a1; rollback to %d"
	for name, tc := range map[string]struct {
		revisions []revision
		did, said string
		refused   bool
	}{
		"a release that is stuck":                          {[]revision{ok(1), now(2, "deployed")}, fmt.Sprintf(label, 2, 1), "back to what revision 1 was", false},
		"one that failed":                                  {[]revision{ok(1), {Revision: 2, Status: "deployed"}, now(3, "failed")}, fmt.Sprintf(label, 3, 2), "from revision 3 to 2", false},
		"several that failed":                              {[]revision{{Revision: 1, Status: "deployed"}, now(2, "failed"), now(3, "failed")}, fmt.Sprintf(label, 3, 1), "from revision 3 to 1", false},
		"one that was rolled back from":                    {[]revision{ok(1), marked(ok(2), "2.j-i0-a1"), {Revision: 3, Status: "superseded", Description: "Rollback to 1"}, now(4, "failed")}, fmt.Sprintf(label, 4, 3), "from revision 4 to 3", false},
		"the one before was rolled back from":              {[]revision{ok(1), marked(ok(2), "2.j-i0-a1"), now(3, "failed")}, "", "revision 3 is what j-i0-a1 rolled back to", true},
		"released since by somebody":                       {[]revision{ok(1), marked(ok(2), "2.j-i0-a1"), now(3, "deployed")}, fmt.Sprintf(label, 3, 1), "from revision 3 to 1", false},
		"a mark that Helm has given on, and is in the way": {[]revision{ok(1), ok(2), marked(now(3, "failed"), "2.j-i0-a1")}, fmt.Sprintf(label, 3, 2), "from revision 3 to 2", false},
		"one was upgraded before":                          {[]revision{ok(1), upgraded(ok(2), "2.j-i0-a1"), ok(3), now(4, "failed")}, fmt.Sprintf(label, 4, 3), "from revision 4 to 3", false},
		"what it was upgraded to fails":                    {[]revision{ok(1), upgraded(ok(2), "2.j-i0-a1"), now(3, "deployed")}, "", "revision 3 is what j-i0-a1 upgraded to", true},
		"it is being upgraded":                             {[]revision{ok(1), upgraded(now(2, "deployed"), "2.j-i0-a1")}, "", "being rolled back or upgraded by j-i0-a1", true},
		"a mark that Helm has given on":                    {[]revision{ok(1), marked(ok(2), "1.j-i0-a1"), now(3, "failed")}, fmt.Sprintf(label, 3, 2), "from revision 3 to 2", false},

		"the first":                   {[]revision{now(1, "deployed")}, "", "no revision of shop before 1 was good", true},
		"none was good":               {[]revision{now(1, "failed"), now(2, "failed")}, "", "no revision of shop before 2 was good", true},
		"none that is left":           {[]revision{marked(ok(1), "1.j-i0-a1"), now(2, "failed"), now(3, "failed")}, "", "no revision of shop before 3", true},
		"none at all":                 {nil, "", `revision 0 is "": there is nothing to roll back`, true},
		"an upgrade is under way":     {[]revision{ok(1), now(2, "pending-upgrade")}, "", "revision 2 is pending-upgrade: somebody is at work", true},
		"a rollback is under way":     {[]revision{ok(1), ok(2), back(3, 1, "pending-rollback")}, "", "revision 3 is pending-rollback", true},
		"it is installed":             {[]revision{now(1, "pending-install")}, "", "pending-install", true},
		"it is uninstalled":           {[]revision{ok(1), now(2, "uninstalled")}, "", "nothing to roll back", true},
		"another attempt is at it":    {[]revision{ok(1), marked(now(2, "deployed"), "2.j-i0-a1")}, "", "being rolled back or upgraded by j-i0-a1, or was to be", true},
		"what it went back to fails":  {[]revision{ok(1), marked(ok(2), "2.j-i0-a1"), back(3, 1, "deployed")}, "", "what j-i0-a1 rolled back to: that fails, too", true},
		"it was done":                 {[]revision{ok(1), marked(ok(2), "2.j-i1-a1"), back(3, 1, "deployed")}, "", "rolled back by this attempt already", false},
		"it was not begun":            {[]revision{ok(1), marked(now(2, "deployed"), "2.j-i1-a1")}, "rollback to 1", "back to what revision 1 was", false},
		"it was broken off":           {[]revision{ok(1), marked(ok(2), "2.j-i1-a1"), back(3, 1, "pending-rollback")}, "", "broken off while Helm was at it: revision 3 is pending-rollback", true},
		"it failed":                   {[]revision{ok(1), marked(ok(2), "2.j-i1-a1"), {Revision: 3, Status: "failed", Description: "Release failed: timed out"}}, "", "has rolled back from 2 already, and that is failed", true},
		"somebody released meanwhile": {[]revision{ok(1), marked(ok(2), "2.j-i1-a1"), now(3, "deployed")}, "", "somebody else has changed the release since: it is at 3", true},
		"somebody did more":           {[]revision{ok(1), marked(ok(2), "2.j-i1-a1"), ok(3), back(4, 1, "deployed")}, "", "somebody else has changed the release since: it is at 4", true},
	} {
		said, did, err := releaseOf(t, tc.revisions...).run("j-i1-a1")
		if (err != nil) != tc.refused || did != tc.did || !strings.Contains(said, tc.said) || tc.refused != strings.Contains(said, "refused: ") {
			t.Errorf("%s: %v, did %q\n%s", name, err, did, said)
		}
	}
}

// killedAndOften runs an attempt that is killed while Helm is at it, and then three
// times more.
func (r *release) killedAndOften(run func(attempt string) (said, did string, err error)) {
	r.Helper()
	r.put("killed", "")
	if said, _, err := run("j-i1-a1"); err == nil {
		r.Fatalf("it was killed, and said %s", said)
	}
	os.Remove(filepath.Join(r.dir, "killed"))
	for range 3 {
		if said, _, err := run("j-i1-a1"); err != nil {
			r.Fatalf("%v: %s", err, said)
		}
	}
}

// However often it is run, and wherever it was killed, it rolls back once.
func TestRollsBackOnce(t *testing.T) {
	r := releaseOf(t, revision{Revision: 1, Status: "superseded"}, revision{Revision: 2, Status: "deployed"})
	r.killedAndOften(r.run)
	said, did, err := r.run("j-i2-a1")
	if err == nil || !strings.Contains(said, "what j-i1-a1 rolled back to: that fails, too") {
		t.Errorf("the next attempt: %v\n%s", err, said)
	}
	if want := "label sh.helm.release.v1.shop.v2 remediated/rolled-back=2.j-i1-a1; rollback to 1; rollback to 1"; did != want {
		t.Errorf("did %s, want %s: once in vain, and once", did, want)
	}
}

// One that does not come up has failed, and is not tried again.
func TestRollsBackInVain(t *testing.T) {
	r := releaseOf(t, revision{Revision: 1, Status: "superseded"}, revision{Revision: 2, Status: "deployed"})
	r.put("ends", "failed")
	for range 2 {
		if said, did, err := r.run("j-i1-a1"); err == nil || strings.Count(did, "rollback") != 1 {
			t.Errorf("%v, did %s\n%s", err, did, said)
		}
	}
}

// What an alert tells, or was set wrong, is refused before anything is asked.
func TestScriptRefuses(t *testing.T) {
	for name, tc := range map[string]struct{ env, want string }{
		"no release":        {"NAMESPACE=shop TIMEOUT=4m REMEDIATED_ATTEMPT=a", "RELEASE is not set"},
		"no name":           {"RELEASE=--kubeconfig=x NAMESPACE=shop TIMEOUT=4m REMEDIATED_ATTEMPT=a", "which is no name"},
		"a command":         {"RELEASE=$(id) NAMESPACE=shop TIMEOUT=4m REMEDIATED_ATTEMPT=a", "which is no name"},
		"no namespace":      {"RELEASE=shop TIMEOUT=4m REMEDIATED_ATTEMPT=a", "NAMESPACE is not set"},
		"another namespace": {"RELEASE=shop NAMESPACE=a,b TIMEOUT=4m REMEDIATED_ATTEMPT=a", "NAMESPACE is \"a,b\""},
		"no attempt":        {"RELEASE=shop NAMESPACE=shop TIMEOUT=4m", "REMEDIATED_ATTEMPT is not set"},
		"no end":            {"RELEASE=shop NAMESPACE=shop TIMEOUT=0 REMEDIATED_ATTEMPT=a", "TIMEOUT is \"0\""},
	} {
		r := releaseOf(t)
		r.put("helm", "#!/bin/sh\necho asked")
		r.put("kubectl", "#!/bin/sh\necho asked")
		out, err := r.with(strings.Fields(tc.env)...)
		if err == nil || !strings.Contains(out, tc.want) || strings.Contains(out, "asked") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	// What cannot be read is no history that is empty.
	for _, broken := range []string{"helm", "kubectl"} {
		r := releaseOf(t, revision{Revision: 1, Status: "superseded"}, revision{Revision: 2, Status: "deployed"})
		r.put(broken, "#!/bin/sh\necho forbidden >&2; exit 1")
		if said, did, err := r.run("j-i1-a1"); err == nil || did != "" || !strings.Contains(said, "forbidden") {
			t.Errorf("%s fails: %v, did %q\n%s", broken, err, did, said)
		}
	}
}

// documents are the shipped ones of a kind.
func documents[T any](t *testing.T, file, kind string) []T {
	t.Helper()
	text, err := helm.Files.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []T
	for one := range bytes.SplitSeq(text, []byte("---\n")) {
		var d T
		if bytes.Contains(one, []byte("\nkind: "+kind+"\n")) {
			if err := yaml.UnmarshalStrict(one, &d); err != nil {
				t.Fatal(err)
			}
			out = append(out, d)
		}
	}
	return out
}

// Helm has given up before Kubernetes ends the Job, and nothing starts it by itself.
func TestManifests(t *testing.T) {
	for file, waits := range map[string]time.Duration{"rollback.yaml": 1, "upgrade.yaml": 2} {
		all := documents[batchv1.CronJob](t, file, "CronJob")
		if len(all) != 1 {
			t.Fatalf("%s has %d CronJobs", file, len(all))
		}
		c := all[0]
		if !*c.Spec.Suspend || c.Spec.Schedule != "0 0 31 2 *" || *c.Spec.JobTemplate.Spec.BackoffLimit != 0 {
			t.Errorf("%s would start by itself, or again", c.Name)
		}
		if pod := c.Spec.JobTemplate.Spec.Template.Spec; pod.ServiceAccountName != c.Name {
			t.Errorf("%s runs as %q: want an account of its own", c.Name, pod.ServiceAccountName)
		}
		for _, e := range c.Spec.JobTemplate.Spec.Template.Spec.Containers[0].Env {
			if e.Name != "TIMEOUT" {
				continue
			}
			timeout, err := time.ParseDuration(e.Value)
			if deadline := time.Duration(*c.Spec.JobTemplate.Spec.ActiveDeadlineSeconds) * time.Second; err != nil || waits*timeout+time.Minute > deadline {
				t.Errorf("Helm waits %d times for %s, and the Job has %s: want a minute between them", waits, e.Value, deadline)
			}
		}
	}
	for _, r := range documents[rbacv1.Role](t, "rbac.yaml", "Role") {
		for _, rule := range r.Rules {
			if rule.Resources[0] == "secrets" && strings.Contains(strings.Join(rule.Verbs, " "), "delete") || strings.Contains(fmt.Sprint(rule), "*") {
				t.Errorf("%s may do more than it needs: %v", r.Name, rule)
			}
		}
	}
}
