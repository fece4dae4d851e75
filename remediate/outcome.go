package remediate

// AlertOutcome says in one word what became of an alert that was heard. It is
// short enough to be a metric's label.
type AlertOutcome string

// What becomes of an alert that Alertmanager told of.
const (
	AlertTaken     AlertOutcome = "incident"  // an open incident has it
	AlertUnmatched AlertOutcome = "unmatched" // it began to fire, and no policy concerns it; it is remembered
	AlertRepeated  AlertOutcome = "repeated"  // it fires still, and no incident has it: as before
	AlertForgotten AlertOutcome = "forgotten" // no policy concerns it, and too many such are remembered already
	AlertEnded     AlertOutcome = "ended"     // it fires no more
	AlertQuestion  AlertOutcome = "doubted"   // it is told otherwise than is known; the next listing settles it
	AlertOwn       AlertOutcome = "own"       // we said it ourselves
	AlertLost      AlertOutcome = "lost"      // none of these, which is a bug
)

// AlertOutcomes are all that there are.
func AlertOutcomes() []AlertOutcome {
	return []AlertOutcome{AlertTaken, AlertUnmatched, AlertRepeated, AlertForgotten, AlertEnded, AlertQuestion, AlertOwn, AlertLost}
}

// OutcomeOf says what became of an alert, right after [Handle] heard it and
// returned these records. It is an audit: it looks at what the state came to and
// not at how that was decided.
func OutcomeOf(books Rulebooks, s *State, in Heard, written []Record) AlertOutcome {
	h := &handler{books: books, s: s, now: s.At}
	id := IdentityOf(in.Alert.Labels, h.replicaLabels())
	k := s.Known[id]
	switch {
	case in.Alert.Labels.Own():
		return AlertOwn
	case k != nil && k.Doubted:
		return AlertQuestion
	case !in.Firing && (k == nil || !k.Firing):
		return AlertEnded
	case !in.Firing, k != nil && !k.Firing:
		return AlertLost
	case len(s.index.byAlert[id]) > 0:
		return AlertTaken
	case k != nil && (len(written) == 0 || k.Seq < written[0].Seq):
		return AlertRepeated // it is no edge, so it is not matched anew
	case len(h.match(in.Alert.Labels)) > 0:
		if given(id, written) {
			return AlertTaken // by an incident that is over already, such as a drill's that is broken off
		}
		return AlertLost
	case k == nil && len(s.Known) < maxKnown:
		return AlertLost
	case k == nil:
		return AlertForgotten
	}
	return AlertUnmatched
}

// given tells whether the records give the alert to an incident.
func given(id AlertID, written []Record) bool {
	for _, r := range written {
		f, err := r.Fact()
		if err != nil {
			return false
		}
		switch b := f.Body.(type) {
		case Opened:
			if b.Alert == id {
				return true
			}
		case Joined:
			if b.Alert == id {
				return true
			}
		}
	}
	return false
}
