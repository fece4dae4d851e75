// Package args reads the arguments of probes and actions strictly: what a
// policy says and we do not understand is an error, never ignored.
package args

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"
)

// Decode fills the struct that into points to from a JSON object. Nothing and
// null are the empty object. A field that into lacks is an error that names
// the fields there are.
func Decode(raw json.RawMessage, into any) error {
	if len(bytes.TrimSpace(raw)) == 0 || bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("arguments: %s; there is %s", strings.TrimPrefix(err.Error(), "json: "), fields(into))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("arguments: something follows the object")
	}
	return nil
}

func fields(into any) string {
	t := reflect.TypeOf(into).Elem()
	if t.Kind() != reflect.Struct || t.NumField() == 0 {
		return "no argument to give: want {}"
	}
	return strings.Join(namesOf(t), ", ")
}

// namesOf names the fields of a struct, each with those of a struct inside it.
func namesOf(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		inner := t.Field(i).Type
		for inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && typeOf(inner) == "object" {
			name += " {" + strings.Join(namesOf(inner), ", ") + "}"
		}
		names = append(names, name)
	}
	return names
}

var reference = regexp.MustCompile(`\$(\w+|\{\w+\})`)

// Sample returns s with each $label reference replaced by a plain letter, so
// that what will be a URL or a selector once an alert is there can be checked
// before there is one.
func Sample(s string) string { return reference.ReplaceAllString(s, "x") }
