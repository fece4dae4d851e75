package policies

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/policies/language"
)

var keepFiles = flag.Bool("keep", false, "keep the files of testdata/language, as of a release, for ever")

const oldFiles = "testdata/old"

// A configuration, policies and tests that a release read are read by every later
// one: keys are added, and none is taken away or means something else.
//
// testdata/old has files that use every key. For a key that is new, -keep adds
// today's files; those that are there are never changed.
func TestOldFilesAreRead(t *testing.T) {
	readers, today := languageReaders(t)
	if *keepFiles {
		keepLanguage(t, today)
	}
	old := map[string][]file{}
	texts := map[string]string{}
	for name := range today {
		paths, err := filepath.Glob(filepath.Join(oldFiles, "*", name+"-*.yml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text := read(t, path)
			old[name] = append(old[name], file{name: path, text: []byte(text)})
			texts[name] += text
		}
	}
	layPolicies(t)
	for name, files := range old {
		for _, f := range files {
			doc, v, ok := parse(f)
			if ok {
				readers[name](v)
			}
			for _, p := range doc.problems {
				if p.Severity == Error {
					t.Errorf("a release read this, and this one does not:\n%s", render(t, []Problem{p}))
				}
			}
		}
	}
	for _, f := range language.Files() {
		for _, o := range f.Objects() {
			for _, field := range o.Fields {
				if !regexp.MustCompile(`\b` + regexp.QuoteMeta(field.Name) + `\b`).MatchString(texts[f.Name]) {
					t.Errorf("the key %s of %s is in none of %s: run this test with -keep", field.Name, o.Name, oldFiles)
				}
			}
		}
	}
}

// keepLanguage keeps today's files beside those that are kept.
func keepLanguage(t *testing.T, today map[string][]string) {
	t.Helper()
	kept, err := filepath.Glob(filepath.Join(oldFiles, "*"))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(oldFiles, fmt.Sprint(len(kept)+1))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, texts := range today {
		for k, text := range texts {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d.yml", name, k+1)), []byte(strings.TrimPrefix(text, "\n")), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
