package probe

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// counted answers with the number of the flight, after a while.
func counted(n *int, mu *sync.Mutex, took time.Duration) func(context.Context) remediate.Answer {
	return func(ctx context.Context) remediate.Answer {
		mu.Lock()
		*n++
		text := string(rune('0' + *n))
		mu.Unlock()
		select {
		case <-time.After(took):
		case <-ctx.Done():
			return remediate.Answer{Err: ctx.Err().Error()}
		}
		return remediate.Answer{OK: true, Text: text}
	}
}

func TestEqualQuestionsJoinOnlyWhatHasNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := newFlights(1)
		var n int
		var mu sync.Mutex
		put := counted(&n, &mu, time.Second)
		got := make([]string, 4)
		var wg sync.WaitGroup
		ask := func(i int) {
			wg.Go(func() {
				a, _ := fs.fly(t.Context(), "", look{"up", "prometheus", time.Hour, put})
				got[i] = a.Text
			})
			synctest.Wait()
		}
		ask(0) // begins at once
		ask(1) // must not have the answer of a flight that began before it asked
		ask(2) // waits beside 1: one flight for both
		time.Sleep(1500 * time.Millisecond)
		ask(3) // the second flight is in the air by now
		wg.Wait()
		fs.wait()
		if want := [4]string{"1", "2", "2", "3"}; [4]string(got) != want {
			t.Errorf("flights %q, want %q", got, want)
		}
		if len(fs.waiting)+len(fs.turns) != 0 {
			t.Errorf("kept %d flights and %d queues", len(fs.waiting), len(fs.turns))
		}
	})
}

func TestSoManyAtATimePerDependency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := newFlights(2)
		var n int
		var mu sync.Mutex
		put := counted(&n, &mu, time.Second)
		began := time.Now()
		var wg sync.WaitGroup
		for _, key := range []string{"a", "b", "c", "d", "e"} { // all different
			wg.Go(func() { fs.fly(t.Context(), "", look{key, "kubernetes prod", time.Hour, put}) })
		}
		wg.Go(func() {
			fs.fly(t.Context(), "", look{"f", "prometheus", time.Hour, put})
			if took := time.Since(began); took != time.Second {
				t.Errorf("another dependency waited: %s", took)
			}
		})
		wg.Wait()
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("5 questions, 2 at a time, 1 s each: took %s, want 3s", took)
		}
	})
}

// Who asks for a worse incident has its turn before those who wait already, also when
// it joins one of them; among equals it is who came first.
func TestTheWorstHasItsTurnFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := newFlights(1)
		var order []string
		var wg sync.WaitGroup
		ask := func(severity remediate.Severity, key string) {
			wg.Go(func() {
				fs.fly(t.Context(), severity, look{key, "db", time.Hour, func(context.Context) remediate.Answer {
					order = append(order, key) // one at a time
					time.Sleep(time.Second)
					return remediate.Answer{}
				}})
			})
			synctest.Wait()
		}
		ask(remediate.P3, "under way")
		ask("", "nobody's")
		ask(remediate.P3, "first")
		ask(remediate.P3, "second")
		ask("", "joined")
		ask(remediate.P2, "worse")
		ask(remediate.P1, "joined")
		ask(remediate.P3, "joined")
		wg.Wait()
		if want := []string{"under way", "joined", "worse", "first", "second", "nobody's"}; !slices.Equal(order, want) {
			t.Errorf("they had their turns in the order %q, want %q", order, want)
		}
	})
}

// A turn that nobody waits for any more goes to the next.
func TestATurnIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := newFlights(1)
		hang := func(ctx context.Context) remediate.Answer { <-ctx.Done(); return remediate.Answer{} }
		under, cancelUnder := context.WithCancel(t.Context())
		waits, cancelWaits := context.WithCancel(t.Context())
		go fs.fly(under, remediate.P3, look{"under way", "db", time.Hour, hang})
		synctest.Wait()
		go fs.fly(waits, remediate.P1, look{"waits", "db", time.Hour, hang})
		synctest.Wait()
		cancelWaits()
		cancelUnder()
		if _, ok := fs.fly(t.Context(), "", look{"next", "db", time.Hour, func(context.Context) remediate.Answer { return remediate.Answer{} }}); !ok {
			t.Error("it had no turn")
		}
		fs.wait()
		if len(fs.waiting)+len(fs.turns) != 0 {
			t.Errorf("kept %d flights and %d queues", len(fs.waiting), len(fs.turns))
		}
	})
}

func TestAHungDependencyIsABadAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := newFlights(1)
		began := time.Now()
		a, ok := fs.fly(t.Context(), "", look{"up", "prometheus", 3 * time.Second, func(ctx context.Context) remediate.Answer {
			<-ctx.Done()
			return remediate.Answer{Err: ctx.Err().Error()}
		}})
		if !ok || a.Err == "" || time.Since(began) != 3*time.Second {
			t.Errorf("got %+v, %v after %s", a, ok, time.Since(began))
		}
	})
}

func TestAFlightNobodyWaitsForIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := newFlights(1)
		ended := make(chan error, 1)
		hang := func(ctx context.Context) remediate.Answer {
			<-ctx.Done()
			ended <- ctx.Err()
			return remediate.Answer{}
		}
		first, stopFirst := context.WithCancel(t.Context())
		go fs.fly(first, "", look{"slow", "db", time.Hour, hang})
		synctest.Wait()

		// Two more wait for the turn; the one who began the wait leaves.
		second, stopSecond := context.WithCancel(t.Context())
		go fs.fly(second, "", look{"next", "db", time.Hour, func(context.Context) remediate.Answer { return remediate.Answer{OK: true} }})
		synctest.Wait()
		third := make(chan remediate.Answer, 1)
		go func() {
			a, _ := fs.fly(t.Context(), "", look{"next", "db", time.Hour, hang})
			third <- a
		}()
		synctest.Wait()
		stopSecond()
		synctest.Wait()
		stopFirst()
		if err := <-ended; err != context.Canceled {
			t.Errorf("the flight that nobody waits for ended with %v", err)
		}
		if a := <-third; !a.OK {
			t.Errorf("whoever joined lost the answer: %+v", a)
		}
		fs.wait()
	})
}
