package remediate

import (
	"encoding/binary"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Two incidents of one policy say nearly the same. A differ writes a value as what it
// differs in from another of its type, its model, in a few dozen bytes, and reads it
// onto a copy of the model. What is written is never kept longer than a process lives.
type differ struct {
	same func(v, model reflect.Value) bool
	// write appends what v differs in from the model. Both can be addressed.
	write func(b []byte, v, model reflect.Value) []byte
	// read makes of to, which is a copy of the model, what was written.
	read func(r *differences, to reflect.Value)
}

// differences is what is still to be read.
type differences struct{ rest string }

func (r *differences) uvarint() uint64 {
	n, size := binary.Uvarint([]byte(r.rest[:min(len(r.rest), binary.MaxVarintLen64)]))
	r.rest = r.rest[size:]
	return n
}

func (r *differences) varint() int64 {
	n, size := binary.Varint([]byte(r.rest[:min(len(r.rest), binary.MaxVarintLen64)]))
	r.rest = r.rest[size:]
	return n
}

// text reads a text that was written by appendText.
func (r *differences) text(model string) string {
	prefix, suffix, n := r.uvarint(), r.uvarint(), r.uvarint()
	middle := r.rest[:n]
	r.rest = r.rest[n:]
	return model[:prefix] + middle + model[uint64(len(model))-suffix:]
}

// appendText appends what stands in s between what it begins and ends with in
// common with the model.
func appendText(b []byte, s, model string) []byte {
	prefix, most := 0, min(len(s), len(model))
	for prefix < most && s[prefix] == model[prefix] {
		prefix++
	}
	suffix := 0
	for suffix < most-prefix && s[len(s)-1-suffix] == model[len(model)-1-suffix] {
		suffix++
	}
	middle := s[prefix : len(s)-suffix]
	b = binary.AppendUvarint(b, uint64(prefix))
	b = binary.AppendUvarint(b, uint64(suffix))
	b = binary.AppendUvarint(b, uint64(len(middle)))
	return append(b, middle...)
}

// differOf returns the differ of a type. It panics for a kind of which no state is
// made, which a test sees.
func differOf(t reflect.Type) differ {
	if t == reflect.TypeFor[time.Time]() {
		return timeDiffer
	}
	switch t.Kind() {
	case reflect.Bool:
		return boolDiffer
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return intDiffer
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return uintDiffer
	case reflect.String:
		return stringDiffer
	case reflect.Array:
		return arrayDiffer(t)
	case reflect.Struct:
		return structDiffer(t)
	case reflect.Pointer:
		return pointerDiffer(t)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return bytesDiffer
		}
		return sliceDiffer(t)
	case reflect.Map:
		return mapDiffer(t)
	}
	panic("no value of a state is a " + t.Kind().String())
}

// A bool that differs is the other one.
var boolDiffer = differ{
	same: func(v, model reflect.Value) bool { return v.Bool() == model.Bool() },
	write: func(b []byte, v, _ reflect.Value) []byte {
		return binary.AppendUvarint(b, map[bool]uint64{true: 1}[v.Bool()])
	},
	read: func(r *differences, to reflect.Value) { to.SetBool(r.uvarint() == 1) },
}

var intDiffer = differ{
	same:  func(v, model reflect.Value) bool { return v.Int() == model.Int() },
	write: func(b []byte, v, model reflect.Value) []byte { return binary.AppendVarint(b, v.Int()-model.Int()) },
	read:  func(r *differences, to reflect.Value) { to.SetInt(to.Int() + r.varint()) },
}

var uintDiffer = differ{
	same: func(v, model reflect.Value) bool { return v.Uint() == model.Uint() },
	write: func(b []byte, v, model reflect.Value) []byte {
		return binary.AppendVarint(b, int64(v.Uint()-model.Uint()))
	},
	read: func(r *differences, to reflect.Value) { to.SetUint(to.Uint() + uint64(r.varint())) },
}

var stringDiffer = differ{
	same:  func(v, model reflect.Value) bool { return v.String() == model.String() },
	write: func(b []byte, v, model reflect.Value) []byte { return appendText(b, v.String(), model.String()) },
	read:  func(r *differences, to reflect.Value) { to.SetString(r.text(to.String())) },
}

// A time of a fact is in UTC and mostly of whole milliseconds.
var timeDiffer = differ{
	same: func(v, model reflect.Value) bool { return timeAt(v).Equal(*timeAt(model)) },
	write: func(b []byte, v, model reflect.Value) []byte {
		b = binary.AppendVarint(b, timeAt(v).Unix()-timeAt(model).Unix())
		n := uint64(timeAt(v).Nanosecond())
		if whole := uint64(time.Millisecond); n%whole == 0 {
			return binary.AppendUvarint(b, 2*(n/whole))
		}
		return binary.AppendUvarint(b, 2*n+1)
	},
	read: func(r *differences, to reflect.Value) {
		seconds, n := timeAt(to).Unix()+r.varint(), r.uvarint()
		nanoseconds := int64(n / 2)
		if n%2 == 0 {
			nanoseconds *= int64(time.Millisecond)
		}
		*timeAt(to) = time.Unix(seconds, nanoseconds).UTC()
	},
}

func timeAt(v reflect.Value) *time.Time { return v.Addr().Interface().(*time.Time) }

// bytesDiffer is for JSON as it came. One that is nil is not an empty one.
var bytesDiffer = differ{
	same: sameContents,
	write: func(b []byte, v, model reflect.Value) []byte {
		if v.IsNil() {
			return append(b, 0)
		}
		return appendText(append(b, 1), string(v.Bytes()), string(model.Bytes()))
	},
	read: func(r *differences, to reflect.Value) {
		if r.uvarint() == 0 {
			to.SetZero()
			return
		}
		to.SetBytes([]byte(r.text(string(to.Bytes()))))
	},
}

// sameContents compares what may be nil: most of it is, or is of no length.
func sameContents(v, model reflect.Value) bool {
	if v.IsNil() || model.IsNil() {
		return v.IsNil() && model.IsNil()
	}
	return reflect.DeepEqual(v.Interface(), model.Interface())
}

func arrayDiffer(t reflect.Type) differ {
	one := differOf(t.Elem())
	return differ{
		same: func(v, model reflect.Value) bool { return v.Equal(model) },
		write: func(b []byte, v, model reflect.Value) []byte {
			for k := range v.Len() {
				b = one.write(b, v.Index(k), model.Index(k))
			}
			return b
		},
		read: func(r *differences, to reflect.Value) {
			for k := range to.Len() {
				one.read(r, to.Index(k))
			}
		},
	}
}

// structDiffer writes how many fields further on the next one stands that differs,
// and what that is; at the end a zero.
func structDiffer(t reflect.Type) differ {
	fields := make([]differ, t.NumField())
	for k := range fields {
		fields[k] = differOf(t.Field(k).Type)
	}
	return differ{
		same: func(v, model reflect.Value) bool {
			for k, f := range fields {
				if !f.same(v.Field(k), model.Field(k)) {
					return false
				}
			}
			return true
		},
		write: func(b []byte, v, model reflect.Value) []byte {
			last := -1
			for k, f := range fields {
				if !f.same(v.Field(k), model.Field(k)) {
					b = f.write(binary.AppendUvarint(b, uint64(k-last)), v.Field(k), model.Field(k))
					last = k
				}
			}
			return append(b, 0)
		},
		read: func(r *differences, to reflect.Value) {
			at := -1
			for next := r.uvarint(); next != 0; next = r.uvarint() {
				at += int(next)
				fields[at].read(r, to.Field(at))
			}
		},
	}
}

func pointerDiffer(t reflect.Type) differ {
	what, none := differOf(t.Elem()), reflect.New(t.Elem())
	return differ{
		same: sameContents,
		write: func(b []byte, v, model reflect.Value) []byte {
			if v.IsNil() {
				return append(b, 0)
			}
			if model.IsNil() {
				model = none
			}
			return what.write(append(b, 1), v.Elem(), model.Elem())
		},
		read: func(r *differences, to reflect.Value) {
			if r.uvarint() == 0 {
				to.SetZero()
				return
			}
			if to.IsNil() {
				to.Set(reflect.New(t.Elem()))
			}
			what.read(r, to.Elem())
		},
	}
}

// sliceDiffer writes a list member by member, each against the one in its place.
// The length is one more, so that 0 is no list.
func sliceDiffer(t reflect.Type) differ {
	one, none := differOf(t.Elem()), reflect.New(t.Elem()).Elem()
	return differ{
		same: sameContents,
		write: func(b []byte, v, model reflect.Value) []byte {
			if v.IsNil() {
				return append(b, 0)
			}
			b = binary.AppendUvarint(b, uint64(v.Len())+1)
			for k := range v.Len() {
				like := none
				if k < model.Len() {
					like = model.Index(k)
				}
				b = one.write(b, v.Index(k), like)
			}
			return b
		},
		read: func(r *differences, to reflect.Value) {
			n := int(r.uvarint()) - 1
			if n < 0 {
				to.SetZero()
				return
			}
			if to.IsNil() || to.Len() != n {
				list := reflect.MakeSlice(t, n, n)
				reflect.Copy(list, to)
				to.Set(list)
			}
			for k := range n {
				one.read(r, to.Index(k))
			}
		},
	}
}

// mapDiffer writes a map as the list of its pairs, in the order of their keys.
func mapDiffer(t reflect.Type) differ {
	list := reflect.SliceOf(reflect.StructOf([]reflect.StructField{{Name: "Key", Type: t.Key()}, {Name: "Value", Type: t.Elem()}}))
	pairs := sliceDiffer(list)
	return differ{
		same: sameContents,
		write: func(b []byte, v, model reflect.Value) []byte {
			return pairs.write(b, pairsOf(v, list), pairsOf(model, list))
		},
		read: func(r *differences, to reflect.Value) {
			all := reflect.New(list).Elem()
			all.Set(pairsOf(to, list))
			if pairs.read(r, all); all.IsNil() {
				to.SetZero()
				return
			}
			to.Set(reflect.MakeMapWithSize(t, all.Len()))
			for k := range all.Len() {
				to.SetMapIndex(all.Index(k).Field(0), all.Index(k).Field(1))
			}
		},
	}
}

// pairsOf is a map as the list of its pairs, in the order of their keys.
func pairsOf(m reflect.Value, list reflect.Type) reflect.Value {
	if m.IsNil() {
		return reflect.Zero(list)
	}
	keys := m.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(keyText(a), keyText(b)) })
	pairs := reflect.MakeSlice(list, len(keys), len(keys))
	for k, key := range keys {
		pairs.Index(k).Field(0).Set(key)
		pairs.Index(k).Field(1).Set(m.MapIndex(key))
	}
	return pairs
}

// keyText is what keys are ordered by: they are texts, or identities of alerts.
func keyText(key reflect.Value) string {
	if id, ok := key.Interface().(AlertID); ok {
		return string(id[:])
	}
	return key.String()
}
