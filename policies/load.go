package policies

import (
	"fmt"
	"strings"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Loaded is what was read from a configuration and its policy files. It is not
// changed after.
type Loaded struct {
	Config   *Config
	Rulebook *remediate.Rulebook // compiled
	// Sources are the texts of the files in force, by name relative to the
	// configuration's folder: what an auditor asks for.
	Sources map[string][]byte
	// Stale are the groups that run on their last good version, because what
	// is in their files now is broken; each by its patterns.
	Stale []string

	lastGood map[string][]file // of each group, by its patterns
	policies []written         // as they stand in the files
	watchdog value             // where its matchers stand, if there are any
}

// Load reads the configuration at path and the policy files it names. It
// returns nil when any problem is an error: a daemon must not start on less
// than it was told. Warnings come together with what was loaded.
func Load(path string, c Catalogue) (*Loaded, []Problem) {
	l, problems := load(nil, path, c)
	if HasErrors(problems) {
		return nil, problems
	}
	return l, problems
}

// Reload reads everything again and returns what is in force from now on. When
// the files of a group are broken, that group keeps its last good version,
// read under the new configuration; when the configuration is broken, or when
// things do not fit together, all stays as it was and previous is returned. The
// problems say which. The configuration's HTTP and notification settings are
// among what may have changed: the caller builds its clients before it swaps.
func Reload(previous *Loaded, path string, c Catalogue) (*Loaded, []Problem) {
	l, problems := load(previous, path, c)
	if l == nil {
		return previous, problems
	}
	return l, problems
}

// loading is one run of load: everything is built here before it is used.
type loading struct {
	dir       folder
	catalogue Catalogue
	previous  *Loaded
	config    *Config
	result    *Loaded
	policies  []written
	problems  []Problem   // of files that are not in force
	documents []*document // that are in force
}

// load returns nil when nothing of it may be used.
func load(previous *Loaded, path string, c Catalogue) (*Loaded, []Problem) {
	dir := folderOf(path)
	f, problem := dir.readFile(path)
	if problem != nil {
		return nil, []Problem{*problem}
	}
	doc, v, ok := parse(f)
	r := newConfigReader(dir)
	if ok {
		r.read(v)
	}
	l := &loading{dir: dir, catalogue: c, previous: previous, config: &r.config, documents: []*document{doc}}
	l.result = &Loaded{Config: l.config, Sources: map[string][]byte{f.source: f.text}, lastGood: map[string][]file{}, watchdog: r.watchdog}
	good := !HasErrors(doc.problems)
	if previous == nil || good { // at the first start all that is wrong is shown at once
		for i, g := range r.config.Groups {
			good = l.group(g, r.groups[i]) && good
		}
	}
	good = good && l.compose()
	problems := l.allProblems()
	if !good {
		return nil, problems
	}
	return l.result, problems
}

func (l *loading) allProblems() []Problem {
	return append(problemsOf(l.documents), l.problems...)
}

// problemsOf returns the problems of the documents, in the order of their lines.
func problemsOf(docs []*document) []Problem {
	var out []Problem
	for _, d := range docs {
		sortProblems(d.problems)
		out = append(out, d.problems...)
	}
	return out
}

// group reads the files of one group and puts them in force, or falls back to
// their last good version. It returns false when there is none.
func (l *loading) group(g Group, at value) bool {
	key := strings.Join(g.Files, ", ")
	files, problems := l.dir.gather(g, at)
	if len(files) == 0 && len(problems) == 0 && len(l.lastGood(key)) > 0 {
		problems = append(problems, Problem{
			File: key, Severity: Error,
			Message: "the files are gone", Hint: "take the group out of the configuration if that is meant",
		})
	}
	policies, docs := l.read(files, g)
	if !HasErrors(problems) && !HasErrors(problemsOf(docs)) {
		l.use(key, files, policies, docs)
		return true
	}
	l.problems = append(l.problems, append(problems, problemsOf(docs)...)...)
	return l.fallBack(key, g, at)
}

// lastGood returns the files of a group that are in force now.
func (l *loading) lastGood(key string) []file {
	if l.previous == nil {
		return nil
	}
	return l.previous.lastGood[key]
}

// fallBack puts the last good version of a group in force again. It goes
// through the same checks, since the configuration may be another by now. A
// group that was not there before has no such version: then nothing is taken
// over, as its files may be those of another group under a new name.
func (l *loading) fallBack(key string, g Group, at value) bool {
	if l.previous == nil {
		return false
	}
	if _, ok := l.previous.lastGood[key]; !ok {
		at.fail("these files are broken and have no last good version", "mend the files; until then everything stays as it was")
		return false
	}
	last := l.lastGood(key)
	policies, docs := l.read(last, g)
	if HasErrors(problemsOf(docs)) {
		at.fail("these files are broken, and their last good version does not fit to the new configuration", "mend the files; until then everything stays as it was")
		return false
	}
	at.warn("the last good version of these files stays in force", "mend the files and reload")
	l.result.Stale = append(l.result.Stale, key)
	l.use(key, last, policies, docs)
	return true
}

// read reads the files of a group.
func (l *loading) read(files []file, g Group) ([]written, []*document) {
	var policies []written
	var docs []*document
	r := &policyReader{folder: l.dir, catalogue: l.catalogue, config: l.config, namespaces: g.Namespaces}
	for _, f := range files {
		doc, v, ok := parse(f)
		docs = append(docs, doc)
		if ok {
			policies = append(policies, r.read(v)...)
		}
	}
	l.checkNames(policies)
	return policies, docs
}

// checkNames refuses a policy whose name another one has, in this group or in
// one before it.
func (l *loading) checkNames(policies []written) {
	seen := map[string]string{}
	for _, w := range l.policies {
		seen[w.Name] = w.Source
	}
	for _, w := range policies {
		if source, ok := seen[w.Name]; ok && w.Name != "" {
			w.name.fail(fmt.Sprintf("the name %q is taken", w.Name), fmt.Sprintf("by the policy at %s; rename one of them", source))
		}
		seen[w.Name] = w.Source
	}
}

// use puts the files of a group in force.
func (l *loading) use(key string, files []file, policies []written, docs []*document) {
	l.policies = append(l.policies, policies...)
	l.documents = append(l.documents, docs...)
	l.result.lastGood[key] = files
	for _, f := range files {
		l.result.Sources[f.source] = f.text
	}
}

// compose makes the rulebook of all policies.
func (l *loading) compose() bool {
	rb := l.config.rulebook()
	first := newTakers(l.policies)
	for i, w := range l.policies {
		l.checkReached(i, first)
		l.checkApart(i)
		rb.Policies = append(rb.Policies, w.Policy)
	}
	if len(rb.Policies) == 0 {
		l.problems = append(l.problems, Problem{
			File: l.documents[0].name, Severity: Warning,
			Message: "there are no policies: every alert is only noted", Hint: "begin with one of the policies that come with remediated",
		})
	}
	if !l.checkDepends() {
		return false
	}
	if err := rb.Compile(); err != nil {
		l.documents[0].whole(fmt.Sprintf("the policies do not make a rulebook: %v", err), "this is a defect of remediated, please report it with the files")
		return false
	}
	l.result.Rulebook, l.result.policies = rb, l.policies
	return true
}
