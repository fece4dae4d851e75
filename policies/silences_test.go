package policies

import (
	"slices"
	"strings"
	"testing"
)

func TestNeverBoth(t *testing.T) {
	for _, c := range []struct {
		one, other []string
		want       bool
	}{
		{[]string{`alertname="A"`}, []string{`alertname="B"`}, true},
		{[]string{`alertname="A"`}, []string{`alertname="A"`}, false},
		{[]string{`alertname=~"A|C"`}, []string{`alertname=~"B|D"`}, true},
		{[]string{`alertname=~"A|B"`}, []string{`alertname=~"B|D"`}, false},
		{[]string{`alertname="A"`}, []string{`alertname=~"B.*"`}, true},
		{[]string{`alertname="Bad"`}, []string{`alertname=~"B.*"`}, false},
		{[]string{`alertname=~"A.*"`}, []string{`alertname=~"B.*"`}, false}, // it is so, and not looked for
		{[]string{`alertname!="A"`}, []string{`alertname="A"`}, true},
		{[]string{`alertname="A"`, `job="x"`}, []string{`alertname="A"`, `job="y"`}, true},
		{[]string{`alertname="A"`, `job="x"`}, []string{`alertname="A"`, `queue="y"`}, false},
		{[]string{`alertname="A"`}, []string{`job="y"`}, false},
		{[]string{`job="$job"`}, []string{`job="y"`}, false},
		{[]string{`alertname="A"`, `pod=""`}, []string{`pod="p"`}, true},
		{nil, []string{`alertname="A"`}, false},
	} {
		for _, order := range [][2][]string{{c.one, c.other}, {c.other, c.one}} {
			if slices.Contains(order[1], `job="$job"`) {
				continue // a policy's own matchers have none
			}
			if got := neverBoth(matchersOf(order[0]), matchersOf(order[1])); got != c.want {
				t.Errorf("%q and %q: never both is %t", order[0], order[1], got)
			}
		}
	}
}

// The alert that must always come is not silenced either, whatever it is called.
func TestSilenceOfTheWatchdog(t *testing.T) {
	policy := strings.Replace(named("good"), "do: [{restart: {}}]",
		`do: [{silence: {alert: ['alertname="DeadMan"', 'severity="none"'], for: 15m}}]`, 1)
	for when, want := range map[string]string{
		`'alertname="DeadMan"'`:                      "this may silence the watchdog's alert",
		`'severity="none"'`:                          "this may silence the watchdog's alert",
		`'alertname="DeadMan"', 'severity="always"'`: "",
		`'alertname="Other"'`:                        "",
	} {
		inFolder(t, map[string]string{"policies/p.yml": policy, "team/t.yml": named("team"),
			"remediated.yml": goodConfig + "watchdog: {when: [" + when + "], within: 5m}\n"})
		_, problems := Load("remediated.yml", testCatalogue())
		said := render(t, problems)
		if want == "" && len(problems) > 0 || !strings.Contains(said, want) {
			t.Errorf("%s: %q, want %q", when, said, want)
		}
	}
}
