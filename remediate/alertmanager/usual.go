package alertmanager

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// usual is what stands before each field of an alert, in the order in which
// Alertmanager writes them.
var usual = [...][]byte{
	[]byte(`{"status":`), []byte(`,"labels":`), []byte(`,"annotations":`), []byte(`,"startsAt":`), []byte(`,"endsAt":`), []byte(`,"generatorURL":`), []byte(`,"fingerprint":`),
}

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
		if n := len(b); n >= 2 && b[0] == '"' && b[n-1] == '"' && !bytes.ContainsAny(b[1:n-1], `\"`) && utf8.Valid(b) {
			*into = string(b[1 : n-1])
			return nil
		}
	case json.Unmarshaler:
		return into.UnmarshalJSON(b)
	}
	return json.Unmarshal(b, into)
}

// split returns the values of an object that has just the usual fields. That one of
// their names stands deeper within, or another field between two, is seen when what is
// no whole value then is read.
func split(raw []byte) (values [len(usual)][]byte, ok bool) {
	rest, ok := bytes.CutPrefix(raw, usual[0])
	for k := 1; k < len(usual) && ok; k++ {
		values[k-1], rest, ok = bytes.Cut(rest, usual[k])
	}
	last, whole := bytes.CutSuffix(rest, []byte("}"))
	values[len(usual)-1] = last
	return values, ok && whole
}
