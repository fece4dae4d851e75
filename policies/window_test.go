package policies

import (
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// readWindow reads a window and fails when its reading does.
func readWindow(t *testing.T, text string) (*remediate.Window, []Problem) {
	t.Helper()
	doc, v, ok := parse(file{name: "w.yml", text: []byte(text)})
	if !ok {
		t.Fatal(render(t, doc.problems))
	}
	w := v.window()
	if HasErrors(doc.problems) {
		t.Fatal(render(t, doc.problems))
	}
	return w, doc.problems
}

func at(t *testing.T, s string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

// TestWindowIsAlertmanagers holds what is read against times at which
// Alertmanager's intervals are open or not, summer and winter time among them.
func TestWindowIsAlertmanagers(t *testing.T) {
	w, _ := readWindow(t, `
only:
  - {weekdays: ['monday:friday'], times: [{start_time: '09:00', end_time: '17:00'}], location: Europe/Berlin}
  - {days_of_month: [-1]}
never: [{months: ['december'], days_of_month: ['24:26']}]
`)
	back, err := kept(w)
	if err != nil {
		t.Fatal(err)
	}
	for when, want := range map[string]bool{
		"2026-01-05T07:59:00Z": false, // a Monday, 08:59 in Berlin
		"2026-01-05T08:00:00Z": true,
		"2026-07-06T07:00:00Z": true, // 09:00 in summer
		"2026-07-06T15:00:00Z": false,
		"2026-01-10T10:00:00Z": false, // a Saturday
		"2026-01-31T03:00:00Z": true,  // a Saturday, but the last of its month, in UTC
		"2026-12-24T10:00:00Z": false, // a Thursday
	} {
		if got := open(w, at(t, when)); got != want {
			t.Errorf("at %s the window is open: %v, want %v", when, got, want)
		}
		if got := open(back, at(t, when)); got != want {
			t.Errorf("at %s the window is open after it was kept: %v, want %v", when, got, want)
		}
	}
}

// kept returns the window as the journal gives it back.
func kept(w *remediate.Window) (*remediate.Window, error) {
	rb := &remediate.Rulebook{Policies: []remediate.Policy{{Name: "p", Guards: remediate.Guards{Window: w}}}}
	b, err := rb.Encode()
	if err != nil {
		return nil, err
	}
	back, err := remediate.DecodeRulebook(b)
	if err != nil {
		return nil, err
	}
	return back.Policies[0].Guards.Window, nil
}

// TestWindowOpensNow: whether a window opens depends on the day it is looked
// at only where it names years, and that is never an error.
func TestWindowOpensNow(t *testing.T) {
	for text, want := range map[string]struct {
		on   string
		says []Level
	}{
		"{only: [{years: ['2027'], months: ['march']}]}":        {"2026-11-25T00:00:00Z", nil},
		"{only: [{years: ['2027'], months: ['april']}]} ":       {"2027-05-01T00:00:00Z", []Level{Warning}},
		"{never: [{years: ['2027'], months: ['january']}]}":     {"2026-11-25T00:00:00Z", nil},
		"{never: [{years: ['2027'], months: ['january']}]} ":    {"2027-02-01T00:00:00Z", []Level{Warning}},
		"{only: [{months: ['february'], days_of_month: [29]}]}": {"2028-03-01T00:00:00Z", []Level{Warning}}, // it is far
		"{only: [{times: [{start_time: '09:01', end_time: '09:02'}], weekdays: [sunday], days_of_month: [13], location: Asia/Kathmandu}]}": {
			"2026-11-25T00:00:00Z", nil},
		// What is left of the hour is what one of them leaves to the other.
		"{only: [{times: [{start_time: '09:00', end_time: '10:00'}]}], never: [{times: [{start_time: '03:00', end_time: '09:59'}]}]}": {
			"2026-11-25T00:00:00Z", nil},
		"{only: [{times: [{start_time: '09:00', end_time: '10:00'}]}], never: [{times: [{start_time: '03:00', end_time: '04:15'}], location: Asia/Kathmandu}, {times: [{start_time: '09:00', end_time: '10:00'}]}]}": {
			"2026-11-25T00:00:00Z", []Level{Error}},
	} {
		doc, v, ok := parse(file{name: "w.yml", text: []byte(text)})
		if !ok {
			t.Fatal(render(t, doc.problems))
		}
		var w remediate.Window
		v.object("a window", fields{
			"only":  func(v value) { w.Only = v.intervals() },
			"never": func(v value) { w.Never = v.intervals() },
		})
		if v.checkOpens(&w, at(t, want.on)); len(doc.problems) != len(want.says) || len(want.says) > 0 && doc.problems[0].Severity != want.says[0] {
			t.Errorf("%s on %s: want %v, got\n%s", text, want.on, want.says, render(t, doc.problems))
		}
	}
}
