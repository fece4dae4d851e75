package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/cmd/internal/livedrill"
	"github.com/x0tta6bl4/remediated/remediate/record"
)

// What is not to begin, or names what is not there, breaks nothing.
func TestLiveDrillsThatBreakNothing(t *testing.T) {
	_, url := tellTo(t) // the daemon of cluster prod, in which something P1 is open
	dir := t.TempDir()
	mark, file := filepath.Join(dir, "broken"), filepath.Join(dir, "drills.yaml")
	text := "drills:\n- {name: here, cluster: prod, policy: postgres-down, break: [touch, " + mark + "]}\n- {name: there, cluster: staging, policy: postgres-down, break: [touch, " + mark + "]}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"here --file " + file, exitFailed, "incident i1 is open"},
		{"there --file " + file, exitFailed, `that of cluster "prod", and the drill is for cluster "staging"`},
		{"nowhere --file " + file, exitUsage, `there is no drill "nowhere"; there is here, there`},
		{"here --file " + mark, exitFailed, "no such file"},
	} {
		code, _, stderr := calls(t, append([]string{"--url", url, "--by", "anna", "drill", "live"}, strings.Fields(c.args)...)...)
		if code != c.code || !strings.Contains(stderr, c.want) {
			t.Errorf("drill live %s: exit code %d, %s; want %d and %q", c.args, code, stderr, c.code, c.want)
		}
	}
	if code, _, stderr := calls(t, "--url", url, "--by=", "drill", "live", "here", "--file", file); code != exitUsage || !strings.Contains(stderr, "say who you are with --by") {
		t.Errorf("by nobody: exit code %d, %s", code, stderr)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("something was broken")
	}
}

func TestCarryOutSaysWhatTheCommandSaid(t *testing.T) {
	if err := carryOut(t.Context(), []string{"sh", "-c", "echo fine"}); err != nil {
		t.Error(err)
	}
	if err := carryOut(t.Context(), []string{"sh", "-c", "echo no such pod >&2; exit 3"}); err == nil || err.Error() != "exit status 3: no such pod" {
		t.Errorf("%v", err)
	}
	if err := carryOut(t.Context(), []string{"no-such-command"}); err == nil || !strings.Contains(err.Error(), "no-such-command") {
		t.Errorf("%v", err)
	}
}

func TestALiveDrillIsTold(t *testing.T) {
	broken := time.Date(2026, 4, 14, 10, 0, 0, 0, time.UTC)
	met := true
	kept := record.Record{Incident: 8, Policy: "postgres-down", Severity: "P1", Ending: record.ByAutomation,
		Times: record.Times{Opened: broken.Add(3 * time.Second), Decided: broken.Add(4 * time.Second), Acted: broken.Add(4 * time.Second), Good: broken.Add(20 * time.Second), Closed: broken.Add(40 * time.Second)},
		RTO:   record.RTO{Measured: true, Took: model.Duration(17 * time.Second), Objective: model.Duration(30 * time.Minute), Met: &met}}
	r := livedrill.Result{Scenario: livedrill.Scenario{Name: "database | stops", Policy: "postgres-down"}, Outcome: livedrill.Passed, Why: "it was mended", Broken: broken, Repaired: "ok", Incident: 8, Record: &kept}
	var text, md strings.Builder
	(&cli{out: &printer{w: &text}}).liveText(r)
	(&cli{out: &printer{w: &md}}).liveMarkdown(r)
	for _, want := range []string{"Result              passed: it was mended\n", "Since the break     heard +3s, decided +4s, acted +4s, good again +20s, closed +40s\n", "RTO Achieved        17s, objective 30m: met\n"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("it does not tell %q:\n%s", want, text.String())
		}
	}
	if !strings.Contains(md.String(), "## Drill database \\| stops, 2026-04-14\n") || !strings.Contains(md.String(), "| Repaired | ok |") {
		t.Errorf("in Markdown it is\n%s", md.String())
	}
	r.Record, text = nil, strings.Builder{}
	r.Outcome, r.Why, r.Incident = livedrill.Failed, "its alert was not heard within 5m", 0
	(&cli{out: &printer{w: &text}}).liveText(r)
	if strings.Contains(text.String(), "Since the break") || !strings.Contains(text.String(), "failed: its alert was not heard within 5m") {
		t.Errorf("it tells\n%s", text.String())
	}
}
