package remediate

import "reflect"

// copier copies values of the types that it has met. Nil: one that is assigned
// has nothing in common with the other.
type copier map[reflect.Type]func(to, from reflect.Value)

// of returns what copies a value of type t to a zero one that can be set.
func (c copier) of(t reflect.Type) func(to, from reflect.Value) {
	f, met := c[t]
	if met {
		return f
	}
	switch t.Kind() {
	case reflect.Struct:
		f = c.ofStruct(t)
	case reflect.Map:
		f = c.ofMap(t)
	case reflect.Slice:
		f = c.ofSlice(t)
	case reflect.Pointer:
		f = c.ofPointer(t)
	}
	c[t] = f
	return f
}

// ofStruct copies the fields that are exported. Others are assigned: they are
// values, as in a time.
func (c copier) ofStruct(t reflect.Type) func(to, from reflect.Value) {
	copies := map[int]func(to, from reflect.Value){}
	for k := range t.NumField() {
		if t.Field(k).IsExported() {
			if f := c.of(t.Field(k).Type); f != nil {
				copies[k] = f
			}
		}
	}
	if len(copies) == 0 {
		return nil
	}
	return func(to, from reflect.Value) {
		to.Set(from)
		for k, f := range copies {
			f(to.Field(k), from.Field(k))
		}
	}
}

func (c copier) ofMap(t reflect.Type) func(to, from reflect.Value) {
	value := c.of(t.Elem())
	return func(to, from reflect.Value) {
		if from.IsNil() {
			return
		}
		to.Set(reflect.MakeMapWithSize(t, from.Len()))
		for each := from.MapRange(); each.Next(); {
			v := each.Value()
			if value != nil {
				v = reflect.New(t.Elem()).Elem()
				value(v, each.Value())
			}
			to.SetMapIndex(each.Key(), v)
		}
	}
}

func (c copier) ofSlice(t reflect.Type) func(to, from reflect.Value) {
	one := c.of(t.Elem())
	return func(to, from reflect.Value) {
		if from.IsNil() {
			return
		}
		s := reflect.MakeSlice(t, from.Len(), from.Len())
		if one == nil {
			reflect.Copy(s, from)
		}
		for k := 0; one != nil && k < from.Len(); k++ {
			one(s.Index(k), from.Index(k))
		}
		to.Set(s)
	}
}

func (c copier) ofPointer(t reflect.Type) func(to, from reflect.Value) {
	what := c.of(t.Elem())
	return func(to, from reflect.Value) {
		if from.IsNil() {
			return
		}
		p := reflect.New(t.Elem())
		if what == nil {
			p.Elem().Set(from.Elem())
		} else {
			what(p.Elem(), from.Elem())
		}
		to.Set(p)
	}
}
