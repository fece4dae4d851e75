package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
)

// hostile is text from outside that would be another line of the log, a command
// of a terminal, or another text than it reads as.
const hostile = "db\ntime=2026-01-14T10:00:00.000Z level=ERROR msg=forged\r\x1b[2J\x1b]0;owned\x07\u202etxt\u0000\u2028level=WARN"

// logLine is how each line of the log begins.
var logLine = regexp.MustCompile(`^time=\S+ level=(DEBUG|INFO|WARN|ERROR) `)

// Whatever is in an alert, or in what is none, is one line of the log for each
// thing that is said, without anything that a terminal obeys.
func TestTextFromOutsideForgesNoLineOfTheLog(t *testing.T) {
	p := startProcess(t, "off")
	label, err := json.Marshal(hostile)
	if err != nil {
		t.Fatal(err)
	}
	starts := time.Now().Add(time.Minute).UTC().Format(time.RFC3339)
	alert := fmt.Sprintf(`{"status":"firing","labels":{"alertname":"Down","namespace":%[1]s,%[1]s:%[1]s},"annotations":{"summary":%[1]s},"startsAt":%[2]q,"generatorURL":%[1]s}`, label, starts)
	for _, c := range []struct {
		body string
		code int
	}{
		{`{"version":"4","receiver":` + string(label) + `,"groupKey":` + string(label) + `,"alerts":[` + alert + `]}`, http.StatusOK},
		{`{"version":` + string(label) + `,"alerts":[` + alert + `]}`, http.StatusBadRequest},
		{`{"version":"4","receiver":` + string(label) + `,"alerts":[{"status":` + string(label) + `}]}`, http.StatusBadRequest},
		{`{"version":"4","truncatedAlerts":3,"receiver":` + string(label) + `,"alerts":[` + alert + `]}`, http.StatusOK},
		{hostile, http.StatusBadRequest},
		{"\xff\xfe" + hostile, http.StatusBadRequest},
	} {
		if code := p.post(strings.NewReader(c.body)); code != c.code {
			t.Errorf("answered %d, want %d: %q", code, c.code, c.body)
		}
	}
	b, err := os.ReadFile(filepath.Join(p.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), "msg=forged") || !strings.Contains(string(b), `fires since`) {
		t.Fatalf("the text is nowhere, so nothing is shown: %s", b)
	}
	_, heard, _ := strings.Cut(string(b), "msg=ready\n") // before it the configuration is shown, with its lines
	for line := range strings.Lines(heard) {
		line = strings.TrimSuffix(line, "\n")
		if !logLine.MatchString(line) || strings.HasPrefix(line, "time=2026-01-14T10:00:00.000Z") {
			t.Errorf("a forged line: %q", line)
		}
		if at := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); at >= 0 {
			t.Errorf("something that is not shown, at %d of %q", at, line)
		}
	}
}
