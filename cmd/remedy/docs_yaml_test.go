package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/format"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	amconfig "github.com/prometheus/alertmanager/config"
	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/x0tta6bl4/remediated/cmd/internal/catalogue"
	"github.com/x0tta6bl4/remediated/cmd/internal/livedrill"
	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/policies/replay"
)

// kindsOfYAML are what YAML in the documentation may be, known by a key at its top.
var kindsOfYAML = []struct {
	key   string
	amiss func(t *testing.T, text string) error
}{
	{"tests", amissInSuite},
	{"policies", amissInPolicies},
	{"drills", func(_ *testing.T, text string) error {
		_, err := livedrill.Read("drills.yaml", []byte(text))
		return err
	}},
	{"receivers", func(_ *testing.T, text string) error { _, err := amconfig.Load(text); return err }},
	{"alertmanager", amissInStack},
	{"scrape_configs", amissInPrometheus},
	{"apiVersion", amissInObjects},
	{"url", amissInSettings},
	{"only", func(t *testing.T, text string) error { return amissInPolicy(t, "guards", "window:\n"+indented(text)) }},
	{"guards", func(t *testing.T, text string) error { return amissInPolicy(t, "", text) }},
	{"steps", func(t *testing.T, text string) error { return amissInPolicy(t, "steps", text) }},
}

func amissInYAML(t *testing.T, text string) error {
	t.Helper()
	if m := regexp.MustCompile(`^# yaml-language-server: \$schema=(\S+)\s*$`).FindStringSubmatch(text); m != nil {
		_, err := os.Stat("../../docs/schema/" + m[1])
		return err
	}
	margin := text[:len(text)-len(strings.TrimLeft(text, " "))]
	text = regexp.MustCompile("(?m)^"+margin).ReplaceAllString(text, "")
	if strings.HasPrefix(text, "- ") {
		return amissInList(t, text)
	}
	var top map[string]any
	if err := yaml.Unmarshal([]byte(strings.Split(text, "\n---\n")[0]), &top); err != nil {
		return err
	}
	for _, kind := range kindsOfYAML {
		if _, ok := top[kind.key]; ok {
			return kind.amiss(t, text)
		}
	}
	return amissInConfig(t, top)
}

// amissInList reads steps, routes, or what a verification asks.
func amissInList(t *testing.T, text string) error {
	t.Helper()
	var items []map[string]json.RawMessage
	var raw []map[string]any
	if err := yaml.Unmarshal([]byte(text), &raw); err != nil {
		return err
	}
	b, err := json.Marshal(raw)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &items); err != nil {
		return err
	}
	for _, item := range items {
		switch {
		case item["do"] != nil:
			return amissInPolicy(t, "steps", "steps:\n"+indented(text))
		case item["receiver"] != nil:
			_, err := amconfig.Load("route:\n  receiver: remediated\n  routes:\n" + indented(indented(text)) + "receivers: [{name: remediated}]\n")
			return err
		}
		for kind, args := range item {
			if err := catalogue.New().Probe(kind, args); err != nil {
				return fmt.Errorf("%s: %w", kind, err)
			}
		}
	}
	return nil
}

// somewhere is a configuration that has what policies may name.
const somewhere = `cluster: prod
alertmanagers: [{url: 'http://localhost:9093'}]
prometheus: {url: 'http://localhost:9090'}
clusters: [{name: prod}, {name: dr}]
people: [{name: anna, slack: U1, roles: [approver]}, {name: ben, slack: U2, roles: [approver]}]
name_servers: [{name: primary, address: ns1.ops.example, key: {name: remediated, secret_file: k}, zones: [shop.example]}]
notify: {pagerduty: {routing_keys: {oncall: {file: k}, manager: {file: k}, director: {file: k}}}}
policies: [{files: ['p.yaml']}]
`

const somePolicy = "policies:\n  - name: some\n    when: ['alertname=\"Some\"']\n    severity: P2\n    per: [namespace]\n"

const someStep = `    steps: [{name: restart, do: [{restart: {}}], verify: {all: [{rollout: $target}], for: 1s, within: 1m}}]
`

// amissInPolicy reads a part of a policy, in a policy that has the rest.
func amissInPolicy(t *testing.T, part, text string) error {
	t.Helper()
	policy := somePolicy + "    mode: act\n    target: deployment/$namespace/shop\n"
	switch part {
	case "guards": // a single one
		policy += "    guards:\n" + indented(indented(indented(text))) + someStep
	case "steps":
		policy += indented(indented(text))
	default:
		policy += indented(indented(text)) + someStep
	}
	return amissInFiles(t, somewhere, policy)
}

// amissInPolicies reads a file of policies, or a configuration with groups of them.
func amissInPolicies(t *testing.T, text string) error {
	t.Helper()
	var file struct {
		Policies []map[string]any `yaml:"policies"`
	}
	var top map[string]any
	if err := errors.Join(yaml.Unmarshal([]byte(text), &file), yaml.Unmarshal([]byte(text), &top)); err != nil {
		return err
	}
	if len(file.Policies) > 0 && file.Policies[0]["files"] != nil {
		return amissInConfig(t, top)
	}
	return amissInFiles(t, somewhere, text)
}

// amissInConfig reads keys of remediated.yml, beside those that it needs.
func amissInConfig(t *testing.T, keys map[string]any) error {
	t.Helper()
	if len(keys) == 0 {
		return errors.New("there is nothing in it")
	}
	whole := map[string]any{}
	if err := yaml.Unmarshal([]byte(somewhere), &whole); err != nil {
		return err
	}
	maps.Copy(whole, keys)
	b, err := yaml.Marshal(whole)
	if err != nil {
		return err
	}
	return amissInFiles(t, string(b), somePolicy)
}

// amissInFiles loads a configuration with one file of policies, as the daemon does.
func amissInFiles(t *testing.T, config, policy string) error {
	t.Helper()
	dir := t.TempDir()
	// Where our pages keep what is secret is not there while they are tested.
	config = regexp.MustCompile(`/etc/remediated/[\w./-]*|\w*/\*\.yaml`).ReplaceAllStringFunc(config, func(path string) string {
		if strings.HasSuffix(path, "*.yaml") {
			return "p.yaml"
		}
		return "k"
	})
	for name, text := range map[string]string{"remediated.yml": config, "p.yaml": policy, "k": strings.Repeat("0", 32)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	loaded, problems := policies.Load(filepath.Join(dir, "remediated.yml"), catalogue.New())
	problems = slices.DeleteFunc(problems, func(p policies.Problem) bool { return p.Severity != policies.Error })
	if len(problems) > 0 || loaded == nil {
		var b bytes.Buffer
		return errors.Join(policies.Render(&b, problems), errors.New(b.String()))
	}
	return nil
}

// amissInSuite lives through policy tests, beside the shipped policies.
func amissInSuite(t *testing.T, text string) error {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../policies/shipped")); err != nil {
		return err
	}
	for _, b := range blocks(t) { // the policies that a page has the reader write down
		if m := fileName.FindStringSubmatch(b.text); m != nil && b.lang == "yaml" {
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(m[1])), []byte(b.text), 0o600); err != nil {
				return err
			}
		}
	}
	path := filepath.Join(dir, "page.test.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	suite, problems := policies.LoadSuite(path, catalogue.New())
	if suite == nil || policies.HasErrors(problems) {
		var b bytes.Buffer
		return errors.Join(policies.Render(&b, problems), errors.New(b.String()))
	}
	for _, c := range suite.Cases {
		if o := replay.Run(suite.Rulebook, c); !o.Passed() {
			return fmt.Errorf("the test %q fails (%v): what followed was %v", c.Name, o.Err, o.Followed)
		}
	}
	return nil
}

// fileName is how a block says which file it is to be.
var fileName = regexp.MustCompile(`^# ([\w./-]+\.ya?ml)\n`)

// amissInStack reads the values of kube-prometheus-stack that are Alertmanager's
// configuration.
func amissInStack(_ *testing.T, text string) error {
	var values struct {
		Alertmanager struct {
			Config map[string]any `yaml:"config"`
		} `yaml:"alertmanager"`
	}
	d := yaml.NewDecoder(strings.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&values); err != nil {
		return err
	}
	b, err := yaml.Marshal(values.Alertmanager.Config)
	if err != nil {
		return err
	}
	_, err = amconfig.Load(string(b))
	return err
}

// amissInPrometheus has Prometheus's own tool read its configuration.
func amissInPrometheus(t *testing.T, text string) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "prometheus.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	if out, err := exec.Command("promtool", "check", "config", "--syntax-only", path).CombinedOutput(); err != nil {
		return fmt.Errorf("promtool: %w: %s", err, out)
	}
	return nil
}

// amissInObjects reads objects of Kubernetes, and knows every field of them.
func amissInObjects(_ *testing.T, text string) error {
	strict := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	for _, object := range strings.Split(text, "\n---\n") {
		if _, _, err := strict.Decode([]byte(object), nil, nil); err != nil {
			return err
		}
	}
	return nil
}

func amissInSettings(_ *testing.T, text string) error {
	var file yaml.Node
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		return err
	}
	var s settings
	return s.read(file.Content[0])
}

// amissInPicture looks whether a picture is of a kind that GitHub draws.
func amissInPicture(text string) error {
	if !regexp.MustCompile(`^(flowchart (LR|TD)|sequenceDiagram|stateDiagram-v2)\n`).MatchString(text) {
		return errors.New("it is no flowchart, sequenceDiagram or stateDiagram-v2")
	}
	return nil
}

func amissInGo(text string) error {
	_, err := format.Source([]byte(text))
	return err
}

func indented(text string) string {
	return regexp.MustCompile(`(?m)^(.)`).ReplaceAllString(text, "  $1")
}
