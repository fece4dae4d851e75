package notify

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/x0tta6bl4/remediated/remediate"
)

func TestTemplatesAreRefusedWithWhatWouldBeRight(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"syntax":            {"{{ define \"why\" }}\n{{ if }}{{ end }}{{ end }}", []string{"my.tmpl:2: missing value for if"}},
		"unknown function":  {"{{ define \"why\" }}{{ shout .Why }}{{ end }}", []string{`my.tmpl:1: function "shout" not defined`, "toUpper", "humanizeDuration"}},
		"a route's label":   {"{{ define \"why\" }}{{ routeLabels \"x\" }}{{ end }}", []string{`function "routeLabels" not defined`}},
		"our own function":  {"{{ define \"why\" }}{{ _count \"x\" }}{{ end }}", []string{`function "_count" not defined`}},
		"unknown field":     {"\n{{ define \"pagerduty.summary\" }}\n{{ .Cluster }}{{ end }}", []string{`my.tmpl:3:3: executing "pagerduty.summary"`, "can't evaluate field Cluster", ".Policy, .Target", "listed"}},
		"of an attempt":     {"{{ define \"attempt\" }}{{ .Policy }}{{ end }}", []string{"can't evaluate field Policy", ".Result, .Verify, .OK, .Notice"}},
		"of a line":         {"{{ define \"slack.line\" }}{{ .Step }}{{ end }}", []string{"can't evaluate field Step", ".At, .Text"}},
		"a time unasked":    {"{{ define \"why\" }}{{ date \"15:04\" .Healed }}{{ end }}", []string{"my.tmpl:1:", "{{ with .Healed }}"}},
		"no such template":  {"{{ define \"why\" }}\n{{ if .Rung }}{{ template \"wyh\" . }}{{ end }}{{ end }}", []string{`my.tmpl:2:`, `template "why": there is no template "wyh"`, "slack.headline"}},
		"nothing shows it":  {"\n{{ define \"pagerdutty.summary\" }}x{{ end }}", []string{`my.tmpl:2:`, `template "pagerdutty.summary" is defined and nothing shows it`, "pagerduty.summary"}},
		"only itself":       {`{{ define "mine" }}{{ if .ID }}{{ template "mine" . }}{{ end }}{{ end }}`, []string{`"mine" is defined and nothing shows it`}},
		"outside":           {"\nHello {{ .ID }}", []string{"my.tmpl:2:0: \"Hello \" is in no template", "{{ define"}},
		"twice":             {"{{ define \"why\" }}a{{ end }}\n{{ define \"why\" }}b{{ end }}", []string{"my.tmpl:2:", "multiple definition of template \"why\""}},
		"ends never":        {"{{ define \"why\" }}\n{{ range 1000000000000 }}{{ end }}{{ end }}", []string{"my.tmpl:2:", `template "why"`, "does not end"}},
		"nearly never":      {`{{ define "x" }}{{ if lt (len .) 40 }}{{ template "x" (print . "y") }}{{ template "x" (print . "z") }}{{ end }}{{ end }}{{ define "why" }}{{ template "x" "" }}{{ end }}`, []string{"my.tmpl:1:", `template "why"`, "does not end"}},
		"calls itself":      {`{{ define "why" }}{{ template "why" . }}{{ end }}`, []string{"my.tmpl:1:", "does not end"}},
		"too long":          {"\n{{ define \"why\" }}{{ range 300 }}{{ printf \"%1000d\" 1 }}{{ end }}{{ end }}", []string{"my.tmpl:2:", `template "why" writes more than 262144 bytes`}},
		"doubles":           {`{{ define "why" }}{{ $x := "x" }}{{ range 60 }}{{ $x = print $x $x }}{{ end }}{{ end }}`, []string{"my.tmpl:1:", "print makes more than 262144 bytes"}},
		"doubles a list":    {`{{ define "why" }}{{ $x := list 1 }}{{ range 60 }}{{ $x = list $x $x }}{{ end }}{{ $x }}{{ end }}`, []string{"list makes more than 262144 bytes"}},
		"grows by replaces": {`{{ define "why" }}{{ $x := printf "%100000d" 1 }}{{ reReplaceAll " " $x $x }}{{ end }}`, []string{"reReplaceAll would make too long a text"}},
		"grows by joins":    {`{{ define "why" }}{{ $x := printf "%100000d" 1 }}{{ join $x (stringSlice "" "" "" "" "" "" "" "" "" "" "" "") }}{{ end }}`, []string{"join would make too long a text"}},
		"grows by formats":  {`{{ define "why" }}{{ $x := printf "%100000d" 1 }}{{ printf $x }}{{ end }}`, []string{"printf would make too long a text"}},
		"bad expression":    {`{{ define "why" }}{{ reReplaceAll "(" "" .ID }}{{ end }}`, []string{"my.tmpl:1:", "reReplaceAll", "missing closing )"}},
		"no name":           {`{{ define "details" }}whatever{{ end }}`, []string{"my.tmpl:1:", `template "details"`, `"whatever" has no name`, "Policy: postgres-down"}},
		"not UTF-8":         {"{{ define \"why\" }}ok\n\xffok{{ end }}", []string{"my.tmpl:2: not UTF-8"}},
		"huge":              {strings.Repeat(" ", maxFile+1), []string{"my.tmpl has 262145 bytes"}},
	} {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			_, err := ParseTemplates(file(t, c.text))
			if err == nil {
				t.Fatal("it was taken")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not say %q", err, w)
				}
			}
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestFilesAreRefusedByName(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ pattern, want string }{
		"missing":        {filepath.Join(dir, "none.tmpl"), "none.tmpl matches no file"},
		"no directory":   {filepath.Join(dir, "none", "*.tmpl"), "none/*.tmpl matches no file"},
		"no pattern":     {filepath.Join(dir, "[.tmpl"), "want a path with wildcards"},
		"a directory":    {dir, "is no file"},
		"a pipe's place": {os.DevNull, "is no file"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ParseTemplates(c.pattern); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %q", err, c.want)
			}
		})
	}
	if _, err := ParseTemplates(filepath.Join(dir, "*.tmpl")); err != nil {
		t.Errorf("a directory that has no templates yet was refused: %v", err)
	}
}

// heard gathers what OnError was told.
func heard(ts *Templates) func() string {
	var mu sync.Mutex
	var all []string
	ts.OnError = func(name string, err error) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, name+": "+err.Error())
	}
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(all, "\n")
	}
}

func TestATemplateThatFailsIsReplacedByTheDefault(t *testing.T) {
	for name, text := range map[string]string{
		"unknown field": `{{ define "slack.summary" }}{{ if eq .Policy "odd" }}{{ .Nothing }}{{ end }}{{ .ID }}{{ end }}`,
		"no end":        `{{ define "slack.summary" }}{{ if eq .Policy "odd" }}{{ range 1000000000 }}{{ end }}{{ end }}{{ .ID }}{{ end }}`,
		"too long":      `{{ define "slack.summary" }}{{ if eq .Policy "odd" }}{{ range 300 }}{{ printf "%1000d" 1 }}{{ end }}{{ end }}{{ .ID }}{{ end }}`,
	} {
		t.Run(name, func(t *testing.T) {
			ts := parsed(t, text)
			said := heard(ts)
			n := sampleOf(t, "denied")
			if got := ts.Words("slack", n, "").Summary(); got != "i42" || said() != "" {
				t.Errorf("it says %q, errors %q", got, said())
			}
			n.Policy = "odd"
			want := wordsOf(n).Summary()
			if got := ts.Words("slack", n, "").Summary(); got != want || !strings.Contains(said(), "slack.summary: ") || !strings.Contains(said(), "my.tmpl:1:") {
				t.Errorf("it says %q, errors %q; want %q", got, said(), want)
			}
			ts.OnError = nil // nobody listens, which hurts nobody
			if got := ts.Words("slack", n, "").Summary(); got != want {
				t.Errorf("it says %q", got)
			}
		})
	}
}

func TestATextThatMustNotBeEmptyIsTheDefaults(t *testing.T) {
	ts := parsed(t, `{{ define "slack.headline" }}{{ with .Labels.title }}{{ . }}{{ end }}{{ end }}{{ define "slack.why" }}{{ end }}{{ define "details" }}{{ end }}{{ define "attempt" }}{{ end }}`)
	said := heard(ts)
	w := ts.Words("slack", sampleOf(t, "denied"), "")
	if got := w.Headline(); got != "i42 P2 denied: postgres-down on prod/deployment/shop/db" || said() != "" {
		t.Errorf("headline %q, errors %q", got, said())
	}
	if w.Why() != "" || len(w.Details()) != 0 || len(w.Story(8)) != 0 {
		t.Errorf("what may be left out is still said: %q, %v, %q", w.Why(), w.Details(), w.Story(8))
	}
}

func TestDetailsWithoutANameAreTheDefaults(t *testing.T) {
	ts := parsed(t, `{{ define "details" }}{{ .Labels.owner }}{{ if not .Labels.owner }}A: b{{ end }}{{ end }}`)
	said := heard(ts)
	n := sampleOf(t, "denied")
	n.Labels = remediate.LabelsOf(map[string]string{"owner": "me"})
	if got := ts.Words("", n, "").Details(); len(got) < 5 || !strings.Contains(said(), "has no name") {
		t.Errorf("details %v, errors %q", got, said())
	}
}

// TestNoTextGetsOutOfItsBounds writes hostile text with functions that could
// smuggle what cleaning has taken out.
func TestNoTextGetsOutOfItsBounds(t *testing.T) {
	var all strings.Builder
	for _, x := range texts {
		body := `{{ $x := printf "%v" . }}{{ base64decode "4oCuAAobWzMxbf8=" }}{{ urlUnescape "%0A%E2%80%AE<!channel>" }}{{ $x }}`
		if x.as == asDetails {
			body = `{{ range 20 }}<!here>*_x_*` + "`" + `{{ . }}: {{ urlUnescape "%E2%80%AE" }}{{ $.Why }}{{ "\n" }}{{ end }}`
		}
		all.WriteString(`{{ define "` + x.name + `" }}` + body + "{{ end }}\n")
	}
	// The parts are in no other template any more.
	ts := parsed(t, all.String())
	said := heard(ts)
	for _, s := range Samples() {
		w := ts.Words("slack", s.Notice, "")
		for _, d := range w.Details() {
			if strings.ContainsAny(d.Name, "<>!*_`\n") || utf8.RuneCountInString(d.Name) > maxTitle {
				t.Errorf("a detail is called %q", d.Name)
			}
		}
		if n := len(w.Details()); n > maxDetails {
			t.Errorf("%d details", n)
		}
		if n := len(w.Next()); n > maxCommands {
			t.Errorf("%d commands", n)
		}
		for _, x := range texts {
			if kind, ok := strings.CutPrefix(x.name, "slack."); ok {
				for _, text := range w.all(x, kind) {
					if text != Clean(text, maxWords) {
						t.Errorf("%s of %q is not clean: %.80q", x.name, s.Name, text)
					}
				}
			}
		}
	}
	if said() != "" {
		t.Error(said())
	}
}

func TestNoCommandOfATemplateIsMadeOfTextFromOutside(t *testing.T) {
	ts := parsed(t, `{{ define "next" }}runbook {{ .Labels.job | toUpper }} --for {{ .Policy }}
{{ if .Rung }}page {{ .ID }}{{ end }}{{ end }}`)
	n := sampleOf(t, "denied")
	rapid.Check(t, func(rt *rapid.T) {
		value := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"database", "a b", "-rf", "$(x)", "a;b", "a\nb", "`x`", "x'y", "ä", "~", "*", strings.Repeat("a", 65)})).Draw(rt, "value")
		n.Labels, n.Rung = remediate.LabelsOf(map[string]string{"job": value}), value
		for _, c := range ts.Words("slack", n, "").Next() {
			word, ok := strings.CutPrefix(strings.TrimSuffix(c, "--for postgres-down"), "runbook ")
			if word = strings.TrimSuffix(word, " "); ok && !isWord(word) {
				rt.Fatalf("%q became the command %q", value, c)
			}
		}
	})
	n.Labels, n.Rung = remediate.LabelsOf(map[string]string{"job": "database"}), "two words"
	if got := ts.Words("slack", n, "").Next(); len(got) != 2 || got[0] != "runbook DATABASE --for postgres-down" || got[1] != "page i42" {
		t.Errorf("commands %q; want both, because a template may ask for what it may not show", got)
	}
}

// Whatever the texts are, the defaults yield what is needed, and need no default.
func TestTheDefaultsNeverFail(t *testing.T) {
	all := Samples()
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.SampledFrom(all).Draw(rt, "sample").Notice
		fill(&n, string(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(rt, "bytes"))+rapid.String().Draw(rt, "text"), 1)
		ts := &Templates{OnError: func(name string, err error) { rt.Fatalf("%s: %v", name, err) }}
		w := ts.Words("", n, "")
		for _, x := range texts {
			for _, said := range w.all(x, x.name) {
				if said == "" && x.needed {
					rt.Fatalf("%s says nothing", x.name)
				}
				if said != Clean(said, maxWords) {
					rt.Fatalf("%s is not clean: %q", x.name, said)
				}
			}
		}
	})
}

func TestOneSetOfTemplatesServesManyGoroutines(t *testing.T) {
	ts, err := ParseTemplates("testdata/override.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	n := sampleOf(t, "denied")
	want := spoken(ts, "pagerduty", n)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				if got := spoken(ts, "pagerduty", n); got != want {
					t.Errorf("got %s", got)
				}
			}
		})
	}
	all.Wait()
}
