package notify

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// docs/notices.md names every template, field and function, and no others.
func TestThePageOfNoticesIsTrue(t *testing.T) {
	b, err := os.ReadFile("../docs/notices.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	part := func(from, to string) string {
		_, after, ok := strings.Cut(page, from)
		if !ok {
			t.Fatalf("the page has no %q", from)
		}
		before, _, _ := strings.Cut(after, to)
		return before
	}
	same(t, "templates", part("## Templates", "A text that must not"), "`([a-z.]+)`", names())
	same(t, "fields of a notice", part("| of a notice |", "| of an attempt |"), "(?m)^\\| `\\.([A-Za-z]+)`", fieldNames("Data"))
	same(t, "fields of an attempt", part("| of an attempt |", "| of a line |"), "(?m)^\\| `\\.([A-Za-z]+)`", fieldNames("Attempt"))
	same(t, "fields of a line", part("| of a line |", "The functions"), "(?m)^\\| `\\.([A-Za-z]+)`", fieldNames("Line"))
	same(t, "functions", part("The functions are", "and what a template has"), "`([A-Za-z0-9]+)`", functionNames())
	parsed(t, part("```gotemplate\n", "```"))
}

func fieldNames(kind string) (all []string) {
	for _, f := range fields(kinds[kind]) {
		all = append(all, strings.TrimPrefix(f, "."))
	}
	return all
}

// same fails unless what is found in the text is what there is.
func same(t *testing.T, what, text, form string, there []string) {
	t.Helper()
	named := map[string]bool{}
	for _, m := range regexp.MustCompile(form).FindAllStringSubmatch(text, -1) {
		named[m[1]] = true
	}
	for _, name := range there {
		if !named[name] {
			t.Errorf("%s: %s is not named", what, name)
		}
		delete(named, name)
	}
	for name := range named {
		t.Errorf("%s: %s is named and not there", what, name)
	}
}
