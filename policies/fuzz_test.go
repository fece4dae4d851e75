package policies

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
)

// FuzzPolicies reads anything as a policy file. Nothing may panic; a problem
// must be on a line of the file; and what is accepted must be the same rulebook
// after it was kept and read back.
func FuzzPolicies(f *testing.F) {
	for _, pattern := range []string{"testdata/*/policy-*.yml", "shipped/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			f.Fatalf("no seeds in %s: %v", pattern, err)
		}
		for _, path := range paths {
			b, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Add([]byte(wholePolicy))
	config := &Config{Cluster: "prod", Prometheus: &Endpoint{}, Runbooks: remediate.DefaultRunbooks()}
	f.Fuzz(func(t *testing.T, text []byte) {
		l := &loading{catalogue: testCatalogue(), config: config, result: &Loaded{}}
		policies, docs := l.read([]file{{name: "p.yml", source: "p.yml", text: text}}, Group{Namespaces: []string{"shop"}})
		l.policies, l.documents = policies, docs
		if !HasErrors(problemsOf(docs)) && !l.compose() && !HasErrors(l.allProblems()) {
			t.Error("it makes no rulebook, and nothing is said about it")
		}
		problems := problemsOf(docs)
		lines := bytes.Count(text, []byte("\n")) + bytes.Count(text, []byte("\r")) + 2
		for _, p := range problems {
			if p.Line < 0 || p.Line > lines || p.Message == "" || p.rendered() == "" {
				t.Errorf("a problem that points nowhere: %+v", p)
			}
		}
		if HasErrors(problems) {
			return
		}
		sameAfterKeeping(t, l.result.Rulebook)
	})
}

func sameAfterKeeping(t *testing.T, rb *remediate.Rulebook) {
	t.Helper()
	if err := rb.Compile(); err != nil {
		t.Fatalf("what was accepted does not compile: %v", err)
	}
	b, err := rb.Encode()
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	back, err := remediate.DecodeRulebook(b)
	if err != nil {
		t.Fatalf("decode: %v\n%s", err, b)
	}
	if back.Digest() != rb.Digest() {
		t.Errorf("the rulebook is another one after it was kept:\n%s", b)
	}
}

// FuzzConfig reads anything as a configuration. Nothing may panic, and what is
// accepted must make a rulebook that is the same after it was kept.
func FuzzConfig(f *testing.F) {
	paths, err := filepath.Glob("testdata/*/config-*.yml")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range append(paths, "../deploy/remediated.example.yml") {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(wholeConfig))
	f.Fuzz(func(t *testing.T, text []byte) {
		doc, v, ok := parse(file{name: "remediated.yml", text: text})
		r := newConfigReader(folder{shown: ".", path: "/etc/remediated"})
		if ok {
			r.read(v)
		}
		if !ok && len(doc.problems) == 0 {
			t.Error("it was not read, and nothing is said about it")
		}
		if !HasErrors(doc.problems) {
			sameAfterKeeping(t, r.config.rulebook())
		}
	})
}
