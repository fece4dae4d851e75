package remediate

import (
	"bytes"
	"encoding/json"
)

// fill replaces each $label in the strings of a kind's arguments by the
// label's value, when that value is plain enough not to become syntax.
func fill(args json.RawMessage, ls Labels) (json.RawMessage, error) {
	if !bytes.ContainsRune(args, '$') {
		return args, nil
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(args))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	v, err := fillIn(v, ls)
	if err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

func fillIn(v any, ls Labels) (any, error) {
	var err error
	switch v := v.(type) {
	case string:
		return expand(v, ls, checkPlain)
	case []any:
		for k := range v {
			if v[k], err = fillIn(v[k], ls); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range v {
			if v[k], err = fillIn(v[k], ls); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}
