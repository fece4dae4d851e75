package remediate

import (
	"reflect"
	"testing"
	"time"
)

// A notice that differs in any one field is another one, and has another digest.
func TestNoticeIsSameToTheLastField(t *testing.T) {
	var one Notice
	x := newIndex()
	if !one.same(&Notice{}) || x.digestOf(&one) != one.digest() || x.digestOf(&one) != one.digest() {
		t.Error("a notice is not the same as itself")
	}
	for k := range reflect.TypeFor[Notice]().NumField() {
		var other Notice
		name := reflect.TypeFor[Notice]().Field(k).Name
		set(t, name, reflect.ValueOf(&other).Elem().Field(k))
		if other.Incident = 0; name == "Incident" {
			other.Incident = 1
		}
		if one.same(&other) || other.same(&one) {
			t.Errorf("%s is not looked at", name)
		}
		x.digestOf(&one)
		if got := x.digestOf(&other); got != other.digest() || got == one.digest() {
			t.Errorf("with another %s the digest is %s", name, got)
		}
	}
}

// set gives a field a value that is not its zero value.
func set(t *testing.T, name string, v reflect.Value) {
	t.Helper()
	switch at := v.Addr().Interface().(type) {
	case *time.Time:
		*at = time.Unix(1, 0)
		return
	case *Labels:
		*at = LabelsOf(map[string]string{"a": "b"})
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint64:
		v.SetUint(1)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Struct:
		set(t, name, v.Field(0))
	default:
		t.Fatalf("%s is of no kind that is known here", name)
	}
}
