//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/test/bed"
	"github.com/x0tta6bl4/remediated/test/scenarios"
)

const (
	chartNamespace = "healing"
	chartToken     = "a-token-of-the-chart-0123456789"
)

// Helm installs the chart into a namespace that admits nothing but what is restricted.
// What it installs heals; its CronJob asks it; a changed policy is in force without a new
// pod; an upgrade and the way back lose no alert; and it goes as it came, but for the
// journal.
func TestChart(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	c := openChart(t, b)
	first := c.values("posted")
	c.helm("install", first...)
	pod := c.pod()

	if code, answer := c.ask(http.MethodPost, intakeURL, c.webhook("heard")); code != http.StatusOK {
		t.Errorf("a webhook was answered %d %s", code, answer)
	}
	if code, _ := postJSON(t, intakeURL, []byte("{}")); code != http.StatusUnauthorized {
		t.Errorf("a webhook without a token was answered %d", code)
	}
	a := newPosted(t, nil)
	fire(t, b, a)
	c.awaits(`"healed/1"`, "/api/v1/incidents/2/facts") // the first one was only heard
	c.awaits("a1: restart", "/api/v1/incidents/2/facts")
	resolve(t, b, a)
	c.runsCronJob()

	c.helm("upgrade", c.values("posted-anew")...)
	c.awaits("posted-anew", "/api/v1/policies")
	if now := c.pod(); now != pod {
		t.Errorf("for a changed policy there is another pod: %s, before %s", now, pod)
	}

	c.storm(func() { c.helm("upgrade", append(c.values("posted-anew"), "--set=podLabels.release=next")...) })
	if now := c.pod(); now == pod {
		t.Error("after an upgrade there is the same pod")
	}
	c.storm(func() { c.helm("rollback", "1") })
	c.awaits(`"posted"`, "/api/v1/policies")
	c.awaits(`"healed/1"`, "/api/v1/incidents/2/facts")

	c.helm("uninstall")
	c.wantNothingLeft()
}

// chart is a release of the chart.
type chart struct {
	t     *testing.T
	bed   *bed.Bed
	dir   string
	from  packed
	posts int // alerts that were posted

	alertmanagers []string // that it lists
	fenced        []string // flags of what prints the fence
}

// packed is what is installed.
type packed struct {
	chart string // its folder
	image string // the folder that stands for the image, with both programs
}

// openChart makes what there must be before it is installed: an image, a namespace,
// the Secret and a volume.
func openChart(t *testing.T, b *bed.Bed) *chart {
	t.Helper()
	c := &chart{t: t, bed: b, alertmanagers: []string{b.Alertmanager}}
	var err error
	if c.dir, err = os.MkdirTemp(b.Dir, "chart-"); err != nil {
		t.Fatal(err)
	}
	c.from = packed{"../../deploy/helm/remediated", filepath.Join(c.dir, "image")}
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", c.from.image+"/", "../../cmd/remediated", "../../cmd/remedy")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Cleanup(func() {
		if t.Failed() {
			said, _ := b.Kubectl(context.Background(), "", "logs", "--namespace="+chartNamespace, "--selector=app.kubernetes.io/name=remediated", "--tail=50")
			events, _ := b.Kubectl(context.Background(), "", "get", "events,pods,persistentvolumeclaims", "--namespace="+chartNamespace)
			t.Logf("its log:\n%s\n%s", said, events)
			_, _ = c.tryHelm(context.Background(), "uninstall", "--wait", "--timeout=60s")
		}
		for _, what := range []string{"namespace/" + chartNamespace, "persistentvolume/journal"} {
			if _, err := b.Kubectl(context.Background(), "", "delete", what, "--timeout=60s"); err != nil {
				t.Error(err)
			}
		}
		if err := os.RemoveAll(c.dir); err != nil {
			t.Error(err)
		}
	})
	apply(t, b, fmt.Sprintf(chartPlace, chartNamespace, chartToken, c.journal()))
	const loose = `{apiVersion: v1, kind: Pod, metadata: {name: loose, namespace: healing}, spec: {containers: [{name: a, image: a}]}}`
	if err := b.Apply(t.Context(), loose); err == nil || !strings.Contains(err.Error(), `violates PodSecurity "restricted`) {
		t.Errorf("a pod that is not restricted: %v", err)
	}
	return c
}

const chartPlace = `
apiVersion: v1
kind: Namespace
metadata: {name: %[1]s, labels: {pod-security.kubernetes.io/enforce: restricted}}
---
apiVersion: v1
kind: Secret
metadata: {name: remediated, namespace: %[1]s}
stringData: {intake.token: "%[2]s", anna.token: "%[2]s-of-anna"}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: journal}
spec:
  capacity: {storage: 5Gi}
  accessModes: [ReadWriteOnce]
  storageClassName: here
  hostPath: {path: %[3]s}
`

// heardPolicy looks on.
const heardPolicy = `
- {name: heard, when: ['alertname="Heard"'], per: [job], severity: P3, mode: observe}
`

// chartCron has the story of what was healed told each new year.
const chartCron = `
cronJobs: [{name: story, schedule: 0 0 1 1 *, args: [incident, explain, i2]}]
cronToken: {name: remediated, key: anna.token}
`

// values has the command line print the values for one policy of that name, with other
// changes of it (old, new, ...), and returns the flags for them, and for a pod that the
// bed can run.
func (c *chart) values(policy string, changes ...string) []string {
	c.t.Helper()
	dir := c.t.TempDir()
	policies := strings.NewReplacer(append(changes, "name: posted", "name: "+policy)...).Replace(scenarios.Filled(postedPolicies, c.bed)) + heardPolicy
	config := fmt.Sprintf("cluster: bed\npolicies: [{files: [policies/*.yaml]}]\nalertmanagers: [{url: %s}]\nclusters: [{name: bed}]\n"+
		"people: [{name: anna, token_file: anna.token, roles: [operator]}]\nguards: {storm: none}\n", strings.Join(c.alertmanagers, "}, {url: "))
	if err := os.Mkdir(filepath.Join(dir, "policies"), 0o755); err != nil {
		c.t.Fatal(err)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
	write("remediated.yml", config)
	write("anna.token", chartToken+"-of-anna") // it is looked whether it is there
	write("policies/posted.yaml", policies)
	printed := append([]string{"policy", "values", "--namespace=" + chartNamespace, "--service-account=" + account, filepath.Join(dir, "remediated.yml")}, c.fenced...)
	write("values.yaml", c.remedy(printed...))
	write("cron.yaml", chartCron)
	return []string{
		"--values=" + filepath.Join(dir, "values.yaml"), "--values=" + filepath.Join(dir, "cron.yaml"),
		"--set=persistence.storageClass=here,reloadInterval=200ms",
		"--set=extraArgs={--alertmanager.poll-interval=1s,--alertmanager.min-uptime=1s}",
		"--set=podAnnotations.nodeagent/image=" + c.from.image + ",podAnnotations.nodeagent/entrypoint=/remediated",
	}
}

// runsCronJob has the CronJob run now, in what stands for the image: that is said by an
// annotation, for which the chart has no value there. The bed's Services have no address,
// so the image says where this one leads.
func (c *chart) runsCronJob() {
	c.t.Helper()
	address := c.ofPod("status.podIP")
	if err := errors.Join(os.Mkdir(filepath.Join(c.from.image, "etc"), 0o755), os.WriteFile(filepath.Join(c.from.image, "etc/hosts"), []byte(address+" remediated\n"), 0o644)); err != nil {
		c.t.Fatal(err)
	}
	in := fmt.Sprintf(`{"spec": {"jobTemplate": {"spec": {"template": {"metadata": {"annotations": {"nodeagent/image": %q}}}}}}}`, c.from.image)
	for _, args := range [][]string{
		{"patch", "cronjob", "remediated-story", "--patch=" + in},
		{"create", "job", "now", "--from=cronjob/remediated-story"},
		{"wait", "job", "now", "--for=condition=Complete", "--timeout=60s"},
	} {
		if _, err := c.bed.Kubectl(c.t.Context(), "", append(args, "--namespace="+chartNamespace)...); err != nil {
			c.t.Errorf("%s: %v", args[0], err)
		}
	}
	said, err := c.bed.Kubectl(c.t.Context(), "", "logs", "job/now", "--namespace="+chartNamespace)
	if err != nil || !strings.Contains(said, "healed") {
		c.t.Errorf("the CronJob says %v\n%s", err, said)
	}
}

// helm does something with the release, and waits until it is so.
func (c *chart) helm(verb string, args ...string) {
	c.t.Helper()
	if verb == "install" || verb == "upgrade" {
		args = append([]string{c.from.chart}, args...)
	}
	began := time.Now()
	if _, err := c.tryHelm(c.t.Context(), verb, append(args, "--wait", "--timeout=90s")...); err != nil {
		c.t.Fatal(err)
	}
	c.t.Logf("helm %s took %s until it was so", verb, time.Since(began).Round(100*time.Millisecond))
}

func (c *chart) tryHelm(ctx context.Context, verb string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.bed.HelmPath, append([]string{verb, "remediated", "--namespace=" + chartNamespace, "--kubeconfig=" + c.bed.AdminKubeconfig}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+c.dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("helm %s: %w\n%s", verb, err, out)
	}
	return string(out), err
}

// pod is the UID of the pod that runs.
func (c *chart) pod() string {
	c.t.Helper()
	return c.ofPod("metadata.uid")
}

// ofPod is a field of the one pod of the daemon.
func (c *chart) ofPod(field string) string {
	c.t.Helper()
	all, err := c.bed.Kubectl(c.t.Context(), "", "get", "pods", "--namespace="+chartNamespace, "--selector=app.kubernetes.io/name=remediated",
		"--output=jsonpath={.items[*]."+field+"}")
	if err != nil || len(strings.Fields(all)) != 1 {
		c.t.Fatalf("of the pods %s is %q: %v", field, all, err)
	}
	return all
}

// ask asks the daemon with the token of whom it concerns. 0 is that nobody answers.
func (c *chart) ask(method, url string, body []byte) (code int, answer string) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Close = true
	r.Header.Set("Content-Type", "application/json")
	token := chartToken
	if !strings.HasPrefix(url, webhookURL) {
		token += "-of-anna"
	}
	r.Header.Set("Authorization", "Bearer "+token)
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		return 0, err.Error()
	}
	return got.StatusCode, string(text)
}

// awaits waits until an answer of the daemon has the text.
func (c *chart) awaits(text, path string) {
	c.t.Helper()
	eventually(c.t, time.Minute, func() string {
		code, answer := c.ask(http.MethodGet, webURL+path, nil)
		if code == http.StatusOK && strings.Contains(answer, text) {
			return ""
		}
		return fmt.Sprintf("%s answers %d without %s: %.2000s", path, code, text, answer)
	})
}

// webhook is what Alertmanager would post of an alert that is only heard.
func (c *chart) webhook(name string) []byte {
	c.t.Helper()
	body, err := json.Marshal(map[string]any{
		"version": "4", "status": "firing", "receiver": "remediated", "groupKey": name, "alerts": []map[string]any{{
			"status": "firing", "labels": map[string]string{"alertname": "Heard", "job": name}, "startsAt": time.Now(), "fingerprint": fmt.Sprintf("%016x", len(name)),
		}},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return body
}

// storm posts alerts while something is done, as Alertmanager does: again until they
// are taken. Each that was taken must be known afterwards.
func (c *chart) storm(do func()) {
	c.t.Helper()
	did, done := make(chan struct{}), make(chan []string)
	go func() {
		var taken []string
		refused := 0
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for over := false; ; {
			<-tick.C
			select {
			case <-did:
				over = true // one more, which what is there now takes
			case <-c.t.Context().Done():
				done <- taken
				return
			default:
			}
			job := fmt.Sprintf("stormed-%d", c.posts)
			if code, _ := c.ask(http.MethodPost, intakeURL, c.webhook(job)); code != http.StatusOK {
				refused++
				continue
			}
			c.posts++
			taken = append(taken, job)
			if over {
				c.t.Logf("%d alerts were taken, and %d times one was not yet", len(taken), refused)
				done <- taken
				return
			}
		}
	}()
	do()
	close(did)
	taken := <-done
	facts := c.export()
	for _, job := range taken {
		if !strings.Contains(facts, `"`+job+`"`) {
			c.t.Errorf("the alert of %s was taken and is not in the journal", job)
		}
	}
}

// export is the journal as text.
func (c *chart) export() string {
	c.t.Helper()
	return c.remedy("journal", "export", "--storage.path="+c.journal())
}

// journal is the folder that the volume is of.
func (c *chart) journal() string { return filepath.Join(c.dir, "journal") }

// remedy runs the command line of what is installed.
func (c *chart) remedy(args ...string) string {
	c.t.Helper()
	var problems bytes.Buffer
	cmd := exec.CommandContext(c.t.Context(), filepath.Join(c.from.image, "remedy"), args...)
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		c.t.Fatalf("remedy %s: %v\n%s", strings.Join(args, " "), err, &problems)
	}
	return string(out)
}

// wantNothingLeft wants that the release has left its claim, and nothing else, in any
// namespace.
func (c *chart) wantNothingLeft() {
	c.t.Helper()
	left, err := c.bed.Kubectl(c.t.Context(), "", "get",
		"deployments,pods,services,configmaps,serviceaccounts,secrets,persistentvolumeclaims,cronjobs,networkpolicies,poddisruptionbudgets",
		"--namespace="+chartNamespace, "--selector=app.kubernetes.io/instance=remediated", "--output=name")
	if err != nil || strings.TrimSpace(left) != "persistentvolumeclaim/remediated" {
		c.t.Errorf("there is left: %q %v", left, err)
	}
	rights, err := c.bed.Kubectl(c.t.Context(), "", "get",
		"roles,rolebindings,clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings", "--all-namespaces",
		"--output=jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.annotations.meta\\.helm\\.sh/release-name}{\"\\n\"}{end}")
	if err != nil {
		c.t.Error(err)
	}
	for line := range strings.Lines(rights) {
		if strings.HasSuffix(strings.TrimSpace(line), " remediated") {
			c.t.Errorf("there is left %s", line)
		}
	}
}
