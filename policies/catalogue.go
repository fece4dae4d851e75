package policies

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Catalogue is what can be done and asked. It is given by whoever wires the
// daemon, since the kinds are implemented by packages that are not known here.
// Action and Probe say why a kind cannot be used with these arguments, nil when
// it can. The arguments are canonical JSON; $label stands in them as written
// and takes the label's value only when an alert is at hand. No field may be nil.
type Catalogue struct {
	Actions []string // every known kind of action
	Probes  []string // every known kind of probe
	Action  func(kind string, args json.RawMessage) error
	Probe   func(kind string, args json.RawMessage) error
	// Queries returns the PromQL in the arguments of a probe, none when it does
	// not need Prometheus.
	Queries func(kind string, args json.RawMessage) []string
	// Judge tells whether a probe with these arguments, as they are filled in, is
	// well when PromQL has this value, and what is said of it.
	Judge func(kind string, args json.RawMessage, value float64) (ok bool, text string)
	// Targets returns the kinds of objects that an action can be done to, once
	// the owner of a pod was found.
	Targets func(action string) []string
	// Elsewhere returns the namespace in which an action does something beside
	// what it does to its target, "" for none.
	Elsewhere func(action string, args json.RawMessage) string
	// Names returns the name server, and which name's records an action changes
	// there, "" for none.
	Names func(action string, args json.RawMessage) (server, name string)
	// Destructive tells whether an action ends something whose traces end with
	// it, so that what there is to be seen must be kept before.
	Destructive func(action string) bool
	// Stops tells whether an action with these arguments leaves nothing running:
	// somebody must approve that.
	Stops func(action string, args json.RawMessage) bool
	// Silences returns the matchers of the alerts that an action with these
	// arguments silences, none when it silences nothing.
	Silences func(action string, args json.RawMessage) []string
}

// half is the half of the catalogue that may be used in one place, and what is
// needed to say that a word of the other half does not belong there.
type half struct {
	noun, other string
	known       []string
	others      []string
	elsewhere   string // where the other half's kinds belong
	check       func(kind string, args json.RawMessage) error
}

func (c Catalogue) actions() half {
	return half{"action", "probe", c.Actions, c.Probes, `under "verify"`, c.Action}
}

func (c Catalogue) probes() half {
	return half{"probe", "action", c.Probes, c.Actions, `under "do"`, c.Probe}
}

// use is one use of a kind: {restart: {}}.
type use struct {
	kind string
	args json.RawMessage
	at   value // where its arguments stand
	name value // where its kind stands
	// target is one that it names for itself, as it is written.
	target string
}

// use reads {kind: arguments} and has the catalogue check it. Keys that may
// stand beside the kind are read by their fields.
func (r *policyReader) use(v value, h half, w *written, beside fields) (use, bool) {
	target := ""
	beside["target"] = func(v value) { target = r.readTarget(v, w) }
	key, at, ok := v.only(beside)
	if !ok {
		kind := "kind"
		if slices.Contains(h.known, v.node.Value) {
			kind = v.node.Value
		}
		v.fail(fmt.Sprintf("want one %s here", h.noun), fmt.Sprintf("write {%s: {}}, one for each item of the list", kind))
		return use{}, false
	}
	kind := key.node.Value
	if !slices.Contains(h.known, kind) {
		key.fail(fmt.Sprintf("unknown %s %q", h.noun, kind), h.hint(kind))
		return use{}, false
	}
	args, ok := r.arguments(at, kind)
	if !ok {
		return use{}, false
	}
	if err := h.check(kind, args); err != nil {
		at.blamed(err.Error(), key).fail(fmt.Sprintf("%s %s: %v", h.noun, kind, err), "")
		return use{}, false
	}
	return use{kind, args, at, key, target}, true
}

func (h half) hint(kind string) string {
	if slices.Contains(h.others, kind) {
		return fmt.Sprintf("%s is a kind of %s: it belongs %s", kind, h.other, h.elsewhere)
	}
	return suggest(kind, h.known)
}

// arguments returns the canonical JSON of a kind's arguments. The shorthand
// $target is the empty object: the policy's target goes with every question
// and every act anyway.
func (r *policyReader) arguments(v value, kind string) (json.RawMessage, bool) {
	if v.node.Kind == yaml.ScalarNode && v.node.Value == "$target" {
		return json.RawMessage("{}"), true
	}
	if v.node.Kind != yaml.MappingNode {
		v.fail(fmt.Sprintf("%s: want its arguments as {name: value}", kind),
			fmt.Sprintf("without arguments write {%s: {}}, for the policy's target also {%s: $target}", kind, kind))
		return nil, false
	}
	if v.hasSecret() {
		return nil, false // said by checkPlainYAML
	}
	plain, ok := v.plain()
	if !ok {
		return nil, false
	}
	r.resolveFiles(v, plain)
	b, err := json.Marshal(plain)
	if err != nil {
		v.fail(fmt.Sprintf("%s: the arguments cannot be written as JSON: %v", kind, err), "")
		return nil, false
	}
	return b, true
}

// namesFile tells whether an argument is the path of a file or a folder.
func namesFile(argument string) bool {
	return argument == "dir" || strings.HasSuffix(argument, "_file") || strings.HasSuffix(argument, "_dir")
}

// resolveFiles makes the paths in arguments relative to the folder of the
// configuration. plain is what v reads as.
func (r *policyReader) resolveFiles(v value, plain any) {
	args, ok := plain.(map[string]any)
	if !ok {
		return
	}
	for i := range len(v.node.Content) / 2 {
		key, child := v.pair(i)
		name := key.node.Value
		if path, ok := args[name].(string); ok && path != "" && namesFile(name) {
			args[name] = r.resolve(path)
			r.confineFile(child, r.resolve(path))
		}
		r.resolveFiles(child, args[name])
	}
}

// confineFile sees to it that a team's policies name files of the team only:
// the daemon can read the secrets of all, and would hand them to a probe.
func (r *policyReader) confineFile(v value, path string) {
	if len(r.namespaces) == 0 {
		return
	}
	own := r.resolve(filepath.Dir(v.doc.source))
	if beside, err := filepath.Rel(own, path); err != nil || !filepath.IsLocal(beside) {
		v.fail("these policies may only name files beside them", "put the file into "+filepath.Dir(v.doc.name))
	}
}

// blamed returns the key that a message names in quotes, otherwise whole.
func (v value) blamed(message string, whole value) value {
	if v.node.Kind != yaml.MappingNode {
		return whole
	}
	for i := range len(v.node.Content) / 2 {
		key, child := v.pair(i)
		if strings.Contains(message, `"`+key.node.Value+`"`) {
			return key
		}
		if found := child.blamed(message, whole); found.node != whole.node {
			return found
		}
	}
	return whole
}
