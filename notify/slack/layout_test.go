package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden")

// denied is an incident for which people are paged.
func denied() remediate.Notice {
	opened := time.Date(2025, 11, 22, 14, 2, 11, 0, time.UTC)
	return remediate.Notice{
		Key: "q4m2x7kd-i42", Incident: 42, Status: remediate.StatusDenied, Policy: "postgres-down", Severity: remediate.P2,
		Target: remediate.Target{Cluster: "prod", Kind: "deployment", Namespace: "shop", Name: "db"},
		Alert:  "PostgresDown", Summary: "Postgres <does not> answer & `sulks`", Firing: 1, Opened: opened, Rung: "oncall",
		Why: "breaker: 2 of 2 verifications failed, open until 15:10",
		Attempts: []remediate.Attempt{{ID: "q4m2x7kd-i42-a1", Step: "restart the database", Act: "restart prod/deployment/shop/db",
			At: opened.Add(2 * time.Second), Result: "ok", Verify: "connection refused after 3m"}},
		Lines: []remediate.Line{{At: opened, Text: "restart prod/deployment/shop/db: ok"}, {At: opened.Add(3 * time.Minute), Text: "not verified"}},
	}
}

// TestLayoutIsTheGoldenOne shows the messages whole, so that a change of what
// people see is read in a review.
func TestLayoutIsTheGoldenOne(t *testing.T) {
	n := denied()
	healed := n
	healed.Status, healed.Healed, healed.Took, healed.Objective = remediate.StatusHealed, n.Opened.Add(72*time.Second), model.Duration(72*time.Second), model.Duration(5*time.Minute)
	healed.Rung, healed.Why = "", ""
	s := &Slack{options: Options{Page: func(uint64) string { return "https://remediated.example/i42" }}}
	pressed := &Slack{options: s.options}
	pressed.options.AppToken, pressed.options.Pressed = "f", func(context.Context, Press) (string, error) { return "", nil }
	approval := n
	approval.Status, approval.Plan, approval.Why = remediate.StatusApproval, "a1610bcd8bd0", "approval: plan a1610bcd8bd0 waits for a human"
	drill := n
	drill.Drill = "d7"
	live := n
	live.Live = "database-stops"
	closed := healed
	closed.Status, closed.Closed = remediate.StatusClosed, n.Opened.Add(12*time.Minute)
	closed.Attempts = append(closed.Attempts, remediate.Attempt{ID: "q4m2x7kd-i42-a2", Step: "fail over", Act: "failover prod/deployment/shop/db",
		At: n.Opened.Add(4 * time.Minute), Result: "ok", Verify: "SELECT 1 answers", OK: true})
	of := func(m message) (string, any) { return m.text, m.blocks }
	for name, render := range map[string]func() (string, any){
		"approval": func() (string, any) { text, blocks := pressed.rootMessage(approval); return text, blocks },
		"page": func() (string, any) {
			return of(pressed.pageMessage(n, tag{}, markdown(mention("U0ANNA000")+" "+code("oncall", maxHeader)+" is called", maxSection)))
		},
		"bridge": func() (string, any) {
			return of(s.bridgeMessage(n, []string{"the invitation of U0BERT000: user_not_found"}))
		},
		"summary": func() (string, any) { return of(s.summary(closed)) },
		"digest": func() (string, any) {
			night := remediate.Notice{Summary: "2 things of the night", Lines: n.Lines}
			text, blocks := s.digestMessage(night)
			return text, blocks
		},
		"denied":    func() (string, any) { text, blocks := s.rootMessage(n); return text, blocks },
		"healed":    func() (string, any) { text, blocks := s.rootMessage(healed); return text, blocks },
		"drill":     func() (string, any) { text, blocks := s.rootMessage(drill); return text, blocks },
		"live":      func() (string, any) { text, blocks := s.rootMessage(live); return text, blocks },
		"livereply": func() (string, any) { text, blocks := s.replyMessage(live); return text, blocks },
		"reply":     func() (string, any) { text, blocks := s.replyMessage(n); return text, blocks },
	} {
		t.Run(name, func(t *testing.T) {
			text, blocks := render()
			var out bytes.Buffer
			e := json.NewEncoder(&out)
			e.SetEscapeHTML(false)
			e.SetIndent("", "  ")
			if err := e.Encode(map[string]any{"text": text, "blocks": blocks}); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("%v; run go test -update", err)
			}
			if out.String() != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
			}
		})
	}
}
