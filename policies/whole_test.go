package policies

import (
	"encoding/json"
	"time"
	_ "time/tzdata" // the tests read the same zones on every machine

	"github.com/prometheus/alertmanager/timeinterval"

	"github.com/x0tta6bl4/remediated/remediate"
)

// A configuration and a policy that say all there is to be said, and what they
// mean.

const wholeConfig = `cluster: prod
policies: [{files: [policies/*.yml]}]
alertmanagers: [{url: "http://localhost:9093/am/", basic_auth: {username: me, password_file: am.password}}]
prometheus: {url: http://localhost:9090}
clusters: [{name: prod, kubeconfig: kube/config, context: admin}]
name_servers: [{name: primary, address: ns1.example.com, key: {name: remediated, secret_file: dns.key}, zones: [shop.example.com]}]
people: [{name: anna, slack: U1, pagerduty: P1, token_file: /etc/anna, roles: [operator, approver]}]
notify:
  templates: [words/*.tmpl]
  alertmanager: {raise: true}
  slack: {token_file: slack, signing_secret_file: /etc/sign, channel: "#incidents", api_url: "http://localhost:1/api", mentions: {oncall: [S0ONCALL, U0ANNA000]}, bridge: {invite: [U0BEN0000]}}
  pagerduty:
    routing_keys: {oncall: {file: oncall}, boss: {file: /etc/boss}}
    events_url: http://localhost:2
    webhook_secret_files: [hook]
    api_token_file: api
    changes_rung: oncall
    from: ops@example.org
    escalation_policy: P7
    dedup_key: alertmanager
watchdog: {when: ['alertname="Watchdog"'], within: 5m}
heartbeat: {url_file: /etc/beat, every: 1m, method: POST, tls_config: {ca_file: ca}}
digests: {at: "07:30", days: [monday, friday], location: Europe/Berlin, head: true}
runbooks:
  P1: {objective: 30m, warn: 10m, updates: {slack: 5m}, page: at once, ladder: [{tell: oncall, wait: 5m}, {tell: boss, wait: 15m}], repeat: 1}
  P2: {page: on need, after: 5m, ladder: [{tell: oncall, wait: 5m}]}
replica_labels: [replica]
guards: {budget: [{actions: 10, per: 1h}], storm: {incidents: 30, per: 10m, share: 0.33, calm: 15m}}
`

const wholePolicy = `# a comment
policies:
  - name: postgres-down
    when: ['alertname="PostgresDown"', 'job="database"']
    per: [namespace, job]
    continue: true
    severity:
      default: P2
      label: severity
      values: {Critical: P1, warning: P3}
      impact: [{query: 'lost{job="$job"}', p1: 0.5, p2: 0.1}, {query: 'rows_lost', p1: 1}]
    mode: act
    hold_page: true
    target: deployment/$namespace/db
    guards:
      cooldown: 10m
      settle: 20s
      budget: [{actions: 3, per: 1h}]
      breaker: {failures: 3}
      attempts: 4
      flapping: {heals: 2, per: 30m}
      window:
        only: [{weekdays: ['monday:friday'], times: [{start_time: '09:00', end_time: '17:00'}], location: Europe/Berlin}]
        never: [{days_of_month: ['-1'], months: ['1:3', 'december'], years: [2030:2032]}]
      healthy: {query: sum(up), min: 0.5, available: 2, ready: 0.5, headroom: true, nodes: 0.7, control_plane: true}
      depends:
        - {policy: network-down, same: [namespace]}
        - {alert: ['alertname="NodeDown"', 'job="$job"']}
        - {query: sum(up), min: 1}
      backup: {newest: 'max(backup_time)', max: 24h}
    objective: {rto: 5m}
    steps:
      - name: restart
        evidence: false
        do: [{restart: $target, verify: {all: [{rollout: $target}], within: 1m}}, {scale: {replicas: 3}, within: 30s}]
        undo: [{scale: {replicas: 1}}]
        within: 1m
        verify: {all: [{rollout: $target}, {postgres: {dsn_file: db.dsn}}], for: 30s, within: 3m, every: 2s}
      - name: scale
        approval: {within: 10m}
        do: [{scale: {replicas: 2}}]
        verify: {all: [{promql: {query: 'up{job="$job"} < 1'}}], within: 2m}
  - {name: network-down, severity: P1, when: ['alertname="NetworkDown"'], per: [namespace]}
`

// wholeRulebook is what wholeConfig and wholePolicy mean.
func wholeRulebook(dsn string) *remediate.Rulebook {
	return &remediate.Rulebook{
		Cluster: "prod", ReplicaLabels: []string{"replica"}, Budget: []remediate.Budget{{Actions: 10, Per: 60 * minute}},
		Storm: &remediate.Storm{Incidents: 30, Per: 10 * minute, Share: 0.33, Calm: 15 * minute},
		Destinations: []string{
			"slack", "slack/thread", "slack/digest", "slack/bridge", "slack/page/oncall", "pagerduty/boss", "pagerduty/oncall", "pagerduty-changes",
		},
		MergePages: true,
		Digests:    &remediate.Schedule{At: "07:30", Days: []time.Weekday{time.Monday, time.Friday}, Location: berlin(), Head: true},
		Runbooks: map[remediate.Severity]remediate.Runbook{
			remediate.P1: {Objective: 30 * minute, Warn: 10 * minute, Update: 5 * minute, Page: remediate.PageAtOnce, Ladder: []remediate.Rung{{Tell: "oncall", Wait: 5 * minute}, {Tell: "boss", Wait: 15 * minute}}, Repeat: 1},
			remediate.P2: {Page: remediate.PageOnNeed, After: 5 * minute, Ladder: []remediate.Rung{{Tell: "oncall", Wait: 5 * minute}}},
			remediate.P3: remediate.DefaultRunbooks()[remediate.P3],
		},
		Policies: []remediate.Policy{{
			Name: "postgres-down", Source: "policies/p.yml:3", When: []string{`alertname="PostgresDown"`, `job="database"`},
			Per: []string{"namespace", "job"}, Continue: true, Severity: remediate.P2, SeverityBy: wholeSeverity(), Mode: remediate.ModeAct, HoldPage: true,
			Target: "deployment/$namespace/db", Guards: wholeGuards(), Objective: 5 * minute, Steps: wholeSteps(dsn),
		}, {
			Name: "network-down", Source: "policies/p.yml:43", When: []string{`alertname="NetworkDown"`}, Per: []string{"namespace"},
			Severity: remediate.P1, Mode: remediate.ModeAct, // it only tells
			Guards: remediate.Guards{
				Settle: remediate.DefaultSettle, Breaker: remediate.DefaultBreaker(),
				Attempts: remediate.DefaultAttempts, Flapping: remediate.DefaultFlapping(),
			},
		}},
	}
}

func wholeSeverity() *remediate.SeverityBy {
	half, tenth, one := 0.5, 0.1, 1.0
	return &remediate.SeverityBy{
		Label: "severity", Values: map[string]remediate.Severity{"critical": remediate.P1, "warning": remediate.P3},
		Impact: []remediate.Impact{{Query: `lost{job="$job"}`, P1: &half, P2: &tenth}, {Query: "rows_lost", P1: &one}},
	}
}

func wholeGuards() remediate.Guards {
	return remediate.Guards{
		Cooldown: 10 * minute, Settle: minute / 3, Budget: []remediate.Budget{{Actions: 3, Per: 60 * minute}},
		Breaker: remediate.Breaker{Failures: 3, Reset: 60 * minute}, Attempts: 4, Flapping: remediate.Flapping{Heals: 2, Per: 30 * minute},
		Window: wholeWindow(),
		Healthy: &remediate.Healthy{
			Query: "sum(up)", Min: 0.5, Available: 2, Ready: 0.5, Headroom: true, Nodes: 0.7, ControlPlane: true,
		},
		Depends: []remediate.Dependency{
			{Policy: "network-down", Same: []string{"namespace"}},
			{Alert: []string{`alertname="NodeDown"`, `job="$job"`}},
			{Query: "sum(up)", Min: 1},
		},
		Backup: &remediate.Backup{Newest: "max(backup_time)", Max: 24 * 60 * minute},
	}
}

func berlin() *timeinterval.Location {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return &timeinterval.Location{Location: zone}
}

func wholeWindow() *remediate.Window {
	span := func(begin, end int) timeinterval.InclusiveRange {
		return timeinterval.InclusiveRange{Begin: begin, End: end}
	}
	return &remediate.Window{
		Only: []timeinterval.TimeInterval{{
			Times:    []timeinterval.TimeRange{{StartMinute: 9 * 60, EndMinute: 17 * 60}},
			Weekdays: []timeinterval.WeekdayRange{{InclusiveRange: span(1, 5)}},
			Location: berlin(),
		}},
		Never: []timeinterval.TimeInterval{{
			DaysOfMonth: []timeinterval.DayOfMonthRange{{InclusiveRange: span(-1, -1)}},
			Months:      []timeinterval.MonthRange{{InclusiveRange: span(1, 3)}, {InclusiveRange: span(12, 12)}},
			Years:       []timeinterval.YearRange{{InclusiveRange: span(2030, 2032)}},
		}},
	}
}

func wholeSteps(dsn string) []remediate.Step {
	args := func(s string) json.RawMessage { return json.RawMessage(s) }
	return []remediate.Step{{
		Name: "restart", Within: minute,
		Do: []remediate.Do{{Kind: "restart", Args: args(`{}`), Verify: &remediate.Verify{
			All: []remediate.Check{{Kind: "rollout", Args: args(`{}`)}}, Within: minute, Every: remediate.DefaultVerifyEvery,
		}}, {Kind: "scale", Args: args(`{"replicas":3}`), Within: minute / 2}},
		Undo: []remediate.Do{{Kind: "scale", Args: args(`{"replicas":1}`)}},
		Verify: remediate.Verify{
			All: []remediate.Check{{Kind: "rollout", Args: args(`{}`)}, {Kind: "postgres", Args: args(`{"dsn_file":"` + dsn + `"}`)}},
			For: minute / 2, Within: 3 * minute, Every: minute / 30,
		},
	}, {
		Name: "scale", Within: remediate.DefaultActWithin, Do: []remediate.Do{{Kind: "scale", Args: args(`{"replicas":2}`)}},
		Approval: &remediate.ApprovalBy{By: []string{"approver"}, Within: 10 * minute},
		Verify: remediate.Verify{
			All:    []remediate.Check{{Kind: "promql", Args: args(`{"query":"up{job=\"$job\"} \u003c 1"}`)}},
			Within: 2 * minute, Every: remediate.DefaultVerifyEvery,
		},
	}}
}
