package main

import (
	"bytes"
	_ "embed"
	"os"
	"text/template"

	"github.com/x0tta6bl4/remediated/test/bed"
	"github.com/x0tta6bl4/remediated/test/doubles/slack"
	"github.com/x0tta6bl4/remediated/test/scenarios"
	"github.com/x0tta6bl4/remediated/test/vault"
)

//go:embed remediated.yml.tmpl
var config string

// configure writes the configuration and its secrets where the daemon runs.
func (s *surroundings) configure(b *bed.Bed, policies, kubeconfig, key string, place scenarios.Place) error {
	var text bytes.Buffer
	err := template.Must(template.New("").Parse(config)).Execute(&text, map[string]any{
		"Bed": b.Addresses, "Kubeconfig": kubeconfig, "Place": place, "Channel": slack.DefaultChannel.ID,
		"Slack": s.people.SlackURL + "/api/", "PagerDuty": s.people.PagerDutyURL,
	})
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"remediated.yml": text.Bytes(), "policies.yaml": []byte(scenarios.Filled(policies, b)),
		"slack.token": []byte(slack.DefaultToken), "pagerduty.key": []byte(key), "db.dsn": []byte(b.PostgresDSN),
		"orders.dsn": []byte(scenarios.OrdersDSN), "dr.dsn": []byte(vault.StandbyDSN),
	} {
		if err := os.WriteFile(s.path(name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
