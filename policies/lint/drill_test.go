package lint_test

import (
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/policies/lint"
	"github.com/x0tta6bl4/remediated/remediate"
)

func TestWhatElseComesOfADrill(t *testing.T) {
	const ours = "receivers: [{name: remediated, webhook_configs: [{url: 'http://r:9096/api/v1/webhook/alertmanager'}]}, {name: people, pagerduty_configs: [{routing_key: k}]}, {name: nobody}]\n"
	first := "route: {receiver: people, routes: [{receiver: remediated, matchers: ['remediated_drill=~\".+\"']}, {receiver: remediated, continue: true}, {receiver: people}]}\n"
	for name, c := range map[string]struct {
		text string
		want string // parts of what is said, by "|"; "" is nothing
	}{
		"what is shipped":                      {read(t, shipped), ""},
		"a route of its own":                   {first + ours, ""},
		"all goes to us and on":                {"route: {receiver: people, routes: [{receiver: remediated, continue: true}, {receiver: people}]}\n" + ours, `receiver people is told of it (am:1): let a route with the matcher remediated_drill=~".+" to remediated stand before`},
		"its own route goes on":                {strings.Replace(first, "'remediated_drill=~\".+\"']", "'remediated_drill=~\".+\"'], continue: true", 1) + ours, "receiver people is told of it"},
		"only the drill of another alert":      {strings.Replace(first, "'remediated_drill=~\".+\"'", "'remediated_drill=~\".+\"', 'job=\"cache\"'", 1) + ours, "receiver people is told of it"},
		"it goes nowhere":                      {"route: {receiver: nobody}\n" + ours, `no route leads it to remediated`},
		"a route that cannot be read":          {strings.Replace(first, "'remediated_drill=~\".+\"'", "'remediated_drill=~\".+\"', '=='", 1) + ours, "receiver people is told of it"},
		"it inhibits":                          {first + ours + "inhibit_rules: [{source_matchers: ['alertname=\"PostgresDown\"'], target_matchers: ['alertname=\"ApiDown\"'], equal: [namespace]}]\n", `it inhibits other alerts, which are real: give the rule with the source [alertname="PostgresDown"] the source matcher remediated_drill=""`},
		"it inhibits, as it was once written":  {first + ours + "inhibit_rules: [{source_match: {alertname: PostgresDown}, target_match: {alertname: ApiDown}}]\n", "it inhibits other alerts"},
		"a drill inhibits nothing":             {first + ours + "inhibit_rules: [{source_matchers: ['alertname=\"PostgresDown\"', 'remediated_drill=\"\"'], target_matchers: ['alertname=\"ApiDown\"']}]\n", ""},
		"a drill inhibits only the same drill": {first + ours + "inhibit_rules: [{source_matchers: ['alertname=\"PostgresDown\"'], target_matchers: ['alertname=\"ApiDown\"'], equal: [remediated_drill]}]\n", ""},
		"another alert inhibits":               {first + ours + "inhibit_rules: [{source_matchers: ['alertname=\"NodeDown\"'], target_matchers: ['alertname=\"ApiDown\"']}]\n", ""},
		"what has a label that it has not":     {first + ours + "inhibit_rules: [{source_matchers: ['severity=\"critical\"'], target_matchers: ['alertname=\"ApiDown\"']}]\n", ""},
		"what has not a label that it has not": {first + ours + "inhibit_rules: [{source_matchers: ['severity!=\"critical\"'], target_matchers: ['alertname=\"ApiDown\"']}]\n", "it inhibits"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := lint.ReadAlertmanager("am", c.text)
			if err != nil {
				t.Fatal(err)
			}
			said := strings.Join(a.Drill(remediate.LabelsOf(map[string]string{"alertname": "PostgresDown", "job": "database", remediate.DrillLabel: "d1"})), "\n")
			if (said == "") != (c.want == "") || !strings.Contains(said, c.want) {
				t.Errorf("it says %q, want %q", said, c.want)
			}
		})
	}
}
