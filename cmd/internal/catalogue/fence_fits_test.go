package catalogue

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate/action"
)

// What a $label stands for may be any name, and what is beside it is taken by
// the letter.
func TestFits(t *testing.T) {
	for _, tc := range []struct {
		template, suffix string
		fits, not        []string
	}{
		{"db", "-[0-9]+", []string{"db-0", "db-12"}, []string{"db", "db-", "db-x", "xdb-0", "db-0x"}},
		{"$pod", "", []string{"db-0", "a.b"}, []string{"", "DB", "a/b"}},
		{"web.v1-${n}", "", []string{"web.v1-0", "web.v1-a-b"}, []string{"webxv1-0", "web.v1-", "a-web.v1-0"}},
		{"$app-$n", "-[0-9]+", []string{"a-b-0"}, []string{"a-b", "-b-0x"}},
	} {
		got := fits("variables.name", tc.template, tc.suffix)
		quoted := strings.TrimSuffix(strings.TrimPrefix(got, "variables.name.matches("), ")")
		pattern, err := strconv.Unquote(quoted)
		if err != nil {
			t.Fatalf("%s: %s: %v", tc.template, got, err)
		}
		re := regexp.MustCompile(pattern)
		for _, name := range tc.fits {
			if !re.MatchString(name) {
				t.Errorf("%s%s: %q does not fit %s", tc.template, tc.suffix, name, got)
			}
		}
		for _, name := range tc.not {
			if re.MatchString(name) {
				t.Errorf("%s%s: %q fits %s", tc.template, tc.suffix, name, got)
			}
		}
	}
	if got := fits("variables.name", "db", ""); got != `variables.name == "db"` {
		t.Errorf("got %s", got)
	}
	if got := fits("variables.name", "", ""); got != `variables.name != ""` {
		t.Errorf("any name, but some: got %s", got)
	}
}

// What stands before a target's name must stand there, whatever that is.
func TestSomewhereWithAPrefix(t *testing.T) {
	w := action.Write{Named: "variables.name", Prefix: "ours-"}
	for _, tc := range []struct {
		at   place
		want string
	}{
		{place{"shop", "db"}, `variables.name == "ours-db"`},
		{place{"shop", "$app"}, `variables.name.matches("^ours-[-a-z0-9.]+$")`},
		{place{"shop", ""}, `variables.name.startsWith("ours-")`},
	} {
		if got := somewhere(w, map[place]bool{tc.at: true}); got != `(variables.where == "shop" && (`+tc.want+`))` {
			t.Errorf("%v: got %s, want %s", tc.at, got, tc.want)
		}
	}
}
