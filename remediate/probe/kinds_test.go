package probe

import (
	"encoding/json"
	"fmt"
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

		{"dns", `{"name":"${host}.example.com","equals":["$ip"]}`, ""},
		{"node", `{"name":"$node"}`, ""},
		{"pvc", `{"name":"data-${pod}"}`, ""},
		{"tcp", `{"address":"$instance:25"}`, ""},
		{"tcp", `{"address":"[::1]:25","allow_loopback":true}`, ""},
		{"http", `{"url":"http://localhost:8080/$path","allow_loopback":true}`, ""},
		{"redis", `{"address":"127.0.0.1:6379","allow_loopback":true}`, ""},
		{"dns", `{"name":"a","server":"127.0.0.53","allow_loopback":true}`, ""},
		{"backup", `{"max_age":"25h","dir":"/b","pattern":"db-$namespace-*"}`, ""},
		{"backup", `{"max_age":"25h","query":"max(t)"}`, ""},
		{"backup", `{"max_age":"25h","s3":{"endpoint":"https://s3.example","bucket":"b-1","prefix":"$namespace/","credentials_file":"/c"},"pattern":"*-$job.dump"}`, ""},
		{"backup", `{"max_age":"25h","s3":{"endpoint":"http://192.0.2.7:9000/","bucket":"b-1","path_style":true,"credentials_file":"/c"},"pattern":"*"}`, ""},
		{"postgres", `{"dsn_file":"/d","newest":{"table":"shop.$table","column":"at","max_age":"5m"}}`, ""},

		{"reach", `{"series":"up{namespace=\"$namespace\", pod=~'web-.*',}","from":"pod","to":"peer"}`, ""},
		{"reach", `{"series":"up","from":"from","to":"to","members":["$zone","b"],"max_age":"10s"}`, ""},

		{"ping", `{}`, `no probe "ping"; there is backup, cluster, control_plane, dns, evidence`},
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
		{"postgres", `{"dsn_file":"/d","replication_lag":{}}`, `"max" is missing`},
		{"postgres", `{"dsn_file":"/d","replication_lag":{"max":30}}`, `there is dsn_file, query, replication_lag {max, standby}, newest {table, column, max_age}`},
		{"postgres", `{"dsn_file":"/d","newest":{"column":"at","max_age":"5m"}}`, `"table" is missing`},
		{"postgres", `{"dsn_file":"/d","newest":{"table":"t","column":"at"}}`, `"max_age" is missing`},
		{"postgres", `{"dsn_file":"/d","newest":{"table":"a.b.c","column":"at","max_age":"5m"}}`, `"table" "a.b.c": want a plain name`},
		{"postgres", `{"dsn_file":"/d","newest":{"table":"t; DROP TABLE t","column":"at","max_age":"5m"}}`, `"table"`},
		{"postgres", `{"dsn_file":"/d","newest":{"table":"t","column":"a\"t","max_age":"5m"}}`, `"column"`},
		{"postgres", `{"dsn_file":"/d","newest":{"table":"t","column":"t.at","max_age":"5m"}}`, `"column"`},
		{"postgres", `{"dsn_file":"/d","rows":{"table":"t"}}`, `want "min", or "of_known"`},
		{"postgres", `{"dsn_file":"/d","rows":{"table":"t","min":-1}}`, `"min" is -1`},
		{"postgres", `{"dsn_file":"/d","rows":{"table":"t","min":1,"of_known":0.9}}`, `"min" cannot stand beside`},
		{"postgres", `{"dsn_file":"/d","rows":{"table":"t","of_known":99,"known":"n"}}`, `"of_known" is 99`},
		{"postgres", `{"dsn_file":"/d","rows":{"table":"t","of_known":0.9}}`, `"known" is missing`},
		{"redis", `{"address":":6379"}`, `want host:port`},
		{"redis", `{"address":"c:1","replication":{}}`, `"max_lag" is missing`},
		{"redis", `{"address":"c:1","replication":{"max_lag":"10s","replicas":0}}`, `"replicas" is 0`},
		{"redis", `{"address":"c:1","memory":{"max":80}}`, `"max" is 80`},
		{"redis", `{"address":"c:1","memory":{}}`, `"max" is 0`},
		{"http", `{"url":"http://x/","certificate":{"valid_for":"168h"}}`, `want an https://`},
		{"http", `{"url":"https://x/","certificate":{}}`, `"certificate": want "valid_for"`},
		{"http", `{"url":"https://x/","certificate":{"issued_within":"0s"}}`, `or "issued_within"`},
		{"http", `{"url":"http://x/","certificate":{"issued_within":"2h"}}`, `want an https://`},
		{"http", `{"url":"https://x/","ca_file":"/$x"}`, `must not depend on a label`},
		{"http", `{"url":"http://x/","json":{"equals":1}}`, `"path" is missing`},
		{"http", `{"url":"http://x/","json":{"path":"a..b","equals":1}}`, `"path" "a..b"`},
		{"http", `{"url":"http://x/","json":{"path":"a"}}`, `want "equals", "min" or "max"`},
		{"http", `{"url":"http://x/","json":{"path":"a","equals":1,"max":2}}`, `"equals" cannot stand beside`},
		{"http", `{"url":"http://x/","json":{"path":"a","equals":[1]}}`, `"equals": want a text`},
		{"http", `{"url":"http://x/","json":{"path":"a","min":2,"max":1}}`, `"min" 2 is more than "max" 1`},
		{"dns", `{}`, `"name" is missing`},
		{"dns", `{"name":"a..b"}`, `"name" "a..b"`},
		{"dns", `{"name":"a b"}`, `"name" "a b"`},
		{"dns", `{"name":"a","type":"MX"}`, `"type" "MX": want A, AAAA or CNAME`},
		{"dns", `{"name":"a","equals":["1.2.3.4"],"any":["1.2.3.4"]}`, `cannot stand beside`},
		{"dns", `{"name":"a","equals":[]}`, `"equals" is empty`},
		{"dns", `{"name":"a","any":[]}`, `"any" is empty`},
		{"dns", `{"name":"a","equals":["::1"]}`, `"equals": "::1" is not an address of type A`},
		{"dns", `{"name":"a","type":"AAAA","any":["b.example"]}`, `"any": "b.example" is not an address of type AAAA`},
		{"dns", `{"name":"a","type":"CNAME","any":[""]}`, `is not a name`},
		{"tcp", `{}`, `"address" is missing`},
		{"tcp", `{"address":"mail"}`, `want host:port`},
		{"tcp", `{"address":"127.0.0.1:25"}`, `this machine's own address; say allow_loopback: true`},
		{"tcp", `{"address":"169.254.169.254:80","allow_loopback":true}`, `"address": 169.254.169.254 is not dialled: it is link-local`},
		{"tcp", `{"address":"$instance:25","allow_loopback":true}`, `a label chooses which host`},
		{"tcp", `{"address":"[fe80::1%eth0]:25"}`, `an address with a zone`},
		{"redis", `{"address":"[::1]:6379"}`, `say allow_loopback: true`},
		{"redis", `{"address":"0x7f.1:6379"}`, `a number`},
		{"dns", `{"name":"a","server":"[::ffff:127.0.0.1]:53"}`, `say allow_loopback: true`},
		{"dns", `{"name":"a","server":"169.254.169.253"}`, `link-local`},
		{"http", `{"url":"http://127.0.0.1:8080/"}`, `"url": 127.0.0.1 is not dialled: it is this machine's own address; say allow_loopback: true`},
		{"http", `{"url":"http://[64:ff9b::a9fe:a9fe]/"}`, `another form of 169.254.169.254`},
		{"http", `{"url":"http://2852039166/"}`, `a number`},
		{"http", `{"url":"http://$host/","allow_loopback":true}`, `a label chooses which host`},
		{"node", `{}`, `"name" is missing`},
		{"node", `{"name":"Worker_1"}`, `"name": "Worker_1" is not a Kubernetes name`},
		{"pvc", `{}`, `"name" is missing`},
		{"control_plane", `{"nodes":true}`, `no argument to give`},
		{"backup", `{"dir":"/b","pattern":"*"}`, `"max_age" is missing`},
		{"backup", `{"max_age":"25h"}`, `want one of "dir", "s3", "cron_job" and "query"`},
		{"backup", `{"max_age":"25h","dir":"/b","pattern":"*","query":"t"}`, `want one of "dir"`},
		{"backup", `{"max_age":"25h","dir":"/b"}`, `"pattern" is missing`},
		{"backup", `{"max_age":"25h","dir":"/$b","pattern":"*"}`, `must not depend on a label`},
		{"backup", `{"max_age":"25h","dir":"/b","pattern":"../*"}`, `want names without a folder`},
		{"backup", `{"max_age":"25h","dir":"/b","pattern":"["}`, `"pattern" "["`},
		{"backup", `{"max_age":"25h","dir":"/b","pattern":"*","min_size":"much"}`, `"much" is not a size`},
		{"backup", `{"max_age":"25h","dir":"/b","pattern":"*","min_size":"-1"}`, `"-1" is not a size`},
		{"backup", `{"max_age":"25h","dir":"/b","pattern":"*","min_share_of_previous":-1}`, `"min_share_of_previous" is -1`},
		{"backup", `{"max_age":"25h","cron_job":"b","checksum":true}`, `they want "dir" or "s3"`},
		{"backup", `{"max_age":"25h","s3":{"endpoint":"https://s3.example","bucket":"b-1","credentials_file":"/c"}}`, `"pattern" is missing`},
		{"backup", `{"max_age":"25h","s3":{"endpoint":"https://s3.example","bucket":"b-1","credentials_file":"/c"},"pattern":"*","dir":"/b"}`, `want one of "dir", "s3"`},
		{"backup", `{"max_age":"25h","s3":{"bucket":"b-1","credentials_file":"/c"},"pattern":"*"}`, `"endpoint" is missing`},
		{"backup", `{"max_age":"25h","s3":{"endpoint":"https://$host","bucket":"b-1","credentials_file":"/c"},"pattern":"*"}`, `must not depend on a label`},
		{"backup", `{"max_age":"25h","s3":{"endpoint":"s3.example","bucket":"b-1","credentials_file":"/c"},"pattern":"*"}`, `"endpoint" "s3.example": want https://host`},
		{"backup", `{"max_age":"25h","s3":{"endpoint":"https://s3.example/b-1","bucket":"b-1","credentials_file":"/c"},"pattern":"*"}`, `want https://host`},
		{"backup", `{"max_age":"25h","s3":{"endpoint":"https://u:p@s3.example","bucket":"b-1","credentials_file":"/c"},"pattern":"*"}`, `must not carry a user`},
		{"backup", `{"max_age":"25h","s3":{"endpoint":"https://169.254.169.254","bucket":"b-1","credentials_file":"/c"},"pattern":"*"}`, `link-local`},
		{"backup", `{"max_age":"25h","s3":{"endpoint":"http://127.0.0.1:9000","bucket":"b-1","credentials_file":"/c"},"pattern":"*"}`, `own address`},
		{"backup", `{"max_age":"25h","s3":{"endpoint":"http://0x7f.1","bucket":"b-1","credentials_file":"/c"},"pattern":"*"}`, `may stand for any address`},
		{"backup", `{"max_age":"25h","s3":{"endpoint":"http://192.0.2.7","bucket":"b-1","credentials_file":"/c"},"pattern":"*"}`, `add path_style: true`},
		{"backup", `{"max_age":"25h","s3":{"endpoint":"http://\u007f","bucket":"b-1","credentials_file":"/c"},"pattern":"*"}`, `cannot be read as a URL`},
		{"backup", `{"max_age":"25h","s3":{"endpoint":"https://s3.example","credentials_file":"/c"},"pattern":"*"}`, `"bucket" is missing`},
		{"backup", `{"max_age":"25h","s3":{"endpoint":"https://s3.example","bucket":"$b","credentials_file":"/c"},"pattern":"*"}`, `"bucket" "$b": want`},
		{"backup", `{"max_age":"25h","s3":{"endpoint":"https://s3.example","bucket":"B","credentials_file":"/c"},"pattern":"*"}`, `"bucket" "B": want`},
		{"backup", `{"max_age":"25h","s3":{"endpoint":"https://s3.example","bucket":"a..b","credentials_file":"/c"},"pattern":"*"}`, `"bucket" "a..b": want`},
		{"backup", `{"max_age":"25h","s3":{"endpoint":"https://s3.example","bucket":"a/b","credentials_file":"/c"},"pattern":"*"}`, `"bucket" "a/b": want`},
		{"backup", `{"max_age":"25h","s3":{"endpoint":"https://s3.example","bucket":"b-1"},"pattern":"*"}`, `"credentials_file" is missing`},
		{"backup", `{"max_age":"25h","s3":{"endpoint":"https://s3.example","bucket":"b-1","credentials_file":"/$c"},"pattern":"*"}`, `"credentials_file": which file is read must not depend on a label`},
		{"backup", `{"max_age":"25h","s3":{"endpoint":"https://s3.example","bucket":"b-1","credentials_file":"/c","ca_file":"/$c"},"pattern":"*"}`, `"ca_file": which file`},
		{"backup", `{"max_age":"25h","s3":{"endpoint":"https://s3.example","bucket":"b-1","credentials_file":"/c","region":"eu/1"},"pattern":"*"}`, `"region" "eu/1"`},
		{"backup", `{"max_age":"25h","cron_job":"B"}`, `"cron_job": "B" is not a Kubernetes name`},
		{"reach", `{}`, `"series" is missing`},
		{"reach", `{"series":"up == 1","from":"a","to":"b"}`, `so record it by a rule`},
		{"reach", `{"series":"max(up)","from":"a","to":"b"}`, `want a name with matchers`},
		{"reach", `{"series":"{job=\"mesh\"}","from":"a","to":"b"}`, `want a name with matchers`},
		{"reach", `{"series":"up{job=\"mesh\"} or vector(1)","from":"a","to":"b"}`, `want a name with matchers`},
		{"reach", `{"series":"up{job=\"me\"sh\"}","from":"a","to":"b"}`, `want a name with matchers`},
		{"reach", `{"series":"up[1m]","from":"a","to":"b"}`, `want a name with matchers`},
		{"reach", `{"series":"up","to":"b"}`, `"from" is missing`},
		{"reach", `{"series":"up","from":"a"}`, `"to" is missing`},
		{"reach", `{"series":"up","from":"a","to":"a"}`, `"from" and "to" are both "a"`},
		{"reach", `{"series":"up","from":"a","to":"b c"}`, `"to" "b c" is no name of a label`},
		{"reach", `{"series":"up","from":"a","to":"b","max_age":"1ms"}`, `"max_age" is 1ms: want at least 1s`},
		{"reach", `{"series":"up","from":"a","to":"b","members":[]}`, `"members": 0 is too few`},
		{"reach", `{"series":"up","from":"a","to":"b","members":["x"]}`, `"members": 1 is too few`},
		{"reach", `{"series":"up","from":"a","to":"b","members":["x",""]}`, `"members" has an empty name`},
		{"reach", `{"series":"up","from":"a","to":"b","members":["x","y","x"]}`, `x and x are both called x`},
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

// Who reads a policy must know what it cannot do without.
func TestQueries(t *testing.T) {
	for args, want := range map[string]string{
		`promql {"query":"up"}`:                                                    "up",
		`backup {"max_age":"1h","query":"t"}`:                                      "t",
		`backup {"max_age":"1h","cron_job":"b"}`:                                   "",
		`postgres {"dsn_file":"/d"}`:                                               "",
		`postgres {"dsn_file":"/d","rows":{"table":"t","min":1}}`:                  "",
		`postgres {"dsn_file":"/d","rows":{"table":"t","of_known":1,"known":"n"}}`: "n",
		`reach {"series":"peer_up","from":"pod","to":"peer"}`:                      "peer_up",
		`promql {}`:  "",
		`rollout {}`: "",
		`nothing {}`: "",
	} {
		kind, args, _ := strings.Cut(args, " ")
		if got := Queries(kind, json.RawMessage(args)); strings.Join(got, "; ") != want {
			t.Errorf("%s %s: %q", kind, args, got)
		}
	}
}

// A value is held against the bounds that the arguments have.
func TestJudge(t *testing.T) {
	for args, want := range map[string]string{
		`promql {"query":"up","equals":0}`:      "false: 3, want 0",
		`promql {"query":"up","equals":3}`:      "true: 3, want 3",
		`promql {"query":"up","min":4}`:         "false: 3, want at least 4",
		`promql {"query":"up","max":2.5}`:       "false: 3, want at most 2.5",
		`promql {"query":"up","min":1,"max":3}`: "true: 3, want 1 to 3",
		`promql {"query":"up"}`:                 "true: 3",
		`promql {"query":"up","min":"x"}`:       "true: 3", // what cannot be read was refused before
		`rollout {}`:                            "true: 3",
		`nothing {}`:                            "true: 3",
	} {
		kind, args, _ := strings.Cut(args, " ")
		ok, text := Judge(kind, json.RawMessage(args), 3)
		if got := fmt.Sprintf("%v: %s", ok, text); got != want {
			t.Errorf("%s %s: %s, want %s", kind, args, got, want)
		}
	}
}

// A name that may be any narrows nothing.
func TestRulesNameTheirObject(t *testing.T) {
	for kind, args := range map[string]string{"pvc": `{"name":"NAME"}`, "node": `{"name":"NAME"}`, "backup": `{"max_age":"1h","cron_job":"NAME"}`} {
		for name, want := range map[string][]string{"db": {"db"}, "$pod": nil, "data-${pod}": nil} {
			rules := kinds[kind].rules("", json.RawMessage(strings.Replace(args, "NAME", name, 1)))
			if len(rules) != 1 || !slices.Equal(rules[0].ResourceNames, want) {
				t.Errorf("%s of %s: %+v", kind, name, rules)
			}
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
		{"workload", "deployment", `{}`, "get deployments, get persistentvolumeclaims, get namespaces", "list replicasets, list pods, list poddisruptionbudgets, get statefulsets"},
		{"workload", "deployment", `{"for":"rollback"}`, "get deployments, list replicasets", "list pods, get statefulsets"},
		{"workload", "deployment", `{"headroom":true}`, "list pods, list poddisruptionbudgets, get namespaces", "get pods, list namespaces"},
		{"workload", "pod", `{"headroom":true}`, "get pods, list poddisruptionbudgets", "list pods"},
		{"rollout", "deployment", ``, "get deployments", "get namespaces"},
		{"cluster", "", `{}`, "list nodes, get /readyz", "get nodes"},
		{"cluster", "", `{"nodes":true}`, "list nodes", "get /readyz"},
		{"cluster", "", `{"control_plane":true}`, "get /readyz", "list nodes"},
		{"control_plane", "deployment", `{}`, "get /readyz", "list nodes, get deployments"},
		{"node", "deployment", `{"name":"$node"}`, "get nodes", "list nodes, get deployments"},
		{"pvc", "deployment", `{"name":"data"}`, "get persistentvolumeclaims", "list persistentvolumeclaims, get deployments"},
		{"backup", "deployment", `{"max_age":"1h","cron_job":"b"}`, "get cronjobs", "list cronjobs, get jobs, get deployments"},
		{"backup", "deployment", `{"max_age":"1h","query":"b"}`, "", "get cronjobs"},
		{"evidence", "deployment", `{}`, "get deployments, list pods, get pods/log, list events", "get persistentvolumeclaims, get pods, get namespaces, get replicasets"},
		{"evidence", "pod", `{}`, "get pods, get replicasets, get pods/log, list events", "list pods"},
		{"evidence", "", `{}`, "get pods, list pods, get deployments", "get secrets"},
	} {
		rules := kinds[tc.kind].rules(tc.target, json.RawMessage(tc.args))
		for want, list := range map[bool]string{true: tc.may, false: tc.mayNot} {
			for what := range strings.SplitSeq(list, ", ") {
				if what == "" {
					continue
				}
				verb, resource, _ := strings.Cut(what, " ")
				if may(rules, verb, resource) != want {
					t.Errorf("%s of a %q with %s: %s is %v, want %v", tc.kind, tc.target, tc.args, what, !want, want)
				}
			}
		}
	}
}
