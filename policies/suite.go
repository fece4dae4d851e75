package policies

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Suite is one file of policy tests: what happens to the policies it names, in
// virtual time, and what is expected to follow.
type Suite struct {
	File     string              // as shown to people
	Rulebook *remediate.Rulebook // of the policies under test
	Cases    []Case
}

// Case is one test.
type Case struct {
	Name   string
	Line   int            // where it begins in its file
	Mode   remediate.Mode // of all policies; "": as each says
	Start  time.Time      // when it begins
	World  World          // how the world answers from the beginning
	Moves  []Move         // in the order of their times
	Until  time.Duration  // when it ends, since Start
	Expect []Happening    // in the order of their times
	// Judge is [Catalogue].Judge: by it a check of a verification is held against
	// the value that the world has for its query. nil: any value is well.
	Judge func(kind string, args json.RawMessage, value float64) (ok bool, text string)
}

// Move is something that happens from outside. Exactly one of its fields
// beside At is set.
type Move struct {
	At        time.Duration // since the case's start
	Alert     *TestAlert    // begins to fire
	Resolve   remediate.Labels
	Silence   remediate.Labels // a firing alert is silenced at the Alertmanagers
	Unsilence remediate.Labels
	World     *World             // answers otherwise from now on
	Command   *remediate.Command // a human's word; an approval is of the plan that waits
}

// TestAlert is an alert as a test gives it.
type TestAlert struct {
	Labels      remediate.Labels
	Annotations map[string]string
	Fired       time.Duration // how long it has fired when it is first heard of
}

// World is how the world answers. What is not in it is well.
type World struct {
	Kinds   map[string]Reply    // of an action or a check of a verification, by kind
	Tells   map[string]Reply    // of a way to tell people, by destination or its family: pagerduty
	Queries map[string]Measured // PromQL, by the query as it is asked
	// Workload and Cluster are what is seen of a target and of the cluster, by the
	// names of the values of an Answer, and under "is" what became of it.
	Workload, Cluster map[string]string
}

// Reply is how something that was asked or begun ends.
type Reply struct {
	Outcome string        // ok, failed, refused, unknown or silent, which is never
	After   time.Duration // how long it takes; of a check, until it is well after an act
	Why     string
}

// Silent is the outcome of what never answers.
const Silent = "silent"

// Measured is the one value of a query. The zero value is not known.
type Measured struct {
	Known bool
	Value float64
	Ago   time.Duration // Value is the Unix time so long before it is asked for
	IsAgo bool
}

// What became of a target.
const (
	TargetThere     = "there"
	TargetGone      = "gone"
	TargetUnknown   = "unknown"   // it cannot be asked
	TargetChanged   = "changed"   // somebody changed its pod template
	TargetRestarted = "restarted" // somebody restarted it
	TargetRecreated = "recreated" // it is another object of the same name
)

// Happening is one thing that followed, or is expected to: what it was, when,
// in which incident, and more about it by name. Of what is expected only what
// is said is held against what followed.
type Happening struct {
	At       time.Duration // since the case's start
	What     string        // a key of [Happenings]
	Incident uint64
	Details  map[string]string
}

// Happenings are what may be expected, and what may be said of each.
var Happenings = map[string][]string{
	"opened":    {"policy", "severity", "target", "found", "only"},
	"joined":    {},
	"rated":     {"severity", "why"},
	"wait":      {"guard", "step", "why"},
	"deny":      {"guard", "step", "why"},
	"hold":      {"guard", "step", "why"},
	"approve":   {"guard", "step", "why"},
	"observe":   {"guard", "step", "why"},
	"act":       {"kind", "target", "step", "undo"},
	"acted":     {"outcome", "why"},
	"verified":  {"outcome", "why"},
	"breaker":   {"state"},
	"healed":    {"took", "objective"},
	"reopened":  {"why"},
	"exhausted": {},
	"called":    {"who", "why"},
	"rerouted":  {"why"},
	"late":      {"what", "why"},
	"warned":    {},
	"breached":  {},
	"refused":   {"word", "why"},
	"closed":    {"why"},
}

// isTestFile tells whether a file is one of policy tests, which stand beside
// the policies and are none.
func isTestFile(name string) bool {
	return strings.HasSuffix(name, ".test.yaml") || strings.HasSuffix(name, ".test.yml")
}
