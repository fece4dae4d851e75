package web_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/x0tta6bl4/remediated/remediate/web"
)

var update = flag.Bool("update", false, "rewrite docs/api.md")

// operation is what the page says of a path and a method.
type operation struct {
	Summary     string
	Description string
	Parameters  []parameter
	RequestBody struct {
		Ref string `yaml:"$ref"`
	} `yaml:"requestBody"`
}

type parameter struct {
	Ref  string `yaml:"$ref"`
	Name string
	In   string
}

// docs/api.md is written from the OpenAPI document, which is held against the
// handlers: run with -update after changing it.
func TestAPIPage(t *testing.T) {
	const page = "../../docs/api.md"
	_, o := play(t, "")
	want := apiPage(t, ask(t, web.New(o), get("/api/v1/openapi.yaml")).Body.Bytes())
	if *update {
		if err := os.WriteFile(page, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(page); err != nil || !bytes.Equal(got, want) {
		t.Errorf("docs/api.md is not what the OpenAPI document says (%v): go test ./remediate/web -run TestAPIPage -update", err)
	}
}

func apiPage(t *testing.T, document []byte) []byte {
	t.Helper()
	var doc struct {
		Info  struct{ Description string }
		Paths yaml.Node
	}
	if err := yaml.Unmarshal(document, &doc); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `# The API

Written from `+"`/api/v1/openapi.yaml`"+`, which the daemon serves and which has every field of every answer; generate clients from that.
`+"`remedy`"+` uses nothing else, and `+"`remedy -o json`"+` shows what comes back.

%s
Who may do what is in [steering.md](steering.md#who-may-do-what). The webhooks of Alertmanager, Slack and PagerDuty come in at a listener of
their own, port 9096: [alertmanager.md](alertmanager.md), [notify.md](notify.md).

| | path | it is | besides the path it takes |
|---|---|---|---|
`, doc.Info.Description)
	rows := 0
	for i := 0; i+1 < len(doc.Paths.Content); i += 2 {
		var of map[string]yaml.Node
		if err := doc.Paths.Content[i+1].Decode(&of); err != nil {
			t.Fatal(err)
		}
		for _, method := range []string{"get", "post"} {
			if node, ok := of[method]; ok {
				var op operation
				if err := node.Decode(&op); err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&b, "| %s | `%s` | %s | %s |\n", strings.ToUpper(method), doc.Paths.Content[i].Value, says(op), takes(op))
				rows++
			}
		}
	}
	if rows != len(web.Routes()) {
		t.Errorf("the page has %d paths, there are %d", rows, len(web.Routes()))
	}
	return b.Bytes()
}

func says(op operation) string {
	text := op.Summary + "."
	if op.Description != "" {
		text += " " + strings.Join(strings.Fields(op.Description), " ")
	}
	return strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(text)
}

func takes(op operation) string {
	var names []string
	for _, p := range op.Parameters {
		name := p.Name
		if p.Ref != "" {
			name = p.Ref[strings.LastIndex(p.Ref, "/")+1:]
		}
		if p.In != "path" {
			names = append(names, "`"+name+"`")
		}
	}
	if op.RequestBody.Ref != "" {
		names = append(names, "a body: "+op.RequestBody.Ref[strings.LastIndex(op.RequestBody.Ref, "/")+1:])
	}
	return strings.Join(slices.Compact(names), ", ")
}
