package slack

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/remediate"
	double "github.com/x0tta6bl4/remediated/test/doubles/slack"
)

// paced is a Slack at its usual pace, with a double that refuses what is faster.
func paced(t *testing.T) (*Slack, *double.Workspace) {
	w := double.New(double.Options{PostInterval: time.Second})
	var changes []string
	s := newDirect(t, w, &changes)
	s.posts, s.edits = newPace(0), newPace(0)
	return s, w
}

func incident(i int) remediate.Started {
	s := started()
	s.ID, s.Tell.Notice.Key, s.Tell.Notice.Incident = fmt.Sprintf("q-i%d-t1", i), fmt.Sprintf("q-i%d", i), uint64(i)
	return s
}

func TestPostsInAChannelAreASecondApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w := paced(t)
		begun := time.Now()
		if _, err := s.Tell(t.Context(), incident(0)); err != nil { // the channel is told by its name, later by its ID
			t.Fatal(err)
		}
		var telling sync.WaitGroup
		for i := range 4 {
			telling.Go(func() {
				if _, err := s.Tell(t.Context(), incident(i+1)); err != nil {
					t.Error(err)
				}
			})
		}
		telling.Wait()
		if took := time.Since(begun); took != 4*time.Second || len(w.Messages()) != 5 {
			t.Errorf("%d messages in %s, want 5 in 4s", len(w.Messages()), took)
		}
		if err := s.posts.wait(t.Context(), "C0OTHER00"); err != nil || time.Since(begun) != 4*time.Second {
			t.Errorf("another channel waited %s: %v", time.Since(begun)-4*time.Second, err)
		}
	})
}

func TestEditsOfAMessageAreASecondApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w := paced(t)
		first := incident(1)
		ref, err := s.Tell(t.Context(), first)
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		first.Tell.Ref = ref
		for range 4 {
			if _, err := s.Tell(t.Context(), first); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begun); took != 3*time.Second || len(w.Messages()[0].Earlier) != 4 {
			t.Errorf("%d edits in %s, want 4 in 3s", len(w.Messages()[0].Earlier), took)
		}
	})
}

func TestWhoseTurnComesTooLateIsToldLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w := paced(t)
		if _, err := s.Tell(t.Context(), incident(1)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := s.Tell(ctx, incident(2))
		var final *notify.FinalError
		if err == nil || errors.As(err, &final) || len(w.Messages()) != 1 {
			t.Errorf("%v, %d messages; want an error that may pass, and one message", err, len(w.Messages()))
		}
	})
}

func TestTurnsThatAreOverAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(0)
		for range 5 {
			for i := range maxTurns {
				p.taken(fmt.Sprint(time.Now(), i))
			}
			time.Sleep(time.Minute)
		}
		if len(p.turns) > maxTurns {
			t.Errorf("%d turns are remembered", len(p.turns))
		}
	})
}
