package policies

import (
	"strings"
	"testing"
)

// depending is a policy that depends on others.
func depending(name string, on ...string) string {
	text := named(name)
	if len(on) == 0 {
		return text
	}
	return strings.Replace(text, "    steps:", "    guards: {depends: [{policy: "+strings.Join(on, "}, {policy: ")+"}]}\n    steps:", 1)
}

// TestDependsBetweenGroups: the files of one group may name a policy of
// another, in whatever order they are read.
func TestDependsBetweenGroups(t *testing.T) {
	inFolder(t, map[string]string{"remediated.yml": goodConfig, "policies/p.yml": depending("p", "t"), "team/t.yml": named("t")})
	l, problems := Load("remediated.yml", testCatalogue())
	if len(problems) > 0 {
		t.Fatal(render(t, problems))
	}
	if got := l.Rulebook.Policy("p").Guards.Depends; len(got) != 1 || got[0].Policy != "t" {
		t.Errorf("p depends on %v", got)
	}
}

// TestDependsInCircles: each circle is said once, however it is come upon, and
// several ways to one root are none.
func TestDependsInCircles(t *testing.T) {
	for name, tc := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"a diamond": {map[string]string{"policies/a.yml": depending("a", "b", "c"), "policies/b.yml": depending("b", "d"), "policies/c.yml": depending("c", "d"), "team/t.yml": named("d")}, nil},
		"of three, through a group": {
			map[string]string{"policies/a.yml": depending("a", "b"), "policies/b.yml": depending("b", "t"), "team/t.yml": depending("t", "a")},
			[]string{"team/t.yml:8:33: error: these policies wait for one another: a -> b -> t -> a"},
		},
		"behind a tail": {
			map[string]string{"policies/a.yml": depending("a", "b"), "policies/b.yml": depending("b", "c"), "policies/c.yml": depending("c", "b"), "team/t.yml": named("t")},
			[]string{"policies/c.yml:8:33: error: these policies wait for one another: b -> c -> b"},
		},
		"two of them": {
			map[string]string{"policies/a.yml": depending("a", "b", "t"), "policies/b.yml": depending("b", "a"), "team/t.yml": depending("t", "a")},
			[]string{"policies/b.yml:8:33: error: these policies wait for one another: a -> b -> a", "team/t.yml:8:33: error: these policies wait for one another: a -> t -> a"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inFolder(t, map[string]string{"remediated.yml": goodConfig})
			lay(t, tc.files)
			l, problems := Load("remediated.yml", testCatalogue())
			if (l == nil) != (tc.want != nil) || len(problems) != len(tc.want) {
				t.Fatalf("loaded: %v, problems:\n%s", l != nil, render(t, problems))
			}
			for i, want := range tc.want {
				if got := problems[i].String(); !strings.HasPrefix(got, want) {
					t.Errorf("it says %q, want %q", got, want)
				}
			}
		})
	}
}
