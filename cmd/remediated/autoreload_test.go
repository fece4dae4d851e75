package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// configMap is a folder as a kubelet makes it of a ConfigMap: what is seen leads
// through one symbolic link, which is swapped for all files at once.
type configMap struct {
	t   *testing.T
	dir string
}

func (m configMap) put(version string, files map[string]string) {
	m.t.Helper()
	for name, text := range files {
		path := filepath.Join(m.dir, version, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			m.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			m.t.Fatal(err)
		}
		first, _, _ := strings.Cut(name, "/")
		_ = os.Symlink("..data/"+first, filepath.Join(m.dir, first)) // it may be there
	}
	if err := os.Symlink(version, filepath.Join(m.dir, "..new")); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(m.dir, "..new"), filepath.Join(m.dir, "..data")); err != nil {
		m.t.Fatal(err)
	}
}

// What a kubelet swaps is read without anybody saying so, once; what is broken
// leaves what there was in force, and what was refused for want of a secret is taken
// when that comes.
func TestAutoReload(t *testing.T) {
	config := strings.ReplaceAll(diskConfig, "OTHERS", "http://127.0.0.1:1")
	policy := func(name string) string { return strings.Replace(diskPolicy, "down", name, 1) }
	with := func(config, policy string) map[string]string {
		return map[string]string{
			"remediated.yml": strings.Replace(config, "p.yml", "p/*.yml", 1), "p/p.yml": policy, "key": strings.Repeat("a", 32), "kubeconfig": nobodysKubeconfig,
		}
	}
	m := configMap{t, t.TempDir()}
	m.put("..1", with(config, policy("first")))
	d := startHere(t, nil, "--config.file="+filepath.Join(m.dir, "remediated.yml"), "--config.auto-reload-interval=10ms")
	inForce := func(what string, fits func(state string) bool) {
		t.Helper()
		within(t, what, func() bool {
			d.answers.Reset()
			d.get("/metrics")
			return fits(d.answers.String())
		})
	}
	said := func(words string) int { return strings.Count(d.log.String(), words) }
	const again, good, bad = "they have changed", "\nremediated_config_last_reload_successful 1\n", "\nremediated_config_last_reload_successful 0\n"

	m.put("..2", with(config, "policies: ["))
	inForce("a broken policy is seen", func(s string) bool { return strings.Contains(s, bad) })
	m.put("..3", with(config, policy("second")))
	inForce("a mended one is in force", func(s string) bool { return strings.Contains(s, good) })
	if n := said(again); n != 2 {
		t.Errorf("it was read again %d times, want 2: once for each change", n)
	}

	// Of a group that is new and broken nothing was in force, and the configuration
	// that names it neither: its files are looked at all the same.
	team := strings.Replace(config, "[{files: [p.yml]}]", "[{files: [p.yml]}, {files: [team.yml]}]", 1)
	broken := with(team, policy("second"))
	broken["team.yml"] = "policies: ["
	m.put("..3a", broken)
	inForce("a new group that is broken is refused", func(s string) bool { return strings.Contains(s, bad) })
	mended := with(team, policy("second"))
	mended["team.yml"] = policy("third")
	m.put("..3b", mended)
	inForce("it is taken when it is mended, though the configuration is as before", func(s string) bool { return strings.Contains(s, good) })

	people := config + "people: [{name: anna, token_file: anna.token, roles: [operator]}]\n"
	m.put("..4", with(people, policy("second")))
	inForce("a configuration without its secret is refused", func(s string) bool { return strings.Contains(s, bad) })
	late := with(people, policy("second"))
	late["anna.token"] = annasToken
	m.put("..5", late)
	inForce("it is taken with it: whoever comes must say who they are", func(s string) bool { return strings.Contains(s, "401 Unauthorized") })
	d.stop()
}
