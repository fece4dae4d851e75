package journal

// MaxOpenRows is how many rows are remembered, for the tests.
const MaxOpenRows = maxOpenRows

// OpenRows returns how many rows are remembered, and forgets them at need.
func (s *SQLite) OpenRows(forget bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		if forget {
			clear(s.openRows)
		}
	}()
	return len(s.openRows)
}
