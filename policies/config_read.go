package policies

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// configReader reads remediated.yml into a Config.
type configReader struct {
	folder
	config Config
	groups []value // where each of the groups is written
	// rungs are the places where a runbook of the file tells somebody, checked
	// when it is known whom PagerDuty can page.
	rungs    []rungRead
	watchdog value // where its matchers stand
}

func newConfigReader(dir folder) *configReader {
	return &configReader{folder: dir}
}

// read reads the configuration. The Config is only of use when the value's
// document has no errors.
func (r *configReader) read(v value) {
	if v.holdsPolicies() {
		v.fail("this is a file of policies, and not a configuration", "name the configuration that has it among its policies, for example remediated.yml with policies: [{files: [policies/*.yaml]}]")
		return
	}
	c := &r.config
	c.ReplicaLabels = remediate.DefaultReplicaLabels()
	c.Runbooks = remediate.DefaultRunbooks()
	c.Storm = defaultStorm()
	c.Digests = remediate.DefaultDigests()
	var notify, clusters value
	ok := v.object("the configuration", fields{
		"cluster":        func(v value) { c.Cluster = v.label("the cluster's name") },
		"policies":       func(v value) { v.list("groups of files", r.group) },
		"alertmanagers":  func(v value) { v.list("Alertmanagers", r.alertmanager) },
		"prometheus":     func(v value) { c.Prometheus = r.endpoint(v) },
		"clusters":       func(v value) { clusters = v; v.list("clusters", r.cluster) },
		"name_servers":   func(v value) { v.list("name servers", r.nameServer) },
		"people":         func(v value) { v.list("people", r.person) },
		"trusted_proxy":  func(v value) { c.Proxy = v.trustedProxy() },
		"notify":         func(v value) { notify = v; r.notify(v) },
		"runbooks":       func(v value) { r.rungs = v.runbooks(r.config.Runbooks) },
		"watchdog":       func(v value) { c.Watchdog, r.watchdog = v.watchdog() },
		"heartbeat":      func(v value) { c.Heartbeat = r.heartbeat(v) },
		"digests":        func(v value) { c.Digests = v.digests() },
		"demote":         func(v value) { c.Demote = v.demote() },
		"replica_labels": func(v value) { c.ReplicaLabels = v.labelNames("replica labels") },
		"guards": func(v value) {
			v.object("guards of all policies", fields{
				"budget": func(v value) { c.Budget = v.budget() },
				"storm":  func(v value) { c.Storm = v.storm() },
			})
		},
	}, "cluster", "policies", "alertmanagers")
	if ok {
		r.checkClusters(clusters)
		r.checkRungs(v, notify)
	}
}

// holdsPolicies tells whether there are policies themselves where a configuration
// says in which files they are.
func (v value) holdsPolicies() bool {
	for i := range len(v.node.Content) / 2 {
		key, child := v.pair(i)
		if key.node.Value == "policies" && slices.ContainsFunc(child.items(), func(p value) bool { return p.has("when") && !p.has("files") }) {
			return true
		}
	}
	return false
}

// label reads a name that becomes part of identities and paths: what a
// Kubernetes label may be, without dots.
func (v value) label(what string) string {
	s, ok := v.text(what)
	if !ok {
		return ""
	}
	if strings.Contains(s, ".") || len(s) > 63 || remediate.CheckName(s) != nil {
		v.fail(fmt.Sprintf("%s cannot be %q", what, s), "want lower case letters, digits and '-', at most 63, beginning and ending with a letter or digit")
		return ""
	}
	return s
}

// labelNames reads names of alert labels.
func (v value) labelNames(what string) []string {
	out := v.texts(what)
	for _, item := range v.items() {
		item.checkLabelName()
	}
	return out
}

// labelName reads the name of one label.
func (v value) labelName() string {
	s, _ := v.text("the name of a label")
	v.checkLabelName()
	return s
}

func (v value) checkLabelName() {
	if name := v.node.Value; name != "" && !model.LegacyValidation.IsValidLabelName(name) {
		v.fail(fmt.Sprintf("%q is not the name of a label", name), "want letters, digits and '_', not beginning with a digit")
	}
}

func (v value) file(dir folder) string {
	s, ok := v.text("the path of a file")
	if !ok {
		return ""
	}
	return dir.resolve(s)
}

func (r *configReader) group(v value) {
	var g Group
	v.object("a group of policies", fields{
		"files": func(v value) {
			for _, pattern := range v.texts("files") {
				if _, err := filepath.Match(pattern, ""); err != nil {
					v.fail(fmt.Sprintf("%q is not a pattern for files", pattern), "write for example policies/*.yaml")
					continue
				}
				g.Files = append(g.Files, pattern)
			}
		},
		"namespaces": func(v value) {
			v.list("namespaces", func(v value) { g.Namespaces = append(g.Namespaces, v.label("a namespace")) })
		},
	}, "files")
	r.groups = append(r.groups, v)
	r.config.Groups = append(r.config.Groups, g)
}

func (r *configReader) alertmanager(v value) {
	if e := r.endpoint(v); e != nil {
		r.config.Alertmanagers = append(r.config.Alertmanagers, *e)
	}
}

func (r *configReader) cluster(v value) {
	var c Cluster
	v.object("a cluster", fields{
		"name":       func(v value) { c.Name = v.label("the cluster's name") },
		"kubeconfig": func(v value) { c.Kubeconfig = v.optional(func(v value) string { return v.file(r.folder) }) },
		"context":    func(v value) { c.Context = v.optional(func(v value) string { s, _ := v.text("a context"); return s }) },
	}, "name")
	if slices.ContainsFunc(r.config.Clusters, func(o Cluster) bool { return o.Name == c.Name }) {
		v.fail(fmt.Sprintf("two clusters are called %q", c.Name), "rename one of them")
	}
	r.config.Clusters = append(r.config.Clusters, c)
}

// optional reads a text that may be written as "".
func (v value) optional(read func(value) string) string {
	if v.isText() && v.node.Value == "" {
		return ""
	}
	return read(v)
}

// checkClusters sees to it that the cluster that policies act on can be reached.
func (r *configReader) checkClusters(at value) {
	c := &r.config
	if at.node == nil {
		c.Clusters = []Cluster{{Name: c.Cluster}}
		return
	}
	if c.Cluster == "" {
		return // said already
	}
	found := false
	for i, k := range c.Clusters {
		found = found || k.Name == c.Cluster
		if slices.Contains(remediate.TargetKinds, k.Name) {
			at.items()[i].fail(fmt.Sprintf("a cluster cannot be called %q: targets begin with it, or with their kind", k.Name), "rename it")
		}
	}
	if !found {
		at.fail(fmt.Sprintf("none of the clusters is called %q, which is where policies act that name no other", c.Cluster), "let one of the names be the same as cluster")
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
