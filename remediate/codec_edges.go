package remediate

import (
	"encoding/hex"
	"strings"
	"time"
)

// A storm is made of two kinds of facts: an alert fires, an alert resolved. They are
// written and read by hand here, since encoding/json takes several times as long
// for them as it takes to decide about them. It remains their plain twin: what is
// written is byte for byte what it writes, and what is read is what it reads, or is
// left to it. A test holds the two against each other.

// encodeEdge is json.Marshal for the facts of a storm, false for all others and
// for what only json.Marshal knows how to write, or that it cannot be.
func encodeEdge(body Body) ([]byte, bool) {
	w := edgeWriter{ok: true}
	switch b := body.(type) {
	case AlertFiring:
		w.b = make([]byte, 0, 1024)
		w.firing(b)
	case AlertResolved:
		w.b = make([]byte, 0, 128)
		w.resolved(b)
	default:
		return nil, false
	}
	return w.b, w.ok
}

// decodeEdge reads what encodeEdge wrote. It returns false for whatever else, of
// which nothing is said by that.
func decodeEdge(kind string, b []byte) (Body, bool) {
	switch kind {
	case AlertFiring{}.kind():
		r := edgeReader{rest: string(b), ok: true}
		f := r.firing()
		return f, r.ended()
	case AlertResolved{}.kind():
		r := edgeReader{rest: string(b), ok: true}
		f := r.resolved()
		return f, r.ended()
	}
	return nil, false
}

// edgeWriter writes JSON as encoding/json does. Once something was to be written
// that it leaves to encoding/json, ok is false.
type edgeWriter struct {
	b  []byte
	ok bool
}

func (w *edgeWriter) firing(f AlertFiring) {
	w.raw(`{"id":"`)
	w.b = hex.AppendEncode(w.b, f.ID[:])
	w.raw(`","alert":{"labels":`)
	w.labels(f.Alert.Labels)
	w.texts(`,"annotations":`, f.Alert.Annotations)
	w.raw(`,"startsAt":`)
	w.time(f.Alert.StartsAt)
	if !f.Alert.EndsAt.IsZero() {
		w.raw(`,"endsAt":`)
		w.time(f.Alert.EndsAt)
	}
	w.optional(`,"generatorURL":`, f.Alert.GeneratorURL)
	w.optional(`,"fingerprint":`, f.Alert.Fingerprint)
	w.optional(`,"group":`, f.Alert.Group)
	w.raw(`},"via":`)
	w.text(string(f.Via))
	if w.ok = w.ok && len(f.Suppressed) == 0; f.Found {
		w.raw(`,"found":true`)
	}
	w.raw(`}`)
}

func (w *edgeWriter) resolved(f AlertResolved) {
	w.raw(`{"id":"`)
	w.b = hex.AppendEncode(w.b, f.ID[:])
	w.raw(`"`)
	if !f.EndsAt.IsZero() {
		w.raw(`,"endsAt":`)
		w.time(f.EndsAt)
	}
	w.raw(`,"via":`)
	w.text(string(f.Via))
	w.raw(`}`)
}

func (w *edgeWriter) raw(s string) { w.b = append(w.b, s...) }

func (w *edgeWriter) optional(name, s string) {
	if s != "" {
		w.raw(name)
		w.text(s)
	}
}

// text writes a string. What is not ASCII is left to encoding/json, which sees
// to it that it is UTF-8.
func (w *edgeWriter) text(s string) {
	w.b = append(w.b, '"')
	begun := 0
	for k := range len(s) {
		c := s[k]
		if c >= 0x20 && c < asciiUntil && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' {
			continue
		}
		w.b = append(w.b, s[begun:k]...)
		begun = k + 1
		switch e := strings.IndexByte(escapable, c); {
		case e >= 0:
			w.b = append(w.b, '\\', escapes[e])
		case c == '<' || c == '>' || c == '&':
			w.b = append(w.b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
		default:
			w.ok = false
		}
	}
	w.b = append(append(w.b, s[begun:]...), '"')
}

const (
	hexDigits  = "0123456789abcdef"
	escapable  = "\"\\\n\r\t"
	escapes    = "\"\\nrt" // what stands for each of them, behind a backslash
	asciiUntil = 0x80
)

func (w *edgeWriter) time(t time.Time) {
	w.b = append(w.b, '"')
	b, err := t.AppendText(w.b)
	w.ok = w.ok && err == nil
	w.b = append(b, '"')
}

// labels writes an object whose names are in order, and none of them twice.
func (w *edgeWriter) labels(ls Labels) {
	w.b = append(w.b, '{')
	for k, l := range ls {
		if k > 0 {
			w.ok = w.ok && ls[k-1].Name < l.Name
			w.b = append(w.b, ',')
		}
		w.text(l.Name)
		w.b = append(w.b, ':')
		w.text(l.Value)
	}
	w.b = append(w.b, '}')
}

// texts writes an object of strings, if it holds any.
func (w *edgeWriter) texts(name string, m map[string]string) {
	if len(m) > 0 {
		w.raw(name)
		w.labels(LabelsOf(m))
	}
}

// edgeReader reads what edgeWriter wrote, in just that order, without a blank. Once
// something else was found, ok is false. What it reads are parts of one string.
type edgeReader struct {
	rest string
	ok   bool
}

func (r *edgeReader) firing() (f AlertFiring) {
	r.raw(`{"id":`)
	f.ID = r.id()
	r.raw(`,"alert":{"labels":`)
	f.Alert.Labels = r.labels()
	if r.found(`,"annotations":`) {
		f.Alert.Annotations = r.texts()
	}
	r.raw(`,"startsAt":`)
	f.Alert.StartsAt = r.time()
	if r.found(`,"endsAt":`) {
		f.Alert.EndsAt = r.time()
	}
	f.Alert.GeneratorURL = r.optional(`,"generatorURL":`)
	f.Alert.Fingerprint = r.optional(`,"fingerprint":`)
	f.Alert.Group = r.optional(`,"group":`)
	r.raw(`},"via":`)
	f.Via = Via(r.text())
	f.Found = r.found(`,"found":true`)
	r.raw(`}`)
	return f
}

func (r *edgeReader) resolved() (f AlertResolved) {
	r.raw(`{"id":`)
	f.ID = r.id()
	if r.found(`,"endsAt":`) {
		f.EndsAt = r.time()
	}
	r.raw(`,"via":`)
	f.Via = Via(r.text())
	r.raw(`}`)
	return f
}

// ended tells whether all was read, and understood.
func (r *edgeReader) ended() bool { return r.ok && r.rest == "" }

// found takes what stands there next if it is s.
func (r *edgeReader) found(s string) bool {
	rest, found := strings.CutPrefix(r.rest, s)
	r.rest = rest
	return found
}

func (r *edgeReader) raw(s string) { r.ok = r.found(s) && r.ok }

func (r *edgeReader) optional(name string) string {
	if !r.found(name) {
		return ""
	}
	return r.text()
}

// text reads a string. One in which anything is escaped but what edgeWriter
// escapes, or that is not ASCII, is left to encoding/json.
func (r *edgeReader) text() string {
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
func (r *edgeReader) escaped(k int) string {
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
// and how long that is: 0 when it is none of what edgeWriter escapes.
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

func (r *edgeReader) id() (id AlertID) {
	r.ok = id.UnmarshalText([]byte(r.text())) == nil && r.ok
	return id
}

// time reads a time, in which encoding/json lets nothing be escaped.
func (r *edgeReader) time() (t time.Time) {
	before := len(r.rest)
	s := r.text()
	r.ok = before-len(r.rest) == len(s)+2 && t.UnmarshalText([]byte(s)) == nil && r.ok
	return t
}

// labels reads an object of strings whose names are in order.
func (r *edgeReader) labels() Labels {
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
func (r *edgeReader) texts() map[string]string {
	ls := r.labels()
	m := make(map[string]string, len(ls))
	for _, l := range ls {
		m[l.Name] = l.Value
	}
	return m
}
