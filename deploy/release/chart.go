package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// chartFolder is where the Helm chart stands.
const chartFolder = "deploy/helm/remediated"

// chartName is what Helm itself would call the packed chart.
func chartName(s stamp) string { return "remediated-" + s.chart() + ".tgz" }

// chart is the version as Helm wants it: one of semantic versioning. What git describe
// made of a commit alone comes before every release.
func (s stamp) chart() string {
	if strings.HasPrefix(s.tag(), "v") {
		return s.Version
	}
	return "0.0.0-g" + s.Version
}

// stamped are the lines of Chart.yaml that say what is released; each stands there once.
var stamped = map[string]*regexp.Regexp{
	"version":    regexp.MustCompile(`(?m)^version: .*$`),
	"appVersion": regexp.MustCompile(`(?m)^appVersion: .*$`),
}

// packChart packs the chart of the checkout source as helm package does, with the files
// that it has by symbolic links, and with the release's version and image.
func packChart(name, source string, s stamp) error {
	folder := filepath.Join(source, chartFolder)
	return pack(name, "remediated", s, func(w *packer) error {
		return filepath.WalkDir(folder, func(file string, entry os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() {
				if entry.Name() == "testdata" {
					return filepath.SkipDir
				}
				return nil
			}
			if strings.HasSuffix(file, ".go") {
				return nil
			}
			body, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			within, err := filepath.Rel(folder, file)
			if err != nil {
				return err
			}
			if within == "Chart.yaml" {
				if body, err = versioned(body, s); err != nil {
					return err
				}
			}
			return w.file(filepath.ToSlash(within), body, false)
		})
	})
}

// versioned is Chart.yaml of a release.
func versioned(text []byte, s stamp) ([]byte, error) {
	for key, value := range map[string]string{"version": s.chart(), "appVersion": s.tag()} {
		if n := len(stamped[key].FindAll(text, -1)); n != 1 {
			return nil, fmt.Errorf("Chart.yaml has %d lines of %s, want one", n, key)
		}
		text = stamped[key].ReplaceAllLiteral(text, fmt.Appendf(nil, "%s: %q", key, value))
	}
	return bytes.Clone(text), nil
}
