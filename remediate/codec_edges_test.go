package remediate_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	. "github.com/x0tta6bl4/remediated/remediate"
)

// edgesReadAlike: what is read by hand is what encoding/json reads.
func edgesReadAlike(t *testing.T, kind string, b []byte) {
	t.Helper()
	fast, ok := DecodeEdge(kind, b)
	if !ok {
		return
	}
	plain, err := DecodePlain(Record{Seq: 1, Kind: kind, Bytes: b})
	if err != nil || !reflect.DeepEqual(fast, plain) {
		t.Errorf("%s, %s\nis read as     %#v\nshould be read %#v, %v", kind, b, fast, plain, err)
	}
}

// edgesWriteAlike: what is written by hand is what encoding/json writes.
func edgesWriteAlike(t *testing.T, body Body) {
	t.Helper()
	fast, ok := EncodeEdge(body)
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

// A storm is written and read by hand, as encoding/json would.
func TestEdgesAreWrittenAndReadAlike(t *testing.T) {
	for k, a := range storm() {
		id := IdentityOf(a.Labels, nil)
		for _, body := range []Body{
			AlertFiring{ID: id, Alert: a, Via: ViaWebhook, Found: k%2 == 0},
			AlertFiring{ID: id, Alert: a, Via: ViaListing, Suppressed: []string{"s1"}},
			AlertResolved{ID: id, EndsAt: a.StartsAt, Via: Via(a.Fingerprint)},
		} {
			edgesWriteAlike(t, body)
			plain, err := json.Marshal(body)
			if err != nil {
				continue // it has a time that nobody can write
			}
			edgesReadAlike(t, KindOf(body), plain)
			edgesReadAlike(t, KindOf(body), bytes.ReplaceAll(plain, []byte("a"), []byte(`\u0061`)))
			edgesReadAlike(t, KindOf(body), bytes.ReplaceAll(plain, []byte(":"), []byte(": ")))
			for n := range plain {
				edgesReadAlike(t, KindOf(body), plain[:n])
			}
		}
	}
}

// What is usual is not left to encoding/json: it would be of no use else.
func TestEdgesAreWrittenAndReadByHand(t *testing.T) {
	usual := storm()[0]
	for _, body := range []Body{
		AlertFiring{ID: IdentityOf(usual.Labels, nil), Alert: usual, Via: ViaWebhook},
		AlertResolved{ID: IdentityOf(usual.Labels, nil), EndsAt: usual.StartsAt, Via: ViaWebhook},
	} {
		b, ok := EncodeEdge(body)
		if !ok {
			t.Errorf("%#v is not written by hand", body)
		}
		if _, ok := DecodeEdge(KindOf(body), b); !ok {
			t.Errorf("%s is not read by hand", b)
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
