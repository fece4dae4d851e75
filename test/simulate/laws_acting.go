package simulate

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// actingLaws are about what is done to the world. A guard that a human let
// pass by name is let pass here too, and no other.
var actingLaws = []Law{
	{"every guard allows an attempt, in the moment in which it begins", everyGuardAllows},
	{"what is said to stand in the way does", reasonsAreTrue},
	{"what is done is what was planned", doneAsPlanned},
	{"one attempt at a time works on a target, until its verification has ended", oneAtATime},
	{"what was done is looked at before anything else is decided", lookedAt},
	{"an act that counts on the one before begins when that was seen", seenBefore},
	{"the next remedy follows one that did not help", inTurn},
	{"no more attempts in any window than the budgets allow", withinBudget},
	{"no attempt while its breaker is open", breakerHolds},
	{"the breaker is written down as verifications ended", breakerCounts},
	{"nothing is done where it is paused", pauseHolds},
	{"a pause lasts until it is resumed, or until its end and no longer", pauseEnds},
	{"nothing is done for alerts that are all silenced", silenceHolds},
	{"a human's no holds until a human says otherwise", noMeansNo},
	{"who only observes, only lists or only tells does not act", handsOff},
	{"nothing is begun for an alert that does not fire", firesStill},
	{"what needs a human was approved: that plan, in time, for one attempt", approvedOnce},
	{"what is acted on was seen within two seconds, under the rules that govern", seenJustNow},
	{"what was seen lets act", seenWell},
	{"what was half done is taken back before anything is begun", takenBack},
	{"a step that asks for evidence has it gathered for each attempt", evidenceFirst},
	{"nobody tries for ever: so many attempts, and so many healings of one target", notForEver},
	{"roots are healed, and leaves wait; in a storm all wait but roots", rootsFirst},
	{"a while lies between attempts, and between incidents on one target", pausesHold},
	{"an override lets one guard pass, for one attempt", overriddenOnce},
}

// AllGuards are those that every attempt must have been allowed by. A test keeps
// the list.
var AllGuards = []string{
	"paused", "mode", "journal", "takeover", "silenced", "window", "storm", "depends", "busy", "settle", "cooldown",
	"attempts", "flapping", "budget", "breaker", "firing", "target", "moved", "healthy", "backup", "approval",
}

// actOf returns the act that f begins, and its incident; what takes an act
// back is not one.
func actOf(s *story, f remediate.Fact) (*incident, *remediate.Act) {
	b, ok := f.Body.(remediate.Started)
	if !ok || b.Act == nil || b.Act.Undo || s.open[b.Incident] == nil {
		return nil, nil
	}
	return s.open[b.Incident], b.Act
}

// attemptOf returns the act that begins an attempt.
func attemptOf(s *story, f remediate.Fact) (*incident, *remediate.Act) {
	if i, a := actOf(s, f); a != nil && a.Index == 0 {
		return i, a
	}
	return nil, nil
}

func everyGuardAllows(s *story, f remediate.Fact) error {
	i, a := attemptOf(s, f)
	if a == nil {
		return nil
	}
	if i.judged.Decision != remediate.Allowed || !i.judgedAt.Equal(f.At) {
		return fmt.Errorf("%s begins at %s without being allowed", a.Attempt, f.At)
	}
	for _, g := range AllGuards {
		if !slices.ContainsFunc(i.judged.Verdicts, func(v remediate.Verdict) bool { return v.Guard == g && v.Decision == remediate.Allowed }) {
			return fmt.Errorf("%s begins, and guard %s did not allow it", a.Attempt, g)
		}
	}
	return nil
}

// Not to act is safe, and useless when nothing stands in the way.
func reasonsAreTrue(s *story, f remediate.Fact) error {
	b, ok := f.Body.(remediate.Judged)
	i := s.open[b.Incident]
	if !ok || i == nil {
		return nil
	}
	t := i.Target
	if !b.Target.IsZero() {
		t = b.Target
	}
	for _, v := range b.Verdicts {
		if v.Decision != remediate.Allowed && v.Decision != remediate.Observed && !s.stands(i, t, b.Step, v.Guard) {
			return fmt.Errorf("i%d: nothing is there of what guard %s says: %s", i.Incident, v.Guard, v.Reason)
		}
	}
	return nil
}

// stands tells whether a guard has something to go by, as far as the story
// knows: the others judge by what was answered.
func (s *story) stands(i *incident, t remediate.Target, step int, guard string) bool {
	switch guard {
	case "paused":
		return slices.ContainsFunc(i.scopes(step), func(scope string) bool { return s.paused[scope] })
	case "takeover":
		return i.taken
	case "silenced":
		return len(i.firing) > 0 && s.silenced(i)
	case "busy":
		return slices.ContainsFunc(i.objects(t, step), func(t remediate.Target) bool { return s.holders[t] != 0 && s.holders[t] != i.Incident })
	case "settle":
		return !i.tried.IsZero()
	case "cooldown":
		return s.released[t].by != 0
	case "breaker":
		return s.breakers[i.Policy+" on "+t.String()].until.After(s.at)
	}
	return true
}

// silenced tells whether all alerts of the incident that fire are known to be.
func (s *story) silenced(i *incident) bool {
	for id := range i.firing {
		if s.told[id] == "" {
			return false
		}
	}
	return len(i.firing) > 0
}

func doneAsPlanned(s *story, f remediate.Fact) error {
	i, a := actOf(s, f)
	if a == nil {
		return nil
	}
	done, plan := *a, i.judged.Plan
	done.Attempt = ""
	if plan == nil || a.Index >= len(plan.Acts) || !reflect.DeepEqual(done, plan.Acts[a.Index]) {
		return fmt.Errorf("%s: act %d is not that of plan %s", a.Attempt, a.Index+1, i.judged.Hash)
	}
	return nil
}

func oneAtATime(s *story, f remediate.Fact) error {
	i, a := actOf(s, f)
	if a == nil {
		return nil
	}
	for _, t := range i.objects(i.Target, a.Step) {
		if holder := s.holders[t]; holder != 0 && holder != i.Incident && !i.passed("busy", a) {
			return fmt.Errorf("%s acts on %s, which i%d is at work on", a.Attempt, t, holder)
		}
	}
	switch {
	case a.Index == 0 && i.phase != idle && i.phase != brokenOff:
		return fmt.Errorf("%s begins while %s is not over", a.Attempt, i.act.Attempt)
	case a.Index > 0 && (i.phase != acted || a.Attempt != i.act.Attempt || a.Index != i.act.Index+1):
		return fmt.Errorf("act %d of %s does not follow act %d of %s", a.Index+1, a.Attempt, i.act.Index+1, i.act.Attempt)
	}
	return nil
}

// An act that ended well, or of which nobody knows how it ended, is verified;
// only between the acts of a procedure may a guard speak.
func lookedAt(s *story, f remediate.Fact) error {
	i := s.open[remediate.IncidentOf(f.Body)]
	if i == nil || i.phase != acted && i.phase != verifying {
		return nil
	}
	between := i.phase == acted && !i.doubt && i.judged.Plan != nil && i.act.Index+1 < len(i.judged.Plan.Acts)
	_, judges := f.Body.(remediate.Judged)
	_, a := actOf(s, f)
	if (judges || a != nil) && !between {
		return fmt.Errorf("i%d: %s follows %s, which nobody has looked at", i.Incident, remediate.KindOf(f.Body), i.act.Attempt)
	}
	return nil
}

func seenBefore(s *story, f remediate.Fact) error {
	i, a := actOf(s, f)
	if a == nil || a.Index == 0 || i.policy.Steps[a.Step].Do[a.Index-1].Verify == nil || i.checked {
		return nil
	}
	return fmt.Errorf("act %d of %s begins, and nobody has seen what it counts on", a.Index+1, a.Attempt)
}

func inTurn(s *story, f remediate.Fact) error {
	b, ok := f.Body.(remediate.Judged)
	i := s.open[b.Incident]
	if !ok || i == nil || b.Step == i.next {
		return nil
	}
	return fmt.Errorf("i%d: step %d is judged, the turn is step %d's", b.Incident, b.Step+1, i.next+1)
}

func withinBudget(s *story, f remediate.Fact) error {
	i, a := attemptOf(s, f)
	if a == nil || i.passed("budget", a) {
		return nil
	}
	exceeded := func(of string, limits []remediate.Budget) error {
		for _, l := range limits {
			if n := 1 + within(s.acts[of], f.At.Add(-time.Duration(l.Per))); n > l.Actions {
				return fmt.Errorf("%s is attempt %d in %s of %q, %d are allowed", a.Attempt, n, l.Per, of, l.Actions)
			}
		}
		return nil
	}
	for _, p := range s.rules(i) {
		if err := exceeded(i.Policy, p.Guards.Budget); err != nil {
			return err
		}
	}
	if book := s.books[s.governs]; book != nil {
		return exceeded("", book.Budget)
	}
	return nil
}

// within counts the times after begin, of times in order.
func within(times []time.Time, begin time.Time) int {
	n := 0
	for n < len(times) && times[len(times)-1-n].After(begin) {
		n++
	}
	return n
}

func breakerHolds(s *story, f remediate.Fact) error {
	i, a := attemptOf(s, f)
	if a == nil || i.passed("breaker", a) {
		return nil
	}
	if until := s.breakers[i.breaker()].until; until.After(f.At) {
		return fmt.Errorf("%s begins at %s, the breaker is open until %s", a.Attempt, f.At, until)
	}
	return nil
}

func breakerCounts(s *story, f remediate.Fact) error {
	b, ok := f.Body.(remediate.BreakerCounted)
	i := s.open[b.Incident]
	if !ok || i == nil {
		return nil
	}
	if b.Success != (i.verified == remediate.OK) || b.Breaker != i.breaker() {
		return fmt.Errorf("%s counts success %v of %s, whose verification ended %q", b.Breaker, b.Success, i.breaker(), i.verified)
	}
	if until := s.breakers[b.Breaker].until; until.After(f.At) && b.State != "open" {
		return fmt.Errorf("%s is %s, should be open until %s", b.Breaker, b.State, until)
	}
	return nil
}

func pauseHolds(s *story, f remediate.Fact) error {
	i, a := actOf(s, f)
	if a == nil || i.passed("paused", a) {
		return nil
	}
	for _, scope := range i.scopes(a.Step) {
		if s.paused[scope] {
			return fmt.Errorf("%s acts while %s is paused", a.Attempt, scope)
		}
	}
	return nil
}

func pauseEnds(s *story, f remediate.Fact) error {
	if b, ok := f.Body.(remediate.PauseEnded); ok {
		if ends := s.ends[b.Scope]; !s.paused[b.Scope] || ends.IsZero() || ends.After(f.At) {
			return fmt.Errorf("the pause of %s is over at %s, which was to last until %s", b.Scope, f.At, ends)
		}
		return nil
	}
	b, ok := f.Body.(remediate.Judged) // whoever is judged is judged by what holds then
	for scope, ends := range s.ends {
		if ok && s.paused[scope] && !ends.IsZero() && !ends.After(f.At) {
			return fmt.Errorf("i%d is judged at %s, and the pause of %s, which was to last until %s, still holds", b.Incident, f.At, scope, ends)
		}
	}
	return nil
}

func silenceHolds(s *story, f remediate.Fact) error {
	i, a := actOf(s, f)
	if a != nil && len(i.firing) > 0 && s.silenced(i) && !i.passed("silenced", a) {
		return fmt.Errorf("%s acts, and all its alerts are silenced", a.Attempt)
	}
	return nil
}

func noMeansNo(s *story, f remediate.Fact) error {
	i, a := actOf(s, f)
	switch {
	case a == nil:
	case i.taken && !i.passed("takeover", a):
		return fmt.Errorf("%s acts, and it was taken over", a.Attempt)
	case i.denied && !i.passed("approval", a):
		return fmt.Errorf("%s acts, and its plan was denied", a.Attempt)
	}
	return nil
}

func handsOff(s *story, f remediate.Fact) error {
	i, a := actOf(s, f)
	switch {
	case a == nil:
	case i.Found:
		return fmt.Errorf("%s acts for what was found firing", a.Attempt)
	case i.Drill != "":
		return fmt.Errorf("%s acts in drill %s", a.Attempt, i.Drill)
	case i.ToldOnly != "":
		return fmt.Errorf("%s acts, though %s", a.Attempt, i.ToldOnly)
	case i.passed("mode", a):
	case len(s.rules(i)) < 2:
		return fmt.Errorf("%s acts for policy %s, which is no longer there", a.Attempt, i.Policy)
	case s.mode(i, a.Step) == remediate.ModeObserve, i.annotated() == remediate.ModeObserve:
		return fmt.Errorf("%s acts for policy %s, which only observes", a.Attempt, i.Policy)
	}
	return nil
}

// mode is the strictest of the policy's as it was and is, and of what humans
// set; observe while the release is held.
func (s *story) mode(i *incident, step int) remediate.Mode {
	order := []remediate.Mode{remediate.ModeObserve, remediate.ModeApprove, remediate.ModeAct}
	least := len(order) - 1
	if s.held {
		least = 0
	}
	for _, p := range s.rules(i) {
		least = min(least, slices.Index(order, p.Mode))
	}
	for _, scope := range i.scopes(step) {
		if m, set := s.modes[scope]; set {
			least = min(least, slices.Index(order, m))
		}
	}
	return order[max(0, least)]
}

// annotated is the stricter of what the target and its namespace were seen to
// say of themselves; what is no mode is taken for the strictest.
func (i *incident) annotated() remediate.Mode {
	least := remediate.ModeAct
	for _, a := range i.answersTo("workload") {
		for _, value := range []string{remediate.ValueMode, remediate.ValueNamespaceMode} {
			switch m := remediate.Mode(a.Values[value]); {
			case m == "" || m == remediate.ModeAct:
			case m == remediate.ModeApprove && least == remediate.ModeAct:
				least = m
			case m != remediate.ModeApprove:
				least = remediate.ModeObserve
			}
		}
	}
	return least
}

func firesStill(s *story, f remediate.Fact) error {
	if i, a := attemptOf(s, f); a != nil && len(i.firing) == 0 {
		return fmt.Errorf("%s begins, and none of its alerts fires", a.Attempt)
	}
	return nil
}

func approvedOnce(s *story, f remediate.Fact) error {
	i, a := attemptOf(s, f)
	if a == nil || i.passed("approval", a) {
		return nil
	}
	by, within, people := i.policy.Steps[a.Step].Approval, 10*time.Minute, 1
	if s.mode(i, a.Step) != remediate.ModeApprove && i.annotated() != remediate.ModeApprove && by == nil {
		return nil
	}
	if by != nil && by.Within > 0 {
		within = time.Duration(by.Within)
	}
	if by != nil {
		people = max(people, by.People)
	}
	if i.approved != i.judged.Hash || i.approved == "" {
		return fmt.Errorf("%s carries out plan %s, approved is %q", a.Attempt, i.judged.Hash, i.approved)
	}
	for _, at := range i.approvals {
		if f.At.Sub(at) <= within {
			people--
		}
	}
	if people > 0 {
		return fmt.Errorf("%s carries out a plan that %d more must approve; who did: %v", a.Attempt, people, i.approvals)
	}
	return nil
}

func seenJustNow(s *story, f remediate.Fact) error {
	i, a := attemptOf(s, f)
	switch {
	case a == nil:
	case i.outcome != remediate.OK || f.At.Sub(i.answered) > 2*time.Second:
		return fmt.Errorf("%s begins on answers that are %s old (%q)", a.Attempt, f.At.Sub(i.answered), i.outcome)
	case i.askedBook != s.governs:
		return fmt.Errorf("%s begins on answers to questions of other rules", a.Attempt)
	}
	return nil
}

func seenWell(s *story, f remediate.Fact) error {
	i, a := attemptOf(s, f)
	if a == nil {
		return nil
	}
	alert, workload := i.answer("alert"), i.answer("workload")
	state := alert.Values[remediate.ValueState]
	if state != remediate.AlertStateFiring && !(state == remediate.AlertStateSuppressed && i.passed("silenced", a)) {
		return fmt.Errorf("%s begins, and the alert is %q", a.Attempt, alert.Values[remediate.ValueState])
	}
	if uid := workload.Values[remediate.ValueUID]; !i.passed("target", a) &&
		(uid == "" || uid != a.UID || workload.Values[remediate.ValueRefused] != "" || workload.Values[remediate.ValueTemplate] != a.Template) {
		return fmt.Errorf("%s acts on another object than was seen", a.Attempt)
	}
	for _, p := range s.rules(i) {
		if h := p.Guards.Healthy; h != nil && !i.above(h) && !i.passed("healthy", a) {
			return fmt.Errorf("%s begins under the floor %+v", a.Attempt, *h)
		}
		if b := p.Guards.Backup; b != nil && !i.passed("backup", a) {
			if made := i.number(b.Newest); !(made >= float64(f.At.Add(-time.Duration(b.Max)).Unix())) { // NaN is not
				return fmt.Errorf("%s begins, and the newest backup was made at %v", a.Attempt, made)
			}
		}
	}
	return nil
}

// answer returns the first answer of a kind.
func (i *incident) answer(kind string) remediate.Answer {
	for _, a := range i.answersTo(kind) {
		return a
	}
	return remediate.Answer{}
}

// answersTo are the answers to all questions of a kind.
func (i *incident) answersTo(kind string) []remediate.Answer {
	return slices.DeleteFunc(slices.Clone(i.answers), func(a remediate.Answer) bool { return a.Kind != kind })
}

// above tells whether what was answered is above the floor. Comparisons are
// written so that no number, NaN, is not.
func (i *incident) above(h *remediate.Healthy) bool {
	workload, nodes := i.answer("workload"), i.answer("cluster")
	available := valueOf(workload, remediate.ValueAvailable)
	switch {
	case h.Available > 0 && !(available >= float64(h.Available)),
		h.Ready > 0 && !(available >= h.Ready*valueOf(workload, remediate.ValueReplicas)),
		h.Headroom && valueOf(workload, remediate.ValueHeadroom) < 1,
		h.Nodes > 0 && !(valueOf(nodes, remediate.ValueNodesReady) >= h.Nodes*valueOf(nodes, remediate.ValueNodes)),
		h.ControlPlane && nodes.Values[remediate.ValueControlPlane] != remediate.ControlPlaneReady,
		h.Query != "" && !(i.number(h.Query) >= h.Min):
		return false
	}
	return true
}

// valueOf is a number among the values of an answer, NaN when there is none.
func valueOf(a remediate.Answer, value string) float64 {
	n, err := strconv.ParseFloat(a.Values[value], 64)
	if err != nil {
		return math.NaN()
	}
	return n
}

// number is what a PromQL query was answered.
func (i *incident) number(query string) float64 {
	for k, q := range i.asked.Ask.Questions {
		if q.Kind == "promql" && strings.Contains(string(q.Args), strconv.Quote(query)) && k < len(i.answers) {
			return valueOf(i.answers[k], remediate.ValueNumber)
		}
	}
	return math.NaN()
}

func takenBack(s *story, f remediate.Fact) error {
	if i, a := attemptOf(s, f); a != nil && i.owed {
		return fmt.Errorf("%s begins, and %s was broken off and is not taken back", a.Attempt, i.act.Attempt)
	}
	return nil
}

// What cannot be had does not keep an attempt from being made; not having asked
// for it does.
func evidenceFirst(s *story, f remediate.Fact) error {
	if i, a := attemptOf(s, f); a != nil && i.policy.Steps[a.Step].Evidence && !i.gathered {
		return fmt.Errorf("%s begins, and no evidence was gathered for it", a.Attempt)
	}
	return nil
}

func notForEver(s *story, f remediate.Fact) error {
	i, a := attemptOf(s, f)
	if a == nil {
		return nil
	}
	healed := s.heals[i.breaker()]
	for _, p := range s.rules(i) {
		most, flaps := remediate.DefaultAttempts, remediate.DefaultFlapping()
		if p.Guards.Attempts > 0 {
			most = p.Guards.Attempts
		}
		if p.Guards.Flapping.Heals > 0 {
			flaps = p.Guards.Flapping
		}
		if i.tries >= most && !i.passed("attempts", a) {
			return fmt.Errorf("%s begins after %d attempts, %d are allowed", a.Attempt, i.tries, most)
		}
		if n := within(healed, f.At.Add(-time.Duration(flaps.Per))); n >= flaps.Heals && !i.passed("flapping", a) {
			return fmt.Errorf("%s begins after %d healings in %s, %d are allowed", a.Attempt, n, flaps.Per, flaps.Heals)
		}
	}
	return nil
}

func rootsFirst(s *story, f remediate.Fact) error {
	i, a := attemptOf(s, f)
	if a == nil {
		return nil
	}
	for n, root := range s.open {
		switch {
		case root.closed || root.healed || n == i.Incident:
		case root.Policy == remediate.StormPolicy && !s.isRoot(i.Policy) && !i.passed("storm", a):
			return fmt.Errorf("%s begins in the storm of i%d", a.Attempt, n)
		case s.dependsOn(i, root) && !i.passed("depends", a):
			return fmt.Errorf("%s begins, and i%d, which it depends on, is not healed", a.Attempt, n)
		}
	}
	return nil
}

// isRoot tells whether another policy depends on this one.
func (s *story) isRoot(policy string) bool {
	return slices.ContainsFunc(s.books[s.governs].Policies, func(p remediate.Policy) bool {
		return slices.ContainsFunc(p.Guards.Depends, func(d remediate.Dependency) bool { return d.Policy == policy })
	})
}

// dependsOn tells whether the incident is a leaf of that root.
func (s *story) dependsOn(leaf, root *incident) bool {
	for _, p := range s.rules(leaf) {
		for _, d := range p.Guards.Depends {
			differ := func(label string) bool { return leaf.labels.Get(label) != root.labels.Get(label) }
			if d.Policy == root.Policy && (root.Drill == "" || root.Drill == leaf.Drill) && !slices.ContainsFunc(d.Same, differ) {
				return true
			}
		}
	}
	return false
}

func pausesHold(s *story, f remediate.Fact) error {
	i, a := attemptOf(s, f)
	if a == nil {
		return nil
	}
	for _, p := range s.rules(i) {
		settle := time.Duration(remediate.DefaultSettle)
		if p.Guards.Settle > 0 {
			settle = time.Duration(p.Guards.Settle)
		}
		if !i.tried.IsZero() && f.At.Sub(i.tried) < settle && !i.passed("settle", a) {
			return fmt.Errorf("%s begins %s after the last attempt ended, %s are to lie between", a.Attempt, f.At.Sub(i.tried), settle)
		}
		last, worked := s.released[i.Target]
		if worked && last.by != i.Incident && f.At.Sub(last.at) < time.Duration(p.Guards.Cooldown) && !i.passed("cooldown", a) {
			return fmt.Errorf("%s begins %s after i%d let go, the cooldown is %s", a.Attempt, f.At.Sub(last.at), last.by, p.Guards.Cooldown)
		}
	}
	return nil
}

func overriddenOnce(s *story, f remediate.Fact) error {
	b, ok := f.Body.(remediate.Judged)
	i := s.open[b.Incident]
	if !ok || i == nil {
		return nil
	}
	for _, v := range b.Verdicts {
		if overridden(v) && !i.overrides[v.Guard] {
			return fmt.Errorf("i%d: guard %s is said to be overridden, and no human's word for it is left", b.Incident, v.Guard)
		}
	}
	return nil
}
