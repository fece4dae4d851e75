package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/x0tta6bl4/remediated/cmd/internal/catalogue"
	"github.com/x0tta6bl4/remediated/policies"
)

// chartValues are those values of the Helm chart that a configuration decides.
type chartValues struct {
	Files  map[string]string `json:"files"` // by path, from the configuration's folder
	Rights chartRights       `json:"rights"`
}

type chartRights struct {
	Namespace      string `json:"namespace"`
	ServiceAccount string `json:"serviceAccount"`
	Lease          string `json:"lease,omitempty"`
	RBAC           string `json:"rbac"`
	Fence          string `json:"fence"`
}

// writeValues prints the files of a configuration and the rights that its policies
// need as one file of values, so that a release never has one without the other.
func writeValues(w io.Writer, file string, loaded *policies.Loaded, d catalogue.Daemon) error {
	files, err := chartFiles(file, loaded)
	if err != nil {
		return err
	}
	var rbac, fence bytes.Buffer
	if err := catalogue.WriteRBAC(&rbac, loaded.Rulebook, d); err != nil {
		return err
	}
	if err := catalogue.WriteFence(&fence, loaded.Rulebook, d); err != nil {
		return err
	}
	out, err := yaml.Marshal(chartValues{files, chartRights{d.Namespace, d.Account, d.Lease, rbac.String(), fence.String()}})
	if err != nil {
		return err
	}
	_, err = w.Write(out)
	return err
}

// chartFiles are the texts of a configuration, the policies and the templates that it
// names. Each must be in its folder: the chart has one, in which everything is.
func chartFiles(file string, loaded *policies.Loaded) (map[string]string, error) {
	files := map[string]string{}
	for name, text := range loaded.Sources {
		if name == filepath.Base(file) {
			name = "remediated.yml"
		}
		files[name] = string(text)
	}
	folder, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, err
	}
	for _, name := range loaded.Config.TemplateFiles() {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		within, err := filepath.Rel(folder, name)
		if err != nil {
			return nil, err
		}
		files[filepath.ToSlash(within)] = string(text)
	}
	for name := range files {
		if filepath.IsAbs(name) || strings.HasPrefix(name, "../") {
			return nil, fmt.Errorf("%s is outside of the folder of %s: move it there, since the chart has this one folder", name, file)
		}
	}
	return files, nil
}
