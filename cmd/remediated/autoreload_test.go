package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A folder that is swapped by a symbolic link, as the kubelet swaps that of a
// ConfigMap, is loaded without a word from anybody: once for each change, and what is
// broken leaves in force what was before.
func TestAutoReload(t *testing.T) {
	const config = `cluster: prod
policies: [{files: [now/*.yml]}]
alertmanagers: [{url: "http://127.0.0.1:1"}]
clusters: [{name: prod, kubeconfig: kubeconfig}]
`
	states := []string{"a", "b", "c", "d"}
	files := map[string]string{"remediated.yml": config, "kubeconfig": nobodysKubeconfig}
	d := startHereSwapped(t, files, states, "--config.auto-reload-interval=10ms")
	changes := func() int { return strings.Count(d.log.String(), "the files of the configuration have changed") }
	has := func(text string) func() bool {
		return func() bool {
			d.answers.Reset()
			d.get("/api/v1/policies")
			return strings.Contains(d.answers.String(), text)
		}
	}
	within(t, "the first policy is in force", has("policy-a"))
	d.swap("b")
	within(t, "the second policy is in force", has("policy-b"))
	d.write("c/p.yml", "policies: [{name: policy-c, severity: P9}]")
	d.swap("c")
	within(t, "what is broken is told", func() bool { return strings.Contains(d.log.String(), "P9") })
	if !has("policy-b")() {
		t.Errorf("after a broken file there is %s", &d.answers)
	}
	told := strings.Count(d.log.String(), "P9")
	d.swap("d")
	within(t, "the fourth policy is in force", has("policy-d"))
	if n := strings.Count(d.log.String(), "P9"); n != told {
		t.Errorf("what is broken was tried again: it was told %d times and then %d", told, n)
	}
	if n := changes(); n != 3 {
		t.Errorf("%d changes were seen of 3", n)
	}
	d.stop()
}

// startHereSwapped starts a daemon with a folder of a policy for each state, of which
// the first is the one that it finds.
func startHereSwapped(t *testing.T, files map[string]string, states []string, args ...string) *inProcess {
	t.Helper()
	root := t.TempDir()
	for _, s := range states {
		if err := os.Mkdir(filepath.Join(root, s), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, s, "p.yml"), []byte("policies: [{name: policy-"+s+", when: ['alertname=\"Down\"'], severity: P3}]"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(states[0], filepath.Join(root, "now")); err != nil {
		t.Fatal(err)
	}
	files["remediated.yml"] = strings.ReplaceAll(files["remediated.yml"], "now/", filepath.Join(root, "now")+"/")
	d := startHere(t, files, args...)
	d.dir = root
	return d
}

// swap has the folder lead to another state, at once.
func (d *inProcess) swap(state string) {
	d.t.Helper()
	next := filepath.Join(d.dir, "next")
	if err := os.Symlink(state, next); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(d.dir, "now")); err != nil {
		d.t.Fatal(err)
	}
}
