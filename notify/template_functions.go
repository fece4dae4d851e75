package notify

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"text/template"
	"time"

	alertmanager "github.com/prometheus/alertmanager/template"
	"github.com/prometheus/common/model"
)

// functions are Alertmanager's, and those of text/template that make new texts.
// None returns more than maxOutput, so that a text cannot double until memory
// is full.
var functions = func() template.FuncMap {
	all := template.FuncMap{
		"print": fmt.Sprint, "printf": fmt.Sprintf, "println": fmt.Sprintln,
		"html": template.HTMLEscaper, "js": template.JSEscaper, "urlquery": template.URLQueryEscaper,
	}
	maps.Copy(all, template.FuncMap(alertmanager.DefaultFuncs))
	all["humanizeDuration"] = humanizeDuration
	delete(all, "routeLabels") // notices have no route; Alertmanager's own stand-in would be empty without a word
	for name, f := range all {
		all[name] = limited(name, f)
	}
	return all
}()

// functionNames are for those who look for one, sorted.
func functionNames() []string { return slices.Sorted(maps.Keys(functions)) }

// humanizeDuration is Alertmanager's, for durations of a notice too.
func humanizeDuration(v any) (string, error) {
	if d, ok := v.(model.Duration); ok {
		v = time.Duration(d)
	}
	return alertmanager.DefaultFuncs["humanizeDuration"].(func(any) (string, error))(v)
}

// growing are the functions whose result may be longer than all that they are
// given, by more than a few times: each returns how long at most. They are
// asked before they are called.
var growing = map[string]func(args []reflect.Value) int{
	"printf":       func(args []reflect.Value) int { return len(args[0].String()) * len(args[0].String()) },
	"reReplaceAll": func(args []reflect.Value) int { return (len(args[1].String()) + 1) * (len(args[2].String()) + 1) },
	"join": func(args []reflect.Value) int {
		return (len(args[0].String()) + 1) * (args[1].Len() + 1)
	},
}

// maxGrown is what a growing function may be asked for: printf with a format
// of 1000 bytes, the replacements of 1000 bytes by 1000.
const maxGrown = 1 << 20

// limited returns f with an error in place of a result that is too long.
func limited(name string, f any) any {
	call, t := reflect.ValueOf(f), reflect.TypeOf(f)
	var in []reflect.Type
	for i := range t.NumIn() {
		in = append(in, t.In(i))
	}
	failure := reflect.TypeFor[error]()
	fail := func(format string, args ...any) []reflect.Value {
		return []reflect.Value{reflect.Zero(t.Out(0)), reflect.ValueOf(fmt.Errorf(format, args...))}
	}
	return reflect.MakeFunc(reflect.FuncOf(in, []reflect.Type{t.Out(0), failure}, t.IsVariadic()), func(args []reflect.Value) []reflect.Value {
		if most, ok := growing[name]; ok && most(args) > maxGrown {
			return fail("%s would make too long a text of what it is given", name)
		}
		var out []reflect.Value
		if t.IsVariadic() {
			out = call.CallSlice(args)
		} else {
			out = call.Call(args)
		}
		if weigh(out[0], maxOutput) > maxOutput {
			return fail("%s makes more than %d bytes", name, maxOutput)
		}
		if len(out) == 1 {
			out = append(out, reflect.Zero(failure))
		}
		return out
	}).Interface()
}

// weigh returns how much there is to v, in bytes and values; more than most is
// not counted to its end.
func weigh(v reflect.Value, most int) int {
	switch v.Kind() {
	case reflect.String:
		return v.Len() + 1
	case reflect.Interface:
		if v.IsNil() {
			return 1
		}
		return weigh(v.Elem(), most)
	case reflect.Slice:
		n := 1
		for i := 0; i < v.Len() && n <= most; i++ {
			n += weigh(v.Index(i), most-n)
		}
		return n
	case reflect.Map:
		n := 1
		for it := v.MapRange(); n <= most && it.Next(); {
			n += weigh(it.Key(), most-n) + weigh(it.Value(), most-n)
		}
		return n
	}
	return 1
}

// offer lists names for people who look for the right one.
func offer(names []string) string { return strings.Join(names, ", ") }
