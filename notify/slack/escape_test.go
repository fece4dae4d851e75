package slack

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzEscape shows anything at all. Nothing of it is a mention, a link or a
// character that Slack obeys, and it is no longer than it may be.
func FuzzEscape(f *testing.F) {
	for _, s := range []string{"<!channel>", "<@U0ANNA000>", "<http://evil.example|grafana>", "&lt;!here&gt;", "`*_~", "a\x00\u202eb\n", strings.Repeat("&", 100), "\xff<"} {
		f.Add(s, 20)
	}
	entity := regexp.MustCompile(`&(amp|lt|gt);`)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = min(max(limit, 3), 3000)
		for _, shown := range []string{escape(text, limit), code(text, limit)} {
			if rest := entity.ReplaceAllString(shown, ""); strings.ContainsAny(rest, "<>&\n\x00\u202e") || !utf8.ValidString(shown) || utf8.RuneCountInString(shown) > limit {
				t.Errorf("%q is shown as %q", text, shown)
			}
		}
		if inner := strings.Trim(code(text, limit), "`"); strings.Contains(inner, "`") {
			t.Errorf("%q ends its code early: %q", text, inner)
		}
	})
}

// FuzzLink makes links of anything at all: there is no link but to http and https,
// and it is one.
func FuzzLink(f *testing.F) {
	for _, s := range []string{"https://remediated.example/incidents/1", "javascript:alert(1)", "http://a|b>c<d&e", "//x", "http://x\n", "http://%zz"} {
		f.Add(s, "words <!here>")
	}
	whole := regexp.MustCompile(`^<https?://[^|<>\s]+\|[^|<>]*>$`)
	f.Fuzz(func(t *testing.T, address, words string) {
		words = strings.ReplaceAll(words, "|", "")
		if got := link(address, words); got != "" && !whole.MatchString(got) {
			t.Errorf("%q with %q is %q", address, words, got)
		}
	})
}
