package policies

import (
	"net/netip"
	"time"

	"github.com/prometheus/common/config"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Config is how the daemon is set up: with whom it talks and where the secrets
// for that are. Paths of files are absolute, or relative to where the daemon
// was started when the configuration's own path is. No field holds a secret.
type Config struct {
	Cluster       string
	Alertmanagers []Endpoint
	Prometheus    *Endpoint // nil: there is none, and no PromQL can be asked
	Clusters      []Cluster // at least one; one of them is called Cluster
	NameServers   []NameServer
	People        []Person
	Proxy         *Proxy     // nil: none is believed
	Slack         *Slack     // nil: not used
	PagerDuty     *PagerDuty // nil: not used
	Templates     []string   // patterns of files that word notices
	Raise         bool       // what we have to say fires at the Alertmanagers, too
	Watchdog      *Watchdog  // nil: none is expected
	Heartbeat     *Heartbeat // nil: nobody is told that we are alive
	ReplicaLabels []string
	Budget        []remediate.Budget // over all policies
	Storm         *remediate.Storm   // nil: none is looked for
	Runbooks      map[remediate.Severity]remediate.Runbook
	Digests       *remediate.Schedule // nil: there is none but of storms
	Demote        *Demote             // nil: what does not help is only reported
	Groups        []Group
}

// Endpoint is a server that speaks HTTP, and how to reach it.
type Endpoint struct {
	URL  string
	HTTP config.HTTPClientConfig // Prometheus's common client settings
}

// Cluster is a Kubernetes cluster. With an empty Kubeconfig it is the one that
// the daemon runs in or the current context.
type Cluster struct {
	Name, Kubeconfig, Context string
}

// Watchdog is an alert that always fires: when it does not come for so long,
// what Prometheus sees does not reach us.
type Watchdog struct {
	When   []string // Alertmanager matchers; all must match
	Within time.Duration
}

// Demote is how often is looked whether the policies that act help, and at how
// much of the past: one that does no better than waiting is put back to observe.
type Demote struct {
	Every, Over time.Duration
}

// Heartbeat is who is told at intervals that we are alive.
type Heartbeat struct {
	URLFile string // the address is a secret: who knows it can keep us alive for others
	Method  string // GET or POST
	Every   time.Duration
	HTTP    config.HTTPClientConfig
}

// Roles of people.
const (
	RoleViewer   = "viewer"   // may look
	RoleOperator = "operator" // may give every command but approve
	RoleApprover = "approver" // may approve and deny plans
)

// Person is one human, however they press.
type Person struct {
	Name        string
	Slack       string // user ID, "" when they do not use it
	PagerDuty   string // user ID
	TokenFile   string // bearer token for the API and the CLI
	Certificate string // the name in their client certificate; "": Name is
	Roles       []string
}

// Proxy logs people in for us and says in a header who they are. It is believed
// when it comes from one of the addresses, where there are any, and shows a
// certificate with one of the names, where there are any.
type Proxy struct {
	Header       string
	Addresses    []netip.Prefix
	Certificates []string
}

// Slack is where incidents are shown.
type Slack struct {
	TokenFile         string
	SigningSecretFile string // "": buttons are not accepted over HTTP
	AppTokenFile      string // "": no socket mode
	Channel           string
	Drills            string // where drills are shown; "": nowhere
	APIURL            string // "": Slack's own
	// Mentions are user and group IDs by rung: those who are called by a message
	// that mentions them.
	Mentions map[string][]string
	Bridge   *Bridge // nil: a P1 has none
}

// Bridge is where people come together about a P1: a channel of its own, or one
// for all of them.
type Bridge struct {
	WarRoom string   // "": each has its own
	Invite  []string // user IDs; none: those who approve and those on the first rung
}

// PagerDuty is how people are paged.
type PagerDuty struct {
	RoutingKeys        map[string]string // by rung: the file with the integration's key
	EventsURL          string            // "": PagerDuty's own
	APIURL             string            // "": PagerDuty's own
	APITokenFile       string
	WebhookSecretFiles []string
	ChangesRung        string         // "": the only one there is, and of several none
	From               string         // the user in whose name incidents are moved
	Levels             map[string]int // escalation levels by rung; none: each rung has a key
	EscalationPolicy   string         // PagerDuty's ID, for a check
	MergePages         bool           // its pages and Alertmanager's own have the same keys
}

// Group is a number of policy files that stand and fall together: when one of
// them is broken, the whole group keeps its last good version.
type Group struct {
	Files []string // patterns, as [path/filepath.Match] has them
	// Namespaces are the only ones that the group's policies may target; none
	// means any. Policies that are confined so may name no files but those in
	// the folder they are in themselves.
	Namespaces []string
}

// destinations returns what can be told with this configuration.
func (c *Config) destinations() []string {
	var out []string
	if c.Slack != nil {
		out = append(out, remediate.Slack, remediate.SlackThread, remediate.SlackDigest)
		if c.Slack.Drills != "" {
			out = append(out, remediate.SlackDrill)
		}
		if c.Slack.Bridge != nil {
			out = append(out, remediate.SlackBridge)
		}
		for _, rung := range sortedKeys(c.Slack.Mentions) {
			out = append(out, remediate.SlackPage+rung)
		}
	}
	if c.PagerDuty != nil {
		for _, rung := range c.PagerDuty.rungs() {
			out = append(out, remediate.PagerDuty+rung)
		}
		if c.PagerDuty.ChangesRung != "" || len(c.PagerDuty.RoutingKeys) == 1 {
			out = append(out, remediate.PagerDutyChanges)
		}
	}
	return out
}

// rungs are those that PagerDuty can call, sorted.
func (p *PagerDuty) rungs() []string {
	if len(p.Levels) > 0 {
		return sortedKeys(p.Levels)
	}
	return sortedKeys(p.RoutingKeys)
}

// rulebook returns the rulebook that the configuration makes, without policies.
func (c *Config) rulebook() *remediate.Rulebook {
	return &remediate.Rulebook{
		Cluster: c.Cluster, ReplicaLabels: c.ReplicaLabels, Budget: c.Budget, Storm: c.Storm,
		Runbooks: c.Runbooks, Digests: c.Digests, MergePages: c.PagerDuty != nil && c.PagerDuty.MergePages, Destinations: c.destinations(),
	}
}
