package alertmanager

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// usualFields are those of an alert, in the order in which Alertmanager writes them.
var usualFields = [...]string{"status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"}

// readUsual reads an alert as Alertmanager writes it, several times as fast as
// encoding/json, from JSON that is known to be well-formed. It returns false for whatever
// else, of which nothing is said by that: encoding/json is to read it.
func readUsual(raw []byte) (t told, ok bool) {
	values, ok := split(raw)
	if !ok || bytes.Contains(values[1], []byte("null")) { // a label of which nothing is said is no label
		return told{}, false
	}
	for k, into := range [...]any{&t.status, &t.labels, &t.annotations, &t.startsAt, &t.endsAt, &t.url, &t.fingerprint} {
		if readValue(values[k], into) != nil {
			return told{}, false
		}
	}
	return t, true
}

// readValue is json.Unmarshal.
func readValue(b []byte, into any) error {
	switch into := into.(type) {
	case *string:
		if len(b) < 2 || b[0] != '"' || bytes.IndexByte(b, '\\') >= 0 || !utf8.Valid(b) {
			return json.Unmarshal(b, into)
		}
		*into = string(b[1 : len(b)-1])
		return nil
	case json.Unmarshaler:
		return into.UnmarshalJSON(b)
	}
	return json.Unmarshal(b, into)
}

// split returns the values of the usual fields of an object that has just these.
func split(raw []byte) (values [len(usualFields)][]byte, ok bool) {
	rest := string(raw)
	for k, name := range usualFields {
		before := ","
		if k == 0 {
			before = "{"
		}
		after, found := strings.CutPrefix(rest, before+`"`+name+`":`)
		if !found {
			return values, false
		}
		n := extent(after)
		begun := len(raw) - len(after)
		values[k], rest = raw[begun:begun+n], after[n:]
		if len(bytes.TrimSpace(values[k])) != n {
			return values, false
		}
	}
	return values, rest == "}"
}

// extent is how long the value is that s begins with.
func extent(s string) int {
	depth, quoted := 0, false
	for k := 0; k < len(s); k++ {
		switch c := s[k]; {
		case quoted && c == '\\':
			k++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case depth > 0 && (c == '}' || c == ']'):
			depth--
		case depth == 0 && (c == ',' || c == '}' || c == ']'):
			return k
		}
	}
	return len(s)
}
