package alertmanager

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// usuallyReadAlike: what is read as usual is what encoding/json reads.
func usuallyReadAlike(t *testing.T, raw string) {
	t.Helper()
	if !json.Valid([]byte(raw)) {
		return
	}
	usual, ok := readUsual([]byte(raw))
	if !ok {
		return
	}
	plain, err := readPlain([]byte(raw))
	if err != nil || !reflect.DeepEqual(usual, plain) {
		t.Errorf("%s\nis read as     %+v\nshould be read %+v, %v", raw, usual, plain, err)
	}
}

// oddities are what may be written otherwise in an alert, or stand in its texts.
var oddities = []string{
	`null`, `""`, `"x"`, `1`, `{}`, `[]`, `{"a":null}`, `{"a":"1","a":"2"}`, `{"b":"1","a":"2"}`, `{"a":1}`, `{"a":{"b":"}"}}`, `{ "a" : "1" }`,
	`"\n\u003c\"\\"`, `"\ud800"`, "\"\xff\"", `"ü}"`, `{"a":"\u00fc","ü":"}\"{"}`, `"2026-11-22T02:10:40+02:00"`, `"2026-11-22 02:10:40Z"`, `"2026-11-22T2:10:40Z"`, `"2026-11-22T02:10:40,5Z"`,
}

func TestUsualAlertsAreReadAlike(t *testing.T) {
	values, ok := split([]byte(goodAlert))
	if !ok {
		t.Fatal("what Alertmanager writes is not read as usual")
	}
	usuallyReadAlike(t, goodAlert)
	for _, v := range values {
		for _, odd := range oddities {
			usuallyReadAlike(t, strings.Replace(goodAlert, ":"+string(v), ":"+odd, 1))
			usuallyReadAlike(t, strings.Replace(goodAlert, string(v), odd, 1))
		}
	}
	for _, change := range [][2]string{{`{"alertname"`, `{"annotations":"1","alertname"`}, {`"summary"`, `"a":"b","startsAt":"c","summary"`}, {`,"endsAt"`, `,"x":"y","endsAt"`}, {`,"labels"`, `,"x":"y","labels"`}, {`,"startsAt"`, `,"labels":{},"startsAt"`}, {`"status"`, `"Status"`}, {`,"finger`, ` ,"finger`}, {`{"status"`, `{"x":1,"status"`}, {`"fingerprint"`, `"labels"`}, {`"endsAt"`, `"startsAt"`}} {
		usuallyReadAlike(t, strings.Replace(goodAlert, change[0], change[1], 1))
	}
}

// What Alertmanager writes is not left to encoding/json: the other way would be of no
// use else.
func TestCapturedAlertsAreUsual(t *testing.T) {
	var m message
	if err := json.Unmarshal([]byte(captured(t, "03-grouped-firing-3.json")), &m); err != nil {
		t.Fatal(err)
	}
	for _, raw := range m.Alerts {
		if _, ok := readUsual(raw); !ok {
			t.Errorf("%s is not read as usual", raw)
		}
		usuallyReadAlike(t, string(raw))
	}
}

// FuzzUsual holds one way of reading an alert against the other.
func FuzzUsual(f *testing.F) {
	f.Add(goodAlert)
	for _, odd := range oddities {
		f.Add(strings.Replace(goodAlert, `"it is down"`, odd, 1))
		f.Add(strings.Replace(goodAlert, `"web-1"`, odd, 1))
	}
	f.Fuzz(usuallyReadAlike)
}
