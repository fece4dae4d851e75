package main

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// The chart is the repository's, of the release's version, and whole without the rest of it.
func TestPackChart(t *testing.T) {
	for version, want := range map[string]struct{ file, chart, image string }{
		"1.2.3":   {"remediated-1.2.3.tgz", "1.2.3", "v1.2.3"},
		"0123456": {"remediated-0.0.0-g0123456.tgz", "0.0.0-g0123456", "0123456"},
	} {
		s := stamp{Version: version, Time: at}
		name := filepath.Join(t.TempDir(), chartName(s))
		if err := packChart(name, "../..", s); err != nil {
			t.Fatal(err)
		}
		files := unpack(t, readFile(t, name))
		var chart struct{ Name, Version string }
		var image struct {
			AppVersion string `yaml:"appVersion"`
		}
		text := files["remediated/Chart.yaml"].body
		if err := errors.Join(yaml.Unmarshal(text, &chart), yaml.Unmarshal(text, &image)); err != nil {
			t.Fatal(err)
		}
		if filepath.Base(name) != want.file || chart.Name != "remediated" || chart.Version != want.chart || image.AppVersion != want.image {
			t.Errorf("%s is %+v with the image %s, want %+v", filepath.Base(name), chart, image.AppVersion, want)
		}
		rules, dashboard := readFile(t, "../prometheus/remediated.rules.yml"), readFile(t, "../grafana/remediated.json")
		if !bytes.Equal(files["remediated/files/remediated.rules.yml"].body, rules) || !bytes.Equal(files["remediated/files/remediated.json"].body, dashboard) {
			t.Error("the rules and the dashboard are not those of the repository")
		}
		for file := range files {
			if strings.HasSuffix(file, ".go") || strings.Contains(file, "testdata") {
				t.Errorf("%s is packed", file)
			}
		}
		if files["remediated/templates/deployment.yaml"].body == nil || files["remediated/values.schema.json"].body == nil {
			t.Errorf("only %d files are packed", len(files))
		}
	}
}

// A chart that does not say its version in the one line in which it is replaced is none.
func TestChartWithoutVersion(t *testing.T) {
	for _, text := range []string{"appVersion: dev\n", "version: 1\nversion: 2\nappVersion: dev\n", "version: 1\n"} {
		if out, err := versioned([]byte(text), stamp{Version: "1.2.3"}); err == nil {
			t.Errorf("%q becomes %q", text, out)
		}
	}
}
