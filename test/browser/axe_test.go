package browser_test

import (
	_ "embed"
	"slices"
	"testing"
)

// axe is axe-core 4.14.1 as Deque published it on npm, under the Mozilla Public
// License 2.0 that lies beside it. It is run by tests and is in no program.
//
//go:embed testdata/axe-core/axe.min.js
var axe string

// finding is something that keeps somebody from using a page.
type finding struct {
	ID, Impact, Help string
	Nodes            []struct{ HTML, FailureSummary string }
}

// Each view, light and dark, on a desk and on a phone, is held against WCAG 2.2 A
// and AA, and against what is held to be good practice besides.
func TestNobodyIsKeptOut(t *testing.T) {
	s := begin(t, several, "", nil)
	for name, path := range views {
		for look, l := range looks {
			tab := s.open(t, l, path)
			must(t, tab.Eval(s.ctx, `document.querySelectorAll("details").forEach((d) => { d.open = true; })`, nil))
			must(t, tab.Eval(s.ctx, axe, nil))
			if name == "now" { // what looks for findings must be able to find one
				must(t, tab.Eval(s.ctx, `document.body.append(document.createElement("input"))`, nil))
			}
			var found []finding
			must(t, tab.Eval(s.ctx, `axe.run(document, {resultTypes: ["violations"]}).then((r) => r.violations.map((v) => ({ID: v.id, Impact: v.impact, Help: v.help, Nodes: v.nodes.slice(0, 3).map((n) => ({HTML: n.html, FailureSummary: n.failureSummary}))})))`, &found))
			planted := func(f finding) bool { return f.ID == "label" && name == "now" }
			if name == "now" && !slices.ContainsFunc(found, planted) {
				t.Errorf("an input without a label was not found: %v", found)
			}
			for _, f := range slices.DeleteFunc(found, planted) {
				report := t.Logf
				if slices.Contains([]string{"serious", "critical"}, f.Impact) {
					report = t.Errorf
				}
				report("%s, %s: %s (%s): %s %q", name, look, f.ID, f.Impact, f.Help, f.Nodes)
			}
			must(t, tab.Close(s.ctx))
		}
	}
}
