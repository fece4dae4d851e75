package remediate

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// reader reads what writer wrote, in just that order, without a blank. Once
// something else was found, ok is false.
type reader struct {
	rest string
	ok   bool
	// parts says that what is read may be parts of rest: all of it is kept for as
	// long as any of them is.
	parts bool
}

// ended tells whether all was read, and understood.
func (r *reader) ended() bool { return r.ok && r.rest == "" }

// found takes what stands there next if it is s.
func (r *reader) found(s string) bool {
	if !strings.HasPrefix(r.rest, s) {
		return false
	}
	r.rest = r.rest[len(s):]
	return true
}

func (r *reader) raw(s string) { r.ok = r.found(s) && r.ok }

// field takes the name of a field if it stands there next, behind n others.
func (r *reader) field(n int, name string) bool {
	if n == 0 {
		return r.found(name)
	}
	if r.rest == "" || r.rest[0] != ',' || !strings.HasPrefix(r.rest[1:], name) {
		return false
	}
	r.rest = r.rest[1+len(name):]
	return true
}

func (r *reader) bool() bool {
	if r.found("true") {
		return true
	}
	r.raw("false")
	return false
}

func (r *reader) int() int64 {
	n, err := strconv.ParseInt(r.number(), 10, strconv.IntSize)
	r.ok = r.ok && err == nil
	return n
}

func (r *reader) uint() uint64 {
	n, err := strconv.ParseUint(r.number(), 10, 64)
	r.ok = r.ok && err == nil
	return n
}

// number takes the characters of a whole number. One that writer would write
// otherwise is left to encoding/json, which refuses it.
func (r *reader) number() string {
	n := 0
	for n < len(r.rest) && (r.rest[n] >= '0' && r.rest[n] <= '9' || r.rest[n] == '-') {
		n++
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	if digits := strings.TrimPrefix(s, "-"); len(digits) > 1 && digits[0] == '0' || s == "-0" {
		r.ok = false
	}
	return s
}

// text reads a string. One in which anything is escaped but what writer
// escapes, or that is not ASCII, is left to encoding/json.
func (r *reader) text() string {
	s := r.part()
	if r.parts {
		return s
	}
	if w, ok := words[s]; ok {
		return w
	}
	return strings.Clone(s)
}

// part is text that may be a part of rest.
func (r *reader) part() string {
	if !r.found(`"`) {
		r.ok = false
		return ""
	}
	for k := range len(r.rest) {
		switch c := r.rest[k]; {
		case c == '"':
			s := r.rest[:k]
			r.rest = r.rest[k+1:]
			return s
		case c == '\\':
			return r.escaped(k)
		case c < 0x20 || c >= asciiUntil:
			r.ok = false
			return ""
		}
	}
	r.ok = false
	return ""
}

// escaped reads a string whose first backslash is at k.
func (r *reader) escaped(k int) string {
	s := []byte(r.rest[:k])
	for ; r.ok && k < len(r.rest); k++ {
		switch c := r.rest[k]; {
		case c == '"':
			r.rest = r.rest[k+1:]
			return string(s)
		case c < 0x20 || c >= asciiUntil:
			r.ok = false
		case c != '\\':
			s = append(s, c)
		default:
			c, n := unescape(r.rest[k+1:])
			r.ok = n > 0
			s, k = append(s, c), k+n
		}
	}
	r.ok = false
	return ""
}

// unescape returns what is escaped at the beginning of s, behind the backslash,
// and how long that is: 0 when it is none of what writer escapes.
func unescape(s string) (c byte, n int) {
	if s == "" {
		return 0, 0
	}
	if e := strings.IndexByte(escapes, s[0]); e >= 0 {
		return escapable[e], 1
	}
	var b [1]byte
	if len(s) < 5 || s[:3] != "u00" {
		return 0, 0
	}
	if _, err := hex.Decode(b[:], []byte(s[3:5])); err != nil || b[0] >= asciiUntil {
		return 0, 0
	}
	return b[0], 5
}

func (r *reader) id() (id AlertID) {
	s := r.part()
	if r.ok = r.ok && len(s) == 2*len(id); !r.ok {
		return id
	}
	var digits [2 * len(id)]byte // on the stack, which it would not be if it could be part of an error
	copy(digits[:], s)
	_, err := hex.Decode(id[:], digits[:])
	r.ok = err == nil
	return id
}

func (r *reader) target() (t Target) {
	r.ok = t.UnmarshalText([]byte(r.part())) == nil && r.ok
	return t
}

func (r *reader) duration() (d model.Duration) {
	r.ok = d.UnmarshalText([]byte(r.part())) == nil && r.ok
	return d
}

// time reads a time, in which encoding/json lets nothing be escaped.
func (r *reader) time() (t time.Time) {
	before := len(r.rest)
	s := r.part()
	r.ok = before-len(r.rest) == len(s)+2 && t.UnmarshalText([]byte(s)) == nil && r.ok
	return t
}

// labels reads an object of strings whose names are in order. They are kept as parts
// of one string.
func (r *reader) labels() Labels {
	n := strings.IndexByte(r.rest, '}') + 1
	whole := reader{rest: strings.Clone(r.rest[:n]), ok: true, parts: true}
	if ls := whole.pairs(); whole.ended() { // else there is a } in one of them
		r.rest = r.rest[n:]
		return ls
	}
	return r.pairs()
}

func (r *reader) pairs() Labels {
	r.raw(`{`)
	ls := make(Labels, 0, strings.Count(r.rest[:strings.IndexByte(r.rest, '}')+1], `":"`))
	for r.ok && !r.found(`}`) {
		if len(ls) > 0 {
			r.raw(`,`)
		}
		name := r.text()
		r.raw(`:`)
		ls = append(ls, Label{name, r.text()})
		if n := len(ls); n > 1 && ls[n-2].Name >= name {
			r.ok = false
		}
	}
	return ls
}

// texts reads an object of strings.
func (r *reader) texts() map[string]string {
	if r.found("null") {
		return nil
	}
	ls := r.labels()
	m := make(map[string]string, len(ls))
	for _, l := range ls {
		m[l.Name] = l.Value
	}
	return m
}

// json reads a value of whatever form.
func (r *reader) json() json.RawMessage {
	b := json.RawMessage(r.rest[:extent(r.rest)])
	r.ok = r.ok && json.Valid(b) && len(bytes.TrimSpace(b)) == len(b)
	r.rest = r.rest[len(b):]
	return b
}

// extent is how long the value is that s begins with, if it is one.
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
		case (c == '}' || c == ']') && depth > 0:
			depth--
		case depth == 0 && (c == ',' || c == '}' || c == ']'):
			return k
		}
	}
	return len(s)
}
