package remediate

import "time"

// Decide is [Handle] for a life that nobody keeps, such as one in which a
// journal's past is lived through once more under other policies: it comes to the
// same facts, and several times as fast, for they are not written down. The
// state's head stays behind, and nothing can be appended to a journal after it.
func Decide(books Rulebooks, s *State, now time.Time, in Input) ([]Fact, error) {
	h := &handler{books: books, s: s, now: factTime(s, now), passing: true}
	if err := h.handle(in); err != nil {
		return nil, err
	}
	return h.passed, h.err
}
