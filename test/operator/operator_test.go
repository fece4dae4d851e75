package operator

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"sigs.k8s.io/yaml"
)

const root = "../.."

// definitions are the operator's own, by the kind and version of what they define.
func definitions(t *testing.T) map[string]*apiextensions.JSONSchemaProps {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/prometheus-operator/prometheus-operator").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "example/prometheus-operator-crd/*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("the module has no definitions: %v", err)
	}
	all := map[string]*apiextensions.JSONSchemaProps{}
	for _, file := range files {
		var d v1.CustomResourceDefinition
		if err := yaml.Unmarshal(read(t, file), &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, version := range d.Spec.Versions {
			var s apiextensions.JSONSchemaProps
			if err := v1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(version.Schema.OpenAPIV3Schema, &s, nil); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			all[d.Spec.Group+"/"+version.Name+" "+d.Spec.Names.Kind] = &s
		}
	}
	return all
}

// judge says what an API server with these definitions would not take of an object.
func judge(all map[string]*apiextensions.JSONSchemaProps, object map[string]any) error {
	kind := fmt.Sprintf("%s %s", object["apiVersion"], object["kind"])
	s := all[kind]
	if s == nil {
		return fmt.Errorf("there is no %s, but %q", kind, slices.Sorted(maps.Keys(all)))
	}
	structural, err := schema.NewStructural(s)
	if err != nil {
		return err
	}
	validator, _, err := validation.NewSchemaValidator(s)
	if err != nil {
		return err
	}
	var amiss []error
	if err := validation.ValidateCustomResource(nil, object, validator).ToAggregate(); err != nil {
		amiss = append(amiss, err)
	}
	for _, field := range pruning.PruneWithOptions(object, structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}) {
		amiss = append(amiss, fmt.Errorf("unknown field %s", field))
	}
	return errors.Join(amiss...)
}

// What the chart makes for the Prometheus Operator is what that takes.
func TestChartsObjects(t *testing.T) {
	all, seen := definitions(t), map[string]bool{}
	for _, object := range append(rendered(t), rules(t)) {
		if version, _ := object["apiVersion"].(string); !strings.HasPrefix(version, "monitoring.coreos.com/") {
			continue
		}
		seen[fmt.Sprint(object["kind"])] = true
		if err := judge(all, object); err != nil {
			t.Errorf("%s: %v", object["kind"], err)
		}
	}
	if want := []string{"AlertmanagerConfig", "PodMonitor", "PrometheusRule"}; !slices.Equal(slices.Sorted(maps.Keys(seen)), want) {
		t.Errorf("judged were %v, want %v", seen, want)
	}
}

// rendered are the objects of the chart with all that can be had, as its own test keeps
// them.
func rendered(t *testing.T) (all []map[string]any) {
	t.Helper()
	for text := range strings.SplitSeq(string(read(t, root+"/deploy/helm/remediated/testdata/all.yaml")), "\n---\n") {
		all = append(all, object(t, text))
	}
	return all
}

// rules are what the chart makes of the shipped rules, to which its own test holds it.
func rules(t *testing.T) map[string]any {
	t.Helper()
	return map[string]any{
		"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": map[string]any{"name": "remediated"},
		"spec": object(t, string(read(t, root+"/deploy/prometheus/remediated.rules.yml"))),
	}
}

// What the operator would not take is refused.
func TestWrongObjects(t *testing.T) {
	all := definitions(t)
	for text, says := range map[string]string{
		`{apiVersion: monitoring.coreos.com/v1, kind: PodMonitor, spec: {selector: {}, podMetricsEndpoints: [{port: web, interval: often}]}}`:                        "interval",
		`{apiVersion: monitoring.coreos.com/v1, kind: PodMonitor, spec: {podMetricsEndpoints: [{port: web}]}}`:                                                       "spec.selector: Required",
		`{apiVersion: monitoring.coreos.com/v1, kind: PodMonitor, spec: {selector: {}, podMetricsEndpoints: [{prot: web}]}}`:                                         "unknown field spec.podMetricsEndpoints[0].prot",
		`{apiVersion: monitoring.coreos.com/v1, kind: PrometheusRule, spec: {groups: [{name: a, rules: [{alert: A}]}]}}`:                                             "expr: Required",
		`{apiVersion: monitoring.coreos.com/v1alpha1, kind: AlertmanagerConfig, spec: {receivers: [{name: a, webhookConfigs: [{url: 'http://a', maxAlerts: -1}]}]}}`: "maxAlerts",
		`{apiVersion: monitoring.coreos.com/v1alpha1, kind: PodMonitor, spec: {}}`:                                                                                   "there is no monitoring.coreos.com/v1alpha1 PodMonitor",
	} {
		if err := judge(all, object(t, text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("of %s is said %v, not %q", text, err, says)
		}
	}
}

func object(t *testing.T, text string) map[string]any {
	t.Helper()
	var o map[string]any
	if err := yaml.Unmarshal([]byte(text), &o); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return o
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
