package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	link   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	fence  = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	titles = regexp.MustCompile(`(?m)^#+ (.+)$`)
	marks  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// Every link to another page leads to one, and to a heading that it has.
func TestLinks(t *testing.T) {
	seen := 0
	for _, page := range allPages(t) {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(read(t, page), ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			seen++
			path, anchor, _ := strings.Cut(m[1], "#")
			to := page
			if path != "" {
				to = filepath.Join(filepath.Dir(page), path)
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s leads to %s, which is not there", page, m[1])
				continue
			}
			if anchor != "" && !slices.Contains(anchors(read(t, to)), anchor) {
				t.Errorf("%s leads to %s: it has no such heading", page, m[1])
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d links were found", seen)
	}
}

// The index names every page that is here.
func TestTheIndexHasEveryPage(t *testing.T) {
	index := read(t, "README.md")
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if page != "README.md" && !strings.Contains(index, "]("+page) {
			t.Errorf("docs/README.md does not name %s", page)
		}
	}
}

func allPages(t *testing.T) (all []string) {
	t.Helper()
	for _, pattern := range []string{"*.md", "../*.md", "decisions/*.md", "../deploy/*/README.md"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, names...)
	}
	return all
}

// anchors are the names that GitHub gives to the headings of a page.
func anchors(page string) (all []string) {
	for _, m := range titles.FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		text := regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`).ReplaceAllString(m[1], "$1")
		all = append(all, strings.ReplaceAll(marks.ReplaceAllString(strings.ToLower(text), ""), " ", "-"))
	}
	return all
}
