package notify

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden")

var opened = time.Date(2025, 11, 22, 14, 2, 11, 0, time.UTC)

func minutes(n int) model.Duration { return model.Duration(time.Duration(n) * time.Minute) }

// firing is an incident that has just been opened.
func firing() remediate.Notice {
	return remediate.Notice{
		Key: "q4m2x7kd-i42", Incident: 42, Action: "trigger", Status: remediate.StatusDeciding, Policy: "postgres-down",
		Severity: remediate.P2, Target: remediate.Target{Cluster: "prod", Kind: "deployment", Namespace: "shop", Name: "db"},
		Alert: "PostgresDown", Labels: remediate.LabelsOf(map[string]string{"alertname": "PostgresDown", "job": "database"}),
		Summary: "Postgres does not answer", Firing: 1, Opened: opened,
	}
}

// hostile is an incident whose texts would be more than text if they could.
func hostile(n *remediate.Notice) {
	n.Policy, n.Severity, n.Status = "", "\u202eP1\x00", "up\nside"
	n.Alert = strings.Repeat("x", 10_000)
	n.Summary = "line one\n\tline two \u2066hidden\u2069 \xff"
	n.Why = strings.Repeat("because ", 10_000)
	n.Plan = "$(reboot)"
	n.Attempts = []remediate.Attempt{{ID: "no dash", Step: "\x1b[31mred", Act: "`rm -rf`", Result: "failed\r\nbadly"}}
}

// notices are one incident at the points of its life at which people look.
func notices() map[string]remediate.Notice {
	base := firing()
	first := remediate.Attempt{ID: "q4m2x7kd-i42-a1", Step: "restart the database", Act: "restart prod/deployment/shop/db",
		At: opened.Add(2 * time.Second), Result: "ok"}
	change := func(f func(*remediate.Notice)) remediate.Notice {
		n := base
		f(&n)
		return n
	}
	good, bad := first, first
	good.OK, good.Verify = true, "SELECT 1 answered for 30s"
	bad.Verify = "connection refused after 3m"
	return map[string]remediate.Notice{
		"deciding": base,
		"verifying": change(func(n *remediate.Notice) {
			n.Status, n.Attempts = remediate.StatusVerifying, []remediate.Attempt{first}
		}),
		"denied": change(func(n *remediate.Notice) {
			n.Status, n.Attempts = remediate.StatusDenied, []remediate.Attempt{bad}
			n.Why = "breaker: 2 of 2 verifications failed, open until 15:10"
			n.Rung = "oncall"
		}),
		"acked": change(func(n *remediate.Notice) {
			n.Status, n.Rung, n.Acked, n.Why = remediate.StatusDenied, "manager", "anna", "every step was tried"
		}),
		"approval": change(func(n *remediate.Notice) {
			n.Status, n.Plan, n.Why = remediate.StatusApproval, "3fa9c1", "the step needs an approver until 14:12"
		}),
		"healed": change(func(n *remediate.Notice) {
			n.Status, n.Attempts, n.Healed = remediate.StatusHealed, []remediate.Attempt{good}, opened.Add(72*time.Second)
			n.Took, n.Objective = model.Duration(72*time.Second), minutes(5)
		}),
		"closed-late": change(func(n *remediate.Notice) {
			n.Status, n.Action, n.Firing, n.Attempts = remediate.StatusClosed, "resolve", 0, []remediate.Attempt{bad, good}
			n.Healed, n.Closed = opened.Add(7*time.Minute), opened.Add(8*time.Minute)
			n.Took, n.Objective = minutes(7), minutes(5)
		}),
		"closed-unverified": change(func(n *remediate.Notice) {
			n.Status, n.Firing, n.Closed, n.Why = remediate.StatusClosed, 0, opened.Add(time.Minute), "its alerts resolved"
		}),
		"listed": change(func(n *remediate.Notice) {
			n.Status, n.Why, n.Target = remediate.StatusListed, "it fired before the policy was loaded", remediate.Target{}
		}),
		"hostile": change(hostile),
		"empty":   {},
	}
}

func TestWordsAreTheGoldenOnes(t *testing.T) {
	for name, n := range notices() {
		t.Run(name, func(t *testing.T) {
			got := render(n)
			file := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("%v; run go test -update", err)
			}
			if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// wordsOf are the default words.
func wordsOf(n remediate.Notice) *Words { return (*Templates)(nil).Words("", n, "") }

func render(n remediate.Notice) string {
	var b strings.Builder
	w := wordsOf(n)
	fmt.Fprintf(&b, "tone     %s\nheadline %s\nsummary  %s\nsays     %s\nwhy      %s\n", ToneOf(n), w.Headline(), w.Summary(), w.Says(), w.Why())
	for _, d := range w.Details() {
		fmt.Fprintf(&b, "detail   %s: %s\n", d.Name, d.Text)
	}
	for _, l := range w.Story(8) {
		fmt.Fprintf(&b, "story    %s\n", l)
	}
	for _, c := range w.Next() {
		fmt.Fprintf(&b, "next     %s\n", c)
	}
	return b.String()
}

func TestStoryTellsTheNewestAndHowManyAreLeftOut(t *testing.T) {
	var n remediate.Notice
	for i := range 5 {
		n.Attempts = append(n.Attempts, remediate.Attempt{ID: fmt.Sprintf("q-i0-a%d", i+1)})
	}
	got := wordsOf(n).Story(2)
	if len(got) != 3 || !strings.HasPrefix(got[0], "(3 earlier") || !strings.Contains(got[1], " a4 ") || !strings.Contains(got[2], " a5 ") {
		t.Errorf("Story = %q; want a4 and a5, and that 3 are left out", got)
	}
}

func TestDetailsFitTheFieldsOfOneSection(t *testing.T) {
	n := notices()["closed-late"]
	n.Rung, n.Acked, n.Plan, n.Impact, n.Due = "oncall", "anna", "3fa9", "40% of checkouts fail", n.Opened.Add(time.Minute)
	if got := wordsOf(n).Details(); len(got) != 10 || got[9].Name != "Impact" {
		t.Errorf("a notice with everything has %d details, want 10, because what healed is not due any more: %v", len(got), got)
	}
}

func TestNoCommandIsMadeOfTextFromOutside(t *testing.T) {
	for _, plan := range []string{"$(reboot)", "a b", "a;b", "-rf", strings.Repeat("a", 65), "ä"} {
		n := remediate.Notice{Incident: 42, Status: remediate.StatusApproval, Plan: plan}
		for _, c := range wordsOf(n).Next() {
			if strings.Contains(c, plan) {
				t.Errorf("plan %q became part of the command %q", plan, c)
			}
		}
	}
}

func TestPagedPeopleMakeItRedUntilItIsHealed(t *testing.T) {
	n := remediate.Notice{Status: remediate.StatusVerifying, Rung: "oncall"}
	if got := ToneOf(n); got != ToneBad {
		t.Errorf("verifying while somebody is paged is %q, want %q", got, ToneBad)
	}
	n.Status = remediate.StatusHealed
	if got := ToneOf(n); got != ToneGood {
		t.Errorf("healed is %q, want %q", got, ToneGood)
	}
}
