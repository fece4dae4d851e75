package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schema is CycloneDX's own, as it was published.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	for _, name := range []string{"bom-1.6.schema.json", "spdx.schema.json", "jsf-0.82.schema.json"} {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(readFile(t, filepath.Join("testdata", name))))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource("http://cyclonedx.org/schema/"+name, doc); err != nil {
			t.Fatal(err)
		}
	}
	s, err := c.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// valid holds the bill of these modules against the schema, and itself.
func valid(t *testing.T, modules []module) {
	s := stamp{Version: "1.2.3", Revision: "abc", Time: time.Unix(1_800_000_000, 0).UTC()}
	bill, err := billOfMaterials(modules, s)
	if err != nil {
		t.Fatal(err)
	}
	again, err := billOfMaterials(modules, s)
	if err != nil || !bytes.Equal(bill, again) {
		t.Errorf("the same release has two bills, or an error: %v", err)
	}
	var any any
	var b bom
	if err := json.Unmarshal(bill, &any); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(bill, &b); err != nil {
		t.Fatal(err)
	}
	if err := schema(t).Validate(any); err != nil {
		t.Error(err)
	}
	if c := b.Metadata.Component; c.PURL != "pkg:golang/github.com/x0tta6bl4/remediated@v1.2.3" || c.Type != "application" {
		t.Errorf("it is about %+v", c)
	}
	refs := map[string]bool{b.Metadata.Component.Ref: true}
	for _, c := range b.Components {
		if refs[c.Ref] {
			t.Errorf("%s is there twice", c.Ref)
		}
		refs[c.Ref] = true
	}
	if len(refs) != len(modules) {
		t.Errorf("%d components of %d modules", len(refs), len(modules))
	}
	for _, d := range b.Dependencies {
		for _, on := range append(d.DependsOn, d.Ref) {
			if !refs[on] {
				t.Errorf("%s depends on %q, which is no component", d.Ref, on)
			}
		}
	}
}

// The schema here does refuse.
func TestSchemaRefuses(t *testing.T) {
	var bad any
	if err := json.Unmarshal([]byte(`{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"type": "library", "name": "a", "licenses": [{"license": {"id": "Mine"}}]}]}`), &bad); err != nil {
		t.Fatal(err)
	}
	if schema(t).Validate(bad) == nil {
		t.Error("a licence that SPDX does not know passes")
	}
}
