package notify

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzClean cleans anything at all: what comes out is one line of a bounded length,
// without what is not seen, and clean already.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"", " a\t b\r\nc ", "\u202e\u2066x", "\x1b[31m", "\xff\xfe", strings.Repeat("é", 50), "\u2028\u0085"} {
		f.Add(s, 10)
	}
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = min(max(limit, 1), 1000)
		got := Clean(text, limit)
		bad := func(r rune) bool {
			return r != ' ' && (unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co))
		}
		if strings.ContainsFunc(got, bad) || !utf8.ValidString(got) || utf8.RuneCountInString(got) > limit || Clean(got, limit) != got {
			t.Errorf("%q becomes %q", text, got)
		}
	})
}

// FuzzTemplates reads anything at all as a file of templates. What is taken words
// every sample, or fails and says so, within the bounds of one execution.
func FuzzTemplates(f *testing.F) {
	for _, s := range []string{
		`{{define "title"}}{{.Policy}}{{end}}`, `{{define "title"}}{{template "title" .}}{{end}}`, `{{define "title"}}{{range 1000000000}}{{end}}{{end}}`,
		`{{define "title"}}{{printf "%1000000000d" 1}}{{end}}`, `{{define "title"}}{{_count "x"}}{{end}}`, `{{define "title"}}{{call .}}{{end}}`, `{{`, "",
	} {
		f.Add(s)
	}
	name := filepath.Join(f.TempDir(), "my.tmpl")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		ts, err := ParseTemplates(name)
		if err != nil {
			return
		}
		for _, s := range Samples()[:3] {
			w := ts.Words("slack", s.Notice, "")
			for _, line := range append(w.List("slack.story"), w.Headline(), w.Summary()) {
				if len(line) > maxOutput || strings.ContainsAny(line, "\n\x00\u202e") {
					t.Errorf("%q words %q", text, line)
				}
			}
		}
	})
}
