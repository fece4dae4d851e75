package remediate

import "strings"

// What a journal has is of two kinds: what came from outside, and what was
// decided. Handed the first once more, Handle comes to the second again, or to
// something else when other rules govern.

// Happened is what came from outside in one moment, as a journal has it. It is
// for replays: the daemon itself hears of the world by the other inputs.
type Happened struct{ Facts []Fact }

func (Happened) input() {}

// FromOutside tells whether the next fact of a journal came from outside, rather
// than being decided here: an alert, a word, an answer.
func (s *State) FromOutside(b Body) bool {
	switch b := b.(type) {
	case Upgraded, Compared, RulebookLoaded, ClockJumped, CommandGiven, CommandRefused, AlertSuppressed, AlertReleased, AlertDoubted, Delayed:
		return true
	case AlertFiring:
		return b.Via != ViaOwn || b.Alert.Name() == WatchdogAlert // which is noticed from outside
	case AlertResolved:
		i := s.ownIncident(WatchdogAlert)
		return b.Via != ViaOwn || i != nil && i.Firing[b.ID]
	case Finished:
		return !endedHere(b)
	}
	return false
}

// endedHere tells whether it was the decider that ended a dealing: because its
// deadline had passed, or because a page was overtaken.
func endedHere(b Finished) bool {
	return b.Outcome == Unknown && strings.HasPrefix(b.Text, noAnswer) ||
		b.Outcome == Refused && strings.Contains(b.Text, overtakenBy)
}

// Follows tells whether a fact follows at once from an alert that was heard,
// before anything is decided.
func Follows(b Body) bool {
	switch b.(type) {
	case Opened, Joined, Rated, Left:
		return true
	}
	return false
}

// happened takes up again what came from outside. A word that does not fit any
// more is refused as it would be.
func (h *handler) happened(facts []Fact) error {
	for _, f := range facts {
		if err := h.happens(f.Body); err != nil {
			return err
		}
	}
	return nil
}

func (h *handler) happens(body Body) error {
	switch b := body.(type) {
	case AlertFiring:
		if b.Via == ViaOwn {
			h.trouble(Trouble{Alert: b.Alert.Name(), Firing: true, Summary: b.Alert.Annotations["summary"]})
			return nil
		}
		h.fire(b.ID, b.Alert, b.Suppressed, b.Via, b.Found)
	case AlertResolved:
		if k := h.s.Known[b.ID]; k != nil && k.Firing {
			h.resolve(b.ID, b)
		}
	case Compared:
		h.compared(b)
	case CommandGiven:
		return h.command(b)
	case Finished:
		h.ended(b.Incident, b.ID, b)
	case Delayed:
		h.ended(b.Incident, b.ID, b)
	default:
		h.emit(b)
	}
	return nil
}

// ended takes up how a dealing went, if it is under way here as well.
func (h *handler) ended(incident uint64, id string, b Body) {
	if h.s.PendingOf(incident, id) != nil {
		h.emit(b)
	}
}
