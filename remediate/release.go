package remediate

import (
	"cmp"
	"fmt"
	"time"
)

// Which release decides. Another one than before may decide otherwise, and what
// it would have made of the last days is known before it acts: the journal has
// what was heard, and what was decided. The core does not know which release it
// is: it is told.

// Release is which release of the daemon decides, and whether it may act.
type Release struct {
	Name     string    `json:"name"`
	From     string    `json:"from,omitempty"`     // the one before, "" when none was written down
	Seq      uint64    `json:"seq"`                // of the fact since which it decides
	Since    time.Time `json:"since"`              // and of when that is
	Last     time.Time `json:"last,omitzero"`      // when the last fact before it was written
	Held     bool      `json:"held,omitempty"`     // it only observes
	Compared *Compared `json:"compared,omitempty"` // what came of deciding the last days again, nil before
	Accepted string    `json:"accepted,omitempty"` // who let it act that was held
}

// Lead writes down that a release decides from here on, if another did until
// now, or nobody knows which. It is false when it did before. It only observes
// at first when hold is set, unless there is nothing yet that another decided.
//
// Nothing else is decided: it comes before the rulebook that is to govern.
func Lead(s *State, now time.Time, release string, hold bool) (Record, bool, error) {
	if release == "" || release == s.Release.Name {
		return Record{}, false, nil
	}
	h := &handler{s: s, now: factTime(s, now)}
	h.emit(Upgraded{From: s.Release.Name, To: release, Held: hold && s.Seq > founding})
	if h.err != nil {
		return Record{}, false, h.err
	}
	return h.out[0], true, nil
}

// founding is the number of a journal's first fact.
const founding = 1

// Unchecked tells whether nobody knows what the release decides otherwise than
// those before it, and there is something to compare.
func (r Release) Unchecked() bool {
	return r.Seq > founding+1 && (r.Compared == nil || r.Compared.Why != "")
}

// heldWhy says why the release only observes, and what ends that.
func (r Release) heldWhy() string {
	const accept = "remedy upgrade accept lets it act"
	if r.Compared != nil {
		return r.Compared.String() + "; " + accept
	}
	return fmt.Sprintf("release %s only observes until what it decides was compared with what %s decided; %s", r.Name, before(r.From), accept)
}

// before is the release before in words.
func before(from string) string { return cmp.Or(from, "the release before") }

// String says what came of it.
func (b Compared) String() string {
	switch {
	case b.Why != "" && b.Changed == 0:
		return fmt.Sprintf("release %s could not be compared with %s: %s", b.Release, before(b.From), b.Why)
	case b.Changed == 0:
		return fmt.Sprintf("release %s decides all of %d facts as %s did", b.Release, b.Facts, before(b.From))
	}
	s := fmt.Sprintf("release %s decides %d of %d facts otherwise than %s", b.Release, b.Changed, b.Facts, before(b.From))
	if b.Why != "" {
		s += ", and more are not known: " + b.Why
	}
	return s
}

func describeUpgraded(b Upgraded) string {
	s := "release " + b.To + " decides from here on"
	if b.From != "" {
		s += ", no longer " + b.From
	}
	if b.Held {
		s += "; it only observes until nothing is found that it decides otherwise, or somebody accepts it"
	}
	return s
}

func (s *State) upgraded(b Upgraded, f Fact, before time.Time) {
	held := s.Release.Held
	s.Release = Release{Name: b.To, From: b.From, Seq: f.Seq, Since: f.At, Last: before, Held: b.Held}
	if held || b.Held {
		s.permitted()
	}
}

func (s *State) compared(b Compared) {
	s.Release.Compared = &b
	if s.Release.Held {
		s.Release.Held = !b.Lifts
		s.permitted() // to act, or to say with its numbers why not
	}
}

func (s *State) accepted(b CommandGiven) {
	s.Release.Held, s.Release.Accepted = false, b.By
	s.permitted()
}

// compared takes what came of the comparison of this release, once. One that
// broke off may be made again. Nothing but that all is the same ends the hold:
// what is not known is no reason to act.
func (h *handler) compared(b Compared) {
	r := h.s.Release
	if b.Release != r.Name || !r.Unchecked() {
		return
	}
	b.From, b.Lifts = r.From, r.Held && b.Changed == 0 && b.Why == ""
	h.emit(b)
}

// accept takes a human's word that the release may act that is held. They name
// the release that they have looked at: by now it may be another.
func (h *handler) accept(c CommandGiven) error {
	r := h.s.Release
	switch {
	case c.Reason == "":
		return refuse("to accept a release needs a reason: it is written down for ever")
	case !r.Held:
		return refuse("no release is held: %s may act", cmp.Or(r.Name, "this one"))
	case c.Value != r.Name:
		return refuse("release %q is not the one that is held, which is %s: look at it with remedy upgrade show", c.Value, r.Name)
	}
	h.emit(CommandGiven{Command: c.Command, By: c.By, Reason: c.Reason, Value: c.Value, Via: c.Via})
	return nil
}
