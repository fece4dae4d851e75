package policies

import "go.yaml.in/yaml/v3"

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
		return v.number()
	case "!!str", "!!timestamp":
		return v.node.Value, true
	}
	v.fail("this kind of value is not known: "+v.node.ShortTag(), "write text, a number, true or false")
	return nil, false
}
