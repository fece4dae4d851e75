package remediate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"github.com/prometheus/common/model"
)

// Notice is what people are shown of an incident. It is data: the packages
// under notify put it into words.
type Notice struct {
	// Key is q4m2x7kd-i42, the same for all notices of the incident; of a page it
	// is q4m2x7kd-i42-2 and so on when the same rung is called again, because a
	// service that merges what has the same key would call nobody.
	Key      string `json:"key"`
	Replaces string `json:"replaces,omitempty"` // of a page: the key of the one before it, which is over
	Incident uint64 `json:"incident"`           // 42
	// Action is trigger, acknowledge or resolve of a page, open or close of a
	// bridge, else show.
	Action   string   `json:"action"`
	Status   Status   `json:"status"`
	Policy   string   `json:"policy"`
	Severity Severity `json:"severity"`
	Target   Target   `json:"target,omitzero"`
	Alert    string   `json:"alert"`             // alertname
	Labels   Labels   `json:"labels,omitempty"`  // of the alert that opened it
	Summary  string   `json:"summary,omitempty"` // its summary annotation: text from outside
	Firing   int      `json:"firing"`            // alerts that still fire

	// Drill says that it is a drill, and which: it is shown where drills are.
	Drill string `json:"drill,omitempty"`
	// Live says that it was broken on purpose, and by which live drill: what is done
	// is done.
	Live string `json:"live,omitempty"`

	Opened    time.Time      `json:"opened"`
	Healed    time.Time      `json:"healed,omitzero"`
	Closed    time.Time      `json:"closed,omitzero"`
	Took      model.Duration `json:"took,omitempty"`      // to the first good sample
	Objective model.Duration `json:"objective,omitempty"` // RTO
	Due       time.Time      `json:"due,omitzero"`        // when the runbook's objective is missed
	Missed    bool           `json:"missed,omitempty"`    // and it is

	Attempts []Attempt `json:"attempts,omitempty"`
	Impact   string    `json:"impact,omitempty"` // what was measured last, or why nobody knows
	Why      string    `json:"why,omitempty"`    // the reason for the status: a refusal, what it waits for
	Rung     string    `json:"rung,omitempty"`   // who is paged
	Acked    string    `json:"acked,omitempty"`  // by whom
	Plan     string    `json:"plan,omitempty"`   // hash of the plan that waits for approval
	Step     string    `json:"step,omitempty"`   // and the step that it carries out
	Lines    []Line    `json:"lines,omitempty"`  // slack/thread: what happened since the last
}

// Line is one happening of an incident's story.
type Line struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

// Attempt is one try of one step.
type Attempt struct {
	ID     string    `json:"id"` // q4m2x7kd-i42-a1
	Step   string    `json:"step"`
	Act    string    `json:"act"` // restart prod/deployment/shop/db
	At     time.Time `json:"at"`
	Result string    `json:"result,omitempty"` // how the act ended
	Verify string    `json:"verify,omitempty"` // what the verification saw
	OK     bool      `json:"ok"`               // the verification held
	// Evidence is the digest of what was kept before it, "" when nothing was.
	Evidence string `json:"evidence,omitempty"`
}

// pages tells whether it is about somebody who is called.
func (n Notice) pages() bool {
	return n.Action == "trigger" || n.Action == "acknowledge" || n.Action == "resolve"
}

// same tells whether two notices are the same to the last field.
func (n *Notice) same(o *Notice) bool {
	return n.Key == o.Key && n.Replaces == o.Replaces && n.Incident == o.Incident && n.Action == o.Action && n.Status == o.Status &&
		n.Policy == o.Policy && n.Severity == o.Severity && n.Target == o.Target && n.Alert == o.Alert && n.Summary == o.Summary &&
		n.Firing == o.Firing && n.Drill == o.Drill && n.Live == o.Live && n.Opened.Equal(o.Opened) && n.Healed.Equal(o.Healed) && n.Closed.Equal(o.Closed) &&
		n.Took == o.Took && n.Objective == o.Objective && n.Due.Equal(o.Due) && n.Missed == o.Missed && n.Impact == o.Impact &&
		n.Why == o.Why && n.Rung == o.Rung && n.Acked == o.Acked && n.Plan == o.Plan && n.Step == o.Step &&
		slices.Equal(n.Labels, o.Labels) && slices.Equal(n.Attempts, o.Attempts) && slices.Equal(n.Lines, o.Lines)
}

// digested is a notice and its digest.
type digested struct {
	notice Notice
	digest string
}

// digestOf is the digest of what an incident is to show. It is looked at whenever
// something is decided, which mostly changes nothing there, and to see that costs
// far less than another digest.
func (x *index) digestOf(n *Notice) string {
	if last, ok := x.digested[n.Incident]; ok && last.notice.same(n) {
		return last.digest
	}
	d := digested{*n, n.digest()}
	x.digested[n.Incident] = d
	return d.digest
}

// digest tells one content of a notice from another.
func (n Notice) digest() string {
	b, err := json.Marshal(n)
	if err != nil {
		panic("remediate: a notice is plain data: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}
