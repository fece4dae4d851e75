package probe

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	rbacv1 "k8s.io/api/rbac/v1"
)

// Every example must be what it shows: one kind with arguments that are valid.
func TestExamples(t *testing.T) {
	for _, k := range Kinds() {
		if strings.Contains(k.Doc, "\n") || k.Doc == "" {
			t.Errorf("%s: doc %q is not one line", k.Name, k.Doc)
		}
		var m map[string]any
		if err := yaml.Unmarshal([]byte(k.Example), &m); err != nil || len(m) != 1 {
			t.Fatalf("%s: example %q: %v", k.Name, k.Example, err)
		}
		if m[k.Name] == "$target" {
			m[k.Name] = nil
		}
		args, err := json.Marshal(m[k.Name])
		if err != nil {
			t.Fatal(err)
		}
		if err := Validate(k.Name, args); err != nil {
			t.Errorf("%s: example %q: %v", k.Name, k.Example, err)
		}
		for _, r := range k.Rules("", nil) {
			for _, v := range r.Verbs {
				if v != "get" && v != "list" {
					t.Errorf("%s needs %q: a probe only reads", k.Name, v)
				}
			}
		}
	}
}

func TestValidate(t *testing.T) {
	for _, tc := range []struct{ kind, args, want string }{
		{"promql", `{"query":"up{instance=\"$instance\"}"}`, ""},
		{"http", `{"url":"http://${host}:8080/$path"}`, ""},
		{"pods", `{"selector":"app=$app","min":1}`, ""},
		{"redis", `{"address":"$instance:6379"}`, ""},

		{"ping", `{}`, `no probe "ping"; there is cluster, evidence, http, pods, postgres`},
		{"promql", `{}`, `"query" is missing`},
		{"promql", `{"query":"up","min":2,"max":1}`, `"min" 2 is more than "max" 1`},
		{"promql", `{"query":"up","equals":2,"max":1}`, `"equals" cannot stand beside`},
		{"promql", `{"query":"up","minimum":2}`, `unknown field "minimum"; there is query, min, max, equals`},
		{"rollout", `{"target":"x"}`, `unknown field "target"`},
		{"pods", `{"selector":"","min":1}`, `"selector" is empty`},
		{"pods", `{"selector":"app in (","min":1}`, `"selector"`},
		{"workload", `{"headroom":"yes"}`, "headroom"},
		{"cluster", `{"controlPlane":true}`, `unknown field "controlPlane"; there is nodes, control_plane`},
		{"evidence", `{"logs":true}`, "no argument to give"},
		{"pods", `{"selector":"app=x"}`, `"min" is missing`},
		{"pods", `{"min":0}`, `want at least 1`},
		{"http", `{}`, `"url" is missing`},
		{"http", `{"url":"ftp://x/"}`, `want http://`},
		{"http", `{"url":"/healthz"}`, `want http://`},
		{"http", `{"url":"http://u:hunter2@x/"}`, `must not carry`},
		{"http", `{"url":"http://x/","status":99}`, `"status" 99`},
		{"postgres", `{}`, `"dsn_file" is missing`},
		{"postgres", `{"dsn":"postgres://"}`, `unknown field "dsn"`},
		{"postgres", `{"dsn_file":"/etc/$job.dsn"}`, `must not depend on a label`},
		{"redis", `{}`, `"address" is missing`},
		{"redis", `{"address":"cache"}`, `want host:port`},
		{"redis", `{"address":"cache:1","password_file":"/$x"}`, `must not depend on a label`},
		{"redis", `{"address":"$host:1","password_file":"/p"}`, `must not depend on a label`},
	} {
		err := Validate(tc.kind, json.RawMessage(tc.args))
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%s %s: %v", tc.kind, tc.args, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s %s: got %v, want %q", tc.kind, tc.args, err, tc.want)
		case err != nil && strings.Contains(err.Error(), "hunter2"):
			t.Errorf("a password is shown: %v", err)
		}
	}
}

// may tells whether rules allow a verb on a resource or a path.
func may(rules []rbacv1.PolicyRule, verb, what string) bool {
	return slices.ContainsFunc(rules, func(r rbacv1.PolicyRule) bool {
		return slices.Contains(r.Verbs, verb) && slices.Contains(slices.Concat(r.Resources, r.NonResourceURLs), what)
	})
}

func TestRulesAreNoWiderThanNeeded(t *testing.T) {
	for _, tc := range []struct{ kind, target, args, may, mayNot string }{
		{"workload", "deployment", `{}`, "get deployments, get persistentvolumeclaims, get namespaces", "list pods, list poddisruptionbudgets, get statefulsets"},
		{"workload", "deployment", `{"headroom":true}`, "list pods, list poddisruptionbudgets, get namespaces", "get pods, list namespaces"},
		{"workload", "pod", `{"headroom":true}`, "get pods, list poddisruptionbudgets", "list pods"},
		{"rollout", "deployment", ``, "get deployments", "get namespaces"},
		{"cluster", "", `{}`, "list nodes, get /readyz", "get nodes"},
		{"cluster", "", `{"nodes":true}`, "list nodes", "get /readyz"},
		{"cluster", "", `{"control_plane":true}`, "get /readyz", "list nodes"},
		{"evidence", "deployment", `{}`, "get deployments, list pods, get pods/log, list events", "get persistentvolumeclaims, get pods, get namespaces, get replicasets"},
		{"evidence", "pod", `{}`, "get pods, get replicasets, get pods/log, list events", "list pods"},
		{"evidence", "", `{}`, "get pods, list pods, get deployments", "get secrets"},
	} {
		rules := kinds[tc.kind].rules(tc.target, json.RawMessage(tc.args))
		for want, list := range map[bool]string{true: tc.may, false: tc.mayNot} {
			for what := range strings.SplitSeq(list, ", ") {
				verb, resource, _ := strings.Cut(what, " ")
				if may(rules, verb, resource) != want {
					t.Errorf("%s of a %q with %s: %s is %v, want %v", tc.kind, tc.target, tc.args, what, !want, want)
				}
			}
		}
	}
}
