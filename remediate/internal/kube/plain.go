package kube

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// notKept stands where something may be a secret.
const notKept = "(not kept: it may be a secret)"

// YAML returns an object as people read it: without managedFields, and without
// what may be a secret and is none of the object's state, which is the values
// of environment variables and of HTTP headers, and the copies of it all that
// tools keep as last-applied-configuration.
func YAML(o runtime.Object) ([]byte, error) {
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return nil, fmt.Errorf("write %T as YAML: %w", o, err)
	}
	if kinds, _, err := scheme.ObjectKinds(o); err == nil { // a typed client leaves it out
		m["apiVersion"], m["kind"] = kinds[0].ToAPIVersionAndKind()
	}
	blank(m)
	return yaml.Marshal(m)
}

// blank takes out of a JSON value, at any depth, what is not to be kept.
func blank(v any) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "managedFields")
		for key, under := range v {
			switch {
			case key == "env" || key == "httpHeaders":
				blankValues(under)
			case strings.HasSuffix(key, "/last-applied-configuration"):
				v[key] = notKept
			default:
				blank(under)
			}
		}
	case []any:
		for _, under := range v {
			blank(under)
		}
	}
}

// blankValues replaces the value of each name and value of a list.
func blankValues(list any) {
	entries, _ := list.([]any)
	for _, e := range entries {
		if m, ok := e.(map[string]any); ok && m["value"] != nil {
			m["value"] = notKept
		}
	}
}
