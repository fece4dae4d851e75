package remediate

import (
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// writer writes JSON as encoding/json does. Once something was to be written that
// it leaves to encoding/json, ok is false.
type writer struct {
	b  []byte
	ok bool
}

func (w *writer) raw(s string) { w.b = append(w.b, s...) }

func (w *writer) bool(b bool)   { w.b = strconv.AppendBool(w.b, b) }
func (w *writer) int(n int64)   { w.b = strconv.AppendInt(w.b, n, 10) }
func (w *writer) uint(n uint64) { w.b = strconv.AppendUint(w.b, n, 10) }

// text writes a string. What is not ASCII is left to encoding/json, which sees
// to it that it is UTF-8.
func (w *writer) text(s string) {
	w.b = append(w.b, '"')
	begun := 0
	for k := range len(s) {
		c := s[k]
		if unescaped[c] {
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

// unescaped are the characters that stand for themselves.
var unescaped = func() (is [256]bool) {
	for c := byte(0x20); c < asciiUntil; c++ {
		is[c] = !strings.ContainsRune(`"\<>&`, rune(c))
	}
	return is
}()

func (w *writer) time(t time.Time) {
	w.b = append(w.b, '"')
	b, err := t.AppendText(w.b)
	w.ok = w.ok && err == nil
	w.b = append(b, '"')
}

func (w *writer) duration(d model.Duration) { w.text(d.String()) }

func (w *writer) id(id AlertID) {
	w.b = append(w.b, '"')
	w.b = append(hex.AppendEncode(w.b, id[:]), '"')
}

func (w *writer) target(t Target) { w.text(t.String()) }

// labels writes an object whose names are in order, and none of them twice.
func (w *writer) labels(ls Labels) {
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

// texts writes an object of strings.
func (w *writer) texts(m map[string]string) {
	if m == nil {
		w.raw("null")
		return
	}
	w.labels(LabelsOf(m))
}

// json writes what is JSON already, which encoding/json writes without blanks and
// with some characters escaped.
func (w *writer) json(m json.RawMessage) {
	b, err := json.Marshal(m)
	w.ok = w.ok && err == nil
	w.b = append(w.b, b...)
}
