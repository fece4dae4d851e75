package remediate

import (
	"reflect"
	"testing"
	"time"
)

// Whatever a state can reach is of a kind that Freeze copies: an interface, a function
// or a pointer in a field that is not exported would be shared. That what is copied
// is the same, and stays so, is a law of its own.
func TestCopyReachesAll(t *testing.T) {
	met := map[reflect.Type]bool{}
	var walk func(path string, t reflect.Type) (shared string)
	walk = func(path string, t reflect.Type) string {
		if met[t] || t == reflect.TypeFor[time.Time]() || t == reflect.TypeFor[index]() { // rebuilt
			return ""
		}
		if t == reflect.TypeFor[Incidents]() { // copied by a method of its own
			t = reflect.TypeFor[Incident]()
		}
		met[t] = true
		switch t.Kind() {
		case reflect.Interface, reflect.Func, reflect.Chan, reflect.UnsafePointer:
			return path + " is a " + t.Kind().String()
		case reflect.Map:
			if why := plain(path+"'s keys", t.Key()); why != "" {
				return why
			}
			return walk(path, t.Elem())
		case reflect.Array:
			return plain(path, t.Elem())
		case reflect.Slice, reflect.Pointer:
			return walk(path, t.Elem())
		case reflect.Struct:
			for k := range t.NumField() {
				f := t.Field(k)
				if why := walk(path+"."+f.Name, f.Type); why != "" {
					return why
				}
				if why := plain(path+"."+f.Name, f.Type); !f.IsExported() && f.Type != reflect.TypeFor[index]() && why != "" {
					return why + ", and not exported"
				}
			}
		}
		return ""
	}
	if shared := walk("State", reflect.TypeFor[State]()); shared != "" {
		t.Error(shared)
	}
	if len(met) < 30 {
		t.Errorf("%d types were looked at: too few", len(met))
	}
}

// plain says why a value of this type may share something with another that it is
// assigned to, "" when it cannot.
func plain(path string, t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct:
		for k := range t.NumField() {
			if why := plain(path+"."+t.Field(k).Name, t.Field(k).Type); why != "" {
				return why
			}
		}
		return ""
	case reflect.Array:
		return plain(path, t.Elem())
	case reflect.Map, reflect.Slice, reflect.Pointer, reflect.Interface, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return path + " is a " + t.Kind().String()
	}
	return ""
}
