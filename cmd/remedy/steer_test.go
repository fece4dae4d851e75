package main

import (
	"bytes"
	"context"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/web"
	"github.com/x0tta6bl4/remediated/remediate/web/webtest"
)

// told is a daemon that takes every word, and whose history holds more than the
// world's.
type told struct {
	*webtest.World
	heard []remediate.Command
	facts []remediate.Fact // of i1, after the world's
	kept  map[string]string
}

func (d *told) Command(_ context.Context, c remediate.Command) error {
	d.heard = append(d.heard, c)
	return nil
}

func (d *told) Facts(ctx context.Context, incident uint64) ([]remediate.Fact, error) {
	facts, err := d.World.Facts(ctx, incident)
	if incident == 1 {
		facts = append(facts, d.facts...)
	}
	return facts, err
}

func (d *told) Kept(_ context.Context, digest string) ([]byte, error) {
	return []byte(d.kept[digest]), nil
}

// evidence adds that something was kept for i1.
func (d *told) evidence(digest, what, blob string) {
	d.facts = append(d.facts, remediate.Fact{
		Seq: 1000 + uint64(len(d.facts)), At: webtest.Epoch.Add(time.Minute),
		Body: remediate.Finished{ID: "q4m2x7kd-i1-q9", Incident: 1, Result: remediate.Result{
			Outcome: remediate.OK, Answers: []remediate.Answer{{Kind: "evidence", OK: true, Text: what, Values: map[string]string{remediate.ValueDigest: digest}}},
		}},
	})
	d.kept[digest] = blob
}

// tellTo starts a daemon that takes every word.
func tellTo(t *testing.T) (d *told, url string) {
	t.Helper()
	w := webtest.Play(t, "set act=silent\nalert PostgresDown namespace=shop")
	d = &told{World: w, kept: map[string]string{}}
	server := httptest.NewServer(web.New(web.Options{Live: d, History: d, Now: w.Now}))
	t.Cleanup(server.Close)
	return d, server.URL
}

func TestEachWordArrivesAndSaysWhatItHasDone(t *testing.T) {
	for _, c := range []struct {
		args []string
		want remediate.Command
		says string
	}{
		{[]string{"incident", "override", "i1", "--guard", "cooldown", "--reason", "the disk is full"},
			remediate.Command{Command: "override", Incident: 1, Guard: "cooldown", Reason: "the disk is full"},
			"i1 overridden: the guard cooldown lets the next attempt pass\n"},
		{[]string{"incident", "severity", "1", "P3", "--reason", "only the backup"},
			remediate.Command{Command: "severity", Incident: 1, Value: "P3", Reason: "only the backup"}, "i1 rated P3\n"},
		{[]string{"mode", "policy/postgres-down", "observe", "--reason", "too eager"},
			remediate.Command{Command: "mode", Scope: "policy/postgres-down", Value: "observe", Reason: "too eager"},
			"policy/postgres-down tightened: no more than observe until it is lifted with remedy mode policy/postgres-down act\n"},
		{[]string{"mode", "all", "act"}, remediate.Command{Command: "mode", Scope: "all", Value: "act"}, "all lifted: its policies do again what their own mode lets them\n"},
		{[]string{"pause"}, remediate.Command{Command: "pause", Scope: "all"}, "all paused: nothing is done there; alerts are taken and people are told\n"},
		{[]string{"pause", "all", "--for", "2h", "--reason", "hosts"}, remediate.Command{Command: "pause", Scope: "all", Value: "2h", Reason: "hosts"},
			"all paused for 2h: nothing is done there; alerts are taken and people are told\n"},
		{[]string{"pause", "namespace/shop", "--until", "2026-01-14T14:00:00Z"},
			remediate.Command{Command: "pause", Scope: "namespace/shop", Until: time.Date(2026, 1, 14, 14, 0, 0, 0, time.UTC)},
			"namespace/shop paused until 2026-01-14T14:00:00Z: nothing is done there; alerts are taken and people are told\n"},
		{[]string{"resume", "namespace/shop"}, remediate.Command{Command: "resume", Scope: "namespace/shop"}, "namespace/shop resumed\n"},
		{[]string{"drill", "begin", "postgres-down", "--label", "namespace=shop", "--name", "2026-Q4", "--for", "20m"},
			remediate.Command{Command: "drill", Scope: "policy/postgres-down", Value: "20m", Labels: remediate.LabelsOf(map[string]string{"namespace": "shop", "remediated_drill": "2026-Q4"})},
			"the drill of postgres-down has begun, for 20m: remedy incident list shows it when its alert has come\n"},
		{[]string{"drill", "end", "postgres-down", "--reason", "done"}, remediate.Command{Command: "end-drill", Scope: "policy/postgres-down", Reason: "done"},
			"the drill of postgres-down is over as soon as Alertmanager says so\n"},
		{[]string{"incident", "deny", "i1", "--plan", "0123456"}, remediate.Command{Command: "deny", Incident: 1, Plan: "0123456"}, "i1 denied: the plan is not carried out\n"},
	} {
		d, url := tellTo(t)
		code, stdout, stderr := calls(t, append([]string{"--url", url, "--by", "anna"}, c.args...)...)
		c.want.By = "anna"
		if code != exitOK || stdout != c.says || !reflect.DeepEqual(d.heard, []remediate.Command{c.want}) {
			t.Errorf("remedy %v: exit code %d, said %q%q, handed over %+v; want %q and %+v", c.args, code, stdout, stderr, d.heard, c.says, c.want)
		}
	}
}

func TestShowSaysWhereItWasTold(t *testing.T) {
	d, url := tellTo(t)
	for n, b := range []remediate.Body{
		remediate.Started{ID: "t9", Incident: 1, Tell: &remediate.Tell{Destination: "slack", Notice: remediate.Notice{Action: "show"}}},
		remediate.Finished{ID: "t9", Incident: 1, Result: remediate.Result{Outcome: remediate.OK, Link: "https://acme.slack.com/archives/C1/p1"}},
	} {
		d.facts = append(d.facts, remediate.Fact{Seq: 1000 + uint64(n), At: webtest.Epoch.Add(time.Minute), Body: b})
	}
	if _, stdout, _ := calls(t, "--url", url, "incident", "show", "i1"); !strings.Contains(stdout, "See also") || !strings.Contains(stdout, "slack: https://acme.slack.com/archives/C1/p1\n") {
		t.Error(stdout)
	}
}

func TestStatusSaysWhenAPauseEnds(t *testing.T) {
	d, url := tellTo(t)
	if err := d.World.Play("pause all by=anna value=50m reason=hosts\npass 15m"); err != nil {
		t.Fatal(err)
	}
	if _, stdout, _ := calls(t, "--url", url, "status"); !strings.Contains(stdout, "all is paused by anna until 2026-01-14 10:50:00 UTC, 35m left: hosts\n") {
		t.Error(stdout)
	}
}

func TestShowSaysWhoRatedIt(t *testing.T) {
	d, url := tellTo(t)
	at := webtest.Epoch.Add(time.Minute)
	for _, b := range []remediate.Body{
		remediate.Rated{Incident: 1, From: "P2", To: "P1", Why: "0.62 of the requests fail"},
		remediate.CommandGiven{Command: remediate.Rate, By: "anna", Incident: 1, Value: "P3", Reason: "a drill"},
		remediate.Rated{Incident: 1, From: "P1", To: "P3", Why: "a drill"},
	} {
		d.facts = append(d.facts, remediate.Fact{At: at, Body: b})
	}
	for _, c := range []struct {
		command string
		want    []string
	}{
		{"show", []string{"i1 P3 acting", "Rated      P1, no longer P2, at 10:01:00: 0.62 of the requests fail", "Rated      P3, no longer P1, at 10:01:00, by anna: a drill"}},
		{"explain", []string{"It is P1, no longer P2: 0.62 of the requests fail", "anna rated it P3: a drill"}},
	} {
		_, stdout, _ := calls(t, "--url", url, "incident", c.command, "i1")
		for _, want := range c.want {
			if !strings.Contains(stdout, want) {
				t.Errorf("%s does not say %q:\n%s", c.command, want, stdout)
			}
		}
	}
}

func TestEvidenceIsPrintedOrListed(t *testing.T) {
	d, url := tellTo(t)
	first, second := strings.Repeat("a", 64), strings.Repeat("b", 64)
	const log = "FATAL:\tno space left\r\n\x1b[2Jon device\n\nlast line"
	const shown = "FATAL:\tno space left \n[2Jon device\n\nlast line"
	d.evidence(first, "the logs of db, 2 kB", log)
	want := func(code int, out string, args ...string) {
		t.Helper()
		got, stdout, stderr := calls(t, append([]string{"--url", url}, args...)...)
		if got != code || code == exitOK && stdout != out || code != exitOK && !strings.Contains(stderr, out) {
			t.Errorf("%v: exit code %d, %q, %q; want %d and %q", args, got, stdout, stderr, code, out)
		}
	}
	want(exitOK, shown, "incident", "evidence", "i1")
	d.evidence(second, "the object", "kind: Pod")
	want(exitOK, "DIGEST        KEPT (UTC)      WHAT\n"+
		"aaaaaaaaaaaa  01-14 10:01:00  the logs of db, 2 kB\n"+
		"bbbbbbbbbbbb  01-14 10:01:00  the object\n\nOne of them: remedy incident evidence i1 aaaaaaaaaaaa\n", "incident", "evidence", "1")
	want(exitOK, "kind: Pod", "incident", "evidence", "i1", "bbb")
	want(exitFailed, `no evidence of i1 has a digest that begins with "c"`, "incident", "evidence", "i1", "c")
	_, stdout, _ := calls(t, "--url", url, "-o", "json", "incident", "evidence", "i1", "b")
	if !strings.Contains(stdout, second) || strings.Contains(stdout, first) {
		t.Errorf("as JSON: %s", stdout)
	}
}

// Which replica leads is said where there are several.
func TestStatusSaysWhoLeads(t *testing.T) {
	for leader, want := range map[string]bool{"replica-1": true, "": false} {
		var out bytes.Buffer
		(&printer{w: &out}).status(web.Status{Leader: leader})
		if strings.Contains(out.String(), "Leads") != want || !strings.Contains(out.String(), leader) {
			t.Errorf("%q leads:\n%s", leader, &out)
		}
	}
}

func TestStatusSaysWhichModesAreSet(t *testing.T) {
	var out bytes.Buffer
	(&printer{w: &out}).status(web.Status{Modes: []web.ModeSet{{Scope: "all", Mode: "observe", By: "anna", Reason: "drill"}, {Scope: "namespace/shop", Mode: "approve", By: "bert"}}})
	if want := "all may do no more than observe, by anna: drill\nnamespace/shop may do no more than approve, by bert\n"; !strings.HasPrefix(out.String(), want) {
		t.Errorf("status says\n%s\nwant\n%s", &out, want)
	}
}
