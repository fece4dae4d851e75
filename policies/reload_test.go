package policies

import (
	"os"
	"strings"
	"testing"
)

var broken = strings.Replace(named("broken"), "severity", "severty", 1)

// reloads are what operators do to files under a running daemon, and what is in
// force then. Each begins with the two groups p and t.
var reloads = map[string]struct {
	change   map[string]string // "" takes the file away
	policies string
	stale    string
	says     []string
}{
	"nothing": {nil, "p t", "", nil},
	"a new policy": {
		map[string]string{"policies/q.yml": named("q")}, "p q t", "", nil,
	},
	"a team's file is broken: the others move on": {
		map[string]string{"team/t.yml": broken, "policies/p.yml": named("p2")}, "p2 t", "team/*.yml",
		[]string{`unknown key "severty"`, "the last good version of these files stays in force"},
	},
	"one broken file holds its whole group": {
		map[string]string{"policies/q.yml": broken, "policies/p.yml": named("p2")}, "p t", "policies/*.yml",
		[]string{`unknown key "severty"`},
	},
	"both are broken": {
		map[string]string{"policies/p.yml": broken, "team/t.yml": broken}, "p t", "policies/*.yml team/*.yml", nil,
	},
	"the files are gone, perhaps with their mount": {
		map[string]string{"team/t.yml": ""}, "p t", "team/*.yml", []string{"team/*.yml: error: the files are gone"},
	},
	"the configuration is broken": {
		map[string]string{"remediated.yml": "cluster: [\n", "policies/p.yml": named("p2")}, "p t", "", []string{"not YAML"},
	},
	"the configuration is gone": {
		map[string]string{"remediated.yml": ""}, "p t", "", []string{"the file cannot be read"},
	},
	"a team takes the name of another's policy": {
		map[string]string{"team/t.yml": named("p")}, "p t", "team/*.yml", []string{`the name "p" is taken`},
	},
	"a name is taken that a last good version needs": {
		map[string]string{"policies/p.yml": named("t"), "team/t.yml": broken}, "p t", "",
		[]string{"these files are broken, and their last good version does not fit to the new configuration"},
	},
	"a policy begins to depend on one that there is not": {
		map[string]string{"policies/p.yml": depending("p", "q"), "team/t.yml": named("t2")}, "p t", "",
		[]string{`policies/p.yml:8:33: error: there is no policy "q"`},
	},
	"a team loses its namespace": {
		map[string]string{"remediated.yml": strings.Replace(goodConfig, "[shop, shop-test]", "[shop-test]", 1)}, "p t", "",
		[]string{"the namespace shop is not one that these files may target", "does not fit to the new configuration"},
	},
	"a new group is broken": {
		map[string]string{"remediated.yml": strings.Replace(goodConfig, "[policies/*.yml]", "[policies/*.yml, new/*.yml]", 1), "new/n.yml": broken}, "p t", "",
		[]string{"these files are broken and have no last good version"},
	},
	"a group is taken out": {
		map[string]string{"remediated.yml": strings.Replace(goodConfig, "  - {files: [team/*.yml], namespaces: [shop, shop-test]}\n", "", 1)}, "p", "", nil,
	},
}

// TestReload goes through what operators do to files under a running daemon.
func TestReload(t *testing.T) {
	for name, tc := range reloads {
		t.Run(name, func(t *testing.T) {
			inFolder(t, map[string]string{"remediated.yml": goodConfig, "policies/p.yml": named("p"), "team/t.yml": named("t")})
			before, problems := Load("remediated.yml", testCatalogue())
			if len(problems) > 0 {
				t.Fatal(render(t, problems))
			}
			digest := before.Rulebook.Digest()
			change(t, tc.change)
			after, problems := Reload(before, "remediated.yml", testCatalogue())
			if got := names(after); got != tc.policies {
				t.Errorf("in force are %q, want %q; problems:\n%s", got, tc.policies, render(t, problems))
			}
			if got := strings.Join(after.Stale, " "); got != tc.stale {
				t.Errorf("stale are %q, want %q", got, tc.stale)
			}
			if HasErrors(problems) != (tc.says != nil || tc.stale != "") {
				t.Errorf("unexpected errors, or none where some are due:\n%s", render(t, problems))
			}
			for _, s := range tc.says {
				if !strings.Contains(render(t, problems), s) {
					t.Errorf("it does not say %q:\n%s", s, render(t, problems))
				}
			}
			if before.Rulebook.Digest() != digest || names(before) != "p t" {
				t.Error("what was in force before was changed")
			}
		})
	}
}

func change(t *testing.T, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if text != "" {
			lay(t, map[string]string{name: text})
		} else if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReloadMends: what stays in force is the last good version, not the first,
// and a group that was mended is no longer stale.
func TestReloadMends(t *testing.T) {
	inFolder(t, map[string]string{"remediated.yml": goodConfig, "policies/p.yml": named("p"), "team/t.yml": named("t")})
	l, _ := Load("remediated.yml", testCatalogue())
	for _, step := range []struct{ file, policies, stale string }{
		{named("t2"), "p t2", ""},
		{"policies: [", "p t2", "team/*.yml"},
		{"policies: {", "p t2", "team/*.yml"},
		{named("t3"), "p t3", ""},
	} {
		lay(t, map[string]string{"team/t.yml": step.file})
		l, _ = Reload(l, "remediated.yml", testCatalogue())
		if names(l) != step.policies || strings.Join(l.Stale, " ") != step.stale {
			t.Fatalf("with %.20q: in force are %q, stale %q; want %q, %q", step.file, names(l), l.Stale, step.policies, step.stale)
		}
	}
}

// TestOneOfSeveralFilesIsGone: that a single file is taken away is meant.
func TestOneOfSeveralFilesIsGone(t *testing.T) {
	inFolder(t, map[string]string{"remediated.yml": goodConfig, "policies/p.yml": named("p"), "policies/q.yml": named("q"), "team/t.yml": named("t")})
	l, _ := Load("remediated.yml", testCatalogue())
	change(t, map[string]string{"policies/p.yml": ""})
	l, problems := Reload(l, "remediated.yml", testCatalogue())
	if names(l) != "q t" || len(problems) > 0 {
		t.Errorf("in force are %q; problems:\n%s", names(l), render(t, problems))
	}
}

// TestFirstFileOfATeam: a group that was empty falls back to being empty.
func TestFirstFileOfATeam(t *testing.T) {
	inFolder(t, map[string]string{"remediated.yml": goodConfig, "policies/p.yml": named("p")})
	l, problems := Load("remediated.yml", testCatalogue())
	if HasErrors(problems) || !strings.Contains(render(t, problems), `no file matches "team/*.yml"`) {
		t.Fatal(render(t, problems))
	}
	lay(t, map[string]string{"policies/p.yml": named("p2"), "team/t.yml": "policies: ["})
	l, _ = Reload(l, "remediated.yml", testCatalogue())
	if names(l) != "p2" {
		t.Errorf("in force are %q, want p2", names(l))
	}
}
