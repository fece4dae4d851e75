package remediate

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"
)

// The kill switch. What is paused stays so until a human resumes it, or until the
// end that was said with it. That a pause came to its end is a fact of its own: whoever
// follows the facts learns of it by them, and needs no clock.

// mostPause is the longest that a pause with an end may last. A longer one is mostly a
// slip of the pen, and else is meant until somebody says otherwise.
const mostPause = 30 * 24 * time.Hour

// pause stops a scope. One that is paused already is from now on paused as this one says.
func (h *handler) pause(c CommandGiven) error {
	until, err := h.pauseEnds(c)
	if err != nil {
		return err
	}
	h.emit(CommandGiven{Command: Pause, By: c.By, Scope: c.Scope, Reason: c.Reason, Until: until}) // about no incident
	return nil
}

// pauseEnds is when a pause that is to begin now ends, zero when a human must end it.
func (h *handler) pauseEnds(c CommandGiven) (time.Time, error) {
	until := moment(c.Until)
	if c.Value != "" {
		lasts, err := model.ParseDuration(c.Value)
		if err != nil || lasts <= 0 {
			return until, refuse("%q is not for how long a pause can be: want for example 30m, 2h or 3d", c.Value)
		}
		until = h.now.Add(time.Duration(lasts))
	}
	switch {
	case until.IsZero():
	case !until.After(h.now):
		return until, refuse("a pause until %s would be over: it is %s", utc(until), utc(h.now))
	case until.After(h.now.Add(mostPause)):
		return until, refuse("a pause with an end lasts %s at most; one without lasts until somebody resumes it", model.Duration(mostPause))
	}
	return until, nil
}

// endPauses ends those whose time is over, so that whoever waits is judged anew.
func (h *handler) endPauses() {
	for _, scope := range slices.Sorted(maps.Keys(h.s.Paused)) {
		if c := h.s.Paused[scope]; !c.Until.IsZero() && !c.Until.After(h.now) {
			h.emit(PauseEnded{Scope: scope, By: c.By})
		}
	}
}

// pausedBy folds that a scope is paused. Whoever waits for another end is judged anew.
func (s *State) pausedBy(b CommandGiven) {
	before, was := s.Paused[b.Scope]
	s.Paused[b.Scope] = b
	if was && !before.Until.Equal(b.Until) {
		s.wakeWaiters("paused")
	}
}

// unpaused folds that a scope is paused no more.
func (s *State) unpaused(scope string) {
	delete(s.Paused, scope)
	s.wakeWaiters("paused")
}

// untilWhen says until when a pause lasts, "" when nobody said.
func untilWhen(until time.Time) string {
	if until.IsZero() {
		return ""
	}
	return " until " + utc(until)
}

func utc(t time.Time) string { return t.UTC().Format(time.DateTime + " UTC") }
