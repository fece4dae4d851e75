package policies

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/x0tta6bl4/remediated/policies/language"
)

// suiteOfConfig is a file of tests that names a configuration.
const suiteOfConfig = `config: remediated.yml
tests: [{name: a, when: [{at: 0s, alert: {alertname: x}}], expect: []}]
`

// layPolicies puts down what files of tests name, and goes there.
func layPolicies(t *testing.T) {
	t.Helper()
	inFolder(t, map[string]string{"good.yaml": named("good"), "remediated.yml": goodConfig, "policies/p.yml": named("p"), "team/t.yml": named("team")})
}

// casesOf are the tests of a file of tests, without what two readings of it never
// share: the lines they stand on, and a function.
func casesOf(v value) any {
	r := &suiteReader{folder: folderOf("x.test.yaml"), catalogue: testCatalogue(), start: defaultStart}
	r.read(v)
	for i := range r.suite.Cases {
		r.suite.Cases[i].Line, r.suite.Cases[i].Judge = 0, nil
	}
	return r.suite.Cases
}

// testKinds are the kinds of the catalogue, by which a world has keys.
func testKinds() language.Kinds {
	var kinds language.Kinds
	for _, name := range testCatalogue().Actions {
		kinds.Actions = append(kinds.Actions, language.Kind{Name: name})
	}
	for _, name := range testCatalogue().Probes {
		kinds.Probes = append(kinds.Probes, language.Kind{Name: name})
	}
	return kinds
}

// What may be said of what is expected is what is read, key by key.
func TestReferenceOfHappenings(t *testing.T) {
	expected := language.Find("expected")
	happenings := slices.Sorted(maps.Keys(Happenings))
	if got := slices.Sorted(slices.Values(expected.Choice())); !slices.Equal(got, happenings) {
		t.Errorf("the reference has %v\nthe reader knows %v", got, happenings)
	}
	for _, f := range expected.Fields {
		if f.Name == "at" || f.Default == language.Choice {
			continue
		}
		for _, h := range happenings {
			said := slices.Contains(expected.SaidOf(f.Name), h)
			if takes := takesHere("expect", fmt.Sprintf("{at: 0s, %s: i1, %s: x}", h, f.Name)); takes != said {
				t.Errorf("whether %s is said of %s: the reference has %v, the reader %v", f.Name, h, said, takes)
			}
		}
	}
}

// Of what happens there is one thing, with what must stand beside it.
func TestReferenceOfEvents(t *testing.T) {
	event, whole := language.Find("event"), map[string]string{
		"alert": "{alertname: a}", "resolve": "{alertname: a}", "silence": "{alertname: a}", "unsilence": "{alertname: a}", "world": "{}",
		"pause": "all", "resume": "all", "mode": "all",
	}
	beside := map[string]string{"guard": "cooldown", "reason": "why", "to": "observe", "annotations": "{a: b}", "fired": "1h", "by": "anna"}
	write := func(name string, with ...string) string {
		s := whole[name]
		if s == "" {
			s = "i1"
		}
		s = "{at: 0s, " + name + ": " + s
		for _, w := range with {
			s += ", " + w + ": " + beside[w]
		}
		return s + "}"
	}
	for _, name := range event.Choice() {
		needs := event.Needs(name)
		if !takesHere("when", write(name, needs...)) {
			t.Errorf("%s with %v is not read", name, needs)
		}
		for i := range needs {
			if less := slices.Delete(slices.Clone(needs), i, i+1); takesHere("when", write(name, less...)) {
				t.Errorf("%s is read with %v alone, and is said to need %v", name, less, needs)
			}
		}
		for with := range beside {
			of := event.SaidOf(with)
			said := of == nil || slices.Contains(of, name)
			if takes := takesHere("when", write(name, append(slices.DeleteFunc(slices.Clone(needs), func(n string) bool { return n == with }), with)...)); takes != said {
				t.Errorf("whether %s stands beside %s: the reference has %v, the reader %v", with, name, said, takes)
			}
		}
	}
	if takesHere("when", "{at: 0s}") || takesHere("when", "{at: 0s, run: i1, ack: i1}") {
		t.Error("none and two of what happens are read as one")
	}
}

// takesHere tells whether a test with the item is read without an error.
func takesHere(key, item string) bool {
	items := map[string]string{"when": "{at: 0s, run: i1}", "expect": "{at: 0s, closed: i1}"}
	items[key] = item
	doc, v, ok := parse(file{name: "x.test.yaml", text: fmt.Appendf(nil, "{name: one, when: [%s], expect: [%s]}", items["when"], items["expect"])})
	if ok {
		(&suiteReader{catalogue: testCatalogue()}).test(v)
	}
	return ok && len(doc.problems) == 0
}
