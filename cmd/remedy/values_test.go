package main

import (
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/x0tta6bl4/remediated/cmd/internal/catalogue"
	"github.com/x0tta6bl4/remediated/policies"
)

// The configuration that the chart has by default is one to start with: nobody is
// paged yet, and there are no policies, of which it warns.
func TestChartsOwnConfiguration(t *testing.T) {
	b, err := os.ReadFile("../../deploy/helm/remediated/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var values chartValues
	if err := yaml.Unmarshal(b, &values); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "remediated.yml")
	if err := os.WriteFile(file, []byte(values.Files["remediated.yml"]), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, problems := policies.Load(file, catalogue.New()); policies.HasErrors(problems) {
		t.Error(problems)
	}
}
