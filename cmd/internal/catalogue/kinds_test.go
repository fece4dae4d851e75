package catalogue_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/x0tta6bl4/remediated/cmd/internal/catalogue"
	"github.com/x0tta6bl4/remediated/policies/language"
)

const docs = "../../../docs"

// schemaFiles are where the schemas of files are checked in.
var schemaFiles = map[string]string{
	"policies": docs + "/schema/policies.schema.json",
	"config":   docs + "/schema/remediated.schema.json",
	"tests":    docs + "/schema/policy-tests.schema.json",
}

// What is checked in is what is printed.
func TestReferenceIsCheckedIn(t *testing.T) {
	want := map[string][]byte{docs + "/policy-reference.md": language.Markdown(catalogue.Kinds())}
	for _, f := range language.Files() {
		text, err := f.Schema(catalogue.Kinds())
		if err != nil {
			t.Fatal(err)
		}
		want[schemaFiles[f.Name]] = text
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if *update {
			if err := os.WriteFile(name, want[name], 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want[name]) {
			t.Errorf("%s is not what remedy policy doc prints (%v): go test ./cmd/internal/catalogue -update writes it", name, err)
		}
	}
}

// Every example of the reference can be loaded as it stands, and every kind has
// one.
func TestExamplesOfTheReferenceLoad(t *testing.T) {
	all := schemas(t)
	text := string(language.Markdown(catalogue.Kinds()))
	blocks := regexp.MustCompile("(?s)### `(\\w+)`\n[^#]*?```yaml\n(.*?)```").FindAllStringSubmatch(text, -1)
	var shown []string
	for _, block := range blocks {
		dir := t.TempDir()
		write(t, dir, "p.yaml", block[2])
		book := load(t, dir, "policies: [{files: ['p.yaml']}]").Rulebook // fails on a warning, too
		step := book.Policies[0].Steps[0]
		if kind := block[1]; step.Do[0].Kind != kind && step.Verify.All[0].Kind != kind {
			t.Errorf("the example of %s does not use it:\n%s", kind, block[2])
		}
		satisfies(t, all["policies"], "the example of "+block[1], block[2])
		shown = append(shown, block[1])
	}
	c := catalogue.New()
	if want := slices.Concat(c.Actions, c.Probes); !slices.Equal(shown, want) {
		t.Errorf("the reference has examples of %v, want %v", shown, want)
	}
}

// An argument that is said to be required is: without it the kind refuses the
// others. One that is said to be there is taken.
func TestArgumentsOfTheReference(t *testing.T) {
	c, required := catalogue.New(), 0
	look := func(k language.Kind, check func(map[string]any) error) {
		for _, a := range k.Arguments {
			args := map[string]any{}
			if given, ok := parse(t, k.Example).(map[string]any)[k.Name].(map[string]any); ok {
				maps.Copy(args, given)
			}
			delete(args, a.Name)
			if a.Required {
				required++
				if check(args) == nil {
					t.Errorf("%s does without %s", k.Name, a.Name)
				}
			}
			args[a.Name] = []any{map[string]any{}} // of no argument's type
			if err := check(args); err == nil || strings.Contains(err.Error(), "unknown field") {
				t.Errorf("%s: %s is taken for %v", k.Name, a.Name, err)
			}
		}
		if err := check(map[string]any{"qqqq": 1}); err == nil || !strings.Contains(err.Error(), "unknown field") {
			t.Errorf("%s takes any argument: %v", k.Name, err)
		}
	}
	kinds := catalogue.Kinds()
	for _, k := range kinds.Actions {
		look(k, func(args map[string]any) error { return c.Action(k.Name, asJSON(t, args)) })
	}
	for _, k := range kinds.Probes {
		look(k, func(args map[string]any) error { return c.Probe(k.Name, asJSON(t, args)) })
	}
	if required < 4 {
		t.Errorf("only %d arguments are required", required)
	}
}

// What comes with remediated satisfies the schemas that are checked in, and a
// slip in it does not.
func TestShippedFilesSatisfyTheSchemas(t *testing.T) {
	all := schemas(t)
	names, err := filepath.Glob("../../../policies/shipped/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, name := range names {
		kind := "policies"
		if strings.HasSuffix(name, ".test.yaml") {
			kind = "tests"
		}
		seen[kind]++
		satisfies(t, all[kind], name, readFile(t, name))
	}
	if seen["policies"] < 3 || seen["tests"] != seen["policies"] {
		t.Errorf("only %v were looked at", names)
	}
	const example = "../../../deploy/remediated.example.yml"
	satisfies(t, all["config"], example, readFile(t, example))

	policy := readFile(t, "../../../policies/shipped/postgres-down.yaml")
	tests := readFile(t, "../../../policies/shipped/postgres-down.test.yaml")
	for _, slip := range []struct{ file, text, from, to string }{
		{"policies", policy, "severity:", "severty:"},
		{"policies", policy, "severity: P2", "severity: P4"},
		{"policies", policy, "cooldown: 10m", "cooldown: 10"},
		{"policies", policy, "dsn_file:", "dsn:"},
		{"policies", policy, "restart: {}", "reboot: {}"},
		{"policies", policy, "restart: {}", "restart: {force: true}"},
		{"policies", policy, "within: 3m}", "}"},
		{"tests", tests, "policies:", "policy:"},
		{"tests", tests, "mode: act", "mode: do"},
		{"tests", tests, "act: i1, kind: restart", "act: i1, guard: restart"},
		{"tests", tests, "opened: i1", "opend: i1"},
		{"config", readFile(t, example), "cluster: prod\n", ""},
		{"config", readFile(t, example), "page: never", "page: seldom"},
		{"config", readFile(t, example), "replica_labels: [replica, prometheus_replica]", "replica_labels: replica"},
	} {
		if !strings.Contains(slip.text, slip.from) {
			t.Errorf("%q is not there", slip.from)
		}
		if all[slip.file].Validate(parse(t, strings.Replace(slip.text, slip.from, slip.to, 1))) == nil {
			t.Errorf("with %q in the place of %q the file satisfies the schema", slip.to, slip.from)
		}
	}
}

// The reference says in words what a kind needs in the cluster.
func TestRightsOfTheReference(t *testing.T) {
	want := map[string]string{"restart": "get, patch daemonsets.apps, deployments.apps, statefulsets.apps", "pods": "list pods", "http": "", "control_plane": "get /readyz"}
	kinds := catalogue.Kinds()
	for _, k := range slices.Concat(kinds.Actions, kinds.Probes) {
		right, ok := want[k.Name]
		if ok && !slices.Contains(append(k.Rights, ""), right) || k.Name == "http" && len(k.Rights) > 0 {
			t.Errorf("the rights of %s are %q, want %q among them", k.Name, k.Rights, right)
		}
		delete(want, k.Name)
	}
	if len(want) > 0 {
		t.Errorf("there is no kind for %v", want)
	}
}

// schemas are those that are checked in, by the name of their file.
func schemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	out := map[string]*jsonschema.Schema{}
	for name, path := range schemaFiles {
		s, err := jsonschema.NewCompiler().Compile(path)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = s
	}
	return out
}

func satisfies(t *testing.T, s *jsonschema.Schema, what, text string) {
	t.Helper()
	if err := s.Validate(parse(t, text)); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

func parse(t *testing.T, text string) any {
	t.Helper()
	var doc any
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func asJSON(t *testing.T, v any) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
