package action

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/args"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

// largestManifest in bytes, with what was there before: all of it stands in the
// fence, several times.
const largestManifest = 8 << 10

// manifest is what an apply is about. It is of a kind of which an admission
// policy can say all that is changed: one map of texts of an object that is
// there, or a whole object that is not there yet.
type manifest struct {
	appliable
	name string
	sets map[string]string // of what is changed
	from map[string]string // what is there before
	spec any               // of what is made, as JSON knows it
}

// appliable is one kind of object that can be applied.
type appliable struct {
	apiVersion, kind string
	group, resource  string
	part             string // what is changed; "" where it is made
	read             func(raw []byte, from map[string]string) (*manifest, error)
}

var appliables = []appliable{
	{"v1", "ConfigMap", "", "configmaps", "data", readConfigMap},
	{"v1", "Service", "", "services", "selector", readService},
	{"networking.k8s.io/v1", "NetworkPolicy", "networking.k8s.io", "networkpolicies", "", readNetworkPolicy},
	{"policy/v1", "PodDisruptionBudget", "policy", "poddisruptionbudgets", "", readBudget},
}

// Manifests hold what may be written, and nothing else.
type (
	metadata struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace,omitempty"`
	}
	manifestData struct {
		APIVersion string            `json:"apiVersion"`
		Kind       string            `json:"kind"`
		Metadata   metadata          `json:"metadata"`
		Data       map[string]string `json:"data"`
	}
	manifestSpec[S any] struct {
		APIVersion string   `json:"apiVersion"`
		Kind       string   `json:"kind"`
		Metadata   metadata `json:"metadata"`
		Spec       S        `json:"spec"`
	}
	serviceSpec struct {
		Selector map[string]string `json:"selector"`
	}
)

// manifestOf reads the manifest in the arguments of apply and unapply.
func manifestOf(raw json.RawMessage) (*manifest, error) {
	a, err := parse[apply](raw)
	if err != nil {
		return nil, err
	}
	return a.(*apply).read()
}

func (a *apply) read() (*manifest, error) {
	if len(a.Manifest) == 0 {
		return nil, errors.New(`"manifest" is missing: want an object as kubectl apply takes it`)
	}
	i := slices.IndexFunc(appliables, func(k appliable) bool {
		return a.Manifest["apiVersion"] == k.apiVersion && a.Manifest["kind"] == k.kind
	})
	if i < 0 {
		return nil, fmt.Errorf(`"kind": %.60q of %.60q cannot be applied: want %s. Anything else a Job does that has a ServiceAccount of its own: job`,
			fmt.Sprint(a.Manifest["kind"]), fmt.Sprint(a.Manifest["apiVersion"]), appliableKinds())
	}
	raw, err := json.Marshal([]any{a.Manifest, a.From})
	if err != nil {
		return nil, err
	}
	if len(raw) > largestManifest {
		return nil, fmt.Errorf(`"manifest" has %d bytes with what was there before: want %d at most, for all of it stands in the fence`, len(raw), largestManifest)
	}
	if args.Sample(string(raw)) != string(raw) {
		return nil, errors.New(`"manifest": an alert does not choose what is applied: write it out, without $label`)
	}
	raw, err = json.Marshal(a.Manifest)
	if err != nil {
		return nil, err
	}
	m, err := appliables[i].read(raw, a.From)
	if err != nil {
		return nil, err
	}
	m.appliable, m.from = appliables[i], a.From
	return m, nil
}

func appliableKinds() string {
	var out []string
	for _, k := range appliables {
		part := ""
		if k.part != "" {
			part = ", its " + k.part
		}
		out = append(out, fmt.Sprintf("%s (%s%s)", k.kind, k.apiVersion, part))
	}
	return strings.Join(out, ", ")
}

// named checks who the manifest is about.
func (m metadata) named() (*manifest, error) {
	switch {
	case m.Name == "":
		return nil, errors.New(`"metadata" has no name: say which object it is`)
	case m.Namespace != "":
		return nil, errors.New(`"namespace": it is applied in the namespace of the target: leave it out`)
	case strings.HasPrefix(m.Name, kube.Manager+"-"):
		return nil, fmt.Errorf(`"name": %q is for what we make ourselves: choose another name`, m.Name)
	}
	if err := remediate.CheckName(m.Name); err != nil {
		return nil, fmt.Errorf(`"name": %w`, err)
	}
	return &manifest{name: m.Name}, nil
}

// plain is a value as JSON knows it.
func plain(from any) (out any, err error) {
	b, err := json.Marshal(from)
	if err != nil {
		return nil, err
	}
	return out, json.Unmarshal(b, &out)
}

// isMade tells whether the object is made, and deleted, and never changed.
func (k *appliable) isMade() bool { return k.part == "" }

// isWhole tells whether what is changed is changed as a whole.
func (k *appliable) isWhole() bool { return k.part == "selector" }

// called is what people call the object.
func (m *manifest) called() string { return m.kind + " " + m.name }

// String names what it is about: the selector of the Service shop.
func (m *manifest) String() string {
	if m.isMade() {
		return m.called()
	}
	return fmt.Sprintf("the %s of the %s", m.part, m.called())
}

// inWords are texts by their keys, as people read them.
func inWords(texts map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(texts)) {
		value := texts[k]
		if len(value) > 60 || strings.ContainsAny(value, " ,\n") {
			value = fmt.Sprintf("%.60q", value)
		}
		out = append(out, k+"="+value)
	}
	if len(out) == 0 {
		return "nothing"
	}
	return strings.Join(out, ",")
}
