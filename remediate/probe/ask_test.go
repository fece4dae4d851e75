package probe

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// seen answers the kind "seen" by the time since the test began.
func seen(t *testing.T, good func(time.Duration) bool) *Prober {
	t.Helper()
	began := time.Now()
	p, err := New(Options{Extra: map[string]func(context.Context, remediate.Question) remediate.Answer{
		"seen": func(context.Context, remediate.Question) remediate.Answer {
			d := time.Since(began)
			return remediate.Answer{OK: good(d), Text: d.String()}
		},
		"hung": func(ctx context.Context, _ remediate.Question) remediate.Answer {
			<-ctx.Done()
			return remediate.Answer{OK: true, Text: "late", Err: ctx.Err().Error()}
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func seconds(n int) model.Duration { return model.Duration(time.Duration(n) * time.Second) }

func verification(kinds ...string) remediate.Started {
	a := &remediate.Ask{Purpose: remediate.ForVerification, Hold: seconds(5), Within: seconds(30), Every: seconds(1)}
	for _, k := range kinds {
		a.Questions = append(a.Questions, remediate.Question{Kind: k})
	}
	return remediate.Started{ID: "q", Deadline: time.Now().Add(time.Minute), Ask: a}
}

func TestVerificationHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		// Good from 3 s, a bad sample at 6 s, good again from 7 s.
		p := seen(t, func(d time.Duration) bool { return d >= 3*time.Second && d != 6*time.Second })
		r := p.Perform(t.Context(), verification("seen"))
		if r.Outcome != remediate.OK {
			t.Fatalf("got %+v", r)
		}
		if got := r.FirstGood.Sub(began); got != 7*time.Second {
			t.Errorf("first good sample of the hold after %s, want 7s: a bad sample begins it anew", got)
		}
		if got := time.Since(began); got != 12*time.Second || r.Samples != 13 || r.Held != seconds(5) {
			t.Errorf("returned after %s, %d samples, held %s", got, r.Samples, r.Held)
		}
	})
}

func TestVerificationFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := seen(t, func(d time.Duration) bool { return int(d.Seconds())%4 != 0 })
		began := time.Now()
		r := p.Perform(t.Context(), verification("seen"))
		if r.Outcome != remediate.Failed || time.Since(began) != 30*time.Second {
			t.Errorf("flapping: got %s after %s", r.Outcome, time.Since(began))
		}
		if !strings.Contains(r.Text, "of 5s when 30s were over") || len(r.Answers) != 1 {
			t.Errorf("text %q, answers %v", r.Text, r.Answers)
		}
	})
}

func TestVerificationOfAHungDependencyFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := seen(t, func(time.Duration) bool { return true })
		s := verification("seen", "hung")
		s.Ask.Within = seconds(32)
		r := p.Perform(t.Context(), s)
		if r.Outcome != remediate.Failed || !r.FirstGood.IsZero() {
			t.Errorf("got %+v", r)
		}
		if r.Samples != 10 { // 3 s each, the next is cut off by the end
			t.Errorf("%d samples in 32 s: a hung dependency stalls", r.Samples)
		}
		if a := r.Answers[1]; a.OK || a.Err == "" {
			t.Errorf("an answer with an error is good: %+v", a)
		}
	})
}

func TestVerificationBrokenOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := seen(t, func(time.Duration) bool { return true })
		s := verification("seen")
		s.Deadline = time.Now().Add(3 * time.Second)
		if r := p.Perform(t.Context(), s); r.Outcome != remediate.Unknown || r.Samples == 0 {
			t.Errorf("deadline: got %+v", r)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(2500*time.Millisecond, cancel)
		if r := p.Perform(ctx, verification("seen")); r.Outcome != remediate.Unknown || len(r.Answers) != 1 {
			t.Errorf("cancelled: got %+v", r)
		}
	})
}

func TestVerificationAtTheDeadlineFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := seen(t, func(time.Duration) bool { return false })
		s := verification("seen")
		s.Deadline = time.Now().Add(30 * time.Second)
		if r := p.Perform(t.Context(), s); r.Outcome != remediate.Failed {
			t.Errorf("its whole time was used: got %s, want failed", r.Outcome)
		}
	})
}

func TestVerificationWithoutHoldNeedsOneGoodSample(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := seen(t, func(d time.Duration) bool { return d >= 2*time.Second })
		s := verification("seen")
		s.Ask.Hold, s.Ask.Every = 0, 0
		if r := p.Perform(t.Context(), s); r.Outcome != remediate.OK || r.Samples != 3 {
			t.Errorf("got %+v", r)
		}
	})
}

// What healed and is broken again must not pass for healed: probing on is a
// verification, not a look.
func TestProbingOnFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := seen(t, func(d time.Duration) bool { return d < 10*time.Second })
		s := verification("seen")
		s.Ask.Purpose, s.Ask.Hold, s.Ask.Within = remediate.ForProbingOn, 0, seconds(10)
		if r := p.Perform(t.Context(), s); r.Outcome != remediate.OK || r.Samples != 1 {
			t.Errorf("while it is healed: got %+v", r)
		}
		time.Sleep(10 * time.Second) // virtual
		if r := p.Perform(t.Context(), s); r.Outcome != remediate.Failed || !strings.Contains(r.Text, "not within 10s") {
			t.Errorf("broken again: got %+v", r)
		}
	})
}

func TestVerificationOfNothingIsRefused(t *testing.T) {
	p := seen(t, func(time.Duration) bool { return true })
	if r := p.Perform(t.Context(), verification()); r.Outcome != remediate.Refused {
		t.Errorf("got %+v", r)
	}
	if r := p.Perform(t.Context(), remediate.Started{Act: &remediate.Act{}}); r.Outcome != remediate.Refused {
		t.Errorf("an act: got %+v", r)
	}
}

func TestSomePurposesAreAskedOnce(t *testing.T) {
	for _, purpose := range []string{remediate.ForGuards, remediate.ForImpact, remediate.ForEvidence} {
		synctest.Test(t, func(t *testing.T) {
			p := seen(t, func(time.Duration) bool { return false })
			s := verification("seen", "hung", "nonesuch")
			s.Ask.Purpose = purpose
			r := p.Perform(t.Context(), s)
			if r.Outcome != remediate.OK || len(r.Answers) != 3 || r.Samples != 1 {
				t.Fatalf("%s: got %+v", purpose, r)
			}
			for i, a := range r.Answers {
				if a.OK || a.Kind != s.Ask.Questions[i].Kind {
					t.Errorf("%s: answer %d: %+v", purpose, i, a)
				}
			}
			if !strings.Contains(r.Answers[2].Err, `no probe "nonesuch"`) {
				t.Errorf("unknown kind: %q", r.Answers[2].Err)
			}

			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if r := p.Perform(ctx, s); r.Outcome != remediate.Unknown {
				t.Errorf("%s that was broken off: got %s, want unknown: its answers are no denials", purpose, r.Outcome)
			}
			p.Wait()
		})
	}
}

// Whether all is well now that the alerts resolved takes as much as whether it
// helped: one good moment is not enough.
func TestConfirmationIsSampled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := seen(t, func(d time.Duration) bool { return d != 2*time.Second })
		s := verification("seen")
		s.Ask.Purpose = remediate.ForConfirmation
		if r := p.Perform(t.Context(), s); r.Outcome != remediate.OK || r.Samples != 9 || r.Held != seconds(5) {
			t.Errorf("it must hold anew after the bad sample at 2 s: got %+v", r)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p := seen(t, func(time.Duration) bool { return false })
		s := verification("seen")
		s.Ask.Purpose = remediate.ForConfirmation
		if r := p.Perform(t.Context(), s); r.Outcome != remediate.Failed || !strings.Contains(r.Text, "not within 30s") {
			t.Errorf("never well: got %+v", r)
		}
	})
}
