package policies

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/x0tta6bl4/remediated/remediate"
)

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

// span reads a duration over which it is counted what was done.
func (v value) span() model.Duration {
	d := v.duration()
	if longest := model.Duration(remediate.Remembered); d > longest {
		v.fail(fmt.Sprintf("%s is longer than what was done is remembered", d), fmt.Sprintf("want at most %s", longest))
		return 0
	}
	return d
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
func (v value) number() (float64, bool) {
	var f float64
	tag := v.node.ShortTag()
	if v.node.Kind != yaml.ScalarNode || tag != "!!int" && tag != "!!float" || v.node.Decode(&f) != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		v.fail("want a finite number, not "+v.shape(), "write it in digits, for example 2 or 0.5")
		return 0, false
	}
	return f, true
}

// share reads a part of a whole, above 0 and up to 1.
func (v value) share() float64 {
	f, ok := v.number()
	if ok && (f <= 0 || f > 1) {
		v.fail(fmt.Sprintf("%s is not a share of a whole", v.node.Value), "write a number above 0 and up to 1, for example 0.7 for 70 %")
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
