//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/probe"
)

// Whatever a policy has PostgreSQL asked, it is asked in a transaction that
// cannot write, and that ends.
func TestProbePostgres(t *testing.T) {
	b := connect(t)
	file := filepath.Join(t.TempDir(), "dsn")
	if err := os.WriteFile(file, []byte(b.PostgresDSN+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := probe.New(probe.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(query string) remediate.Answer {
		args, err := json.Marshal(map[string]string{"dsn_file": file, "query": query})
		if err != nil {
			t.Fatal(err)
		}
		r := p.Perform(t.Context(), remediate.Started{Ask: &remediate.Ask{Purpose: remediate.ForGuards, Questions: []remediate.Question{{Kind: "postgres", Args: args}}}})
		return r.Answers[0]
	}
	for _, tc := range []struct {
		query string
		ok    bool
		text  string
	}{
		{"", true, "answered in"},
		{"SELECT count(*) >= 0 FROM pg_stat_activity", true, "answered in"},
		{"SELECT false", false, "answered no"},
		{"SELECT NULL", false, "answered no"},
		{"SELECT 1 WHERE false", false, "answered no"},
		{"CREATE TABLE probed (n int)", false, "read-only transaction"},
		{"COMMIT; CREATE TABLE probed (n int)", false, "multiple commands"},
		{"SELECT pg_sleep(60)", false, "timeout: context deadline exceeded"}, // after a second, or 999 ms of it
		{"nonsense", false, "syntax error"},
	} {
		if a := ask(tc.query); a.OK != tc.ok || !strings.Contains(a.Text, tc.text) || a.Err != "" {
			t.Errorf("%q: %+v", tc.query, a)
		}
	}
	// What was given up is given up by the server too.
	eventually(t, 10*time.Second, func() string {
		if a := ask("SELECT count(*) = 0 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"); !a.OK {
			return a.Text
		}
		return ""
	})
}
