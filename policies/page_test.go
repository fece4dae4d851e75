package policies

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
)

const page = "../docs/policies.md"

// TestPageExample loads the page's first example as it stands there. All of them,
// with the kinds that there are, are loaded in cmd/internal/catalogue.
func TestPageExample(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```yaml\n(policies:.*?)```").FindAllStringSubmatch(read(t, page), -1)
	if len(blocks) == 0 {
		t.Fatalf("%s has no block that is a policy file", page)
	}
	l, problems := loadCase(t, "policy-page", blocks[0][1])
	if len(problems) > 0 {
		t.Fatalf("the example has problems:\n%s", render(t, problems))
	}
	p := l.Rulebook.Policy("postgres-down")
	if p == nil || len(p.Steps) != 2 || !p.Steps[0].Evidence || p.SeverityBy.Values["critical"] != remediate.P1 {
		t.Errorf("the example does not mean what the page says: %+v", p)
	}
	sameAfterKeeping(t, l.Rulebook)
}

// TestPageNight shows that the page's way to write a night is understood.
func TestPageNight(t *testing.T) {
	block := regexp.MustCompile("(?s)```yaml\n(only:.*?)```").FindStringSubmatch(read(t, page))
	if block == nil {
		t.Fatal("the page does not show a night")
	}
	w, problems := readWindow(t, block[1])
	if len(problems) > 0 {
		t.Fatal(render(t, problems))
	}
	for when, want := range map[string]bool{
		"2026-11-23T05:00:00Z": false, // on Monday morning the week has not begun
		"2026-11-23T23:00:00Z": true,
		"2026-11-24T05:59:00Z": true,
		"2026-11-28T05:00:00Z": true, // the night from Friday to Saturday
		"2026-11-28T23:00:00Z": false,
	} {
		if got := open(w, at(t, when)); got != want {
			t.Errorf("at %s it is open: %v, want %v", when, got, want)
		}
	}
}

// TestPageNamesEveryKey holds the tables against the keys that the loader
// knows: none is missing, and none is there that is not read.
func TestPageNamesEveryKey(t *testing.T) {
	known, rows := keysOfFiles(t, func(name string) bool {
		return !strings.HasPrefix(name, "suite") && !slices.Contains(ofTheConfiguration, name)
	}), pageRows(t)
	if len(known) < 40 {
		t.Fatalf("only %d keys were found in the source: %v", len(known), known)
	}
	var named []string
	for path := range rows {
		named = append(named, path[strings.LastIndex(path, ".")+1:])
	}
	for _, key := range known {
		if !slices.Contains(named, key) {
			t.Errorf("the page does not name the key %s", key)
		}
	}
	for _, key := range named {
		if !slices.Contains(known, key) {
			t.Errorf("the page names the key %s, which is not read", key)
		}
	}
	for _, guard := range always {
		if !regexp.MustCompile(`\b` + guard + `\b`).MatchString(read(t, page)) {
			t.Errorf("the page does not name the guard %s", guard)
		}
	}
}

// TestPageDefaults holds the defaults that the page shows against the code's.
func TestPageDefaults(t *testing.T) {
	rows := pageRows(t)
	for path, want := range map[string]any{
		"mode":                    remediate.ModeObserve,
		"guards.settle":           remediate.DefaultSettle,
		"guards.breaker.failures": remediate.DefaultBreaker().Failures,
		"guards.breaker.reset":    remediate.DefaultBreaker().Reset,
		"guards.attempts":         remediate.DefaultAttempts,
		"guards.flapping.heals":   remediate.DefaultFlapping().Heals,
		"guards.flapping.per":     remediate.DefaultFlapping().Per,
		"steps.within":            remediate.DefaultActWithin,
		"steps.verify.every":      remediate.DefaultVerifyEvery,
	} {
		if got := rows[path]; got != fmt.Sprintf("`%v`", want) {
			t.Errorf("the page shows the default of %s as %s, it is `%v`", path, got, want)
		}
	}
	for value, s := range defaultValues() {
		if got := rows["severity.values"]; !strings.Contains(got, fmt.Sprintf("%s: %s", value, s)) {
			t.Errorf("the page shows the default values as %s, without %s: %s", got, value, s)
		}
	}
	storm := defaultStorm()
	if want := fmt.Sprintf("by default %d incidents within", storm.Incidents); !strings.Contains(read(t, page), want) {
		t.Errorf("the page does not say: %s", want)
	}
}

// pageRows returns the default of each key in the page's tables, by its path.
func pageRows(t *testing.T) map[string]string {
	t.Helper()
	rows := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z0-9_.]+)` \\| .* \\| (.*) \\|$").FindAllStringSubmatch(read(t, page), -1) {
		if _, twice := rows[m[1]]; twice {
			t.Errorf("the page names %s twice", m[1])
		}
		rows[m[1]] = m[2]
	}
	return rows
}

// TestWorkbenchNamesEveryKey holds the page of policy tests against the keys
// that are read in one, and against what can be expected.
func TestWorkbenchNamesEveryKey(t *testing.T) {
	text := read(t, "../docs/workbench.md")
	keys := keysOfFiles(t, func(name string) bool { return strings.HasPrefix(name, "suite") })
	for what, details := range Happenings {
		keys = append(append(keys, what), details...)
	}
	for command := range commandsOfIncidents {
		keys = append(keys, command)
	}
	if len(keys) < 60 {
		t.Fatalf("only %d keys were found in the source: %v", len(keys), keys)
	}
	for _, key := range keys {
		if !strings.Contains(text, "`"+key+"`") {
			t.Errorf("the page does not name the key %s", key)
		}
	}
}

// ofTheConfiguration are the files that read no policies.
var ofTheConfiguration = []string{"config_read.go", "deadman.go", "demote.go", "digests.go", "endpoint.go", "nameserver.go", "notify_pagerduty.go", "notify_read.go", "notify_slack.go", "people.go", "storm.go"}

// keysOfFiles returns the keys of every mapping that some files of this package
// read, as they stand in its source.
func keysOfFiles(t *testing.T, of func(name string) bool) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") || !of(name) {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			keys = append(keys, keysOfFields(n)...)
			return true
		})
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// keysOfFields returns the keys of a literal fields{"name": ...}.
func keysOfFields(n ast.Node) []string {
	lit, ok := n.(*ast.CompositeLit)
	if !ok {
		return nil
	}
	if of, ok := lit.Type.(*ast.Ident); !ok || of.Name != "fields" {
		return nil
	}
	var keys []string
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if key, ok := kv.Key.(*ast.BasicLit); ok {
				s, _ := strconv.Unquote(key.Value)
				keys = append(keys, s)
			}
		}
	}
	return keys
}
