package policies

import "testing"

// TestArguments shows what arguments become: JSON with its keys in order and
// nothing retyped on the way, and what is refused.
func TestArguments(t *testing.T) {
	for _, tc := range []struct{ yaml, want string }{
		{`$target`, `{}`},
		{`{}`, `{}`},
		{`{b: 1, a: [x, 2.5, true, null, {c: d}]}`, `{"a":["x",2.5,true,null,{"c":"d"}],"b":1}`},
		{`{a: 0x10, b: 1_000, c: "010", d: no, e: 2026-01-14, f: 1e3}`, `{"a":16,"b":1000,"c":"010","d":"no","e":"2026-01-14","f":1000}`},
		{`{a: "<b> & 'c'", u: "\u00e4"}`, `{"a":"\u003cb\u003e \u0026 'c'","u":"ä"}`},
		{`{a_file: x/y, b_file: /z/../w, c: {d_file: e}}`, `{"a_file":"/etc/remediated/x/y","b_file":"/w","c":{"d_file":"/etc/remediated/e"}}`},
		{`{a: .nan}`, ""},
		{`{a: [-.inf]}`, ""},
		{`{a: {b: !!binary dXA=}}`, ""},
		{`{a: 99999999999999999999}`, `{"a":100000000000000000000}`}, // YAML itself reads it as a floating-point number
		{`{a: !!int b}`, ""},
		{`restart`, ""},
		{`[a]`, ""},
		{`{password: hunter2}`, ""},
	} {
		doc, v, ok := parse(file{name: "p.yml", text: []byte(tc.yaml)})
		if !ok {
			t.Fatalf("%s: %v", tc.yaml, doc.problems)
		}
		r := &policyReader{folder: folder{shown: ".", path: "/etc/remediated"}, config: &Config{}}
		got, ok := r.arguments(v, "kind")
		if accepted := ok && !HasErrors(doc.problems); accepted != (tc.want != "") || accepted && string(got) != tc.want {
			t.Errorf("%s reads as %s, problems %v; want %s", tc.yaml, got, doc.problems, tc.want)
		}
	}
}

func TestNotText(t *testing.T) {
	for name, text := range map[string]string{"not UTF-8": "cluster: \xff\n", "control characters": "cluster: \x01\n", "empty": "", "only comments": "# a\n"} {
		doc, _, ok := parse(file{name: "p.yml", text: []byte(text)})
		if ok || !HasErrors(doc.problems) {
			t.Errorf("%s: it was read", name)
		}
	}
}
