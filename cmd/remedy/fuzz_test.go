package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/x0tta6bl4/remediated/remediate/web"
)

// FuzzTerminal prints anything at all in all ways: a terminal is told nothing but
// what we tell it, and one line stays one.
func FuzzTerminal(f *testing.F) {
	for _, s := range []string{"plain", "\x1b]0;owned\x07", "\x1b[2J", "a\r\nb", "\u202eevil", "\u009b31m", "\xff", "|`*<b>_", "\U000e0041"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var out bytes.Buffer
		p := &printer{w: &out}
		p.printf("%s", text)
		p.printf("%s", p.tone(web.Bad, text))
		p.table([][]cell{{{text: text}, {text: text}}})
		p.columns([]string{"a"}, [][]string{{text}})
		p.markdownTable([]string{"a"}, [][]string{{text}})
		if err := p.text([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := p.raw([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(out.String(), func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }) {
			t.Errorf("%q is printed as %q", text, out.String())
		}
		out.Reset()
		p.printf("%s", text)
		if strings.ContainsAny(out.String(), "\n\t") {
			t.Errorf("%q is printed on several lines: %q", text, out.String())
		}
	})
}

// FuzzMarkdown writes anything at all as Markdown: it begins no cell, no tag, no
// link and no code, and calls nobody.
func FuzzMarkdown(f *testing.F) {
	for _, s := range []string{"a|b", "<script>", "[x](http://evil.example)", "`code`", "@anna", "https://evil.example", "\\|", "**x**"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := markdown(text)
		for i, r := range got {
			escaped := strings.HasSuffix(strings.ReplaceAll(got[:i], `\\`, ""), `\`)
			if strings.ContainsRune("<>@", r) || strings.ContainsRune("|`*_[]~", r) && !escaped {
				t.Errorf("%q is written as %q, in which %q begins something", text, got, r)
			}
		}
		if strings.Contains(got, "://") {
			t.Errorf("%q is written as %q, which is a link", text, got)
		}
	})
}

// FuzzRaw shows any JSON: it means the same, and a terminal obeys none of it.
func FuzzRaw(f *testing.F) {
	f.Add(`{"a": "b\u009b31m"}`)
	f.Fuzz(func(t *testing.T, text string) {
		body, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := (&printer{w: &out}).raw(body); err != nil {
			t.Fatal(err)
		}
		var want, got string
		if json.Unmarshal(body, &want) != nil || json.Unmarshal(out.Bytes(), &got) != nil || got != want {
			t.Errorf("%q is shown as %q", body, out.String())
		}
	})
}
