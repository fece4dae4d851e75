package probe

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// jsonValue is one value in a body of JSON, and what it must be.
type jsonValue struct {
	Path   string   `json:"path"`             // names of fields and numbers of items, from 0, such as mesh.peers.0.state
	Equals any      `json:"equals,omitempty"` // a text, a number, true or false
	Min    *float64 `json:"min,omitempty"`
	Max    *float64 `json:"max,omitempty"`
}

func (j *jsonValue) validate() error {
	if j == nil {
		return nil
	}
	bounded := j.Min != nil || j.Max != nil
	switch {
	case j.Path == "":
		return errors.New(`"path" is missing: want where the value stands, such as mesh.convergence_seconds`)
	case strings.Contains("."+j.Path+".", ".."):
		return fmt.Errorf(`"path" %q: want names and numbers with one "." between them`, j.Path)
	case j.Equals == nil && !bounded:
		return errors.New(`"json": want "equals", "min" or "max"`)
	case j.Equals != nil && bounded:
		return errors.New(`"equals" cannot stand beside "min" or "max"`)
	}
	switch j.Equals.(type) {
	case nil, string, float64, bool:
		return bounds{j.Min, j.Max, nil}.validate()
	}
	return errors.New(`"equals": want a text, a number, true or false`)
}

// judge looks for the value. A body that has none there says nothing.
func (j *jsonValue) judge(body []byte) (ok bool, text string, err error) {
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		if len(body) >= maxBody {
			return false, "", fmt.Errorf("the body is larger than the %d bytes that are read of it", maxBody)
		}
		return false, "", fmt.Errorf("the body is not JSON: %w", err)
	}
	if v, err = inside(v, j.Path); err != nil {
		return false, "", err
	}
	is := jsonText(v)
	if j.Equals != nil {
		return v == j.Equals, fmt.Sprintf("%s is %s, want %s", j.Path, is, jsonText(j.Equals)), nil
	}
	n, isNumber := v.(float64)
	if !isNumber {
		return false, "", fmt.Errorf("%s is %s: want a number", j.Path, is)
	}
	ok, text = bounds{j.Min, j.Max, nil}.judge(n)
	return ok, j.Path + " is " + text, nil
}

// inside goes down a path.
func inside(v any, path string) (any, error) {
	gone := ""
	for _, name := range strings.Split(path, ".") {
		gone = strings.TrimPrefix(gone+"."+name, ".")
		switch inner := v.(type) {
		case map[string]any:
			next, ok := inner[name]
			if !ok {
				return nil, fmt.Errorf("the body has no %s", gone)
			}
			v = next
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(inner) {
				return nil, fmt.Errorf("the body has no %s: the list has %d items", gone, len(inner))
			}
			v = inner[i]
		default:
			return nil, fmt.Errorf("the body has no %s", gone)
		}
	}
	switch v.(type) {
	case map[string]any, []any:
		return nil, fmt.Errorf("%s is no single value: name one inside of it", path)
	}
	return v, nil
}

// jsonText is a value as JSON has it, cut where it is long.
func jsonText(v any) string {
	if n, ok := v.(float64); ok {
		return written(n)
	}
	b, _ := json.Marshal(v) // of what JSON was read as
	return fmt.Sprintf("%.80s", b)
}
