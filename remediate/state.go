package remediate

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// State is what all facts so far come to. Only [State.Apply] changes it.
// What is exported is what a snapshot keeps; the rest are indexes, rebuilt
// from it.
type State struct {
	Format int `json:"format"` // stateFormat, of the release that wrote a snapshot

	Seq  uint64    `json:"seq"`  // of the last fact
	At   time.Time `json:"at"`   // of the last fact
	Head Sum       `json:"head"` // of the chain

	Journal     string               `json:"journal"`
	Release     Release              `json:"release,omitzero"` // which decides
	FoundedAt   time.Time            `json:"foundedAt"`
	Rulebook    string               `json:"rulebook"`    // digest of the one that governs
	Generation  int                  `json:"generation"`  // of the rulebook: counts the loads
	PolicySince map[string]time.Time `json:"policySince"` // since when each policy has been there

	Known      map[AlertID]*Known      `json:"known"`
	Ended      []AlertID               `json:"ended"` // known alerts in the order in which they resolved
	Incidents  Incidents               `json:"incidents"`
	Last       uint64                  `json:"last"` // number of the last incident
	Targets    map[Target]*Occupancy   `json:"targets"`
	Breakers   map[string]BreakerState `json:"breakers"`
	Acts       map[string][]time.Time  `json:"acts"`  // when acts were started: by policy, and of all under ""
	Heals      map[string][]time.Time  `json:"heals"` // when an act healed: by policy and target
	Opens      []time.Time             `json:"opens"` // when incidents were opened, the last ones
	Storm      uint64                  `json:"storm"` // the incident of the storm that is on, 0 when there is none
	Paused     map[string]CommandGiven `json:"paused"`
	Modes      map[string]CommandGiven `json:"modes"`          // what may be done at most, by scope
	Drills     map[string]Drilling     `json:"drills"`         // the one that was begun last, by policy
	Live       map[string]Drilling     `json:"live,omitempty"` // likewise of the live ones
	Digests    Digests                 `json:"digests"`
	Mute       Mute                    `json:"mute,omitzero"`        // since when Slack takes nothing
	Introduced []time.Time             `json:"introduced,omitempty"` // when incidents were first shown, the last ones that nobody was called for
	Heard      AlertFiring             `json:"heard"`                // the last edge: what Opened and Joined are about

	degraded string // why the journal cannot be trusted to remember; see Degrade
	index    index
}

// Mute is since when a way to tell people takes nothing, and why.
type Mute struct {
	Since time.Time `json:"since,omitzero"`
	Why   string    `json:"why,omitempty"`
}

// Known is what is remembered of an alert. It is never changed, since frozen states
// share it: another takes its place.
type Known struct {
	Firing     bool      `json:"firing"`
	Seq        uint64    `json:"seq"` // of the fact that told the last edge
	At         time.Time `json:"at"`  // of that fact
	StartsAt   time.Time `json:"startsAt"`
	EndsAt     time.Time `json:"endsAt,omitzero"`
	Generation int       `json:"generation"` // of the rulebook it was last matched with
	Suppressed []string  `json:"suppressed,omitempty"`
	Doubted    bool      `json:"doubted,omitempty"` // since the last edge, somebody told otherwise
	Own        bool      `json:"own,omitempty"`     // it is our own: no Alertmanager lists it
}

// Occupancy is who is at work on a target, or was last. It is never changed, like Known.
type Occupancy struct {
	Holder uint64    `json:"holder,omitempty"` // incident; 0 is nobody
	Last   uint64    `json:"last,omitempty"`   // the incident that held it last
	Ended  time.Time `json:"ended,omitzero"`   // when it let go
}

// BreakerState is the remedy breaker of one policy and target.
type BreakerState struct {
	State  string          `json:"state"`
	Shared json.RawMessage `json:"shared"`
	Until  time.Time       `json:"until,omitzero"`
}

// Incident is one policy, one key, one life.
type Incident struct {
	ID       uint64             `json:"id"`
	Key      string             `json:"key"`
	Policy   string             `json:"policy"`
	Rulebook string             `json:"rulebook"`
	Severity Severity           `json:"severity"`
	Target   Target             `json:"target,omitzero"`
	ToldOnly string             `json:"toldOnly,omitempty"`
	Found    bool               `json:"found,omitempty"`
	Drill    string             `json:"drill,omitempty"` // which drill it is, "" when it is none
	Live     string             `json:"live,omitempty"`  // which live drill it was announced by
	Alert    Alert              `json:"alert"`           // the one that opened it
	Alerts   map[AlertID]Labels `json:"alerts"`
	Firing   map[AlertID]bool   `json:"firing"` // those of Alerts that fire

	Status   Status    `json:"status"`
	Opened   time.Time `json:"opened"`
	Since    time.Time `json:"since"`           // when it became ours: opened, released by a human or an edge, or reopened
	Healed   time.Time `json:"healed,omitzero"` // when; zero while it is not
	First    time.Time `json:"first,omitzero"`  // the first good sample
	Closed   time.Time `json:"closed,omitzero"`
	Verified bool      `json:"verified,omitempty"`

	Step      int          `json:"step"`                // the one judged last
	Failed    bool         `json:"failed,omitempty"`    // and its attempt did not help: the next is due
	Outcome   string       `json:"outcome,omitempty"`   // of a verification that ended, until it was counted and concluded from
	Counted   bool         `json:"counted,omitempty"`   // the breaker was told
	Ended     time.Time    `json:"ended,omitzero"`      // when the last attempt ended
	Unknowns  int          `json:"unknowns,omitempty"`  // verifications in a row whose outcome nobody knows
	Exhausted bool         `json:"exhausted,omitempty"` // every step was tried
	Until     time.Time    `json:"until,omitzero"`      // judge anew at
	Verdicts  []Verdict    `json:"verdicts,omitempty"`  // of the last judgement
	Questions []Question   `json:"questions,omitempty"` // of the guards' ask, until they are judged
	Answers   []Answer     `json:"answers,omitempty"`   // to them, one for each in order; none: nobody knows
	Asked     bool         `json:"asked,omitempty"`     // the guards' ask ended
	AskedAt   time.Time    `json:"askedAt,omitzero"`    // when it ended
	AskedBook string       `json:"askedBook,omitempty"` // digest of the rulebook that it was begun under
	Seen      Object       `json:"seen,omitzero"`       // what the target was when it was last judged, since our last act
	Plan      *Plan        `json:"plan,omitempty"`
	Would     bool         `json:"would,omitempty"`    // something would have been done, if its policy did more than observe
	Acted     int          `json:"acted,omitempty"`    // acts of the plan that were begun
	Checked   int          `json:"checked,omitempty"`  // of them, those that were seen to have done what the next counts on
	Doubt     bool         `json:"doubt,omitempty"`    // nobody knows how the last of them ended
	Owed      int          `json:"owed,omitempty"`     // acts of the plan's undo that are still to be begun
	Unseen    bool         `json:"unseen,omitempty"`   // an attempt broke off that may have done something: nobody has looked yet whether it helped
	Seemed    time.Time    `json:"seemed,omitzero"`    // when that was seen, and it had helped
	Refusals  int          `json:"refusals,omitempty"` // acts in a row that were refused
	Base      int          `json:"base,omitempty"`     // Tries when a human last said run: attempts are counted from there
	Hash      string       `json:"hash,omitempty"`
	Approved  string       `json:"approved,omitempty"`  // hash of the plan that humans approved, or some of those who must
	Approvals []Approving  `json:"approvals,omitempty"` // by whom, once each
	Refused   string       `json:"refused,omitempty"`   // who denied the plan
	Acked     string       `json:"acked,omitempty"`
	AckedAt   time.Time    `json:"ackedAt,omitzero"`
	Taken     string       `json:"taken,omitempty"`     // who took it over
	Overrides []Overriding `json:"overrides,omitempty"` // guards that a human lets pass, until the attempt ends
	Probed    time.Time    `json:"probed,omitzero"`     // when it was last probed on, or confirmed
	Lost      string       `json:"lost,omitempty"`      // what that saw amiss
	Confirmed bool         `json:"confirmed,omitempty"` // it is well, and that is not our doing

	Holds    []Target  `json:"holds,omitempty"`    // the objects beside Target that it is at work on
	Kept     int       `json:"kept,omitempty"`     // the attempt that evidence was gathered for last
	Evidence string    `json:"evidence,omitempty"` // digest of it, until that attempt begins; "" when there was none to be had
	Measured time.Time `json:"measured,omitzero"`  // when its impact was last asked for
	Impact   []Answer  `json:"impact,omitempty"`   // the last answers to that, in the order of the policy
	RatedBy  string    `json:"ratedBy,omitempty"`  // who said how bad it is; no measurement contradicts a human
	Updated  time.Time `json:"updated,omitzero"`   // when the last regular update was due
	Warned   bool      `json:"warned,omitempty"`   // it was said that the objective is about to be missed
	Breached bool      `json:"breached,omitempty"` // and that it is

	Pending  []Pending `json:"pending,omitempty"` // started and not finished
	Asks     int       `json:"asks"`
	Tries    int       `json:"tries"` // attempts
	Tells    int       `json:"tells"`
	Attempts []Attempt `json:"attempts,omitempty"`

	Ladder Ladder            `json:"ladder"`
	Shown  map[string]Showed `json:"shown"`           // by destination
	Lines  []Line            `json:"lines,omitempty"` // of the story, not yet told
	Stand  string            `json:"stand,omitempty"` // what the last judgement came to: the story tells changes only
}

// Object is what a target was when it was looked at.
type Object struct {
	UID      string `json:"uid,omitempty"`
	Template string `json:"template,omitempty"` // of its pods, less our own annotation
}

// Overriding is a human's word that a guard be let pass.
type Overriding struct {
	Guard  string    `json:"guard"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Approving is a human's word that a plan be carried out.
type Approving struct {
	By string    `json:"by"`
	At time.Time `json:"at"`
}

// Pending is something started and not finished.
type Pending struct {
	Started
	NotBefore time.Time `json:"notBefore,omitzero"` // the next try, when one did not get through
	Why       string    `json:"why,omitempty"`
}

// Ladder is how far up people were called.
type Ladder struct {
	Since time.Time      `json:"since,omitzero"` // when its first rung was told
	Told  int            `json:"told"`           // rungs told or skipped, through all repeats
	To    []string       `json:"to,omitempty"`   // who was told, in order, once each
	Why   string         `json:"why,omitempty"`
	Now   string         `json:"now,omitempty"`   // who is told of the rung told last
	At    time.Time      `json:"at,omitzero"`     // when that was
	Early time.Duration  `json:"early,omitempty"` // by how much the ladder is ahead of its times
	Other bool           `json:"other,omitempty"` // they are told by every channel
	Late  bool           `json:"late,omitempty"`  // it was said that this page is late
	Calls map[string]int `json:"calls,omitempty"` // how often each of To was called, over all ladders of the incident
}

// anew is the ladder from its foot; who was told before is known.
func (l Ladder) anew() Ladder { return Ladder{To: l.To, Calls: l.Calls} }

// Showed is what a destination shows of an incident.
type Showed struct {
	Digest   string    `json:"digest,omitempty"`
	Action   string    `json:"action,omitempty"`
	Ref      string    `json:"ref,omitempty"`
	Failures int       `json:"failures,omitempty"` // tells in a row that did not arrive
	At       time.Time `json:"at,omitzero"`        // of the last tell's end
	Since    time.Time `json:"since,omitzero"`     // when the first tell was begun that did not arrive, or is under way
	Why      string    `json:"why,omitempty"`      // why the last one did not arrive
	Key      string    `json:"key,omitempty"`      // of a page: the one that may be open there
	Old      string    `json:"old,omitempty"`      // and the one that it replaces, until it has
}

// How long and how much is remembered. Each bound is generous for people and
// small for a machine.
const (
	maxAttempts = 50             // shown of one incident
	maxLines    = 100            // of story that could not be told
	rememberEnd = 24 * time.Hour // how long a resolved alert is known, so that a late "firing" is not news
	maxUnknowns = 2              // verifications begun anew after one whose outcome nobody knows
)

// How far back a guard may count, and to how many: what was done before that is
// forgotten. Who sets a guard to more would have it count less, and not be told.
const (
	Remembered = 31 * 24 * time.Hour
	MaxActs    = 10_000
	MaxOpens   = 2048
)

// NewState returns the state before any fact.
func NewState() *State {
	s := &State{
		Format:      stateFormat,
		PolicySince: map[string]time.Time{},
		Known:       map[AlertID]*Known{},
		Incidents:   newIncidents(),
		Targets:     map[Target]*Occupancy{},
		Breakers:    map[string]BreakerState{},
		Acts:        map[string][]time.Time{},
		Heals:       map[string][]time.Time{},
		Paused:      map[string]CommandGiven{},
		Modes:       map[string]CommandGiven{},
		Drills:      map[string]Drilling{},
		Live:        map[string]Drilling{},
	}
	s.index = newIndex()
	return s
}

// Snapshot returns the state as JSON, for [Restore].
func (s *State) Snapshot() ([]byte, error) { return json.Marshal(s) }

// stateFormat counts the changes of what State remembers. A snapshot of
// another format lacks what a fold would have gathered, so it is not used while
// the records are there. A field that is added must mean, when it is empty, what
// was meant before it was there: see [Reinstate].
const (
	stateFormat  = 10
	firstTrimmed = 7 // the first one that journals were trimmed with
)

// ErrOtherFormat is returned for a snapshot that another release wrote. Fold
// the records anew.
var ErrOtherFormat = errors.New("the snapshot is of another format")

// Restore returns the state that Snapshot wrote, its indexes rebuilt. The
// wakes need the rulebooks: see [State.Rewake]. It returns [ErrOtherFormat] for
// what another release wrote.
func Restore(b []byte) (*State, error) { return restore(b, stateFormat) }

// Reinstate is [Restore] for a state that stands for records which are gone, so
// that it cannot be folded anew: what an older release wrote is taken as it is,
// and [ErrOtherFormat] returned for what a newer one did.
func Reinstate(b []byte) (*State, error) { return restore(b, firstTrimmed) }

// restore reads a state of a format from oldest to ours.
func restore(b []byte, oldest int) (*State, error) {
	s := NewState()
	s.Format = 0
	if err := s.read(b); err != nil {
		return nil, fmt.Errorf("snapshot of the state: %w", err)
	}
	switch {
	case s.Format > stateFormat:
		return nil, fmt.Errorf("snapshot of the state: %w: %d, this release reads up to %d: start the newer release again", ErrOtherFormat, s.Format, stateFormat)
	case s.Format < oldest:
		return nil, fmt.Errorf("snapshot of the state: %w: %d, not %d", ErrOtherFormat, s.Format, stateFormat)
	}
	s.Format = stateFormat
	s.reindex()
	return s, nil
}

// read reads what Snapshot wrote, or [Frozen.Checkpoint].
func (s *State) read(b []byte) error {
	if packed, ok := packedIn(b, packedBegins); ok {
		return s.unpack(packed)
	}
	if packed, ok := packedIn(b, packedBefore); ok {
		return s.unpackBefore(packed)
	}
	return json.Unmarshal(b, s)
}

// Fold applies a record that follows the last one applied. It verifies the
// chain, and returns a [*DamageError] or [ErrUnknownKind] without having
// changed anything.
func (s *State) Fold(r Record) error {
	if err := r.Verify(s.Seq, s.Head); err != nil {
		return err
	}
	f, err := r.Decode()
	if err != nil {
		return err
	}
	return s.FoldFact(r, f)
}

// FoldFact is [State.Fold] of a record that was decoded before: f is its fact.
func (s *State) FoldFact(r Record, f Fact) error {
	if err := r.Verify(s.Seq, s.Head); err != nil {
		return err
	}
	s.Apply(f)
	s.Head = r.Sum
	return nil
}

// OldestOpen is when the oldest incident was opened that is not over, zero when
// there is none.
func (s *State) OldestOpen() time.Time {
	if numbers := s.Incidents.Numbers(); len(numbers) > 0 { // in the order in which they were opened
		return s.Incidents.Look(numbers[0]).Opened
	}
	return time.Time{}
}

// Degrade makes the guard journal deny every act, for the reason given: what
// we do now would not be remembered. "" ends it. It is not a fact, since facts
// are what can no longer be kept.
func (s *State) Degrade(why string) { s.degraded = why }

// Wire returns the incident's name on the wire: <journal>-i42.
func (s *State) Wire(incident uint64) string { return fmt.Sprintf("%s-i%d", s.Journal, incident) }

// pending returns the started and not finished dealing called id, nil when
// there is none: then nobody waits for it.
func (i *Incident) pending(id string) *Pending {
	for k := range i.Pending {
		if i.Pending[k].ID == id {
			return &i.Pending[k]
		}
	}
	return nil
}

// PendingOf returns what was started under this ID and has not finished, nil
// when there is none. Incident 0 is none.
func (s *State) PendingOf(incident uint64, id string) *Pending {
	if d := s.Digests.Pending; incident == 0 && d != nil && d.ID == id {
		return d
	}
	if i := s.Incidents.Get(incident); i != nil {
		return i.pending(id)
	}
	return nil
}

// asking tells whether an ask for this purpose is open.
func (i *Incident) asking(purpose string) bool {
	for _, p := range i.Pending {
		if p.Ask != nil && p.Ask.Purpose == purpose {
			return true
		}
	}
	return false
}

// considering tells whether something is asked that the next step is judged by.
func (i *Incident) considering() bool {
	return i.asking(ForGuards) || i.asking(ForEvidence) || i.asking(ForSettling)
}

// acting tells whether an act is open.
func (i *Incident) acting() bool {
	for _, p := range i.Pending {
		if p.Act != nil {
			return true
		}
	}
	return false
}

// underWay tells whether an act is open, or a look at what it did.
func (i *Incident) underWay() bool {
	return i.acting() || i.asking(ForVerification) || i.asking(ForGoingOn)
}

// telling tells whether a tell to this destination is open.
func (i *Incident) telling(destination string) bool {
	for _, p := range i.Pending {
		if p.Tell != nil && p.Tell.Destination == destination {
			return true
		}
	}
	return false
}

// Degraded is what [State.Degrade] was told.
func (s *State) Degraded() string { return s.degraded }
