package policies

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
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
	if strings.HasSuffix(v.path, ".guards."+v.node.Value) && slices.Contains(always, v.node.Value) {
		hint = "this guard always stands before an act and has no settings: leave it out"
	}
	v.fail(fmt.Sprintf("unknown key %q", v.node.Value), hint)
}

// missing says what to write when a required key is not there.
var missing = map[string]string{
	"actions":       "say how many acts are allowed, for example actions: 3",
	"all":           "say what must be seen, for example all: [{rollout: $target}]",
	"alertmanagers": "say who tells of alerts, for example alertmanagers: [{url: http://localhost:9093}]",
	"channel":       "say where incidents are shown, for example channel: \"#incidents\"",
	"cluster":       "name this installation, for example cluster: prod; the name is part of every identity",
	"do":            "say what is done, for example do: [{restart: {}}]",
	"file":          "say which file holds it, for example file: /etc/remediated/oncall.key",
	"files":         "say which files, for example files: [policies/*.yaml]",
	"name":          "give it one: people read it in reports and commands",
	"page":          "say when people are called: at once, on need or never",
	"per":           "say in which time, for example per: 1h",
	"policies":      "name the policy files, for example policies: [{files: [policies/*.yaml]}]",
	"routing_keys":  "say whom PagerDuty pages, for example routing_keys: {oncall: {file: /etc/remediated/oncall.key}}",
	"rto":           "say how soon it must work again, for example rto: 5m",
	"severity":      "P1, P2 or P3: it decides who hears of it and when",
	"tell":          "say who is told, for example tell: oncall",
	"token_file":    "say which file holds the token, for example token_file: /etc/remediated/slack.token",
	"url":           "say where it is, for example url: http://localhost:9093",
	"verify":        "say how to see whether it helped, for example verify: {all: [{rollout: $target}], within: 3m}; what is not verified is not healed",
	"wait":          "say how long to wait before the next one is told, for example wait: 5m",
	"when":          `say which alerts it is for, for example when: ['alertname="PostgresDown"']`,
	"within":        "say by when, for example within: 3m",
}

// shape names what stands there, for people.
func (v value) shape() string {
	switch {
	case v.node.Kind == yaml.MappingNode:
		return "a mapping"
	case v.node.Kind == yaml.SequenceNode:
		return "a list"
	case v.node.ShortTag() == "!!null":
		return "nothing"
	}
	switch v.node.ShortTag() {
	case "!!int", "!!float":
		return v.node.Value
	case "!!bool":
		return "the word " + v.node.Value + ", which is true or false"
	case "!!str":
		return fmt.Sprintf("the text %q", v.node.Value)
	}
	return v.node.Value
}

// text reads a text that is not empty. what is what it should be: "a name".
func (v value) text(what string) (string, bool) {
	switch {
	case v.isText() && strings.TrimSpace(v.node.Value) != "":
		return v.node.Value, true
	case v.node.Kind == yaml.ScalarNode && v.node.ShortTag() != "!!str" && v.node.ShortTag() != "!!null":
		v.fail(fmt.Sprintf("want %s, not %s", what, v.shape()), fmt.Sprintf("write it in quotes if it is meant: %q", v.node.Value))
	case v.node.Kind == yaml.ScalarNode:
		v.fail(fmt.Sprintf("want %s, but it is empty", what), "")
	default:
		v.fail(fmt.Sprintf("want %s, not %s", what, v.shape()), "")
	}
	return "", false
}

// word reads a text that must be one of the known ones.
func (v value) word(what string, known ...string) (string, bool) {
	s, ok := v.text(what)
	if ok && !slices.Contains(known, s) {
		v.fail(fmt.Sprintf("%q is not %s", s, what), suggest(s, known))
		return "", false
	}
	return s, ok
}

// list reads each item of a list that is not empty.
func (v value) list(what string, read func(value)) {
	switch {
	case v.node.Kind != yaml.SequenceNode:
		v.fail(fmt.Sprintf("want a list of %s, not %s", what, v.shape()), "write it in [ ] or as lines that begin with a dash")
	case len(v.node.Content) == 0:
		v.fail(fmt.Sprintf("the list of %s is empty", what), "fill it or leave the key out")
	}
	for _, item := range v.items() {
		read(item)
	}
}

// texts reads a list of different texts.
func (v value) texts(what string) []string {
	var out []string
	v.list(what, func(item value) {
		s, ok := item.text("text")
		switch {
		case ok && slices.Contains(out, s):
			item.fail(fmt.Sprintf("%q is here twice", s), "keep one of them")
		case ok:
			out = append(out, s)
		}
	})
	return out
}

// duration reads a time span that is longer than nothing: 30s, 5m, 1h30m.
func (v value) duration() model.Duration {
	const example = "write for example 30s, 5m, 1h30m or 7d"
	if v.node.Kind != yaml.ScalarNode || v.node.ShortTag() == "!!null" {
		v.fail("want a duration, not "+v.shape(), example)
		return 0
	}
	d, err := model.ParseDuration(v.node.Value)
	switch {
	case err != nil && v.node.ShortTag() == "!!int":
		v.fail(fmt.Sprintf("the duration %s has no unit", v.node.Value), fmt.Sprintf("write %ss or %sm", v.node.Value, v.node.Value))
	case err != nil:
		v.fail(fmt.Sprintf("%q is not a duration", v.node.Value), example)
	case d <= 0:
		v.fail("the duration must be longer than nothing", "leave the key out for the default")
	case time.Duration(d) > 366*24*time.Hour:
		v.fail(fmt.Sprintf("the duration %s is longer than a year", d), "check its unit: m is minutes, M is no unit")
	default:
		return d
	}
	return 0
}

// count reads a whole number from low to high.
func (v value) count(low, high int) int {
	var n int
	if v.node.Kind != yaml.ScalarNode || v.node.ShortTag() != "!!int" || v.node.Decode(&n) != nil {
		v.fail("want a whole number, not "+v.shape(), "")
		return 0
	}
	if n < low || n > high {
		v.fail(fmt.Sprintf("%d is not possible here", n), fmt.Sprintf("want a number from %d to %d", low, high))
		return 0
	}
	return n
}

// number reads a finite number.
func (v value) number() float64 {
	var f float64
	tag := v.node.ShortTag()
	if v.node.Kind != yaml.ScalarNode || tag != "!!int" && tag != "!!float" || v.node.Decode(&f) != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		v.fail("want a finite number, not "+v.shape(), "")
		return 0
	}
	return f
}

// truth reads true or false.
func (v value) truth() bool {
	var b bool
	if v.node.Kind != yaml.ScalarNode || v.node.ShortTag() != "!!bool" || v.node.Decode(&b) != nil {
		v.fail("want true or false, not "+v.shape(), "")
	}
	return b
}

// plain returns the value as JSON knows it: objects, lists, texts, finite
// numbers, truth values and null.
func (v value) plain() (any, bool) {
	switch v.node.Kind {
	case yaml.MappingNode:
		m, good := map[string]any{}, true
		for i := range len(v.node.Content) / 2 {
			key, child := v.pair(i)
			x, ok := child.plain()
			m[key.node.Value] = x
			good = good && ok
		}
		return m, good
	case yaml.SequenceNode:
		s, good := []any{}, true
		for _, item := range v.items() {
			x, ok := item.plain()
			s = append(s, x)
			good = good && ok
		}
		return s, good
	case yaml.ScalarNode:
		return v.plainScalar()
	}
	return nil, false // an alias: said by checkPlainYAML
}

func (v value) plainScalar() (any, bool) {
	switch v.node.ShortTag() {
	case "!!null":
		return nil, true
	case "!!bool":
		return v.truth(), true
	case "!!int":
		var n int64
		if v.node.Decode(&n) != nil {
			v.fail("the number is too large", "write it in quotes if it is text")
			return nil, false
		}
		return n, true
	case "!!float":
		return v.number(), true
	case "!!str", "!!timestamp":
		return v.node.Value, true
	}
	v.fail("this kind of value is not known: "+v.node.ShortTag(), "write text, a number, true or false")
	return nil, false
}
