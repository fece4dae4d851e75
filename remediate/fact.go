package remediate

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/prometheus/common/model"
)

// Fact is one thing that happened, as read back from its [Record].
type Fact struct {
	Seq  uint64
	At   time.Time
	Body Body
}

// Body is what a fact says. Facts are for ever: a kind may be added, never
// changed. What needs another shape becomes a new version beside the old one.
type Body interface{ kind() string }

// KindOf returns the kind and version of a body, for example "opened/1".
func KindOf(b Body) string { return b.kind() }

// IncidentOf returns the number of the incident that a body is about, 0 when
// it is about none.
func IncidentOf(b Body) uint64 {
	if f, ok := b.(interface{ incident() uint64 }); ok {
		return f.incident()
	}
	return 0
}

// kinds lists every fact there is. It is the only list.
var kinds = func() map[string]reflect.Type {
	m := map[string]reflect.Type{}
	for _, b := range []Body{
		Founded{}, RulebookLoaded{}, ClockJumped{},
		AlertFiring{}, AlertResolved{}, AlertSuppressed{}, AlertReleased{}, AlertDoubted{}, CommandGiven{},
		Opened{}, Joined{}, Left{}, Judged{}, BreakerCounted{}, Rated{}, Healed{}, Reopened{}, Exhausted{}, Escalated{}, Closed{}, Filed{},
		Rerouted{}, Late{}, Updated{}, Warned{}, Breached{}, Digested{}, CommandRefused{}, PauseEnded{},
		Started{}, Delayed{}, Finished{},
		Upgraded{}, Compared{},
	} {
		m[b.kind()] = reflect.TypeOf(b)
	}
	return m
}()

// What was heard.

// Founded is the first fact of every journal.
type Founded struct {
	// Journal is 8 random base32 characters, drawn by whoever makes the
	// journal and anew at each import or restore, so that an attempt of one
	// journal is never taken for an attempt of another.
	Journal string `json:"journal"`
}

// RulebookLoaded says which rulebook governs from here on. Its source was kept
// under its digest before.
type RulebookLoaded struct {
	Digest   string   `json:"digest"`
	Policies []string `json:"policies"` // their names; one that is new here finds what already fires
}

// Upgraded says which release of the daemon decides from here on: another one
// than before, be it newer or older.
type Upgraded struct {
	From string `json:"from,omitempty"` // "": none was written down
	To   string `json:"to"`
	// Held says that it only observes until what it decides was compared with
	// what was decided, and nothing differs, or until a human accepts it.
	Held bool `json:"held,omitempty"`
}

// Compared says what came of having the release that decides now decide the
// last days again, which were decided by others.
type Compared struct {
	Release string    `json:"release"`
	From    string    `json:"from,omitempty"`    // the release before it
	Since   time.Time `json:"since,omitzero"`    // of the first fact that was decided again
	Facts   uint64    `json:"facts"`             // so many were held against what is decided now
	Changed int       `json:"changed"`           // so many decisions are others
	Details string    `json:"details,omitempty"` // digest of these, as far as they were kept
	Why     string    `json:"why,omitempty"`     // it broke off: nobody knows about the rest
	Lifts   bool      `json:"lifts,omitempty"`   // the release was held, and no longer is
}

// ClockJumped says that the wall clock and the monotonic clock disagreed.
type ClockJumped struct {
	By Shift `json:"by"`
}

// Shift is a duration that may be negative, which model.Duration can write
// and not read back. As text it is the same: -1h30m.
type Shift time.Duration

// String returns the shift as Prometheus writes durations, with its sign.
func (d Shift) String() string { return model.Duration(d).String() }

// MarshalText is [Shift.String].
func (d Shift) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Shift) UnmarshalText(b []byte) error {
	v, err := model.ParseDurationAllowNegative(string(b))
	*d = Shift(v)
	return err
}

// AlertFiring is an edge: the alert was not known to fire.
type AlertFiring struct {
	ID    AlertID `json:"id"`
	Alert Alert   `json:"alert"`
	Via   Via     `json:"via"`
	// Suppressed names the silences or inhibiting alerts, as heard with it.
	Suppressed []string `json:"suppressed,omitempty"`
	// Found says that it fired already before this journal or the policy that
	// matches it existed: it is listed, and neither acted on nor paged for.
	Found bool `json:"found,omitempty"`
}

// AlertResolved is an edge: a known alert no longer fires. It does not say
// that anything was repaired.
type AlertResolved struct {
	ID     AlertID   `json:"id"`
	EndsAt time.Time `json:"endsAt,omitzero"`
	Via    Via       `json:"via"`
}

// AlertDoubted says that a webhook tells otherwise than what is known, and may
// be wrong: that an alert fires which may have resolved already (a peer is
// behind, or a second life began just when the first ended), or that one has
// resolved which another replica may still hold to fire. What is listed next
// settles it.
type AlertDoubted struct {
	ID       AlertID   `json:"id"`
	StartsAt time.Time `json:"startsAt"`
	Resolved bool      `json:"resolved,omitempty"` // what was told: that it resolved, or that it fires
}

// Via says how an edge was heard of.
type Via string

const (
	ViaWebhook Via = "webhook"
	ViaListing Via = "listing" // the webhook was missed, or is yet to come
	ViaOwn     Via = "own"     // it is our own: a storm
)

// AlertSuppressed says that a firing alert was silenced or inhibited.
type AlertSuppressed struct {
	ID AlertID  `json:"id"`
	By []string `json:"by"`
}

// AlertReleased says that it is no longer.
type AlertReleased struct {
	ID AlertID `json:"id"`
}

// Commands that a human may give. Those on an incident are named by its
// number, the others by their scope or by what they are about.
const (
	Ack      = "ack"      // I have seen it: stop the ladder; automation goes on
	Unack    = "unack"    // whoever said so has it no longer: call people anew
	TakeOver = "takeover" // I am on it: hold further acts
	Approve  = "approve"  // carry out the plan with this hash
	Deny     = "deny"     // do not
	Run      = "run"      // act on an incident that was only listed, or try again from the first step
	Close    = "close"    // it is over
	Pause    = "pause"    // the kill switch for Scope, until it is resumed or Until
	Resume   = "resume"
	Override = "override" // break-glass: let Guard pass for the next attempt
	SetMode  = "mode"     // Scope may do no more than Value; "act" lifts what was set
	Rate     = "severity" // the incident is as bad as Value says: the only way down
	Accept   = "accept"   // the release that Value names may act, whatever it decides otherwise
	Drill    = "drill"    // practise the policy of Scope: an alert with Labels fires for Value, and says that it is a drill
	EndDrill = "end-drill"
	// LiveDrill announces that something is broken on purpose, for which the policy
	// of Scope is: what has Labels and fires within Value is that.
	LiveDrill = "live-drill"
	Note      = "note" // what was learned from the incident, in Reason; also when it is over
)

// Itself is who gives a command that is the daemon's own: that a policy whose
// remedy does no better than waiting is put back to observe.
const Itself = "remediated"

// CommandGiven is a human's word, or the daemon's own.
type CommandGiven struct {
	Command  string `json:"command"`
	By       string `json:"by"`
	Incident uint64 `json:"incident,omitempty"`
	Plan     string `json:"plan,omitempty"`  // Approve, Deny: hash of the plan, or the beginning of it
	Scope    string `json:"scope,omitempty"` // Pause, Resume, SetMode: "all", "policy/NAME" or "namespace/NAME"; Drill, LiveDrill, EndDrill: "policy/NAME"
	Reason   string `json:"reason,omitempty"`
	Guard    string `json:"guard,omitempty"` // Override: the guard's name
	// Value is of SetMode a Mode, of Rate a Severity, of Accept a release, of Drill and
	// LiveDrill for how long. So it is of a Pause that is to be given; of one that was, it
	// is empty, and Until says what came of it.
	Value  string `json:"value,omitempty"`
	Labels Labels `json:"labels,omitempty"` // Drill, LiveDrill: of the alert, and the drill's name
	Page   bool   `json:"page,omitempty"`   // LiveDrill: people are called as in earnest
	Via    string `json:"via,omitempty"`    // how it was heard: slack, pagerduty; "" is the API
	// Until is when a Pause ends by itself; zero: when somebody resumes it.
	Until time.Time `json:"until,omitzero"`
}

// CommandRefused is a human's word that was not taken, because it is not theirs
// to give.
type CommandRefused struct {
	CommandGiven
	Why string `json:"why"`
}

// What was decided.

// PauseEnded says that a pause came to the end that was said with it.
type PauseEnded struct {
	Scope string `json:"scope"`
	By    string `json:"by"` // who paused it
}

// Opened begins an incident: one policy, one key, one life.
type Opened struct {
	Incident uint64   `json:"incident"`
	Alert    AlertID  `json:"alert"`
	Policy   string   `json:"policy"`
	Rulebook string   `json:"rulebook"` // digest; its steps, verification and ladder govern to the end
	Key      string   `json:"key"`
	Severity Severity `json:"severity"`
	Target   Target   `json:"target"`
	// ToldOnly says why nothing may be done by itself, for example a label
	// that the policy needs and the alert lacks.
	ToldOnly string `json:"toldOnly,omitempty"`
	Found    bool   `json:"found,omitempty"`
	// Drill is the value of [DrillLabel]: nothing is done, and nobody is called.
	Drill string `json:"drill,omitempty"`
	// Live is the live drill that it was announced by: it was broken on purpose.
	Live string `json:"live,omitempty"`
}

// Joined adds an alert to an open incident.
type Joined struct {
	Incident uint64  `json:"incident"`
	Alert    AlertID `json:"alert"`
	Found    bool    `json:"found,omitempty"` // a fresh edge, by contrast, releases an incident that is only listed
}

// Left says that an alert of the incident resolved.
type Left struct {
	Incident uint64  `json:"incident"`
	Alert    AlertID `json:"alert"`
	Firing   int     `json:"firing"` // how many of its alerts still fire
}

// Judged is the decision about the next step, with every guard's verdict.
type Judged struct {
	Incident uint64    `json:"incident"`
	Step     int       `json:"step"`
	Decision Decision  `json:"decision"`
	Verdicts []Verdict `json:"verdicts"`
	Target   Target    `json:"target,omitzero"` // what was found to be meant, when it was asked for
	Plan     *Plan     `json:"plan,omitempty"`  // when the world was asked
	Hash     string    `json:"hash,omitempty"`  // of the plan
	// Until is when to judge anew; zero: when something that it waits for happens.
	Until time.Time `json:"until,omitzero"`
}

// BreakerCounted is the remedy breaker's state after an outcome was counted.
type BreakerCounted struct {
	Incident uint64          `json:"incident"`
	Breaker  string          `json:"breaker"` // policy and target
	Success  bool            `json:"success"`
	State    string          `json:"state"`  // closed, half-open, open
	Shared   json.RawMessage `json:"shared"` // gobreaker's SharedState
	Until    time.Time       `json:"until,omitzero"`
}

// Rated says that an incident is worse than it was held to be, or that a human
// says it is not as bad.
type Rated struct {
	Incident uint64   `json:"incident"`
	From     Severity `json:"from"`
	To       Severity `json:"to"`
	Why      string   `json:"why"`
}

// Healed says that the verification held. The incident stays open, and is
// probed on, until its alerts resolve.
type Healed struct {
	Incident  uint64         `json:"incident"`
	Attempt   string         `json:"attempt,omitempty"`
	FirstGood time.Time      `json:"firstGood"` // the objective's end: the first good sample of the hold that held
	Took      model.Duration `json:"took"`      // from the opening, or the reopening, to FirstGood
	Objective model.Duration `json:"objective,omitempty"`
	Met       bool           `json:"met"`
}

// Reopened says that a healed incident failed a later probe.
type Reopened struct {
	Incident uint64 `json:"incident"`
	Why      string `json:"why"`
}

// Exhausted says that every step was tried and none was verified.
type Exhausted struct {
	Incident uint64 `json:"incident"`
	Attempts int    `json:"attempts"`
}

// Escalated says that a rung of the ladder is due: these people must hear of it.
type Escalated struct {
	Incident uint64 `json:"incident"`
	Rung     int    `json:"rung"` // 0 is the first; counts on through the repeats
	Tell     string `json:"tell"`
	Why      string `json:"why"`
	Skipped  int    `json:"skipped,omitempty"` // rungs that were due as well, while we were away
	// Early is by how much it comes before its time: the rung before could not
	// be told in any way.
	Early model.Duration `json:"early,omitempty"`
}

// Rerouted says that the page of a rung was not accepted in time, and that the
// same people are told by every other channel as well.
type Rerouted struct {
	Incident uint64   `json:"incident"`
	Rung     int      `json:"rung"`
	Tell     string   `json:"tell"`
	To       []string `json:"to"` // destinations
	Why      string   `json:"why"`
}

// Late says that people hear of something later than they should.
type Late struct {
	Incident uint64    `json:"incident"`
	What     string    `json:"what"` // "rung 2: manager", or [LateUpdate]
	Due      time.Time `json:"due"`
	Why      string    `json:"why"`
}

// LateUpdate is what is late when it is no call but a regular word.
const LateUpdate = "update"

// Updated is the regular word on an incident that goes on.
type Updated struct {
	Incident uint64 `json:"incident"`
	Text     string `json:"text"`
}

// Warned says that the runbook's objective is about to be missed.
type Warned struct {
	Incident  uint64         `json:"incident"`
	Objective model.Duration `json:"objective"`
	Left      model.Duration `json:"left"`
}

// Breached says that it is missed.
type Breached struct {
	Incident  uint64         `json:"incident"`
	Objective model.Duration `json:"objective"`
}

// Digested says all at once what nobody was told of one by one.
type Digested struct {
	Number int       `json:"number"`
	Since  time.Time `json:"since"` // of the one before
	Why    string    `json:"why"`
	Lines  []string  `json:"lines,omitempty"` // none: there is nothing to tell
}

// Closed ends an incident.
type Closed struct {
	Incident uint64         `json:"incident"`
	Why      string         `json:"why"`
	Verified bool           `json:"verified"` // a verification held after the last act
	Took     model.Duration `json:"took"`
}

// Filed says that all there was to tell of a closed incident was told, or was
// tried for long enough: it is history now.
type Filed struct {
	Incident uint64 `json:"incident"`
}

// What was begun and how it ended.

// Started says that a dealing with the world begins. Exactly one of Ask, Act
// and Tell is set. ID is its idempotency key.
type Started struct {
	ID       string    `json:"id"` // q4m2x7kd-i42-a1: journal, incident, a for act, q for ask, t for tell
	Incident uint64    `json:"incident"`
	Deadline time.Time `json:"deadline"` // absolute; the core ends it as unknown then
	Ask      *Ask      `json:"ask,omitempty"`
	Act      *Act      `json:"act,omitempty"`
	Tell     *Tell     `json:"tell,omitempty"`

	// Again says that it was begun before and nobody knows how far it came:
	// read back before repeating. It is set by who performs, never kept.
	Again bool `json:"-"`
	// Severity is the incident's, when it is performed: who waits for a turn waits by
	// it. It is set by who performs, never kept.
	Severity Severity `json:"-"`
}

// whole tells whether exactly one of the three is set.
func (b Started) whole() bool {
	n := 0
	for _, set := range []bool{b.Ask != nil, b.Act != nil, b.Tell != nil} {
		if set {
			n++
		}
	}
	return n == 1
}

// Purposes of an ask.
const (
	ForGuards       = "guards"
	ForVerification = "verification"
	ForProbingOn    = "probing on"
	ForGoingOn      = "going on"     // has an act done what the next one counts on?
	ForConfirmation = "confirmation" // its alerts resolved, and no verification had held: is it well?
	ForSettling     = "settling"     // an attempt broke off: did it help all the same?
	ForImpact       = "impact"       // how bad is it?
	ForEvidence     = "evidence"     // what there is to be seen before it is destroyed
)

// Ask puts questions. For guards they are asked once; a verification samples
// until all of them have held for Hold, within Within.
type Ask struct {
	Purpose   string         `json:"purpose"`
	Questions []Question     `json:"questions"`
	Hold      model.Duration `json:"hold,omitempty"`
	Within    model.Duration `json:"within,omitempty"`
	Every     model.Duration `json:"every,omitempty"`
	// Counts says of a confirmation that a human did what the step would have
	// done: its failure is the step's.
	Counts bool `json:"counts,omitempty"`
}

// Sampled tells whether the questions are put again and again until all answers
// are good, and not once.
func (a Ask) Sampled() bool {
	switch a.Purpose {
	case ForVerification, ForGoingOn, ForProbingOn, ForConfirmation, ForSettling:
		return true
	}
	return false
}

// Question is put to the probe of its kind.
type Question struct {
	Kind   string          `json:"kind"` // alert, alerts, workload, cluster, evidence, promql, rollout, pods, postgres, redis, http
	Target Target          `json:"target,omitzero"`
	Labels Labels          `json:"labels,omitempty"` // alert: whether this one still fires
	Args   json.RawMessage `json:"args,omitempty"`   // the kind's arguments, references filled in
}

// Answer is what a probe saw. Not knowing means no: when Err is set, OK is false.
type Answer struct {
	Kind string `json:"kind"`
	OK   bool   `json:"ok"`
	Text string `json:"text"` // one line for people, with its numbers
	Err  string `json:"err,omitempty"`
	// Values are what guards and preconditions judge by; see the constants
	// below for those of the alert and workload questions.
	Values map[string]string `json:"values,omitempty"`
}

// Values of an answer to a question about an alert or a workload.
const (
	ValueState           = "state"           // alert: firing, suppressed or gone
	ValueSuppressedBy    = "suppressedBy"    // alert: what silences or inhibits it
	ValueTarget          = "target"          // workload: the object that is meant, for an owner the one found
	ValueUID             = "uid"             // workload: metadata.uid
	ValueTemplate        = "template"        // workload: hash of the pod template less our own annotation
	ValueAttempt         = "attempt"         // workload: our attempt annotation on its pod template
	ValueReplicas        = "replicas"        // workload: wanted
	ValueAvailable       = "available"       // workload: available
	ValueRefused         = "refused"         // workload: why this kind of target is refused by name
	ValueHeadroom        = "headroom"        // workload: disruptions that the tightest budget of its pods allows now; absent when there is no budget or it was not asked for
	ValueBudget          = "budget"          // workload: that disruption budget's name
	ValueMode            = "mode"            // workload: the remediated/mode annotation of the object
	ValueNamespaceMode   = "namespaceMode"   // workload: that of its namespace
	ValueChangedBy       = "changedBy"       // workload: who changed its pod template last beside us, for people
	ValueRevision        = "revision"        // workload, for a rollback: hash of the pod template that would be put back
	ValueChange          = "change"          // workload, for a rollback: from which revision to which, for people
	ValueNodes           = "nodes"           // cluster: how many there are
	ValueNodesReady      = "nodesReady"      // cluster: how many of them are ready
	ValueControlPlane    = "controlPlane"    // cluster: "ready", or what is amiss
	ValueCount           = "count"           // alerts: how many such alerts fire and are not suppressed
	ValueDigest          = "digest"          // evidence: what the blob is kept under
	ValueNumber          = "value"           // promql: the one value, as strconv writes it
	ControlPlaneReady    = "ready"           // ValueControlPlane when nothing is amiss
	AlertStateFiring     = "firing"          // still active
	AlertStateSuppressed = "suppressed"      // silenced, inhibited or muted
	AlertStateGone       = "gone"            // no Alertmanager has it
	RefusedGone          = "it is not there" // ValueRefused of a target that does not exist
)

// Act changes something. What was seen when it was decided goes with it as a
// precondition: the performer refuses when the object is another one by now.
type Act struct {
	Attempt  string          `json:"attempt"` // of one step; several acts may be one attempt's procedure
	Step     int             `json:"step"`
	Index    int             `json:"index"` // which act of the step's procedure
	Kind     string          `json:"kind"`
	Target   Target          `json:"target"`
	Args     json.RawMessage `json:"args,omitempty"`
	UID      string          `json:"uid,omitempty"`      // the object must still be this one
	Template string          `json:"template,omitempty"` // and its pod template this
	Revision string          `json:"revision,omitempty"` // rollback: what is put back must still be this pod template
	Change   string          `json:"change,omitempty"`   // what it comes to, for who approves it, where that was seen
	Undo     bool            `json:"undo,omitempty"`     // it takes back what a procedure that broke off had done
}

// String says what is done, to what, and what that comes to.
func (a Act) String() string { return a.Kind + " " + a.Target.String() + a.comesTo() }

// comesTo is Change behind what else is said of an act, "" when nothing is known.
func (a Act) comesTo() string {
	if a.Change == "" {
		return ""
	}
	return " " + a.Change
}

// Plan is what would be done if all guards allow: what a human approves.
type Plan struct {
	Step     string `json:"step"`
	Acts     []Act  `json:"acts"`           // without attempt
	Undo     []Act  `json:"undo,omitempty"` // what takes them back
	Observed string `json:"observed,omitempty"`
	// About is what the incident is about, where no act touches that: it is held
	// with what they touch.
	About Target `json:"about,omitzero"`
}

// Tell shows people something at a destination: "slack" (the incident's one
// message), "slack/thread" (what happened, line by line) or "pagerduty/RUNG".
type Tell struct {
	Destination string `json:"destination"`
	Notice      Notice `json:"notice"`
	Digest      string `json:"digest"`        // of the notice: what is shown once it finished
	Ref         string `json:"ref,omitempty"` // what an earlier tell's Finished gave: which message to edit
}

// Outcomes of what was started.
const (
	OK      = "ok"
	Failed  = "failed"  // it is known to have failed; a verification: it did not hold
	Refused = "refused" // nothing was done: a precondition did not hold, or it is refused by name
	Unknown = "unknown" // nobody knows: read back and verify, do not repeat
	// Later is not an end: try again at Result.Until, under the same ID.
	Later = "later"
)

// Result is what a performer reports.
type Result struct {
	Outcome string    `json:"outcome"`
	Text    string    `json:"text,omitempty"`
	Until   time.Time `json:"until,omitzero"`    // Later
	Answers []Answer  `json:"answers,omitempty"` // Ask: the last sample
	// FirstGood and Held are a verification's: the first good sample of the
	// hold that is running or held, and for how long it held.
	FirstGood time.Time      `json:"firstGood,omitzero"`
	Held      model.Duration `json:"held,omitempty"`
	Samples   int            `json:"samples,omitempty"`
	Ref       string         `json:"ref,omitempty"` // Tell: names the message for later edits
	// Link is where people see what was told, where the teller knows: an address of the
	// service, over https. Nothing is decided by it.
	Link string `json:"link,omitempty"`
}

// Delayed says that a try did not get through and when the next one is due.
type Delayed struct {
	ID       string    `json:"id"`
	Incident uint64    `json:"incident"`
	Until    time.Time `json:"until"`
	Why      string    `json:"why"`
}

// Finished says how what was started ended.
type Finished struct {
	ID       string `json:"id"`
	Incident uint64 `json:"incident"`
	Result
}

func (Founded) kind() string         { return "founded/1" }
func (RulebookLoaded) kind() string  { return "rulebook-loaded/1" }
func (Upgraded) kind() string        { return "upgraded/1" }
func (Compared) kind() string        { return "compared/1" }
func (ClockJumped) kind() string     { return "clock-jumped/1" }
func (AlertFiring) kind() string     { return "alert-firing/1" }
func (AlertResolved) kind() string   { return "alert-resolved/1" }
func (AlertSuppressed) kind() string { return "alert-suppressed/1" }
func (AlertReleased) kind() string   { return "alert-released/1" }
func (AlertDoubted) kind() string    { return "alert-doubted/1" }
func (CommandGiven) kind() string    { return "command-given/1" }
func (Opened) kind() string          { return "opened/1" }
func (Joined) kind() string          { return "joined/1" }
func (Left) kind() string            { return "left/1" }
func (Judged) kind() string          { return "judged/1" }
func (BreakerCounted) kind() string  { return "breaker-counted/1" }
func (Rated) kind() string           { return "rated/1" }
func (Healed) kind() string          { return "healed/1" }
func (Reopened) kind() string        { return "reopened/1" }
func (Exhausted) kind() string       { return "exhausted/1" }
func (Escalated) kind() string       { return "escalated/1" }
func (Closed) kind() string          { return "closed/1" }
func (Filed) kind() string           { return "filed/1" }
func (Rerouted) kind() string        { return "rerouted/1" }
func (Late) kind() string            { return "late/1" }
func (Updated) kind() string         { return "updated/1" }
func (Warned) kind() string          { return "warned/1" }
func (Breached) kind() string        { return "breached/1" }
func (Digested) kind() string        { return "digested/1" }
func (CommandRefused) kind() string  { return "command-refused/1" }
func (PauseEnded) kind() string      { return "pause-ended/1" }
func (Started) kind() string         { return "started/1" }
func (Delayed) kind() string         { return "delayed/1" }
func (Finished) kind() string        { return "finished/1" }

func (b CommandGiven) incident() uint64   { return b.Incident }
func (b Opened) incident() uint64         { return b.Incident }
func (b Joined) incident() uint64         { return b.Incident }
func (b Left) incident() uint64           { return b.Incident }
func (b Judged) incident() uint64         { return b.Incident }
func (b BreakerCounted) incident() uint64 { return b.Incident }
func (b Rated) incident() uint64          { return b.Incident }
func (b Healed) incident() uint64         { return b.Incident }
func (b Reopened) incident() uint64       { return b.Incident }
func (b Exhausted) incident() uint64      { return b.Incident }
func (b Escalated) incident() uint64      { return b.Incident }
func (b Closed) incident() uint64         { return b.Incident }
func (b Filed) incident() uint64          { return b.Incident }
func (b Rerouted) incident() uint64       { return b.Incident }
func (b Late) incident() uint64           { return b.Incident }
func (b Updated) incident() uint64        { return b.Incident }
func (b Warned) incident() uint64         { return b.Incident }
func (b Breached) incident() uint64       { return b.Incident }
func (b Started) incident() uint64        { return b.Incident }
func (b Delayed) incident() uint64        { return b.Incident }
func (b Finished) incident() uint64       { return b.Incident }
