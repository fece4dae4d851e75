package notify

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestClean(t *testing.T) {
	for _, c := range []struct {
		name, in string
		limit    int
		want     string
	}{
		{"keeps plain text", "Postgres is down: 3 of 5", 100, "Postgres is down: 3 of 5"},
		{"keeps other scripts and symbols", "Größe 数据库 🟢", 100, "Größe 数据库 🟢"},
		{"makes one line", " a\r\n\tb\u2028c\u00a0d ", 100, "a b c d"},
		{"drops control characters", "a\x00b\x1b[31mc\x7f", 100, "ab[31mc"},
		{"drops what turns the writing", "x\u202egnp.exe\u2066y\u2069\u200f", 100, "xgnp.exey"},
		{"drops what cannot be seen", "a\u200b\u2060\ufeff\u00adb\U000e0041", 100, "ab"},
		{"replaces invalid UTF-8", "a\xffb", 100, "a\ufffdb"},
		{"cuts", "abcdef", 4, "abc…"},
		{"does not cut what fits", "abcd", 4, "abcd"},
		{"cuts between characters", "ääää", 3, "ää…"},
		{"shows nothing in no room", "abc", 0, ""},
		{"cuts a long text", strings.Repeat("x", 100_000), 10, "xxxxxxxxx…"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Clean(c.in, c.limit); got != c.want {
				t.Errorf("Clean(%.40q, %d) = %q, want %q", c.in, c.limit, got, c.want)
			}
		})
	}
}

func TestCleanTextIsShortVisibleAndCleanAlready(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "text")
		limit := rapid.IntRange(0, 40).Draw(t, "limit")
		got := Clean(in, limit)
		if n := utf8.RuneCountInString(got); n > limit || !utf8.ValidString(got) {
			t.Fatalf("%q has %d characters or is not UTF-8; want at most %d", got, n, limit)
		}
		for _, r := range got {
			if unicode.In(r, unicode.Cc, unicode.Cf) || (unicode.IsSpace(r) && r != ' ') {
				t.Fatalf("%q has %U", got, r)
			}
		}
		if again := Clean(got, limit); again != got && !strings.HasSuffix(got, " …") {
			t.Fatalf("cleaned twice: %q, once: %q", again, got)
		}
	})
}
