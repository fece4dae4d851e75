package action

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	rbacv1 "k8s.io/api/rbac/v1"
)

func TestExamples(t *testing.T) {
	for _, k := range Kinds() {
		if strings.Contains(k.Doc, "\n") || k.Doc == "" || len(k.Targets) == 0 {
			t.Errorf("%s: doc %q, targets %v", k.Name, k.Doc, k.Targets)
		}
		var m map[string]any
		if err := yaml.Unmarshal([]byte(k.Example), &m); err != nil || len(m) != 1 {
			t.Fatalf("%s: example %q: %v", k.Name, k.Example, err)
		}
		args, err := json.Marshal(m[k.Name])
		if err != nil {
			t.Fatal(err)
		}
		if err := Validate(k.Name, args); err != nil {
			t.Errorf("%s: example %q: %v", k.Name, k.Example, err)
		}
	}
}

func TestValidateRefuses(t *testing.T) {
	for _, tc := range []struct{ kind, args, want string }{
		{"reboot", `{}`, `no action "reboot"; there is apply, cordon, delete_pod, dns_update, drain, evict_pod, `},
		{"restart", `{"force":true}`, `unknown field "force"`},
		{"delete_pod", `{"bypass_pdb":"yes"}`, "bypass_pdb"},
		{"drain", `{"max_parallel":51}`, `"max_parallel" is 51: want 1 to 50`},
		{"drain", `{"max_parallel":-1}`, `"max_parallel" is -1: want 1 to 50`},
		{"cordon", `{"force":true}`, `unknown field "force"`},
		{"evict_pod", `{"bypass_pdb":true}`, `unknown field "bypass_pdb"`},
		{"scale", `{}`, `exactly one of "replicas"`},
		{"scale", `{"replicas":3,"restore":true}`, `exactly one of "replicas"`},
		{"scale", `{"restore":false}`, `exactly one of "replicas"`},
		{"scale", `{"replicas":0}`, "write floor: 0"},
		{"scale", `{"replicas":-1,"floor":-1}`, `"floor" is -1`},
		{"scale", `{"replicas":-1,"floor":0}`, `"replicas" is -1`},
		{"scale", `{"replicas":2,"floor":3}`, "below the floor of 3"},
		{"scale", `{"replicas":"$n"}`, "replicas"},
		{"scale", `{"replicas":2.5}`, "replicas"},
		{"scale", `{"replicas":2,"drift":"yes"}`, "want accept"},
		{"scale", `{"restore":true,"drift":"accept"}`, "neither floor nor drift"},
		{"scale", `{"restore":true,"floor":0}`, "neither floor nor drift"},
	} {
		if err := Validate(tc.kind, json.RawMessage(tc.args)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s %s: got %v, want %q", tc.kind, tc.args, err, tc.want)
		}
	}
}

// may tells whether rules allow a verb on a resource.
func may(rules []rbacv1.PolicyRule, verb, resource string) bool {
	return slices.ContainsFunc(rules, func(r rbacv1.PolicyRule) bool {
		return slices.Contains(r.Verbs, verb) && slices.Contains(r.Resources, resource)
	})
}

func TestRulesAreNoWiderThanNeeded(t *testing.T) {
	for _, tc := range []struct {
		kind, target, args string
		verb, resource     string
		want               bool
	}{
		{"apply", "deployment", toMaintenance, "patch", "services", true},
		{"apply", "deployment", toMaintenance, "create", "services", false},
		{"apply", "deployment", toMaintenance, "patch", "deployments", false},
		{"apply", "deployment", aBudget, "create", "poddisruptionbudgets", true},
		{"apply", "deployment", aBudget, "patch", "poddisruptionbudgets", false},
		{"apply", "deployment", aBudget, "delete", "poddisruptionbudgets", false},
		{"unapply", "deployment", aBudget, "delete", "poddisruptionbudgets", true},
		{"unapply", "deployment", aBudget, "create", "poddisruptionbudgets", false},
		{"restart", "deployment", `{}`, "patch", "deployments", true},
		{"restart", "deployment", `{}`, "patch", "statefulsets", false},
		{"restart", "deployment", `{}`, "create", "pods/eviction", false},
		{"restart", "statefulset", `{}`, "create", "pods/eviction", true},
		{"restart", "owner", `{}`, "patch", "daemonsets", true},
		{"evict_pod", "pod", `{}`, "create", "pods/eviction", true},
		{"evict_pod", "pod", `{}`, "delete", "pods", false},
		{"delete_pod", "pod", `{}`, "delete", "pods", false},
		{"delete_pod", "pod", `{"bypass_pdb":true}`, "delete", "pods", true},
		{"delete_pod", "pod", `{"bypass_pdb":true}`, "create", "pods/eviction", false},
		{"evict_pod", "pod", `{}`, "create", "events", true},
		{"cordon", "node", `{}`, "patch", "nodes", true},
		{"cordon", "node", `{}`, "list", "pods", false},
		{"uncordon", "node", `{}`, "create", "pods/eviction", false},
		{"pause", "deployment", `{}`, "patch", "deployments", true},
		{"pause", "deployment", `{}`, "get", "persistentvolumeclaims", false},
		{"resume", "", `{}`, "patch", "statefulsets", false},
		{"drain", "node", `{}`, "create", "pods/eviction", true},
		{"drain", "node", `{"force":true}`, "delete", "pods", false},
		{"scale", "deployment", `{"replicas":3}`, "patch", "deployments", true},
		{"scale", "deployment", `{"replicas":3}`, "patch", "statefulsets", false},
		{"scale", "deployment", `{"replicas":3}`, "patch", "deployments/scale", false},
		{"scale", "owner", `{"restore":true}`, "patch", "statefulsets", true},
		{"scale", "owner", `{"restore":true}`, "patch", "daemonsets", false},
		{"scale", "statefulset", `{"restore":true}`, "list", "horizontalpodautoscalers", true},
	} {
		rules := MergeRules(kinds[tc.kind].rules(tc.target, []byte(tc.args))...)
		if may(rules, tc.verb, tc.resource) != tc.want {
			t.Errorf("%s of a %s with %s: %s %s = %v, want %v", tc.kind, tc.target, tc.args, tc.verb, tc.resource, !tc.want, tc.want)
		}
		for _, r := range rules {
			for _, v := range r.Verbs {
				if !slices.Contains([]string{"get", "list", "create", "patch", "delete"}, v) {
					t.Errorf("%s needs verb %q", tc.kind, v)
				}
			}
		}
	}
}

// writeVerbs are the permissions that writes need, by their operation.
var writeVerbs = map[string]string{"CREATE": "create", "UPDATE": "patch", "DELETE": "delete"}

// What a kind may send is what its permissions allow to write, no more and no
// less: a fence that lacked one of them would stop the act, and one too many
// would be a hole.
func TestWritesAreWhatTheRulesAllow(t *testing.T) {
	for _, k := range Kinds() {
		for _, target := range append(slices.Clone(k.Targets), "") {
			for _, args := range []string{`{}`, `{"bypass_pdb":true}`, `{"replicas":3}`, `{"restore":true}`, toMaintenance, aFlag, aBudget} {
				if Validate(k.Name, json.RawMessage(args)) != nil {
					continue
				}
				var sent, allowed []string
				for _, w := range k.Writes(target, json.RawMessage(args)) {
					if w.Doc == "" || w.Named == "" && w.Where == "" || w.As == "" {
						t.Errorf("%s of %q with %s: the fence's words are missing: %+v", k.Name, target, args, w)
					}
					sent = append(sent, writeVerbs[w.Operation]+" "+w.Group+"/"+w.Resource)
				}
				for _, r := range k.Rules(target, json.RawMessage(args)) {
					for _, verb := range r.Verbs {
						for _, resource := range r.Resources {
							if verb != "get" && verb != "list" {
								allowed = append(allowed, verb+" "+r.APIGroups[0]+"/"+resource)
							}
						}
					}
				}
				for _, s := range []*[]string{&sent, &allowed} {
					slices.Sort(*s)
					*s = slices.Compact(*s)
				}
				if len(sent) == 0 || !slices.Equal(sent, allowed) {
					t.Errorf("%s of %q with %s sends %q, and its rules allow %q", k.Name, target, args, sent, allowed)
				}
			}
		}
	}
}
