package policies

import (
	"strings"
	"testing"
)

// Each case is what a policy says after its severity, and what is said of its
// queries, of which the reader finds an X and what stands for a label wrong; none
// where nothing is wrong.
func TestCheckQueries(t *testing.T) {
	read := func(query string) *Misread {
		if at := strings.IndexAny(query, "X&"); at >= 0 && !strings.Contains(query, `"&`) {
			return &Misread{From: at, To: at + 1, Why: "there is an X"}
		}
		return nil
	}
	const steps = "target: deployment/shop/db\n    steps:\n      - name: s\n        do: [{restart: {}}]\n        verify:\n          within: 1m\n          all:\n            - promql: "
	for name, c := range map[string]struct{ says, want string }{
		"of a guard":          {`guards: {healthy: {query: 'sum(X)', min: 1}}`, "policies/p.yml:5:36: warning: Prometheus cannot read this query: there is an X"},
		"a good one":          {`guards: {healthy: {query: 'sum(x)', min: 1}}`, ""},
		"of a dependency":     {`guards: {depends: [{query: é + X, min: 1}]}`, "policies/p.yml:5:36: warning: Prometheus cannot"},
		"of a backup":         {`guards: {backup: {newest: "X", max: 1h}}`, "policies/p.yml:5:32: warning: Prometheus cannot"},
		"of a verification":   {steps + `{query: 'sum(X)', min: 1}`, "policies/p.yml:12:36: warning: Prometheus cannot"},
		"a good verification": {steps + `{query: 'sum(x)', min: 1}`, ""},
		"a label in quotes":   {"per: [job]\n    " + steps + `{query: 'up{job="$job"}'}`, ""},
		"written otherwise":   {steps + `{query: "sum(\x58)"}`, "policies/p.yml:12:31: warning: Prometheus cannot"},
		"on lines of its own": {steps + "\n                query: |\n                  sum(\n                  X)", "policies/p.yml:13:24: warning: Prometheus cannot"},
	} {
		t.Run(name, func(t *testing.T) {
			l, problems := loadCase(t, "policy-queries", "policies:\n  - name: p\n    when: ['alertname=\"A\"', 'job!=\"\"']\n    severity: P3\n    "+c.says+"\n")
			if l == nil {
				t.Fatal(render(t, problems))
			}
			var said []string
			for _, p := range l.CheckQueries(read) {
				said = append(said, p.String())
			}
			if got := strings.Join(said, "\n"); !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
				t.Errorf("it is said\n%s\nwant %q", got, c.want)
			}
		})
	}
}

// A label in PromQL stands in quotes, as PromQL has them.
func TestQuotedIn(t *testing.T) {
	for query, want := range map[string]bool{ // whether each $x is quoted
		`up{job="$x"}`: true, `up{job='$x'}`: true, "up{job=`$x`}": true, `up{job="a\"$x"}`: true, `up{job='it"s $x'}`: true,
		"up # it's\n{job=\"$x\"}": true, "up{job=`a\\`,b=\"$x\"}": true,
		`$x`: false, `up{$x="a"}`: false, `up{job="a"} > $x`: false, `up{job="a\\"} > $x`: false, "up{job=`a\\`} > $x": false,
		`up{job="a"} # "$x"`: false, `up{job="\$x"}`: false, `up{job="a" or $x "b"}`: false, `up{job='a"'} > $x`: false,
	} {
		if got := quotedIn(query)[strings.Index(query, "$x")]; got != want {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
}
