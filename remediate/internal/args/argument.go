package args

import (
	"encoding"
	"reflect"
	"strings"
)

// Argument is one argument of a kind, as its struct has it.
type Argument struct {
	Name     string
	Type     string // JSON's name for what it takes: string, integer, number, boolean, array, object
	Required bool   // it must be given: it is not left out of the JSON when empty
}

// Of returns the arguments that [Decode] reads into the struct that into points
// to, in their order.
func Of(into any) []Argument {
	t := reflect.TypeOf(into).Elem()
	var out []Argument
	for i := 0; t.Kind() == reflect.Struct && i < t.NumField(); i++ {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		out = append(out, Argument{name, typeOf(t.Field(i).Type), !strings.Contains(options, "omitempty")})
	}
	return out
}

// typeOf is JSON's name for what a field takes.
func typeOf(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return "string"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint32, reflect.Uint64:
		return "integer"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Slice, reflect.Array:
		return "array"
	case reflect.String:
		return "string"
	}
	return "object"
}
