package simulate

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// story is what the facts so far tell, gathered apart from remediate.State and
// only as far as the laws ask for it. A fact is judged by the laws first, and
// then becomes part of the story.
type story struct {
	books remediate.Rulebooks
	at    time.Time // of the last fact
	seq   uint64
	up    time.Time // since when nothing kept the daemon from its work
	seen  map[string]time.Time

	governs  string
	loads    int // of rulebooks
	firing   map[remediate.AlertID]bool
	looked   map[remediate.AlertID]int    // loads when it was last written that it fires
	labels   remediate.Labels             // of the alert that fired last
	told     map[remediate.AlertID]string // what was written of an alert last: "resolved", or what suppresses it
	own      map[remediate.AlertID]bool   // alerts that are ours, which Alertmanager does not know
	owed     map[string]bool              // policies that are yet to take the alert that fired last
	paused   map[string]bool              // by scope
	ends     map[string]time.Time         // when its pause ends by itself; zero: it does not
	modes    map[string]remediate.Mode    // by scope, as humans set them
	leads    string                       // the release that decides
	held     bool                         // and only observes
	live     map[string]liveDrill         // announced, by policy
	needed   time.Time                    // since when something is open that people are needed for, zero while nothing is
	open     map[uint64]*incident
	keys     map[string]uint64
	last     uint64
	begun    map[string]bool              // whatever was started, by ID
	pending  map[string]remediate.Started // and has not finished
	holders  map[remediate.Target]uint64
	released map[remediate.Target]release
	acts     map[string][]time.Time // attempts, by policy, and of all under ""
	heals    map[string][]time.Time // healings by an attempt, by breaker
	breakers map[string]breaker
}

// liveDrill is one that was announced.
type liveDrill struct {
	name  string
	until time.Time
	page  bool
}

// release says who worked on a target last, and until when.
type release struct {
	by uint64
	at time.Time
}

// breaker is the remedy breaker, told from how verifications ended.
type breaker struct {
	failures uint32
	until    time.Time // open until then
}

// phase is how far the attempt of an incident has come.
type phase int

const (
	idle      phase = iota
	acting          // an act is under way
	acted           // it ended; what comes next is yet to begin
	brokenOff       // a guard stopped the procedure
	verifying
)

// incident is one in the story.
type incident struct {
	remediate.Opened
	policy   *remediate.Policy // as it was when it was opened
	labels   remediate.Labels  // of the alert that opened it
	severity remediate.Severity
	since    time.Time // when it became ours
	firing   map[remediate.AlertID]bool

	judged    remediate.Judged
	judgedAt  time.Time
	asked     remediate.Started // the guards' ask that ended last
	askedBook string
	answers   []remediate.Answer
	outcome   string
	answered  time.Time
	overrides map[string]bool // guards that a human lets pass, not used yet
	used      map[string]bool // and those that the attempt under way passed by such a word

	tries    int  // since a human said run
	owed     bool // what was half done is yet to be taken back
	gathered bool // evidence, for the next attempt
	phase    phase
	act      remediate.Act // the last one begun
	plan     remediate.Plan
	doubt    bool // nobody knows how it ended
	checked  bool // it was seen to have done what the next one counts on
	unknowns int
	verified string    // how the last verification ended
	failed   bool      // the step judged last did not help
	refusals int       // acts in a row that were refused
	next     int       // the step whose turn it is
	tried    time.Time // when the last attempt ended

	approved  string // plan
	approvals map[string]time.Time
	denied    bool
	waits     []uint64 // the incidents that it was last said to wait for
	taken     bool
	acked     bool
	healed    bool
	closed    bool
	dismissed bool               // a human says that it is over
	rating    remediate.Severity // that a human gave it
	lost      bool               // it was healed, and a probe says that it is no longer

	pageNow   time.Time // people must hear of it since, ahead of the clock
	rung      int
	ladder    time.Time     // when its first rung was told
	early     time.Duration // by how much it is ahead of its times
	called    string        // who was called last
	calledAt  time.Time
	times     map[string]int    // how often each was called
	keys      map[string]int    // the keys that pages of a rung had, by destination and key, and of which call
	arrived   map[string]string // the key of the page that arrived last, by destination
	failing   map[string]bool   // destinations of which the last try did not arrive
	visible   time.Time         // since when it is shown in Slack
	updated   time.Time
	breached  bool
	excused   time.Time // until when nobody had to hear of it
	calls     map[string]time.Time
	telling   map[string]string // open tells by destination
	shown     map[string]string // the last action there
	exhausted bool
}

func newStory(books remediate.Rulebooks) *story {
	return &story{
		books: books, seen: map[string]time.Time{},
		firing: map[remediate.AlertID]bool{}, looked: map[remediate.AlertID]int{}, own: map[remediate.AlertID]bool{}, told: map[remediate.AlertID]string{}, owed: map[string]bool{},
		live: map[string]liveDrill{}, paused: map[string]bool{}, ends: map[string]time.Time{}, modes: map[string]remediate.Mode{}, open: map[uint64]*incident{}, keys: map[string]uint64{},
		begun: map[string]bool{}, pending: map[string]remediate.Started{},
		holders: map[remediate.Target]uint64{}, released: map[remediate.Target]release{},
		acts: map[string][]time.Time{}, heals: map[string][]time.Time{}, breakers: map[string]breaker{},
	}
}

// hear folds a fact that was judged.
func (s *story) hear(f remediate.Fact) {
	s.take(f)
	switch earnest := s.earnest(); {
	case !earnest:
		s.needed = time.Time{}
	case s.needed.IsZero():
		s.needed = s.at
	}
}

func (s *story) take(f remediate.Fact) {
	s.at, s.seq = f.At, f.Seq
	switch b := f.Body.(type) {
	case remediate.ClockJumped:
		s.up = f.At
	case remediate.Upgraded:
		s.leads, s.held = b.To, b.Held
	case remediate.Compared:
		s.held = s.held && (b.Release != s.leads || b.Changed > 0 || b.Why != "")
	case remediate.RulebookLoaded:
		s.governs = b.Digest
		s.loads++
	case remediate.AlertFiring:
		s.fired(b)
	case remediate.AlertResolved:
		s.firing[b.ID], s.told[b.ID] = false, "resolved"
	case remediate.AlertSuppressed:
		s.told[b.ID] = strings.Join(b.By, " ")
		s.changedBy(b.ID)
	case remediate.AlertReleased:
		s.told[b.ID] = ""
		s.changedBy(b.ID)
	case remediate.Opened:
		s.opened(b)
	case remediate.CommandGiven:
		s.commanded(b)
	case remediate.PauseEnded:
		s.paused[b.Scope], s.ends[b.Scope] = false, time.Time{}
	default:
		if i := s.open[remediate.IncidentOf(f.Body)]; i != nil {
			s.hearOf(i, f)
		}
	}
}

// changedBy says that an alert was silenced, or is no longer.
func (s *story) changedBy(id remediate.AlertID) {
	for n, i := range s.open {
		if i.firing[id] {
			s.changed(n)
		}
	}
}

func (s *story) fired(b remediate.AlertFiring) {
	s.labels = b.Alert.Labels
	s.looked[b.ID], s.own[b.ID] = s.loads, b.Via == remediate.ViaOwn
	s.firing[b.ID], s.told[b.ID] = true, strings.Join(b.Suppressed, " ")
	clear(s.owed)
	if book := s.books[s.governs]; book != nil {
		for _, p := range book.Match(b.Alert.Labels) {
			s.owed[p.Name] = true
		}
	}
}

func (s *story) opened(b remediate.Opened) {
	policy := s.books[b.Rulebook].Policy(b.Policy)
	if policy == nil { // an incident of our own, which has none
		policy = &remediate.Policy{Name: b.Policy, Mode: remediate.ModeAct}
	}
	i := &incident{
		Opened: b, policy: policy, labels: s.labels, severity: b.Severity, since: s.at,
		firing:    map[remediate.AlertID]bool{b.Alert: true},
		overrides: map[string]bool{}, used: map[string]bool{}, calls: map[string]time.Time{},
		telling: map[string]string{}, shown: map[string]string{}, excused: s.at,
		times: map[string]int{}, keys: map[string]int{}, arrived: map[string]string{}, failing: map[string]bool{},
	}
	s.open[b.Incident], s.keys[b.Key], s.last = i, b.Incident, b.Incident
	delete(s.owed, b.Policy)
}

func (s *story) commanded(b remediate.CommandGiven) {
	switch b.Command {
	case remediate.Pause, remediate.Resume:
		s.paused[b.Scope], s.ends[b.Scope] = b.Command == remediate.Pause, b.Until
	case remediate.SetMode:
		s.modes[b.Scope] = remediate.Mode(b.Value)
	case remediate.LiveDrill:
		lasts, _ := model.ParseDuration(b.Value)
		s.live[strings.TrimPrefix(b.Scope, "policy/")] = liveDrill{b.Labels.Get(remediate.DrillLabel), s.at.Add(time.Duration(lasts)), b.Page}
	case remediate.EndDrill:
		policy := strings.TrimPrefix(b.Scope, "policy/")
		delete(s.live, policy)
		for n, i := range s.open {
			if i.Policy == policy && i.Live != "" {
				s.changed(n)
			}
		}
	case remediate.Accept:
		s.held = s.held && b.Value != s.leads
	}
	i := s.open[b.Incident]
	if i == nil {
		return
	}
	switch b.Command {
	case remediate.Ack:
		i.acked = true
		clear(i.calls) // somebody has it already
	case remediate.Unack:
		i.acked, i.excused = false, s.at
		i.begin()
	case remediate.TakeOver:
		i.acked, i.taken = true, true
		clear(i.calls)
	case remediate.Approve:
		i.approve(b.By, b.Plan, s.at)
	case remediate.Deny:
		i.approved, i.denied = "", true
	case remediate.Override:
		i.overrides[b.Guard] = true
	case remediate.Run:
		i.run(s.at)
	case remediate.Close:
		i.dismissed = true
	case remediate.Rate:
		i.rating = remediate.Severity(b.Value)
	}
}

// run is a human's word to try, whatever was said before.
func (i *incident) run(at time.Time) {
	if i.Found {
		i.since = at
	}
	if i.Found || i.healed {
		i.excused = at
	}
	if i.phase != acting && i.phase != acted && i.phase != verifying {
		i.healed = false
	}
	i.tries = 0
	i.Found, i.denied, i.taken, i.exhausted, i.failed, i.next, i.pageNow = false, false, false, false, false, 0, time.Time{}
}

// begin is the ladder from its foot.
func (i *incident) begin() {
	i.rung, i.ladder, i.early, i.called = 0, time.Time{}, 0, ""
	clear(i.calls)
}

// rungOf is who is called by a tell, "" when it calls nobody.
func rungOf(t remediate.Tell) string {
	for _, family := range []string{remediate.PagerDuty, remediate.SlackPage} {
		if rung, ok := strings.CutPrefix(t.Destination, family); ok && t.Notice.Action == "trigger" {
			return rung
		}
	}
	return ""
}

// toldOf folds how a tell ended. One that was no longer to be told says nothing
// of its destination: what failed before it still does.
func (s *story) toldOf(i *incident, t remediate.Tell, outcome string) {
	if outcome != remediate.Refused {
		i.failing[t.Destination] = outcome != remediate.OK
	}
	if outcome != remediate.OK {
		return
	}
	if rungOf(t) != "" {
		i.arrived[t.Destination] = t.Notice.Key
	}
	if t.Destination == remediate.Slack && i.visible.IsZero() {
		i.visible = s.at
	}
}

// freed says that it waits for no root any more.
func (i *incident) freed(at time.Time) {
	if len(i.waits) > 0 {
		i.waits, i.excused = nil, at
	}
}

// changed says that who hears of it, or of what waits for it, may be another.
func (s *story) changed(incident uint64) {
	for n, i := range s.open {
		if n == incident || len(i.waits) > 0 {
			i.excused = s.at
		}
	}
}

// hearOf folds a fact about an incident.
func (s *story) hearOf(i *incident, f remediate.Fact) {
	switch b := f.Body.(type) {
	case remediate.Joined:
		s.joined(i, b)
	case remediate.Left:
		delete(i.firing, b.Alert)
		i.excused = s.at // those that are left may not be silenced
	case remediate.Judged:
		s.judged(i, b)
	case remediate.Rated:
		i.severity, i.breached = b.To, false
		s.changed(i.Incident)
	case remediate.Healed:
		i.healed, i.waits = true, nil
		clear(i.calls)
		if b.Attempt != "" {
			s.heals[i.breaker()] = append(s.heals[i.breaker()], s.at)
		}
		s.changed(i.Incident)
	case remediate.Reopened:
		i.lost = false
		i.healed, i.failed, i.exhausted, i.acked, i.next = false, false, false, i.taken, 0
		i.since, i.excused, i.pageNow, i.updated, i.breached = s.at, s.at, time.Time{}, time.Time{}, false
		i.begin()
	case remediate.Exhausted:
		i.exhausted = true
		i.pageNow = s.at
	case remediate.Escalated:
		if i.ladder.IsZero() {
			i.ladder = s.at
		}
		i.rung, i.called, i.calledAt = b.Rung+1, b.Tell, s.at
		i.early += time.Duration(b.Early)
		i.times[b.Tell]++
		clear(i.calls) // those before are told no more
		i.calls[b.Tell] = s.at
	case remediate.Updated:
		i.updated = s.at
	case remediate.Breached:
		i.breached = true
	case remediate.Delayed:
		if p, ok := s.pending[b.ID]; ok && p.Tell != nil {
			i.failing[p.Tell.Destination] = true
		}
	case remediate.Closed:
		s.closed(i)
	case remediate.Filed:
		delete(s.open, i.Incident)
	case remediate.Started:
		s.started(i, b)
	case remediate.Finished:
		s.finished(i, b)
	}
}

func (s *story) joined(i *incident, b remediate.Joined) {
	i.firing[b.Alert] = true
	delete(s.owed, i.Policy)
	if i.Found && !b.Found {
		i.Found, i.since = false, s.at
	}
	s.changed(i.Incident)
}

func (s *story) judged(i *incident, b remediate.Judged) {
	i.judged, i.judgedAt, i.failed, i.next = b, s.at, false, b.Step
	if !b.Target.IsZero() {
		i.Target = b.Target // the owner that was found to be meant
	}
	if b.Decision != remediate.Allowed && i.phase == acted {
		i.phase, i.owed = brokenOff, len(i.plan.Undo) > 0
	}
	i.freed(s.at)
	for _, v := range b.Verdicts {
		if n, found := strings.CutPrefix(v.For, "root/i"); found && v.Decision == remediate.Waiting && b.Decision == remediate.Waiting {
			root, _ := strconv.ParseUint(n, 10, 64)
			i.waits = append(i.waits, root)
		}
	}
	if b.Decision == remediate.Denied {
		i.pageNow = s.at
	} else if !i.exhausted {
		i.pageNow = time.Time{}
	}
}

func (s *story) closed(i *incident) {
	i.closed, i.lost, i.phase = true, false, idle
	s.changed(i.Incident)
	delete(s.keys, i.Key)
	s.release(i)
	for id, p := range s.pending {
		if p.Incident == i.Incident && p.Tell == nil {
			delete(s.pending, id)
		}
	}
	clear(i.calls)
}

// release lets go of all that the incident is at work on.
func (s *story) release(i *incident) {
	for t, holder := range s.holders {
		if holder == i.Incident {
			delete(s.holders, t)
			s.released[t] = release{i.Incident, s.at}
		}
	}
}

func (s *story) started(i *incident, b remediate.Started) {
	s.begun[b.ID], s.pending[b.ID] = true, b
	switch {
	case b.Tell != nil:
		i.telling[b.Tell.Destination] = b.ID
		i.shown[b.Tell.Destination] = b.Tell.Notice.Action
		if rung := rungOf(*b.Tell); rung != "" {
			delete(i.calls, rung)
			i.keys[b.Tell.Destination+" "+b.Tell.Notice.Key] = i.times[rung]
		}
	case b.Act != nil:
		s.startedAct(i, *b.Act)
	case b.Ask.Purpose == remediate.ForVerification, b.Ask.Purpose == remediate.ForGoingOn:
		i.phase = verifying
	case b.Ask.Purpose == remediate.ForEvidence:
		i.gathered = true
	case b.Ask.Purpose == remediate.ForConfirmation && !i.exhausted:
		i.pageNow = time.Time{} // no guard is asked any more
	case b.Ask.Purpose == remediate.ForGuards:
		i.askedBook = s.governs
	}
}

func (s *story) startedAct(i *incident, a remediate.Act) {
	i.act, i.phase, i.doubt, i.checked = a, acting, false, false
	for _, t := range i.objects(i.Target, a.Step) {
		s.holders[t] = i.Incident
	}
	if a.Index > 0 || a.Undo {
		return
	}
	i.tries++
	i.gathered = false
	i.approved, i.used = "", map[string]bool{}
	if i.plan = (remediate.Plan{}); i.judged.Plan != nil {
		i.plan = *i.judged.Plan
	}
	for _, v := range i.judged.Verdicts {
		if overridden(v) {
			i.used[v.Guard] = true
			delete(i.overrides, v.Guard)
		}
	}
	for _, of := range []string{"", i.Policy} {
		s.acts[of] = append(s.acts[of], s.at)
	}
}

func (s *story) finished(i *incident, b remediate.Finished) {
	p, ok := s.pending[b.ID]
	if !ok {
		return
	}
	delete(s.pending, b.ID)
	switch {
	case p.Tell != nil:
		delete(i.telling, p.Tell.Destination)
		s.toldOf(i, *p.Tell, b.Outcome)
	case p.Act != nil && p.Act.Undo:
		s.undone(i, *p.Act)
	case p.Act != nil:
		s.finishedAct(i, b)
	case p.Ask.Purpose == remediate.ForGuards:
		i.asked, i.answers, i.outcome, i.answered = p, b.Answers, b.Outcome, s.at
		if seen, ok := s.seen[b.ID]; ok {
			i.answered = seen
		}
	case p.Ask.Purpose == remediate.ForVerification:
		s.verified(i, b.Outcome)
	case p.Ask.Purpose == remediate.ForGoingOn:
		s.checked(i, b.Outcome)
	case p.Ask.Purpose == remediate.ForConfirmation:
		i.excused = s.at
		if b.Outcome == remediate.OK {
			i.verified = b.Outcome
		}
	case p.Ask.Purpose == remediate.ForProbingOn:
		i.lost = i.healed && b.Outcome == remediate.Failed
	}
}

// finishedAct: an act that failed or was refused ends the attempt, and there
// is nothing to verify.
func (s *story) finishedAct(i *incident, b remediate.Finished) {
	i.phase, i.doubt = acted, b.Outcome == remediate.Unknown
	switch b.Outcome {
	case remediate.Failed:
		i.stop(s.at, true)
	case remediate.Refused:
		i.refusals++
		i.stop(s.at, i.refusals > 1)
	default:
		i.refusals = 0
		return
	}
	if i.owed = i.act.Index > 0 && len(i.plan.Undo) > 0; !i.owed {
		s.release(i)
	}
}

// undone: with the last of what a procedure is taken back by the attempt ends.
func (s *story) undone(i *incident, a remediate.Act) {
	i.phase = brokenOff
	if a.Index+1 >= len(i.plan.Undo) {
		i.stop(s.at, i.failed)
		i.owed = false
		s.release(i)
	}
}

// stop ends an attempt; one that failed makes it the next step's turn.
func (i *incident) stop(at time.Time, failed bool) {
	i.phase, i.tried, i.failed = idle, at, failed
	if failed {
		i.next = (i.judged.Step + 1) % len(i.policy.Steps)
	}
}

// verified: one of which nobody knows how it ended is begun anew, two times.
func (s *story) verified(i *incident, outcome string) {
	if outcome == remediate.Unknown && i.unknowns < 2 {
		i.unknowns++
		return
	}
	i.unknowns, i.verified = 0, outcome
	i.stop(s.at, outcome != remediate.OK)
	if i.owed = outcome != remediate.OK && i.act.Index+1 < len(i.plan.Acts) && len(i.plan.Undo) > 0; !i.owed {
		s.release(i)
	}
	name := i.breaker()
	s.breakers[name] = s.breakers[name].after(outcome, s.at, limitOf(i.policy))
}

// checked: what did not do what the next act counts on did not help.
func (s *story) checked(i *incident, outcome string) {
	if outcome != remediate.OK {
		s.verified(i, outcome)
	}
	if i.phase == verifying { // it goes on, or is looked at anew
		i.phase = acted
	}
	if outcome == remediate.OK {
		i.checked, i.unknowns = true, 0
	}
}

// approve: somebody approves the plan that waits, which they must have named.
func (i *incident) approve(by, plan string, at time.Time) {
	i.denied = false
	if !strings.HasPrefix(i.judged.Hash, plan) {
		return
	}
	if i.approved != i.judged.Hash {
		i.approved, i.approvals = i.judged.Hash, map[string]time.Time{}
	}
	i.approvals[by] = at
}

// after is the breaker after a verification. While it is open none counts, and
// once that is over one failure opens it again.
func (b breaker) after(outcome string, at time.Time, limit remediate.Breaker) breaker {
	switch halfOpen := !b.until.IsZero(); {
	case b.until.After(at):
	case outcome == remediate.OK:
		return breaker{}
	case halfOpen || b.failures+1 >= limit.Failures:
		return breaker{until: at.Add(time.Duration(limit.Reset))}
	default:
		b.failures++
	}
	return b
}

func (i *incident) breaker() string { return i.Policy + " on " + i.Target.String() }

// objects are what a step acts on, the incident's own target first.
func (i *incident) objects(own remediate.Target, step int) []remediate.Target {
	all := []remediate.Target{own}
	st := i.policy.Steps[step]
	for _, d := range slices.Concat(st.Do, st.Undo) {
		if t, err := remediate.ParseTarget(cluster, d.Target); err == nil {
			all = append(all, t)
		}
	}
	return all
}

func limitOf(p *remediate.Policy) remediate.Breaker {
	if p.Guards.Breaker.Failures == 0 {
		return remediate.DefaultBreaker()
	}
	return p.Guards.Breaker
}

// overridden tells whether a human let the guard pass.
func overridden(v remediate.Verdict) bool {
	return v.Decision == remediate.Allowed && strings.HasPrefix(v.Reason, "overridden by")
}

// rules are the policy as it was when the incident was opened and, when there
// still is one, as it is now: the stricter of both governs what may be done.
func (s *story) rules(i *incident) []*remediate.Policy {
	ps := []*remediate.Policy{i.policy}
	if book := s.books[s.governs]; book != nil {
		if now := book.Policy(i.Policy); now != nil {
			ps = append(ps, now)
		}
	}
	return ps
}

// scopes are those that a human may pause or restrict to reach a step's acts.
func (i *incident) scopes(step int) []string {
	all := []string{"all", "policy/" + i.Policy}
	for _, t := range i.objects(i.Target, step) {
		all = append(all, "namespace/"+t.Namespace)
	}
	return all
}

// passed tells whether guard was overridden for the attempt that a begins or
// goes on with.
func (i *incident) passed(guard string, a *remediate.Act) bool {
	if a.Index > 0 {
		return i.used[guard]
	}
	return slices.ContainsFunc(i.judged.Verdicts, func(v remediate.Verdict) bool { return v.Guard == guard && overridden(v) })
}
