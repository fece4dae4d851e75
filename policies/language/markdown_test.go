package language_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/policies/language"
)

// Every link within the reference leads somewhere.
func TestLinksWithinTheReference(t *testing.T) {
	text := string(language.Markdown(kinds))
	places := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^##+ (.*)$").FindAllStringSubmatch(text, -1) {
		place := strings.ReplaceAll(strings.ToLower(strings.Trim(m[1], "`")), " ", "-")
		if places[place] {
			t.Errorf("there are two headings for #%s: a link leads to the first", place)
		}
		places[place] = true
	}
	links := regexp.MustCompile(`\]\(#([^)]*)\)`).FindAllStringSubmatch(text, -1)
	if len(links) < 30 {
		t.Errorf("only %d links were looked at", len(links))
	}
	for _, m := range links {
		if !places[m[1]] {
			t.Errorf("there is no heading for #%s", m[1])
		}
	}
}

// A key's row says what it takes, and a kind's part what it is given.
func TestMarkdownShowsEachForm(t *testing.T) {
	text := string(language.Markdown(kinds))
	for _, want := range []string{
		"| `mode` | `observe`, `approve`, `act` |",
		"| `severity` | `P1`, `P2`, `P3`, or [severity](#severity) | required |",
		"| `attempts` | whole number, 1 to 100 | `6` |",
		"| `mentions` | mapping of names: list: ID of a person or a group in Slack |",
		"| `do` | list: [action](#actions) |",
		"| `continue` | `true` or `false` | `false` |",
		"| `resolve` | mapping of names: value, `alertname` among them | one of these |",
		"| `tells` | mapping of names: answer: `ok`, `failed`, `silent` |",
		"| `queries` | mapping of names: number, or `unknown`, or [time ago](#time-ago) |",
		"Beside `acted`, `verified`. |",
		"Beside them each kind of [action](#actions) is a key",
		"Beside them: [HTTP settings](#http-settings).",
		"| `replicas` | whole number | no |",
		"\n### `rollout`\n\nIs rolled out.\n\nIt takes no arguments.\n\n```yaml\npolicies:\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the reference lacks\n%s", want)
		}
	}
}
