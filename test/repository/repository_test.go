// Package repository keeps what GitHub reads of this repository true: the
// workflows, what is kept up to date, and the forms.
package repository

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const root = "../.."

// workflow is what of a workflow is looked at here.
type workflow struct {
	Permissions any            `yaml:"permissions"`
	Jobs        map[string]job `yaml:"jobs"`
}

type job struct {
	Uses        string            `yaml:"uses"`
	Container   container         `yaml:"container"`
	Permissions map[string]string `yaml:"permissions"`
	Timeout     int               `yaml:"timeout-minutes"`
	Steps       []step            `yaml:"steps"`
}

// container is that of a job, "" where it has none.
type container string

// UnmarshalYAML reads both ways to say it: the image alone, and with options.
func (c *container) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		return node.Decode((*string)(c))
	}
	var with struct{ Image string }
	err := node.Decode(&with)
	*c = container(with.Image)
	return err
}

type step struct {
	Uses string         `yaml:"uses"`
	Run  string         `yaml:"run"`
	With map[string]any `yaml:"with"`
}

var (
	// pinned is an action by its commit: a tag can be moved.
	pinned = regexp.MustCompile(`^[\w-]+(/[\w-]+)+@[0-9a-f]{40}$`)
	// pinnedImage is an image by its digest, for the same reason.
	pinnedImage = regexp.MustCompile(`^[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}$`)
	// makeCall finds what make is called for, up to the end of the command.
	makeCall = regexp.MustCompile(`(?m)(?:^|[;&|]\s*)make ([^;&|\n]*)`)
	target   = regexp.MustCompile(`(?m)^([a-z-]+):`)
)

// problems says what is wrong with a workflow, given the Makefile's targets.
func (w workflow) problems(targets []string) []string {
	var all []string
	if top, ok := w.Permissions.(map[string]any); !ok || len(top) != 1 || top["contents"] != "read" {
		all = append(all, "a workflow may contents: read, and a job what it needs beyond that")
	}
	for name, j := range w.Jobs {
		for _, problem := range j.problems(targets) {
			all = append(all, name+": "+problem)
		}
	}
	return all
}

func (j job) problems(targets []string) []string {
	if j.Uses != "" {
		if !strings.HasPrefix(j.Uses, "./.github/workflows/") {
			return []string{j.Uses + ": call workflows of this repository only"}
		}
		return nil
	}
	var all []string
	if j.Timeout == 0 {
		all = append(all, "has no timeout-minutes, which is six hours")
	}
	if j.Container != "" && !pinnedImage.MatchString(string(j.Container)) {
		all = append(all, string(j.Container)+": pin an image by its digest, behind its tag")
	}
	for _, s := range j.Steps {
		if s.Uses != "" && !pinned.MatchString(s.Uses) {
			all = append(all, s.Uses+": pin an action by its commit")
		}
		if strings.HasPrefix(s.Uses, "actions/checkout@") && s.With["persist-credentials"] != false {
			all = append(all, "checkout leaves its token behind: persist-credentials: false")
		}
		if strings.Contains(s.Run, "${{") {
			all = append(all, "a command with ${{ }} in it runs what others write: give it by env")
		}
		for _, call := range makeCall.FindAllStringSubmatch(s.Run, -1) {
			for word := range strings.FieldsSeq(call[1]) {
				if !strings.Contains(word, "=") && !slices.Contains(targets, word) {
					all = append(all, "make "+word+": the Makefile has no such target")
				}
			}
		}
	}
	return all
}

func makeTargets(t *testing.T) []string {
	var all []string
	for _, m := range target.FindAllStringSubmatch(string(read(t, "Makefile")), -1) {
		all = append(all, m[1])
	}
	return all
}

// Every workflow may no more than it needs, and calls what is there.
func TestWorkflows(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, ".github/workflows/*"))
	if err != nil || len(files) < 4 {
		t.Fatalf("%d workflows, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			var w workflow
			decode(t, strings.TrimPrefix(file, root+"/"), &w)
			if len(w.Jobs) == 0 {
				t.Error("has no jobs")
			}
			for _, problem := range w.problems(makeTargets(t)) {
				t.Error(problem)
			}
		})
	}
}

// A tag's name is in the pin's comment, so that a person and a bot can read it,
// and one action is pinned once, as is an image.
func TestPinsSayTheirVersion(t *testing.T) {
	commits := map[string]string{}
	uses := regexp.MustCompile(`uses: ([\w/-]+)@([0-9a-f]{40})(.*)`)
	images := regexp.MustCompile(`([\w./-]+:[\w.-]+)@(sha256:[0-9a-f]{64})`)
	files, _ := filepath.Glob(filepath.Join(root, ".github/workflows/*.yml"))
	for _, file := range files {
		for _, m := range uses.FindAllStringSubmatch(string(read(t, strings.TrimPrefix(file, root+"/"))), -1) {
			if !regexp.MustCompile(`^ # v\d+\.\d+\.\d+$`).MatchString(m[3]) {
				t.Errorf("%s: %s: say which version it is: # v1.2.3", file, m[1])
			}
			if was, ok := commits[m[1]]; ok && was != m[2]+m[3] {
				t.Errorf("%s: %s is pinned to another commit elsewhere", file, m[1])
			}
			commits[m[1]] = m[2] + m[3]
		}
		for _, m := range images.FindAllStringSubmatch(string(read(t, strings.TrimPrefix(file, root+"/"))), -1) {
			if was, ok := commits[m[1]]; ok && was != m[2] {
				t.Errorf("%s: %s is pinned to another digest elsewhere", file, m[1])
			}
			commits[m[1]] = m[2]
		}
	}
	if len(commits) < 5 {
		t.Errorf("only %d pins were looked at", len(commits))
	}
}

// Who runs the tests has the history, in which is the release before this one.
func TestTheHistoryIsThere(t *testing.T) {
	var w workflow
	decode(t, ".github/workflows/test.yml", &w)
	for name, j := range w.Jobs {
		if i := slices.IndexFunc(j.Steps, func(s step) bool { return strings.HasPrefix(s.Uses, "actions/checkout@") }); i < 0 || j.Steps[i].With["fetch-depth"] != 0 {
			t.Errorf("%s checks out a shallow clone: an upgrade is then tried from the same source: fetch-depth: 0", name)
		}
	}
}

// What must not be in a workflow is seen.
func TestProblems(t *testing.T) {
	const good = `{permissions: {contents: read}, jobs: {a: {timeout-minutes: 5, steps: [{run: make test}]}}}`
	for _, c := range []struct{ is, replaced, by, says string }{
		{is: "good"},
		{"permissions not stated", "permissions: {contents: read}, ", "", "may contents: read"},
		{"may write all", "{contents: read}", "write-all", "may contents: read"},
		{"may write", "{contents: read}", "{contents: write}", "may contents: read"},
		{"no timeout", "timeout-minutes: 5, ", "", "timeout-minutes"},
		{"by tag", "run: make test", "uses: actions/checkout@v6", "by its commit"},
		{"by 39 digits", "run: make test", "uses: a/b@" + strings.Repeat("a", 39), "by its commit"},
		{"an image by tag", "timeout-minutes: 5", "timeout-minutes: 5, container: 'golang:1.26'", "by its digest"},
		{"an image by tag, with options", "timeout-minutes: 5", "timeout-minutes: 5, container: {image: golang, options: --privileged}", "by its digest"},
		{is: "an image by digest", replaced: "timeout-minutes: 5", by: "timeout-minutes: 5, container: 'golang:1.26@sha256:" + strings.Repeat("a", 64) + "'"},
		{"token left", "run: make test", "uses: actions/checkout@" + strings.Repeat("a", 40), "persist-credentials"},
		{"no target", "make test", "make tset", "no such target"},
		{"what others write", "make test", "'echo ${{ github.head_ref }}'", "by env"},
		{"another's workflow", "timeout-minutes: 5, steps: [{run: make test}]", "uses: a/b/.github/workflows/c.yml@v1", "of this repository only"},
	} {
		t.Run(c.is, func(t *testing.T) {
			var w workflow
			if err := yaml.Unmarshal([]byte(strings.Replace(good, c.replaced, c.by, 1)), &w); err != nil {
				t.Fatal(err)
			}
			found := strings.Join(w.problems([]string{"test"}), "\n")
			if (c.says == "") != (found == "") || !strings.Contains(found, c.says) {
				t.Errorf("says %q, wanted %q", found, c.says)
			}
		})
	}
}

// CI on GitHub runs the command that CI elsewhere runs.
func TestCIRunsOneCommand(t *testing.T) {
	var w workflow
	decode(t, ".github/workflows/test.yml", &w)
	var runs []string
	for _, s := range w.Jobs["test"].Steps {
		runs = append(runs, s.Run)
	}
	if !slices.Contains(runs, ".ci/run") {
		t.Errorf("test.yml runs %q, not .ci/run", runs)
	}
}

// Every module and Dockerfile of this repository is kept up to date, and nothing that is
// not there.
func TestDependabotKnowsAll(t *testing.T) {
	var config struct {
		Updates []struct {
			Ecosystem   string   `yaml:"package-ecosystem"`
			Directory   string   `yaml:"directory"`
			Directories []string `yaml:"directories"`
		} `yaml:"updates"`
	}
	decode(t, ".github/dependabot.yml", &config)
	known := map[string][]string{}
	for _, u := range config.Updates {
		if u.Directory != "" {
			u.Directories = append(u.Directories, u.Directory)
		}
		slices.Sort(u.Directories)
		known[u.Ecosystem] = u.Directories
	}
	for ecosystem, file := range map[string]string{"gomod": "go.mod", "docker": "Dockerfile"} {
		if there := foldersOf(t, file); !slices.Equal(there, known[ecosystem]) {
			t.Errorf("dependabot looks for a %s in %q, there are some in %q", file, known[ecosystem], there)
		}
	}
}

// foldersOf lists the folders that have a file of this name, from the repository's root.
func foldersOf(t *testing.T, name string) []string {
	out, err := exec.Command("git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard", "--", name, "**/"+name).Output()
	if err != nil {
		t.Fatalf("this is no checkout of git: %v", err)
	}
	var all []string
	for file := range strings.FieldsSeq(string(out)) {
		all = append(all, filepath.Join("/", filepath.Dir(file)))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// The forms for issues are such as GitHub shows.
func TestIssueForms(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(root, ".github/ISSUE_TEMPLATE/*.yml"))
	forms := 0
	for _, file := range files {
		if filepath.Base(file) == "config.yml" {
			continue
		}
		forms++
		var form struct {
			Name, Description string
			Labels            []string
			Body              []struct {
				Type, ID    string
				Attributes  map[string]any
				Validations map[string]bool
			}
		}
		decode(t, strings.TrimPrefix(file, root+"/"), &form)
		if form.Name == "" || form.Description == "" || len(form.Body) == 0 {
			t.Errorf("%s has no name, description or body", file)
		}
		for i, field := range form.Body {
			switch field.Type {
			case "markdown":
			case "textarea", "input":
				if field.ID == "" || field.Attributes["label"] == nil {
					t.Errorf("%s: field %d has no id or label", file, i+1)
				}
			default:
				t.Errorf("%s: field %d is %q", file, i+1, field.Type)
			}
		}
	}
	if forms == 0 {
		t.Error("there are no forms")
	}
}

// The files that a newcomer looks for are there and say something.
func TestCommunityFiles(t *testing.T) {
	for name, says := range map[string]string{
		"LICENSE":                          "Apache License",
		"SECURITY.md":                      "Report a vulnerability",
		"CONTRIBUTING.md":                  "make test",
		"CODE_OF_CONDUCT.md":               "reports it",
		"CHANGELOG.md":                     "## [Unreleased]",
		".github/pull_request_template.md": "CHANGELOG.md",
	} {
		if !strings.Contains(string(read(t, name)), says) {
			t.Errorf("%s does not say %q", name, says)
		}
	}
}

// The changelog has only the headings of Keep a Changelog, and each at most once in a
// release.
func TestChangelog(t *testing.T) {
	kinds := []string{"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
	release := regexp.MustCompile(`^\[(Unreleased|\d+\.\d+\.\d+)\](?: - \d{4}-\d\d-\d\d)?$`)
	var seen []string
	for line := range strings.Lines(string(read(t, "CHANGELOG.md"))) {
		line = strings.TrimSpace(line)
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			if seen = nil; !release.MatchString(heading) {
				t.Errorf("%q is no release: ## [1.2.3] - 2026-11-28", line)
			}
		}
		if kind, ok := strings.CutPrefix(line, "### "); ok {
			if !slices.Contains(kinds, kind) || slices.Contains(seen, kind) {
				t.Errorf("%q is none of %q, or is there twice", line, kinds)
			}
			seen = append(seen, kind)
		}
	}
}

func decode(t *testing.T, name string, into any) {
	t.Helper()
	d := yaml.NewDecoder(bytes.NewReader(read(t, name)))
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
