package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// helm runs the Helm that the tests of the chart run, in a folder of its own.
func helm(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"-C", "../../test/helm", "run", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "helm.sh/helm/v4/cmd/helm"}, args...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "HELM_CONFIG_HOME="+t.TempDir(), "HELM_CACHE_HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("helm %s: %v\n%s", args[0], err, out)
	}
	return string(out)
}

// laidOut packs the repository's chart with Helm, and that as make release does. It
// returns both.
func laidOut(t *testing.T) (chart, artefact string) {
	t.Helper()
	dir := t.TempDir()
	source, err := filepath.Abs("../helm/remediated")
	if err != nil {
		t.Fatal(err)
	}
	helm(t, "package", source, "--version=1.2.3", "--destination="+dir)
	chart, artefact = filepath.Join(dir, "remediated-1.2.3.tgz"), filepath.Join(dir, "chart.tar")
	if err := (release{Time: at}).writeChart(artefact, chart); err != nil {
		t.Fatal(err)
	}
	return chart, artefact
}

// What make release packs is pushed as the workflow does, and is for Helm what it would
// have pushed itself.
func TestChartInARegistry(t *testing.T) {
	server := httptest.NewServer(registry.New())
	defer server.Close()
	charts := strings.TrimPrefix(server.URL, "http://") + "/charts"
	chart, artefact := laidOut(t)
	push(t, artefact, charts+"/remediated:1.2.3")
	helm(t, "push", chart, "oci://"+charts+"/by-helm", "--plain-http")

	ours, helms := manifest(t, charts+"/remediated:1.2.3"), manifest(t, charts+"/by-helm/remediated:1.2.3")
	if ours.Config.MediaType != helms.Config.MediaType || len(ours.Layers) != 1 || fmt.Sprint(ours.Layers) != fmt.Sprint(helms.Layers) {
		t.Errorf("it is %+v, and by Helm %+v", ours, helms)
	}
	if got, want := config(t, charts+"/remediated", ours), config(t, charts+"/by-helm/remediated", helms); got != want {
		t.Errorf("its config is\n%s\nand by Helm\n%s", got, want)
	}
	const created = "org.opencontainers.image.created"
	if ours.Annotations[created] != "2026-11-28T06:00:00Z" {
		t.Errorf("it was created %s", ours.Annotations[created])
	}
	helms.Annotations[created] = ours.Annotations[created]
	if fmt.Sprint(ours.Annotations) != fmt.Sprint(helms.Annotations) {
		t.Errorf("it says %v, and by Helm %v", ours.Annotations, helms.Annotations)
	}

	dir := t.TempDir()
	helm(t, "pull", "oci://"+charts+"/remediated", "--version=1.2.3", "--plain-http", "--destination="+dir)
	if !bytes.Equal(readFile(t, filepath.Join(dir, "remediated-1.2.3.tgz")), readFile(t, chart)) {
		t.Error("what Helm pulls is not the chart that was packed")
	}
}

// push unpacks the tar and pushes the layout that it has with crane's own command.
func push(t *testing.T, artefact, to string) {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Open(artefact)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unpack(t, f, dir)
	if out, err := exec.Command("go", "tool", "crane", "push", dir, to).CombinedOutput(); err != nil {
		t.Fatalf("crane push: %v\n%s", err, out)
	}
}

func manifest(t *testing.T, at string) v1.Manifest {
	t.Helper()
	text, err := crane.Manifest(at)
	if err != nil {
		t.Fatal(err)
	}
	var m v1.Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// config is the config of a chart, its keys in one order.
func config(t *testing.T, at string, m v1.Manifest) string {
	t.Helper()
	layer, err := crane.PullLayer(at + "@" + m.Config.Digest.String())
	if err != nil {
		t.Fatal(err)
	}
	body, err := layer.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	var values map[string]any
	if err := json.NewDecoder(body).Decode(&values); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSameBytesOfAChart(t *testing.T) {
	chart, one := laidOut(t)
	another := filepath.Join(t.TempDir(), "chart.tar")
	if err := (release{Time: at}).writeChart(another, chart); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(readFile(t, one), readFile(t, another)) {
		t.Error("the same chart gives two artefacts")
	}
}

func TestNoChart(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "no.tgz"), []byte("no chart"))
	for chart, says := range map[string]string{
		filepath.Join(dir, "missing.tgz"): "make programs",
		filepath.Join(dir, "no.tgz"):      "no.tgz: ",
	} {
		if err := (release{}).writeChart(filepath.Join(dir, "chart.tar"), chart); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("said %v, not %q", err, says)
		}
	}
	for name, says := range map[string]string{"remediated/other.yaml": "no Chart.yaml", "remediated/charts/b/Chart.yaml": "no Chart.yaml", "remediated/Chart.yaml": "no name"} {
		packed := filepath.Join(dir, "empty.tgz")
		write(t, packed, zipped(t, name))
		if err := (release{}).writeChart(filepath.Join(dir, "chart.tar"), packed); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("with %s it said %v, not %q", name, err, says)
		}
	}
}

// zipped is an archive with one empty file.
func zipped(t *testing.T, name string) []byte {
	t.Helper()
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	w := tar.NewWriter(zip)
	if err := errors.Join(w.WriteHeader(&tar.Header{Name: name, Mode: 0o644}), w.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
