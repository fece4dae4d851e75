package remediate_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/x0tta6bl4/remediated/remediate"
)

// readAlike: what is read by a plan is what encoding/json reads.
func readAlike(t *testing.T, kind string, b []byte) {
	t.Helper()
	fast, ok := DecodeByPlan(kind, b)
	if !ok {
		return
	}
	plain, err := DecodePlain(Record{Seq: 1, Kind: kind, Bytes: b})
	if err != nil || !reflect.DeepEqual(fast, plain) {
		t.Errorf("%s, %s\nis read as     %#v\nshould be read %#v, %v", kind, b, fast, plain, err)
	}
}

// writtenAlike: what is written by a plan is what encoding/json writes.
func writtenAlike(t *testing.T, body Body) {
	t.Helper()
	fast, ok := EncodeByPlan(body)
	if !ok {
		return
	}
	if plain, err := json.Marshal(body); err != nil || !bytes.Equal(fast, plain) {
		t.Errorf("%#v\nis written as     %s\nshould be written %s, %v", body, fast, plain, err)
	}
}

// storm is what an alert says that an Alertmanager sends, and what is odd.
func storm() (alerts []Alert) {
	at := epoch.Add(1234 * time.Millisecond)
	usual := Alert{
		Labels:       LabelsOf(map[string]string{"alertname": "A", "job": "shop", "path": `/a"b\c`}),
		Annotations:  map[string]string{"summary": "it is down", "description": "first line\nand <b>the second</b>\t& more"},
		StartsAt:     at,
		GeneratorURL: "http://prometheus/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
		Fingerprint:  "0123456789abcdef", Group: "0a0b",
	}
	alerts = append(alerts, usual, Alert{}, Alert{Labels: Labels{}, Annotations: map[string]string{}, EndsAt: at})
	for _, text := range []string{"", "\x00", "\x1f", "\x7f", "\r", "\b", "ü", "\u2028", "\xff", "\xed\xa0\x80", "😀", `\`, `"`, "</script>", "}", `":"`} {
		a := usual
		a.Labels = LabelsOf(map[string]string{"alertname": text, text: "a"})
		a.Annotations = map[string]string{"summary": text, text: text}
		alerts = append(alerts, a)
	}
	for _, at := range []time.Time{{}, at.Add(time.Nanosecond), at.In(time.FixedZone("east", 2*60*60)), time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)} {
		a := usual
		a.StartsAt, a.EndsAt = at, at
		alerts = append(alerts, a)
	}
	twice := usual
	twice.Labels = Labels{{"a", "1"}, {"a", "2"}}
	backwards := usual
	backwards.Labels = Labels{{"b", "1"}, {"a", "2"}}
	return append(alerts, twice, backwards)
}

// Each kind is written and read by its plan as encoding/json would, and so is a storm.
func TestPlansWriteAndReadAlike(t *testing.T) {
	bodies := append(samples(), odd()...)
	for k, a := range storm() {
		id := IdentityOf(a.Labels, nil)
		bodies = append(bodies,
			AlertFiring{ID: id, Alert: a, Via: ViaWebhook, Found: k%2 == 0},
			AlertFiring{ID: id, Alert: a, Via: ViaListing, Suppressed: []string{"s1"}},
			AlertResolved{ID: id, EndsAt: a.StartsAt, Via: Via(a.Fingerprint)},
			Started{ID: a.Fingerprint, Ask: &Ask{Questions: []Question{{Labels: a.Labels}, {Labels: a.Labels}}}},
			Finished{Result: Result{Answers: []Answer{{Values: a.Annotations}}, FirstGood: a.StartsAt, Until: a.EndsAt}},
		)
	}
	for _, body := range bodies {
		writtenAlike(t, body)
		usual, err := json.Marshal(body)
		if err != nil {
			continue // it has a time that nobody can write
		}
		readAlike(t, KindOf(body), usual)
		for _, change := range [][2]string{{"a", `\u0061`}, {":", ": "}, {",", " ,"}, {"0", "00"}, {"1", "-1"}, {"1", "1.0"}, {"1", "18446744073709551616"}, {`"`, "null"}, {"[", "[]"}, {"true", "True"}} {
			readAlike(t, KindOf(body), bytes.ReplaceAll(usual, []byte(change[0]), []byte(change[1])))
		}
		for n := range usual {
			readAlike(t, KindOf(body), usual[:n])
			readAlike(t, KindOf(body), slices.Concat(usual[:n], []byte("0"), usual[n:]))
			readAlike(t, KindOf(body), slices.Concat(usual[:n], []byte("null"), usual[n:]))
		}
	}
}

// odd is what facts could say and hardly do.
func odd() []Body {
	return []Body{
		AlertSuppressed{}, AlertSuppressed{By: []string{}}, Judged{Verdicts: []Verdict{}}, Judged{Plan: &Plan{}},
		Opened{Incident: math.MaxUint64}, Left{Firing: -1}, Left{Firing: math.MinInt},
		Started{}, Started{Ask: &Ask{Questions: []Question{}, Hold: -1}, Tell: &Tell{}},
		BreakerCounted{}, BreakerCounted{Shared: json.RawMessage(` {"a": "<}>" } `)}, BreakerCounted{Shared: json.RawMessage(`[{},"}\"]",1]`)}, BreakerCounted{Shared: json.RawMessage(`}`)},
		Finished{Result: Result{Answers: []Answer{{Values: map[string]string{}}}}},
	}
}

// What is usual is not left to encoding/json: plans would be of no use else.
func TestPlansAreOfUse(t *testing.T) {
	usual := storm()[0]
	for _, body := range append(samples(), AlertFiring{ID: IdentityOf(usual.Labels, nil), Alert: usual, Via: ViaWebhook}) {
		if _, rare := body.(ClockJumped); rare {
			continue
		}
		b, ok := EncodeByPlan(body)
		if !ok {
			t.Errorf("%#v is not written by its plan", body)
		}
		if _, ok := DecodeByPlan(KindOf(body), b); !ok {
			t.Errorf("%s is not read by its plan", b)
		}
	}
}

// FuzzLabels reads an object of strings as encoding/json reads a map, whatever it
// looks like, and writes it as that does.
func FuzzLabels(f *testing.F) {
	for _, a := range storm() {
		b, err := json.Marshal(a.Labels)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, s := range []string{`{}`, `null`, `{"b":"1","a":"2"}`, `{"a":"1","a":"2"}`, `{"a":"1",}`, `{"a":1}`, ` {"a" : "1"} `, `{"\u0061":"\u0000"}`, `{"a":"\u00ff\/\b"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var ls Labels
		var m map[string]string
		errLabels, errMap := json.Unmarshal(b, &ls), json.Unmarshal(b, &m)
		if (errLabels == nil) != (errMap == nil) {
			t.Fatalf("%s: %v, encoding/json: %v", b, errLabels, errMap)
		}
		read := map[string]string{}
		for _, l := range ls {
			read[l.Name] = l.Value
		}
		if errMap != nil {
			return
		}
		if !maps.Equal(read, m) || len(read) != len(ls) || !reflect.DeepEqual(ls, LabelsOf(m)) && strings.TrimSpace(string(b)) != "null" {
			t.Fatalf("%s is read as %v, should be %v", b, ls, m)
		}
		if m == nil {
			m = map[string]string{}
		}
		once, err := json.Marshal(ls)
		plain, errPlain := json.Marshal(m)
		if err != nil || errPlain != nil || !bytes.Equal(once, plain) {
			t.Fatalf("%v is written as %s, should be %s", ls, once, plain)
		}
	})
}
