package policies

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// standIn is the configuration of tests that name none: one by which everybody
// can be told in every way, and that has what the shipped policies name.
const standIn = `cluster: test
policies: [{files: []}]
alertmanagers: [{url: http://localhost:9093}]
prometheus: {url: http://localhost:9090}
clusters: [{name: test}, {name: dr}]
name_servers: [{name: primary, address: localhost, key: {name: test, secret_file: key}, zones: [example]}]
people: [{name: somebody, roles: [operator, approver]}, {name: another, roles: [operator, approver]}]
notify:
  alertmanager: {raise: true}
  slack: {token_file: slack, channel: "#incidents"}
  pagerduty: {routing_keys: {oncall: {file: oncall}, manager: {file: manager}, director: {file: director}}}
`

// defaultStart is when tests begin that do not say: a Monday.
var defaultStart = time.Date(2024, 1, 1, 10, 0, 0, 0, time.UTC)

// LoadSuite reads a file of policy tests and the policies that it names. It
// returns nil when any problem is an error, of the tests or of the policies.
func LoadSuite(path string, c Catalogue) (*Suite, []Problem) {
	dir := folderOf(path)
	f, problem := dir.readFile(path)
	if problem != nil {
		return nil, []Problem{*problem}
	}
	doc, v, ok := parse(f)
	r := &suiteReader{folder: dir, catalogue: c, start: defaultStart}
	r.suite.File = path
	if ok {
		r.read(v)
	}
	problems := append(problemsOf([]*document{doc}), r.problems...)
	if HasErrors(problems) {
		return nil, problems
	}
	return &r.suite, problems
}

// suiteReader reads a file of policy tests.
type suiteReader struct {
	folder
	catalogue Catalogue
	suite     Suite
	start     time.Time
	problems  []Problem // of the policies
}

func (r *suiteReader) read(v value) {
	var config, policies, tests value
	ok := v.object("a file of policy tests", fields{
		"config":   func(v value) { config = v },
		"policies": func(v value) { policies = v },
		"start":    func(v value) { r.start = v.moment() },
		"tests":    func(v value) { tests = v },
	}, "tests")
	if !ok {
		return
	}
	switch {
	case config.node != nil && policies.node != nil:
		policies.fail("the configuration names the policies already", "write one of config and policies")
	case config.node != nil:
		r.fromConfig(config)
	case policies.node != nil:
		r.fromFiles(policies)
	default:
		v.fail("these tests name no policies", "write for example policies: [postgres.yaml], or config: ../remediated.yml for all that it names")
	}
	if tests.node != nil {
		tests.list("tests", r.test)
	}
	r.checkNames(tests)
}

// checkNames refuses two tests of one name: neither could be run alone.
func (r *suiteReader) checkNames(tests value) {
	seen := map[string]int{}
	for n, c := range r.suite.Cases {
		if line, ok := seen[c.Name]; ok && c.Name != "" {
			tests.items()[n].fail(fmt.Sprintf("the name %q is taken", c.Name), fmt.Sprintf("by the test on line %d; rename one of them", line))
		}
		seen[c.Name] = c.Line
	}
}

// fromConfig takes the policies of a configuration, and all that applies to
// them there.
func (r *suiteReader) fromConfig(v value) {
	loaded, problems := Load(v.file(r.beside()), r.catalogue)
	r.found(problems)
	if loaded != nil {
		r.suite.Rulebook = loaded.Rulebook
	}
}

// fromFiles takes the policies of some files, under a configuration by which
// everybody can be told.
func (r *suiteReader) fromFiles(v value) {
	doc, root, _ := parse(file{name: "the configuration of tests", text: []byte(standIn)})
	cr := newConfigReader(r.folder)
	cr.read(root)
	doc.problems = nil // that it names no files is as it should be
	l := &loading{dir: r.folder, catalogue: r.catalogue, config: &cr.config, documents: []*document{doc}}
	l.result = &Loaded{Config: l.config, Sources: map[string][]byte{}, lastGood: map[string][]file{}}
	if l.group(Group{Files: v.texts("policy files")}, v) && l.compose() {
		r.suite.Rulebook = l.result.Rulebook
	}
	r.found(l.allProblems())
}

// found takes the errors of the policies over. What is only to be warned of is
// for lint to say.
func (r *suiteReader) found(problems []Problem) {
	r.problems = append(r.problems, slices.DeleteFunc(problems, func(p Problem) bool { return p.Severity != Error })...)
}

// beside is the folder in which paths begin, as they are shown.
func (f folder) beside() folder { return folder{f.shown, f.shown} }

// test reads one test.
func (r *suiteReader) test(v value) {
	c := Case{Line: v.node.Line, Start: r.start, Judge: r.catalogue.Judge}
	last := time.Duration(0)
	ok := v.object("a test", fields{
		"name":  func(v value) { c.Name, _ = v.text("a name") },
		"mode":  func(v value) { c.Mode = v.mode() },
		"start": func(v value) { c.Start = v.moment() },
		"world": func(v value) { c.World = r.world(v) },
		"when": func(v value) {
			v.list("what happens", func(v value) {
				m := r.move(v)
				last = v.later(m.At, last)
				c.Moves = append(c.Moves, m)
			})
		},
		"until": func(v value) { c.Until = v.offset() },
		"expect": func(v value) {
			at := time.Duration(0)
			if len(v.items()) == 0 && v.shape() == "a list" {
				return // nothing is expected to follow
			}
			v.list("what is expected", func(v value) {
				h := v.happening()
				at = v.later(h.At, at)
				c.Expect = append(c.Expect, h)
			})
		},
	}, "name", "when", "expect")
	if ok && c.Until == 0 {
		c.Until = last
	}
	if ok && c.Until < last {
		v.fail("the test ends before its last event", "write a later until, or leave it out")
	}
	r.suite.Cases = append(r.suite.Cases, c)
}

// later sees to it that times do not go backwards, and returns the later one.
func (v value) later(at, last time.Duration) time.Duration {
	if at < last && v.has("at") {
		v.fail(fmt.Sprintf("%s comes after %s here", shown(at), shown(last)), "write what happens in the order of its times, each since the beginning of the test")
	}
	return max(at, last)
}

// moment reads a point in time.
func (v value) moment() time.Time {
	s := v.node.Value // unquoted, YAML takes it for a timestamp
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		v.fail(fmt.Sprintf("want a point in time, not %s", v.shape()), "write for example 2024-01-01T10:00:00Z")
		return defaultStart
	}
	return t
}

// FindSuites returns the files of policy tests under the paths: each that is a
// file itself, and those of each folder, sorted.
func FindSuites(paths ...string) ([]string, error) {
	var out []string
	for _, path := range paths {
		found, err := findSuites(path)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func findSuites(path string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != path && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		case !d.IsDir() && (name == path || isTestFile(name)):
			out = append(out, name)
		}
		return nil
	})
	return out, err
}
