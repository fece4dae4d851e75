package policies

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// TestSuiteProblems shows what is said about each file of tests that something
// is wrong with.
func TestSuiteProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/suites/*.test.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("no files of tests: %v, %v", files, err)
	}
	for _, path := range files {
		path, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".test.yaml"), func(t *testing.T) {
			text := read(t, path)
			inFolder(t, map[string]string{"x.test.yaml": text, "good.yaml": named("good"), "bad.yaml": strings.Replace(named("bad"), "per:", "pre:", 1)})
			s, problems := LoadSuite("x.test.yaml", testCatalogue())
			if s != nil || len(problems) == 0 {
				t.Errorf("it was read: %+v", s)
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".golden", render(t, problems))
		})
	}
}

// TestSuite shows what a good file of tests is read as.
func TestSuite(t *testing.T) {
	inFolder(t, map[string]string{"good.yaml": named("good"), "x.test.yaml": `
policies: [good.yaml]
start: 2024-02-29T12:00:00+01:00
tests:
  - name: one
    mode: act
    world: {restart: 'failed after 3s: forbidden', queries: {up: 1, down: unknown, backup: {ago: 1h}}, workload: gone}
    when:
      - {at: 0s, alert: {alertname: good, namespace: shop, replicas: 3}, fired: 1h}
      - {at: 1m, override: i1, guard: cooldown, reason: enough, by: anna}
    until: 5m
    expect:
      - {at: 0s, opened: i1, policy: good}
`})
	s, problems := LoadSuite("x.test.yaml", testCatalogue())
	if s == nil {
		t.Fatal(render(t, problems))
	}
	want := Case{
		Name: "one", Line: 5, Mode: remediate.ModeAct, Start: time.Date(2024, 2, 29, 11, 0, 0, 0, time.UTC), Until: 5 * time.Minute,
		World: World{
			Kinds: map[string]Reply{"restart": {"failed", 3 * time.Second, "forbidden"}}, Tells: map[string]Reply{},
			Queries:  map[string]Measured{"up": {Known: true, Value: 1}, "down": {}, "backup": {Known: true, IsAgo: true, Ago: time.Hour}},
			Workload: map[string]string{"is": "gone"}, Cluster: map[string]string{},
		},
		Moves: []Move{
			{Alert: &TestAlert{Labels: remediate.LabelsOf(map[string]string{"alertname": "good", "namespace": "shop", "replicas": "3"}), Fired: time.Hour}},
			{At: time.Minute, Command: &remediate.Command{Command: "override", By: "anna", Incident: 1, Guard: "cooldown", Reason: "enough", Via: "test"}},
		},
		Expect: []Happening{{What: "opened", Incident: 1, Details: map[string]string{"policy": "good"}}},
	}
	if got := s.Cases[0]; !got.Start.Equal(want.Start) {
		t.Errorf("it starts at %s", got.Start)
	} else if got.Start, got.Judge = want.Start, nil; !reflect.DeepEqual(got, want) {
		t.Errorf("read as\n%+v, want\n%+v", got, want)
	}
	if s.Rulebook.Policy("good") == nil || len(s.Rulebook.Destinations) < 5 {
		t.Errorf("it is run with %+v", s.Rulebook)
	}
}

// TestSuiteOfAConfiguration takes what governs from where it is installed.
func TestSuiteOfAConfiguration(t *testing.T) {
	tests := "config: ../remediated.yml\ntests: [{name: a, when: [{at: 0s, alert: {alertname: x}}], expect: []}]\n"
	inFolder(t, map[string]string{
		"remediated.yml": goodConfig, "policies/p.yml": named("good"), "team/t.yml": named("team"),
		"policies/p.test.yml": tests, // which the pattern policies/*.yml does not take for a policy
	})
	s, problems := LoadSuite("policies/p.test.yml", testCatalogue())
	if s == nil || s.Rulebook.Cluster != "prod" || len(s.Rulebook.Policies) != 2 {
		t.Errorf("%+v\n%s", s, render(t, problems))
	}
	if _, problems := Load("remediated.yml", testCatalogue()); HasErrors(problems) {
		t.Errorf("a file of tests is taken for a policy:\n%s", render(t, problems))
	}
}

func TestFindSuites(t *testing.T) {
	inFolder(t, map[string]string{"a.test.yaml": "", "b/c.test.yml": "", "b/d.yaml": "", ".git/e.test.yaml": "", "x.yaml": ""})
	got, err := FindSuites(".", "b", "x.yaml")
	if want := []string{"a.test.yaml", "b/c.test.yml", "x.yaml"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("found %v, %v; want %v", got, err, want)
	}
	if _, err := FindSuites("none"); !os.IsNotExist(err) {
		t.Errorf("of a folder that is not there: %v", err)
	}
}
