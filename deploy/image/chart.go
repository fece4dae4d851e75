package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"sigs.k8s.io/yaml"
)

// What Helm calls the parts of a chart in a registry.
const (
	chartConfig types.MediaType = "application/vnd.cncf.helm.config.v1+json"
	chartLayer  types.MediaType = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
)

// metadata is what of Chart.yaml is said in a registry, too.
type metadata struct {
	Name, Version, Description, Home string
	Sources                          []string
}

// writeChart packs a packed chart as helm push would put it into a registry: its
// Chart.yaml is the config, and the archive itself the only layer.
func (r release) writeChart(name, chart string) error {
	packed, err := os.ReadFile(chart)
	if err != nil {
		return fmt.Errorf("read what make programs packs: %w", err)
	}
	text, err := chartYAML(packed)
	if err != nil {
		return fmt.Errorf("%s: %w", chart, err)
	}
	config, err := yaml.YAMLToJSON(text)
	if err != nil {
		return fmt.Errorf("%s: Chart.yaml: %w", chart, err)
	}
	var m metadata
	if err := json.Unmarshal(config, &m); err != nil {
		return fmt.Errorf("%s: Chart.yaml: %w", chart, err)
	}
	if m.Name == "" || m.Version == "" {
		return fmt.Errorf("%s: Chart.yaml says no name or no version", chart)
	}
	return r.asTar(name, func(dir string) error { return r.layOutChart(dir, m, config, packed) })
}

// chartYAML is the Chart.yaml of a packed chart.
func chartYAML(packed []byte) ([]byte, error) {
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	for files := tar.NewReader(zip); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("has no Chart.yaml: give what helm package or make programs packs")
		}
		if err != nil {
			return nil, err
		}
		if top, base := path.Split(h.Name); base == "Chart.yaml" && path.Dir(path.Clean(top)) == "." {
			return io.ReadAll(files)
		}
	}
}

// layOutChart writes a layout that has the chart, under its version.
func (r release) layOutChart(dir string, m metadata, config, packed []byte) error {
	to, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	manifest := v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Annotations: r.chartAnnotations(m)}
	if manifest.Config, err = blob(to, chartConfig, config); err != nil {
		return err
	}
	layer, err := blob(to, chartLayer, packed)
	if err != nil {
		return err
	}
	manifest.Layers = []v1.Descriptor{layer}
	text, err := json.Marshal(manifest)
	if err != nil {
		return err
	}
	d, err := blob(to, types.OCIManifestSchema1, text)
	if err != nil {
		return err
	}
	d.Annotations = map[string]string{"org.opencontainers.image.ref.name": m.Version}
	return to.AppendDescriptor(d)
}

// chartAnnotations are those that helm push sets, with the time of the commit.
func (r release) chartAnnotations(m metadata) map[string]string {
	const of = "org.opencontainers.image."
	all := map[string]string{
		of + "title": m.Name, of + "version": m.Version, of + "description": m.Description, of + "url": m.Home,
		of + "created": r.Time.UTC().Format(time.RFC3339),
	}
	if len(m.Sources) > 0 {
		all[of+"source"] = m.Sources[0]
	}
	return all
}

// blob writes bytes into a layout, and describes them.
func blob(to layout.Path, kind types.MediaType, body []byte) (v1.Descriptor, error) {
	digest, size, err := v1.SHA256(bytes.NewReader(body))
	if err != nil {
		return v1.Descriptor{}, err
	}
	return v1.Descriptor{MediaType: kind, Size: size, Digest: digest}, to.WriteBlob(digest, io.NopCloser(bytes.NewReader(body)))
}
