package remediate_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	. "github.com/x0tta6bl4/remediated/remediate"
)

// checkLaws holds the whole run against what must be true of every run.
func (w *world) checkLaws() {
	w.t.Helper()
	w.foldedIsLive()
	w.sharedIsUnchanged()
	if err := IndexesFit(w.state, w.books); err != nil {
		w.t.Error(err)
	}
	for _, law := range laws {
		if err := law.broken(w); err != nil {
			w.t.Errorf("law %q: %v", law.name, err)
		}
	}
}

// foldedIsLive: the state folded from the decoded bytes equals the live one,
// also when it was restored from a snapshot, or from what was frozen and packed, many
// times on the way. What was frozen stays as it was.
func (w *world) foldedIsLive() {
	w.t.Helper()
	folded := NewState()
	every := 7 + len(w.records)/50
	all := w.frozen
	for k, r := range w.records {
		if err := folded.Fold(r); err != nil {
			w.t.Fatal(err)
		}
		if k%every == 3 {
			b, err := folded.Snapshot()
			w.must(err)
			switch k / every % 3 {
			case 0:
				folded, err = Restore(b)
				w.must(err)
			case 1:
				all = append(all, frozen{folded.Freeze(), b})
			case 2:
				c, err := folded.Freeze().Checkpoint()
				w.must(err)
				folded, err = Restore(c.State)
				w.must(err)
			}
		}
	}
	for _, f := range all {
		if is, err := f.Snapshot(); err != nil || !bytes.Equal(is, f.was) {
			w.t.Errorf("what was frozen and its state are not apart: %v\nwas %s\nis  %s", err, f.was, is)
		}
	}
	a, err := w.state.Snapshot()
	w.must(err)
	b, err := folded.Snapshot()
	w.must(err)
	if !bytes.Equal(a, b) {
		w.t.Errorf("the folded state is another than the live one\nlive   %s\nfolded %s", a, b)
	}
}

// sharedIsUnchanged: what a record carries decoded is still what its bytes say, at the
// end of the run. The live state, the durable one behind it and all who perform
// share it, so that a state which lives on nothing else comes to the same.
func (w *world) sharedIsUnchanged() {
	w.t.Helper()
	behind := NewState()
	for _, r := range w.records {
		shared, err := r.Fact()
		w.must(err)
		read, err := r.Decode()
		w.must(err)
		a, err := json.Marshal(shared.Body)
		w.must(err)
		b, err := json.Marshal(read.Body)
		w.must(err)
		if !bytes.Equal(a, b) || shared.Seq != read.Seq || !shared.At.Equal(read.At) {
			w.t.Errorf("record %d was changed after it was written\nis  %s\nwas %s", r.Seq, a, b)
		}
		behind.Apply(shared)
		behind.Head = r.Sum
	}
	a, err := w.state.Snapshot()
	w.must(err)
	b, err := behind.Snapshot()
	w.must(err)
	if !bytes.Equal(a, b) {
		w.t.Errorf("the state behind is another than the live one\nlive   %s\nbehind %s", a, b)
	}
}

// frozen is a frozen state, and what it was.
type frozen struct {
	Frozen
	was []byte
}

// law is something that no run may break, whatever the world did.
type law struct {
	name   string
	broken func(*world) error
}

var laws = []law{
	{"an act follows a judgement that allowed it, in the same moment", actsAreAllowed},
	{"no two incidents act on one target at a time", targetsAreHeldByOne},
	{"no more acts in any window than the policy's budget", budgetsHold},
	{"no act while its breaker is open", breakersHold},
	{"an incident that observes, is only listed or was taken over does not act", handsOff},
	{"at most one tell per incident and destination is open, and none triggers after a resolve", tellsInOrder},
	{"what is started is finished once, or still open", startedIsFinishedOnce},
	{"closed is closed", closedIsClosed},
	{"no act on answers older than two seconds", answersAreFresh},
	{"stop means stop: no act in a scope that is paused", stopMeansStop},
	{"what needs approval was approved, by the plan's hash, for one attempt", approvalsHold},
	{"an edge is written once", edgesAreWrittenOnce},
	{"every firing alert that a policy matches opens or joins an incident", nothingVanishes},
	{"a drill is shown where drills are, as a drill, and nothing else is", drillsApart},
}

func actsAreAllowed(w *world) error {
	last := map[uint64]Fact{}
	for _, f := range w.heard {
		switch b := f.Body.(type) {
		case Judged:
			last[b.Incident] = f
		case Started:
			if b.Act == nil || b.Act.Index > 0 || b.Act.Undo {
				continue
			}
			j := last[b.Incident]
			if body, ok := j.Body.(Judged); !ok || body.Decision != Allowed || !j.At.Equal(f.At) {
				return fmt.Errorf("%s was started at %s without being allowed", b.ID, f.At)
			}
		}
	}
	return nil
}

func targetsAreHeldByOne(w *world) error {
	holder := map[Target]uint64{}
	release := func(n uint64) {
		maps.DeleteFunc(holder, func(_ Target, by uint64) bool { return by == n })
	}
	for _, f := range w.heard {
		switch b := f.Body.(type) {
		case Started:
			if b.Act == nil {
				continue
			}
			if h := holder[b.Act.Target]; h != 0 && h != b.Incident {
				return fmt.Errorf("i%d acts on %s, which i%d holds", b.Incident, b.Act.Target, h)
			}
			holder[b.Act.Target] = b.Incident
		case Healed, BreakerCounted, Exhausted, Closed:
			release(IncidentOf(b))
		case Finished:
			if b.Outcome == Refused || b.Outcome == Failed {
				release(b.Incident)
			}
		}
	}
	return nil
}

// budgetsHold counts by the rulebook that an incident was opened under and by
// the one that governs.
func budgetsHold(w *world) error {
	acts := map[string][]time.Time{}
	policy, book := map[uint64]string{}, map[uint64]string{}
	judged := map[uint64]Judged{}
	governs := ""
	for _, f := range w.heard {
		switch b := f.Body.(type) {
		case RulebookLoaded:
			governs = b.Digest
		case Opened:
			policy[b.Incident], book[b.Incident] = b.Policy, b.Rulebook
		case Judged:
			judged[b.Incident] = b
		case Started:
			if b.Act == nil || b.Act.Index > 0 || b.Act.Undo {
				continue
			}
			name := policy[b.Incident]
			acts[name] = append(acts[name], f.At)
			limits := w.books[book[b.Incident]].Policy(name).Guards.Budget
			if now := w.books[governs].Policy(name); now != nil {
				limits = slices.Concat(limits, now.Guards.Budget)
			}
			if overridden(judged[b.Incident], "budget") {
				continue
			}
			for _, limit := range limits {
				if n := within(acts[name], f.At, time.Duration(limit.Per)); n > limit.Actions {
					return fmt.Errorf("%s is act %d of %s in %s, %d are allowed", b.ID, n, name, limit.Per, limit.Actions)
				}
			}
		}
	}
	return nil
}

// overridden tells whether a human let the guard pass.
func overridden(j Judged, guard string) bool {
	return slices.ContainsFunc(j.Verdicts, func(v Verdict) bool {
		return v.Guard == guard && strings.HasPrefix(v.Reason, "overridden by")
	})
}

// within counts the times in the window of this length that ends at end.
func within(times []time.Time, end time.Time, window time.Duration) int {
	n := 0
	for _, t := range times {
		if t.After(end.Add(-window)) {
			n++
		}
	}
	return n
}

func breakersHold(w *world) error {
	open := map[string]time.Time{}
	policy := map[uint64]string{}
	judged := map[uint64]Judged{}
	for _, f := range w.heard {
		switch b := f.Body.(type) {
		case Opened:
			policy[b.Incident] = b.Policy
		case Judged:
			judged[b.Incident] = b
		case BreakerCounted:
			open[b.Breaker] = time.Time{}
			if b.State == "open" {
				open[b.Breaker] = b.Until
			}
		case Started:
			if b.Act == nil || b.Act.Undo || overridden(judged[b.Incident], "breaker") {
				continue
			}
			name := policy[b.Incident] + " on " + b.Act.Target.String()
			if until := open[name]; f.At.Before(until) {
				return fmt.Errorf("%s at %s, while breaker %s is open until %s", b.ID, f.At, name, until)
			}
		}
	}
	return nil
}

// drillsApart: a drill is shown where drills are, as a drill, and nothing else is.
func drillsApart(w *world) error {
	drills := map[uint64]string{}
	for _, f := range w.heard {
		switch b := f.Body.(type) {
		case Opened:
			drills[b.Incident] = b.Drill
		case Started:
			if b.Tell == nil || b.Incident == 0 {
				continue
			}
			drill, to := drills[b.Incident], b.Tell.Destination
			if b.Tell.Notice.Drill != drill || drill != "" && to != Slack && to != SlackThread {
				return fmt.Errorf("%s tells %s of drill %q as of %q", b.ID, to, drill, b.Tell.Notice.Drill)
			}
		}
	}
	return nil
}

func handsOff(w *world) error {
	off := map[uint64]string{}
	for _, f := range w.heard {
		switch b := f.Body.(type) {
		case Opened:
			if b.Found {
				off[b.Incident] = "is only listed"
			}
			if b.ToldOnly != "" {
				off[b.Incident] = "is told only"
			}
			if b.Drill != "" {
				off[b.Incident] = "is a drill"
			} else if w.books[b.Rulebook].Policy(b.Policy).Mode == ModeObserve {
				off[b.Incident] = "only observes"
			}
		case Joined:
			if !b.Found && off[b.Incident] == "is only listed" {
				delete(off, b.Incident)
			}
		case CommandGiven:
			if b.Command == TakeOver {
				off[b.Incident] = "was taken over"
			}
			if b.Command == Run && off[b.Incident] != "only observes" && off[b.Incident] != "is a drill" {
				delete(off, b.Incident)
			}
		case Started:
			if why := off[b.Incident]; b.Act != nil && why != "" {
				return fmt.Errorf("%s, though i%d %s", b.ID, b.Incident, why)
			}
			if off[b.Incident] == "only observes" && b.Tell != nil {
				return fmt.Errorf("%s tells of i%d, which only observes", b.ID, b.Incident)
			}
		}
	}
	return nil
}

func tellsInOrder(w *world) error {
	open, resolved := map[string]string{}, map[string]bool{}
	where := map[string]string{}
	for _, f := range w.heard {
		switch b := f.Body.(type) {
		case Started:
			if b.Tell == nil {
				continue
			}
			key := fmt.Sprintf("i%d %s", b.Incident, b.Tell.Destination)
			if open[key] != "" {
				return fmt.Errorf("%s was started while %s is open", b.ID, open[key])
			}
			if resolved[key] && b.Tell.Notice.Action != "resolve" {
				return fmt.Errorf("%s tells %s to %s after a resolve", b.ID, b.Tell.Destination, b.Tell.Notice.Action)
			}
			resolved[key] = b.Tell.Notice.Action == "resolve"
			open[key], where[b.ID] = b.ID, key
		case Finished:
			delete(open, where[b.ID])
		}
	}
	return nil
}

func startedIsFinishedOnce(w *world) error {
	open := map[string]bool{}
	for _, f := range w.heard {
		switch b := f.Body.(type) {
		case Started:
			if open[b.ID] {
				return fmt.Errorf("%s was started twice", b.ID)
			}
			open[b.ID] = true
		case Finished:
			if !open[b.ID] {
				return fmt.Errorf("%s finished, but was not open", b.ID)
			}
			delete(open, b.ID)
		case Closed:
			for _, s := range w.heard { // asks end with the incident
				if a, ok := s.Body.(Started); ok && a.Incident == b.Incident && a.Ask != nil {
					delete(open, a.ID)
				}
			}
		}
	}
	for _, p := range w.state.Started() {
		if !open[p.ID] {
			return fmt.Errorf("%s is open in the state and not in the facts", p.ID)
		}
	}
	return nil
}

func closedIsClosed(w *world) error {
	closed := map[uint64]bool{}
	for _, f := range w.heard {
		n := IncidentOf(f.Body)
		switch b := f.Body.(type) {
		case Closed:
			closed[n] = true
		case Filed:
		case Started:
			if closed[n] && b.Tell == nil {
				return fmt.Errorf("%s was started after i%d was closed", b.ID, n)
			}
		case Finished:
		case Delayed:
		default:
			if c, ok := b.(CommandGiven); closed[n] && (!ok || c.Command != Note) { // what was learned is known afterwards
				return fmt.Errorf("%s of i%d, which is closed", KindOf(f.Body), n)
			}
		}
	}
	return nil
}

func answersAreFresh(w *world) error {
	asked, answered := map[string]bool{}, map[uint64]time.Time{}
	for _, f := range w.heard {
		switch b := f.Body.(type) {
		case Started:
			if b.Ask != nil && b.Ask.Purpose == ForGuards {
				asked[b.ID] = true
			}
			if b.Act == nil || b.Act.Index > 0 || b.Act.Undo {
				continue
			}
			if age := f.At.Sub(answered[b.Incident]); age > 2*time.Second {
				return fmt.Errorf("%s is begun on answers that are %s old", b.ID, age)
			}
		case Finished:
			if asked[b.ID] {
				answered[b.Incident] = f.At
			}
		}
	}
	return nil
}

func stopMeansStop(w *world) error {
	paused := map[string]CommandGiven{}
	policy := map[uint64]string{}
	for _, f := range w.heard {
		switch b := f.Body.(type) {
		case Opened:
			policy[b.Incident] = b.Policy
		case CommandGiven:
			switch b.Command {
			case Pause:
				paused[b.Scope] = b
			case Resume:
				delete(paused, b.Scope)
			}
		case PauseEnded:
			if until := paused[b.Scope].Until; until.IsZero() || until.After(f.At) {
				return fmt.Errorf("the pause of %s ended at %s, and was to last until %s", b.Scope, f.At, until)
			}
			delete(paused, b.Scope)
		case Started:
			if b.Act == nil {
				continue
			}
			for _, scope := range []string{"all", "policy/" + policy[b.Incident], "namespace/" + b.Act.Target.Namespace} {
				if _, on := paused[scope]; on {
					return fmt.Errorf("%s at %s, while %s is paused", b.ID, f.At, scope)
				}
			}
		}
	}
	return nil
}

func approvalsHold(w *world) error {
	needs := func(o Opened, step int) bool {
		p := w.books[o.Rulebook].Policy(o.Policy)
		return p.Mode == ModeApprove || p.Steps[step].Approval != nil
	}
	opened, plan, approved := map[uint64]Opened{}, map[uint64]string{}, map[uint64]string{}
	for _, f := range w.heard {
		switch b := f.Body.(type) {
		case Opened:
			opened[b.Incident] = b
		case Judged:
			plan[b.Incident] = b.Hash
		case CommandGiven:
			if b.Command == Approve {
				approved[b.Incident] = b.Plan
			}
		case Started:
			if b.Act == nil || b.Act.Index > 0 || b.Act.Undo || !needs(opened[b.Incident], b.Act.Step) {
				continue
			}
			if a := approved[b.Incident]; a == "" || !strings.HasPrefix(plan[b.Incident], a) {
				return fmt.Errorf("%s carries out plan %s; approved is %q", b.ID, plan[b.Incident], a)
			}
			delete(approved, b.Incident)
		}
	}
	return nil
}

// edgesAreWrittenOnce: that an alert fires is written again only after a
// resolve, or when other rules looked at it.
func edgesAreWrittenOnce(w *world) error {
	fires, by := map[AlertID]bool{}, map[AlertID]string{}
	for _, f := range w.heard {
		switch b := f.Body.(type) {
		case RulebookLoaded:
			clear(fires)
		case AlertFiring:
			if fires[b.ID] {
				return fmt.Errorf("fact %d says again that %s fires", f.Seq, b.Alert.Labels)
			}
			fires[b.ID], by[b.ID] = true, strings.Join(b.Suppressed, " ")
		case AlertResolved:
			if by[b.ID] == "resolved" {
				return fmt.Errorf("fact %d says again that %s resolved", f.Seq, b.ID)
			}
			fires[b.ID], by[b.ID] = false, "resolved"
		case AlertSuppressed:
			if by[b.ID] == strings.Join(b.By, " ") {
				return fmt.Errorf("fact %d says again that %s is suppressed by %s", f.Seq, b.ID, b.By)
			}
			by[b.ID] = strings.Join(b.By, " ")
		case AlertReleased:
			if by[b.ID] == "" {
				return fmt.Errorf("fact %d releases %s, which was not suppressed", f.Seq, b.ID)
			}
			by[b.ID] = ""
		}
	}
	return nil
}

// nothingVanishes: what comes in comes out, in the same batch.
func nothingVanishes(w *world) error {
	governs := ""
	for k, f := range w.heard {
		switch b := f.Body.(type) {
		case RulebookLoaded:
			governs = b.Digest
		case AlertFiring:
			book := w.books[governs]
			if book == nil {
				continue
			}
			at := k
			for n := range book.Match(b.Alert.Labels) {
				if at = taker(w.heard, at, b.ID); at < 0 {
					return fmt.Errorf("alert %s of fact %d is matched by %d policies, and %d have an incident for it", b.Alert.Labels, f.Seq, len(book.Match(b.Alert.Labels)), n)
				}
			}
		}
	}
	return nil
}

// taker returns the fact that gives the alert to an incident, right after fact
// k but for how bad it is, -1 when there is none.
func taker(facts []Fact, k int, id AlertID) int {
	for k++; k < len(facts); k++ {
		switch b := facts[k].Body.(type) {
		case Rated:
			continue
		case Opened:
			if b.Alert == id {
				return k
			}
		case Joined:
			if b.Alert == id {
				return k
			}
		}
		break
	}
	return -1
}
