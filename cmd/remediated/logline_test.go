package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/prometheus/common/promslog"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Whatever somebody writes into what is logged: it is one record, and nothing that a
// terminal obeys, in either format.
func TestALogRecordIsOneLine(t *testing.T) {
	const hostile = "a\nlevel=ERROR msg=forged\r\x1b[2J\"quoted\" {\"a\":1}\u2028\x00"
	facts := []remediate.Body{
		remediate.CommandGiven{Command: remediate.Pause, By: hostile, Scope: hostile, Reason: hostile},
		remediate.CommandRefused{CommandGiven: remediate.CommandGiven{Command: hostile, By: hostile}, Why: hostile},
		remediate.Opened{Incident: 1, Policy: hostile, ToldOnly: hostile},
	}
	for _, format := range []string{"logfmt", "json"} {
		var out bytes.Buffer
		f := promslog.NewFormat()
		if err := f.Set(format); err != nil {
			t.Fatal(err)
		}
		w := newWatcher(promslog.New(&promslog.Config{Format: f, Writer: &out}))
		for seq, b := range facts {
			w.fact(remediate.Fact{Seq: uint64(seq + 1), Body: b})
		}
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(lines) != len(facts) {
			t.Errorf("%s: %d facts are %d lines:\n%s", format, len(facts), len(lines), out.String())
		}
		for _, line := range lines {
			if strings.ContainsFunc(line, unicode.IsControl) {
				t.Errorf("%s: a terminal obeys %q", format, line)
			}
			if format == "json" && !json.Valid([]byte(line)) {
				t.Errorf("it is no JSON: %s", line)
			}
		}
	}
}
