package promql

import (
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	for query, want := range map[string]string{ // the part that is wrong, and why
		`sum(up{job="shop"}) > 2`:     "",
		`up{job=~"&&&&"}`:             "",
		`sum by (job) (rate(up[5m]))`: "",
		`sum(up`:                      ": unclosed left parenthesis",
		``:                            ": no expression found in input",
		`sum(up{job=shop})`:           "shop: unexpected identifier",
		`rate(up)`:                    "up: expected type range vector",
		`sun(up)`:                     "sun: unknown function",
		`up{job=&&&&}`:                "&&&&}: unexpected character inside braces",
		`sum(&&&&)`:                   "&&&&): unexpected character",
		`up[5m`:                       ": ",
	} {
		m := Read(query)
		got := ""
		if m != nil {
			got = query[m.From:m.To] + ": " + m.Why
		}
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}
