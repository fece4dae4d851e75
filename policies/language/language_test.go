package language_test

import (
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/policies/language"
)

// Every key says what it is and what holds without it, in one sentence that
// stands in a table.
func TestEveryKeyIsExplained(t *testing.T) {
	seen := 0
	for _, f := range language.Files() {
		for _, o := range f.Objects() {
			if !strings.HasSuffix(o.Doc, ".") {
				t.Errorf("%s is explained by %q", o.Name, o.Doc)
			}
			names := map[string]bool{}
			for _, field := range o.All() {
				seen++
				if field.Default == "" || !strings.HasSuffix(field.Doc, ".") || strings.Contains(strings.TrimSuffix(field.Doc, "."), ". ") || strings.ContainsAny(field.Doc+field.Default, "|\n") {
					t.Errorf("%s of %s: default %q, explained by %q", field.Name, o.Name, field.Default, field.Doc)
				}
				if names[field.Name] {
					t.Errorf("%s has the key %s twice", o.Name, field.Name)
				}
				names[field.Name] = true
			}
		}
	}
	if seen < 150 {
		t.Errorf("only %d keys were looked at", seen)
	}
}

// The objects of a file are those that may stand in it: the root first, each
// once.
func TestObjects(t *testing.T) {
	for _, f := range language.Files() {
		all := f.Objects()
		if all[0].Name != f.Root {
			t.Errorf("%s begins with %s", f.Name, all[0].Name)
		}
		times := map[string]int{}
		for _, o := range all {
			times[o.Name]++
		}
		for name, files := range map[string]string{"runbook": "policies config", "step": "policies", "HTTP settings": "config", "budget": "policies config", "world": "tests"} {
			if want := strings.Contains(files, f.Name); (times[name] == 1) != want || times[name] > 1 {
				t.Errorf("%s is %d times among the objects of %s", name, times[name], f.Name)
			}
		}
	}
	if language.Find("nothing of the kind") != nil || language.Find("step").Field("until") != nil {
		t.Error("something was found that is not there")
	}
}
