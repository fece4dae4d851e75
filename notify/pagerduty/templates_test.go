package pagerduty

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/remediate"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden")

// worded is a PagerDuty in the words of a file of that text, or by default.
func worded(t *testing.T, text string) *PagerDuty {
	t.Helper()
	var files []string
	if text != "" {
		files = append(files, filepath.Join(t.TempDir(), "my.tmpl"))
		if err := os.WriteFile(files[0], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ts, err := notify.ParseTemplates(files...)
	if err != nil {
		t.Fatal(err)
	}
	ts.OnError = func(name string, err error) { t.Errorf("%s: %v", name, err) }
	return &PagerDuty{options: Options{Templates: ts, Page: func(uint64) string { return "https://remediated.example/i42" }}}
}

// events are what is sent of a notice, by destination.
func events(t *testing.T, p *PagerDuty, n remediate.Notice) map[string][]any {
	t.Helper()
	n.Action = trigger
	if n.Key == "" {
		n.Key = "q4m2x7kd-i42"
	}
	e, err := p.event(n)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]any{"page": {e}}
	w := p.options.Templates.Words(service, n, p.page(n))
	for k, a := range n.Attempts {
		all["change"] = append(all["change"], p.change(n, a, w.Attempt("change", k)))
	}
	return all
}

// TestEventsOfEveryStatus shows what PagerDuty is sent of an incident at each
// point of its life.
func TestEventsOfEveryStatus(t *testing.T) {
	p := worded(t, "")
	for _, sample := range notify.Samples() {
		if sample.Name == "long" {
			continue // it is nothing to be read
		}
		for destination, es := range events(t, p, sample.Notice) {
			name := filepath.Join(destination, strings.ReplaceAll(sample.Name, " ", "-"))
			t.Run(name, func(t *testing.T) { compare(t, filepath.Join("testdata", name+".golden"), es) })
		}
	}
}

func compare(t *testing.T, path string, es []any) {
	t.Helper()
	var got bytes.Buffer
	e := json.NewEncoder(&got)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	for _, event := range es {
		if err := e.Encode(event); err != nil {
			t.Fatal(err)
		}
	}
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run go test -update", err)
	}
	if got.String() != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got.String(), want)
	}
}

func TestATemplateOfPagerDutyIsSent(t *testing.T) {
	p := worded(t, `{{ define "pagerduty.summary" }}[{{ .Labels.team }}] {{ .Alert }}{{ end }}
		{{ define "pagerduty.details" }}Team: {{ .Labels.team }}{{ end }}
		{{ define "pagerduty.change" }}{{ .Notice.Policy }}/{{ .ID }}{{ end }}`)
	n := notify.Samples()[3].Notice
	e, err := p.event(n)
	if err != nil {
		t.Fatal(err)
	}
	details, _ := e.Payload.Details.(map[string]any)
	if e.Payload.Summary != "[storage] PostgresDown" || fmt.Sprint(details["4 incident"]) != "map[Team:storage]" {
		t.Errorf("summary %q, details %v", e.Payload.Summary, details)
	}
	if got := p.options.Templates.Words(service, n, "").Attempt("change", 0); got != "postgres-down/a1" {
		t.Errorf("a change is summed up as %q", got)
	}
}

func TestNoTemplateMakesWhatPagerDutyRefuses(t *testing.T) {
	var all strings.Builder
	for _, name := range []string{"summary", "says", "why", "attempt", "next", "change"} {
		fmt.Fprintf(&all, `{{ define "pagerduty.%s" }}{{ range 50 }}{{ printf "%%1000d" 1 }} "<&> \ {{ urlUnescape "%%0A%%E2%%80%%AE%%00" }} 数{{ end }}{{ end }}`, name)
	}
	all.WriteString(`{{ define "pagerduty.details" }}{{ range 50 }}` + strings.Repeat("long", 100) + `{{ . }}: {{ printf "%02000d" 1 }}{{ "\n" }}{{ end }}{{ end }}`)
	empty := `{{ define "summary" }}{{ end }}{{ define "details" }}{{ end }}{{ define "attempt" }}{{ end }}{{ define "next" }}{{ end }}{{ define "pagerduty.change" }}{{ end }}`
	for name, text := range map[string]string{"long": all.String(), "empty": empty} {
		p := worded(t, text)
		for _, sample := range notify.Samples() {
			for range 3 { // a long story
				sample.Notice.Attempts = append(sample.Notice.Attempts, sample.Notice.Attempts...)
			}
			for destination, es := range events(t, p, sample.Notice) {
				for _, e := range es {
					fits(t, name+", "+sample.Name+", "+destination, e)
				}
			}
		}
	}
}

// fits fails when an event is too large or has no summary on one line.
func fits(t *testing.T, what string, event any) {
	t.Helper()
	b, err := json.Marshal(event)
	var sent struct {
		Payload struct {
			Summary string `json:"summary"`
		} `json:"payload"`
	}
	if err != nil || json.Unmarshal(b, &sent) != nil {
		t.Fatalf("%s: %v", what, err)
	}
	summary := sent.Payload.Summary
	if n := utf8.RuneCountInString(summary); len(b) > maxEvent || n == 0 || n > maxSummary || summary != notify.Clean(summary, maxSummary) {
		t.Errorf("%s: %d bytes, a summary of %d characters: %.80q", what, len(b), n, summary)
	}
}
