package main

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"go.yaml.in/yaml/v3"
)

func TestYAMLSaysWhatJSONSays(t *testing.T) {
	const body = `{"z": 1, "a": [{"id": "042", "on": true, "no": "no", "n": null, "empty": [], "none": {}}, -1.5e3, 18446744073709551615],
		"log": "one\ntwo\n", "bad": "a\u001b[31m\u202e\udb40\udc41 ß\tx"}`
	code, stdout, stderr := calls(t, "--url", serve(t, http.StatusOK, body), "-o", "yaml", "status")
	want := `z: 1
a:
  - id: "042"
    "on": true
    "no": "no"
    "n": null
    empty: []
    none: {}
  - -1.5e3
  - 18446744073709551615
log: |
  one
  two
bad: "a\e[31m\U0000202E\U000E0041 ß\tx"
`
	if code != exitOK || stdout != want {
		t.Errorf("exit code %d, stderr %q, stdout\n%s\nwant\n%s", code, stderr, stdout, want)
	}
}

// FuzzYAML writes any JSON as YAML: it says the same, and a terminal obeys none of it.
func FuzzYAML(f *testing.F) {
	for _, s := range []string{"", "a", "no", "1", "~", "a: b", "- a", "# a", "a\n", "\n a\n\n", "\x1b[31m", "\u2028", "\t", "a \n b", "'\"", "\U000e0041", "!!binary", "<<", "2026-01-14", " a", "a\r\n", "\ufeff"} {
		f.Add(s, "x")
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		b, err := json.Marshal(map[string]any{key: []string{value, key}})
		if err != nil {
			t.Fatal(err)
		}
		text, err := yamlOf(b)
		if err != nil {
			t.Fatal(err)
		}
		var got, want any
		if err := yaml.Unmarshal(text, &got); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if err := json.Unmarshal(b, &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s is %q, want %q (%v)", text, got, want, err)
		}
		if strings.ContainsFunc(string(text), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
			t.Fatalf("a terminal might obey %q", text)
		}
	})
}
