package journal

import (
	"testing"
	"time"
)

// Who waits to write comes before who wrote just now and wants to write again: a trim
// keeps an append waiting for one of its transactions, and not for some.
func TestWhoWaitsIsNext(t *testing.T) {
	s := &SQLite{}
	for range 100 {
		s.takeTurn()
		appended := make(chan struct{})
		go func() {
			s.takeTurn()
			close(appended)
			s.mu.Unlock()
		}()
		for s.next.TryLock() { // until it waits
			s.next.Unlock()
			time.Sleep(time.Microsecond)
		}
		s.mu.Unlock()
		s.takeTurn()
		select {
		case <-appended:
		default:
			t.Fatal("it was overtaken")
		}
		s.mu.Unlock()
	}
}
