package lint

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/x0tta6bl4/remediated/policies"
)

// WebhookPath is where the daemon takes Alertmanager's webhooks.
const WebhookPath = "/api/v1/webhook/alertmanager"

// Alertmanager is a configuration of Alertmanager, as far as it concerns us.
type Alertmanager struct {
	name      string
	lines     []string
	route     *route
	inhibit   []inhibition
	receivers map[string]*receiver
}

// ReadAlertmanager reads a configuration. name says where it is from, for people.
func ReadAlertmanager(name, text string) (*Alertmanager, error) {
	var c struct {
		Route     *route       `yaml:"route"`
		Inhibit   []inhibition `yaml:"inhibit_rules"`
		Receivers []*receiver  `yaml:"receivers"`
	}
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		return nil, fmt.Errorf("read the configuration of Alertmanager: %w", err)
	}
	if c.Route == nil {
		return nil, errors.New("the configuration of Alertmanager has no route")
	}
	c.Route.matchers, c.Route.strange = nil, false // the top takes every alert
	c.Route.inherit()
	a := &Alertmanager{name: name, lines: strings.Split(text, "\n"), route: c.Route, inhibit: c.Inhibit, receivers: map[string]*receiver{}}
	for _, r := range c.Receivers {
		if r != nil { // an item of the list may be nothing
			a.receivers[r.Name] = r
		}
	}
	return a, nil
}

// receiver is one of Alertmanager's receivers.
type receiver struct {
	Name     string     `yaml:"name"`
	Webhooks []*webhook `yaml:"webhook_configs"`

	node  *yaml.Node
	tells bool // it has somebody to tell
}

// UnmarshalYAML reads the receiver. Of what is not a webhook it is only seen that
// it is there.
func (r *receiver) UnmarshalYAML(n *yaml.Node) error {
	type plain receiver
	if err := n.Decode((*plain)(r)); err != nil {
		return err
	}
	r.node = n
	r.Webhooks = slices.DeleteFunc(r.Webhooks, func(w *webhook) bool { return w == nil })
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if strings.HasSuffix(n.Content[i].Value, "_configs") && len(n.Content[i+1].Content) > 0 {
			r.tells = true
		}
	}
	return nil
}

// webhook is one webhook of a receiver.
type webhook struct {
	URL          string        `yaml:"url"`
	SendResolved *bool         `yaml:"send_resolved"`
	MaxAlerts    uint64        `yaml:"max_alerts"`
	Timeout      time.Duration `yaml:"timeout"`
	Payload      yaml.Node     `yaml:"payload"`

	node *yaml.Node
}

// UnmarshalYAML reads the webhook.
func (w *webhook) UnmarshalYAML(n *yaml.Node) error {
	type plain webhook
	w.node = n
	return n.Decode((*plain)(w))
}

// hidden is what Alertmanager shows in place of a secret, which the address of a
// webhook is.
const hidden = "<secret>"

// oursByName finds a receiver of ours whose address is not shown.
var oursByName = regexp.MustCompile(`(?i)remediated`)

// ours are the webhooks of the receiver that come to us.
func (r *receiver) ours() (all []*webhook) {
	for _, w := range r.Webhooks {
		shown := w.URL != "" && w.URL != hidden
		u, err := url.Parse(w.URL)
		if shown && err == nil && strings.HasSuffix(u.Path, WebhookPath) || !shown && oursByName.MatchString(r.Name) {
			all = append(all, w)
		}
	}
	return all
}

// isOurs tells whether the route leads to us.
func (a *Alertmanager) isOurs(r *route) bool {
	to := a.receivers[r.Receiver]
	return to != nil && len(to.ours()) > 0
}

// tellsOthers tells whether somebody else hears of what takes the route.
func (a *Alertmanager) tellsOthers(r *route) bool {
	to := a.receivers[r.Receiver]
	return to != nil && to.tells && len(to.ours()) == 0
}

// problem returns a problem at a node.
func (a *Alertmanager) problem(n *yaml.Node, message, hint string) policies.Problem {
	p := policies.Problem{File: a.name, Severity: policies.Warning, Message: message, Hint: hint}
	if n == nil || n.Line < 1 || n.Line > len(a.lines) {
		return p
	}
	p.Line, p.Column, p.Length = n.Line, n.Column, 1
	p.Source = strings.TrimRight(a.lines[n.Line-1], " \t\r")
	if n.Kind == yaml.ScalarNode {
		p.Length = max(1, min(len(n.Value), len(p.Source)-n.Column+1))
	}
	return p
}

// at returns where the value of one of a mapping's keys is written, the mapping
// itself where it is not.
func at(n *yaml.Node, key string) *yaml.Node {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return n
}
