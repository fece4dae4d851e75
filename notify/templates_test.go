package notify

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
)

// file writes templates to a file and returns its path.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "my.tmpl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func parsed(t *testing.T, text string) *Templates {
	t.Helper()
	ts, err := ParseTemplates(file(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return ts
}

// sampleOf returns the sample of that name.
func sampleOf(t *testing.T, name string) remediate.Notice {
	t.Helper()
	all := Samples()
	i := slices.IndexFunc(all, func(s Sample) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("there is no sample %q", name)
	}
	return all[i].Notice
}

const link = "https://remediated.example/incidents/42"

func TestTheDefaultsPassTheirOwnCheck(t *testing.T) {
	if err := check(standard()); err != nil {
		t.Error(err)
	}
	ts, err := ParseTemplates()
	if err != nil || ts.set != nil {
		t.Errorf("without a pattern: %v, %v; want the defaults", ts, err)
	}
}

func TestEveryStatusIsSampled(t *testing.T) {
	b, err := os.ReadFile("../remediate/status.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`Status = "(\w+)"`).FindAllStringSubmatch(string(b), -1)
	if len(found) < 12 {
		t.Errorf("only %d statuses were found", len(found))
	}
	for _, m := range found {
		if got := sampleOf(t, m[1]).Status; string(got) != m[1] {
			t.Errorf("the sample %q is %q", m[1], got)
		}
	}
}

// TestWordsOfEveryStatus shows what each service says of an incident at each
// point of its life, with the defaults and with testdata/override.tmpl, which
// changes PagerDuty only.
func TestWordsOfEveryStatus(t *testing.T) {
	override, err := ParseTemplates("testdata/override.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	for place, ts := range map[string]*Templates{"slack": {}, "pagerduty": {}, "override": override} {
		ts.OnError = func(name string, err error) { t.Errorf("%s: %v", name, err) }
		service := strings.Replace(place, "override", "pagerduty", 1)
		for _, s := range Samples() {
			if s.Name == "long" {
				continue // it is nothing to be read
			}
			t.Run(place+"/"+s.Name, func(t *testing.T) {
				golden(t, filepath.Join("testdata", place, strings.ReplaceAll(s.Name, " ", "-")+".golden"), spoken(ts, service, s.Notice))
			})
		}
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run go test -update", err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// spoken is all that a service says of a notice, by the names of its templates.
func spoken(ts *Templates, service string, n remediate.Notice) string {
	var b strings.Builder
	w := ts.Words(service, n, link)
	for _, x := range texts {
		kind, ok := strings.CutPrefix(x.name, service+".")
		if !ok {
			continue
		}
		for _, said := range w.all(x, kind) {
			fmt.Fprintf(&b, "%-13s %s\n", kind, said)
		}
	}
	return b.String()
}

// all returns what the text of x says, as services ask for it.
func (w *Words) all(x text, kind string) (said []string) {
	switch {
	case x.as == asDetails:
		for _, d := range w.Details() {
			said = append(said, d.Name+": "+d.Text)
		}
	case x.as == asCommands:
		return w.Next()
	case x.as == asLines:
		return w.List(kind)
	case x.of == ofLine:
		return w.Lines()
	case x.of == ofAttempt:
		for i := range w.data.Attempts {
			said = append(said, w.Attempt(kind, i))
		}
	default:
		said = append(said, w.Text(kind))
	}
	return said
}

func TestAnOverrideOfOneServiceLeavesTheOthersAlone(t *testing.T) {
	ts, err := ParseTemplates("testdata/override.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range Samples() {
		if got, want := spoken(ts, "slack", s.Notice), spoken(nil, "slack", s.Notice); got != want {
			t.Errorf("%s: Slack says\n%s\nwant\n%s", s.Name, got, want)
		}
	}
}

func TestACommonTextIsChangedForAll(t *testing.T) {
	ts := parsed(t, `{{ define "summary" }}{{ toUpper .ID }} of {{ .Labels.team }}{{ end }}`)
	n := sampleOf(t, "denied")
	for service, kind := range map[string]string{"slack": "page", "pagerduty": "summary"} {
		if got := ts.Words(service, n, "").Text(kind); got != "I42 of storage" {
			t.Errorf("%s says %q", service, got)
		}
	}
}

func TestALaterFileReplacesAnEarlierOne(t *testing.T) {
	first, second := file(t, `{{ define "says" }}first{{ end }}{{ define "why" }}why{{ end }}`), file(t, `{{ define "says" }}second{{ end }}`)
	ts, err := ParseTemplates(first, filepath.Join(filepath.Dir(second), "*.tmpl"))
	if err != nil {
		t.Fatal(err)
	}
	if w := ts.Words("slack", sampleOf(t, "denied"), ""); w.Says() != "second" || w.Why() != "why" {
		t.Errorf("it says %q and %q", w.Says(), w.Why())
	}
}

func TestAlertmanagersFunctionsAreThere(t *testing.T) {
	ts := parsed(t, `{{ define "headline" -}}
		{{ .Labels.team | title }}, {{ .Labels.SortedPairs.Names | join "+" }}, {{ (.Labels.Remove (stringSlice "job" "team")).Values.Join "," }},
		{{ .Policy | reReplaceAll "-.*" "!" }}, {{ match "^Post" .Alert }}, {{ with .Opened }}{{ . | tz "Europe/Paris" | date "15:04" }}{{ end }}, {{ humanizeDuration .Objective }},
		{{ (dict "a" "b").a }}, {{ toJson (list 1 "x") }}, {{ base64encode .ID }}
	{{- end }}`)
	n := sampleOf(t, "denied")
	want := `Storage, alertname+job+team, PostgresDown, postgres!, true, 15:02, 10m 0s, b, [1,"x"], aTQy`
	if got := ts.Words("slack", n, "").Headline(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
