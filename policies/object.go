package policies

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// fields says how the value of each key of a mapping is read.
type fields map[string]func(value)

// object reads a mapping by its fields, in the order of the file. A key that
// is not among them is an error, as are required ones that are missing. It
// returns false when the value is no mapping at all.
func (v value) object(what string, fs fields, required ...string) bool {
	if v.node.Kind != yaml.MappingNode {
		v.fail(fmt.Sprintf("%s: want a mapping of names to values, not %s", what, v.shape()), "its keys are: "+strings.Join(slices.Sorted(maps.Keys(fs)), ", "))
		return false
	}
	seen := map[string]bool{}
	for i := range len(v.node.Content) / 2 {
		key, child := v.pair(i)
		name := key.node.Value
		if seen[name] || !key.isText() {
			continue // said by checkPlainYAML
		}
		seen[name] = true
		if read, ok := fs[name]; ok {
			read(child)
		} else if !isSecret(key.path, name) || empty(child.node) {
			key.unknown(child, slices.Collect(maps.Keys(fs)))
		}
	}
	for _, name := range required {
		if !seen[name] && !v.meant(name) {
			v.fail(fmt.Sprintf("%s has no %q", what, name), missing[name])
		}
	}
	return true
}

// only returns the one key of a mapping that is not among the fields, with its
// value, and reads the fields. It returns false when there is no such one key.
func (v value) only(fs fields) (key, at value, ok bool) {
	if v.node.Kind != yaml.MappingNode {
		return key, at, false
	}
	known, n := slices.Collect(maps.Keys(fs)), 0
	for i := range len(v.node.Content) / 2 {
		k, child := v.pair(i)
		if read, ok := fs[k.node.Value]; ok {
			read(child)
		} else if closest(k.node.Value, known) != "" {
			k.unknown(child, known)
		} else {
			key, at, n = k, child, n+1
		}
	}
	return key, at, n == 1
}

// has tells whether a mapping has the key called name, or was meant to.
func (v value) has(name string) bool {
	for i := 0; v.node.Kind == yaml.MappingNode && i < len(v.node.Content); i += 2 {
		if v.node.Content[i].Value == name {
			return true
		}
	}
	return v.meant(name)
}

// meant tells whether the key called name of a mapping is there, written in
// another way.
func (v value) meant(name string) bool { return v.doc.meant[v.path+"."+name] }

// unknown refuses a key. What may be a misspelt secret is not shown.
func (v value) unknown(child value, known []string) {
	if name := closest(v.node.Value, known); name != "" {
		v.doc.meant[strings.TrimSuffix(v.path, v.node.Value)+name] = true
		if strings.HasSuffix(name, "_file") {
			child.star()
		}
	}
	hint := suggest(v.node.Value, known)
	if strings.HasSuffix(v.path, ".guards."+v.node.Value) {
		hint = cmp.Or(notHere(v.node.Value), hint)
	}
	v.fail(fmt.Sprintf("unknown key %q", v.node.Value), hint)
}

// missing says what to write when a required key is not there.
var missing = map[string]string{ //nolint:gosec // these are words about secrets
	"actions":       "say how many acts are allowed, for example actions: 3",
	"address":       "say where it is, for example address: ns1.example.com",
	"alertmanagers": "say who tells of alerts, for example alertmanagers: [{url: http://localhost:9093}]",
	"all":           "say what must be seen, for example all: [{rollout: $target}]",
	"channel":       "say where incidents are shown, for example channel: \"#incidents\"",
	"cluster":       "name this installation, for example cluster: prod; the name is part of every identity",
	"default":       "say how bad it is where nothing says worse, for example default: P2",
	"do":            "say what is done, for example do: [{restart: {}}]",
	"end_time":      "say when it ends, for example end_time: '17:00'",
	"file":          "say which file holds it, for example file: /etc/remediated/oncall.key",
	"files":         "say which files, for example files: [policies/*.yaml]",
	"header":        "say in which header it names the user, for example header: X-Forwarded-User",
	"key":           "say by which key it knows us, for example key: {name: remediated, secret_file: /etc/remediated/dns.key}",
	"max":           "say how old it may be, for example max: 24h",
	"name":          "give it one: people read it in reports and commands",
	"newest":        "say how to ask for the time of the newest good backup, in PromQL and as Unix time",
	"page":          "say when people are called: at once, on need or never",
	"per":           "say in which time, for example per: 1h",
	"policies":      "name the policy files, for example policies: [{files: [policies/*.yaml]}]",
	"query":         "say what is asked, in PromQL",
	"routing_keys":  "say whom PagerDuty pages, for example routing_keys: {oncall: {file: /etc/remediated/oncall.key}}",
	"rto":           "say how soon it must work again, for example rto: 5m",
	"secret_file":   "say which file holds the secret, for example secret_file: /etc/remediated/dns.key",
	"severity":      "P1, P2 or P3: it decides who hears of it and when",
	"start_time":    "say when it begins, for example start_time: '09:00'",
	"tell":          "say who is told, for example tell: oncall",
	"token_file":    "say which file holds the token, for example token_file: /etc/remediated/slack.token",
	"url":           "say where it is, for example url: http://localhost:9093",
	"verify":        "say how to see whether it helped, for example verify: {all: [{rollout: $target}], within: 3m}; what is not verified is not healed",
	"wait":          "say how long to wait before the next one is told, for example wait: 5m",
	"when":          `say which alerts it is for, for example when: ['alertname="PostgresDown"']`,
	"within":        "say by when, for example within: 3m",
	"zones":         "say which zones may be changed there, for example zones: [shop.example.com]",
}
