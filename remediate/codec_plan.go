package remediate

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// plan is how values of one type are written as JSON and read back. It is made once
// for each type, from the same tags as encoding/json goes by, and only for what facts
// are made of; encoding/json remains its plain twin. What a plan writes is byte for
// byte what that writes. What it reads is just what it writes, field after field
// without a blank, so that it need not look for anything. Whatever is unusual is left
// to encoding/json, which takes several times as long for a fact as it takes to
// decide about it. Tests hold the two against each other.
type plan struct {
	write func(*writer, reflect.Value)
	read  func(*reader, reflect.Value) // into a value that can be set, and is zero
	begin string                       // what each value is written with at its beginning, and hardly anything else is; "": nothing
}

// plans are those of the kinds of facts, by kind.
var plans = func() map[string]plan {
	m := map[string]plan{}
	for kind, t := range kinds {
		if p, ok := planOf(t); ok {
			m[kind] = p
		}
	}
	return m
}()

// encodeByPlan is json.Marshal for a fact, false for what is left to it.
func encodeByPlan(body Body) ([]byte, bool) {
	p, ok := plans[body.kind()]
	if !ok {
		return nil, false
	}
	w := writer{b: make([]byte, 0, roomFor(body)), ok: true}
	p.write(&w, reflect.ValueOf(body))
	return w.b, w.ok
}

// roomFor is how many bytes a fact hardly ever has more than.
func roomFor(body Body) int {
	switch body.(type) {
	case Judged:
		return 2048
	case AlertFiring:
		return 1024
	case Started, Finished, Opened:
		return 512
	}
	return 128
}

// decodeByPlan reads what encodeByPlan wrote. It returns false for whatever else, of
// which nothing is said by that.
func decodeByPlan(kind string, b []byte) (Body, bool) {
	p, ok := plans[kind]
	if !ok {
		return nil, false
	}
	r := reader{rest: string(b), ok: true}
	v := reflect.New(kinds[kind]).Elem()
	p.read(&r, v)
	if !r.ended() {
		return nil, false
	}
	return v.Interface().(Body), true
}

// leaves are the types that are written and read by a way of their own.
var leaves = map[reflect.Type]plan{
	reflect.TypeFor[time.Time]():         leaf((*writer).time, (*reader).time),
	reflect.TypeFor[model.Duration]():    leaf((*writer).duration, (*reader).duration),
	reflect.TypeFor[AlertID]():           leaf((*writer).id, (*reader).id),
	reflect.TypeFor[Target]():            leaf((*writer).target, (*reader).target),
	reflect.TypeFor[Labels]():            leaf((*writer).labels, (*reader).labels),
	reflect.TypeFor[map[string]string](): leaf((*writer).texts, (*reader).texts),
	reflect.TypeFor[json.RawMessage]():   leaf((*writer).json, (*reader).json),
}

func leaf[T any](write func(*writer, T), read func(*reader) T) plan {
	return plan{
		write: func(w *writer, v reflect.Value) {
			t, _ := reflect.TypeAssert[T](v)
			write(w, t)
		},
		read: func(r *reader, v reflect.Value) { *v.Addr().Interface().(*T) = read(r) },
	}
}

// planOf returns the plan of a type, false for what is left to encoding/json.
func planOf(t reflect.Type) (plan, bool) {
	if p, ok := leaves[t]; ok {
		return p, true
	}
	if writesItself(t) {
		return plan{}, false
	}
	switch t.Kind() {
	case reflect.String:
		return plan{
			write: func(w *writer, v reflect.Value) { w.text(v.String()) },
			read:  func(r *reader, v reflect.Value) { v.SetString(r.text()) },
		}, true
	case reflect.Bool:
		return plan{
			write: func(w *writer, v reflect.Value) { w.bool(v.Bool()) },
			read:  func(r *reader, v reflect.Value) { v.SetBool(r.bool()) },
		}, true
	case reflect.Int:
		return plan{
			write: func(w *writer, v reflect.Value) { w.int(v.Int()) },
			read:  func(r *reader, v reflect.Value) { v.SetInt(r.int()) },
		}, true
	case reflect.Uint64:
		return plan{
			write: func(w *writer, v reflect.Value) { w.uint(v.Uint()) },
			read:  func(r *reader, v reflect.Value) { v.SetUint(r.uint()) },
		}, true
	case reflect.Pointer:
		return planOfPointer(t)
	case reflect.Slice:
		return planOfSlice(t)
	case reflect.Struct:
		return planOfStruct(t)
	}
	return plan{}, false
}

// writesItself tells whether a type has its own way of being written, which only
// encoding/json knows how to ask for.
func writesItself(t reflect.Type) bool {
	for _, m := range []reflect.Type{reflect.TypeFor[json.Marshaler](), reflect.TypeFor[interface{ MarshalText() ([]byte, error) }]()} {
		if t.Implements(m) || reflect.PointerTo(t).Implements(m) {
			return true
		}
	}
	return false
}

func planOfPointer(t reflect.Type) (plan, bool) {
	of, ok := planOf(t.Elem())
	return plan{
		write: func(w *writer, v reflect.Value) {
			if v.IsNil() {
				w.raw("null")
				return
			}
			of.write(w, v.Elem())
		},
		read: func(r *reader, v reflect.Value) {
			if r.found("null") {
				return
			}
			p := reflect.New(t.Elem())
			of.read(r, p.Elem())
			v.Set(p)
		},
	}, ok
}

func planOfSlice(t reflect.Type) (plan, bool) {
	of, ok := planOf(t.Elem())
	ok = ok && t.Elem().Kind() != reflect.Uint8 // bytes are written as base64
	return plan{
		write: func(w *writer, v reflect.Value) {
			if v.IsNil() {
				w.raw("null")
				return
			}
			w.raw("[")
			for k := range v.Len() {
				if k > 0 {
					w.raw(",")
				}
				of.write(w, v.Index(k))
			}
			w.raw("]")
		},
		read: func(r *reader, v reflect.Value) {
			if r.found("null") {
				return
			}
			r.raw("[")
			all := reflect.MakeSlice(t, of.atMost(r.rest), of.atMost(r.rest))
			n := 0
			for ; r.ok && !r.found("]"); n++ {
				if n > 0 {
					r.raw(",")
				}
				if n == all.Len() {
					all = reflect.AppendSlice(all, reflect.MakeSlice(t, n+1, n+1))
				}
				of.read(r, all.Index(n))
			}
			v.Set(inRoomFor(n, all))
		},
	}, ok
}

// atMost guesses how many values of this type a list holds that s begins with, from
// what each of them begins with.
func (p plan) atMost(s string) int {
	if p.begin == "" {
		return 0
	}
	return strings.Count(s, p.begin)
}

// inRoomFor returns the first n of a list, in no more room than they need: incidents
// keep for long what facts say.
func inRoomFor(n int, list reflect.Value) reflect.Value {
	if n == list.Cap() {
		return list
	}
	exact := reflect.MakeSlice(list.Type(), n, n)
	reflect.Copy(exact, list)
	return exact
}

// field is one of a struct's.
type field struct {
	index []int
	name  string                   // with a comma before it, unless it is the first
	empty func(reflect.Value) bool // when it is left out; nil: it never is
	plan
}

func planOfStruct(t reflect.Type) (plan, bool) {
	fields, ok := fieldsOf(t, nil)
	return plan{
		write: func(w *writer, v reflect.Value) {
			w.raw("{")
			begun := len(w.b)
			for k := range fields {
				f := &fields[k]
				at := f.of(v)
				if f.empty != nil && f.empty(at) {
					continue
				}
				if len(w.b) > begun {
					w.raw(",")
				}
				w.raw(f.name)
				f.write(w, at)
			}
			w.raw("}")
		},
		read: func(r *reader, v reflect.Value) {
			r.raw("{")
			n := 0
			for k := range fields {
				f := &fields[k]
				switch {
				case r.field(n, f.name):
					n++
					f.read(r, f.of(v))
				case f.empty == nil:
					r.ok = false
				}
				if !r.ok {
					return
				}
			}
			r.raw("}")
		},
		begin: beginOf(fields),
	}, ok
}

// beginOf is what a struct of these fields always begins with.
func beginOf(fields []field) string {
	if len(fields) == 0 || fields[0].empty != nil {
		return ""
	}
	return "{" + fields[0].name
}

// fieldsOf returns the fields of a struct, those of what it embeds among them.
func fieldsOf(t reflect.Type, above []int) (all []field, ok bool) {
	for k := range t.NumField() {
		s := t.Field(k)
		name, rest, _ := strings.Cut(s.Tag.Get("json"), ",")
		index := append(above[:len(above):len(above)], k)
		switch {
		case name == "-":
			continue
		case s.Anonymous && name == "" && s.Type.Kind() == reflect.Struct && !writesItself(s.Type):
			more, ok := fieldsOf(s.Type, index)
			if !ok {
				return nil, false
			}
			all = append(all, more...)
			continue
		case name == "" || !s.IsExported():
			return nil, false
		}
		f := field{index: index, name: `"` + name + `":`}
		if f.plan, ok = planOf(s.Type); !ok {
			return nil, false
		}
		if f.empty, ok = emptyBy(rest, s.Type); !ok {
			return nil, false
		}
		all = append(all, f)
	}
	return all, true
}

// of returns the field of a struct.
func (f *field) of(v reflect.Value) reflect.Value {
	for _, k := range f.index {
		v = v.Field(k)
	}
	return v
}

// emptyBy returns what tells whether a field of this type is left out, by the options
// of its tag.
func emptyBy(options string, t reflect.Type) (func(reflect.Value) bool, bool) {
	switch {
	case options == "":
		return nil, true
	case options == "omitzero" && t == reflect.TypeFor[time.Time]():
		return func(v reflect.Value) bool {
			at, _ := reflect.TypeAssert[time.Time](v)
			return at.IsZero()
		}, true
	case options == "omitzero" && t == reflect.TypeFor[Target]():
		return reflect.Value.IsZero, true
	case options != "omitempty":
		return nil, false
	}
	switch t.Kind() {
	case reflect.String, reflect.Map, reflect.Slice:
		return func(v reflect.Value) bool { return v.Len() == 0 }, true
	case reflect.Bool, reflect.Int, reflect.Int64, reflect.Uint64, reflect.Pointer:
		return reflect.Value.IsZero, true
	}
	return nil, false
}
