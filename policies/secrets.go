package policies

import (
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// secretNames are keys whose value would be a secret. Configuration is read by
// many, copied into tickets and kept with every decision: a secret lives in a
// file of its own, named by the same key with _file.
var secretNames = []string{
	"api_key", "api_token", "app_token", "bearer_token", "client_certificate_key", "client_secret", "credentials",
	"dsn", "password", "routing_key", "secret", "secrets", "signing_secret", "token", "webhook_secret", "webhook_secrets",
}

// refuseSecret refuses a secret that is written where it can be read, and stars
// it out of every line that is shown from now on.
func (v value) refuseSecret(child value) {
	name := v.node.Value
	if !isSecret(v.path, name) || empty(child.node) {
		return
	}
	child.star()
	want := name + "_file: /path/to/" + name
	if name == "secrets" || name == "webhook_secrets" {
		want = strings.TrimSuffix(name, "s") + "_files: [/path/to/" + name + "]"
	}
	if name == "secrets" {
		want = "files: [/path/to/secret]"
	}
	v.doc.meant[v.path+"_file"] = true
	v.fail("a secret does not belong in this file", "put it into a file of its own and write "+want)
}

// isSecret tells whether the key called name, at the path, has a secret for its
// value. A key called "key" has one only where TLS is set up.
func isSecret(path, name string) bool {
	return slices.Contains(secretNames, name) || strings.HasSuffix(path, ".tls_config.key")
}

// hasSecret tells whether a secret was refused among the keys of a mapping.
func (v value) hasSecret() bool {
	for i := range len(v.node.Content) / 2 {
		if key, child := v.pair(i); isSecret(key.path, key.node.Value) && !empty(child.node) {
			return true
		}
	}
	return false
}

func empty(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Value == "" || n.Kind != yaml.ScalarNode && len(n.Content) == 0
}

// star replaces the scalars of the value by stars in the lines that are shown.
// Columns stay what they are.
func (v value) star() {
	for _, n := range v.node.Content {
		value{v.doc, n, v.path}.star()
	}
	if v.node.Kind != yaml.ScalarNode || v.node.Line < 1 || v.node.Line > len(v.doc.lines) {
		return
	}
	line := []rune(v.doc.lines[v.node.Line-1])
	from := min(max(v.node.Column-1, 0), len(line))
	to := len(line) // written in another way than it reads, with escapes or over several lines: all of the rest
	rest := string(line[from:])
	if i := strings.Index(rest, v.node.Value); i >= 0 && v.node.Value != "" {
		from += utf8.RuneCountInString(rest[:i])
		to = from + utf8.RuneCountInString(v.node.Value)
	}
	for i := from; i < to; i++ {
		line[i] = '*'
	}
	v.doc.lines[v.node.Line-1] = string(line)
}
