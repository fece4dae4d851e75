package remediate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/timeinterval"
)

// The guards by which we pace ourselves: what we know without asking how often
// and how closely after one another things were done.

// journal denies while what we do would not be remembered.
func journal(v *view) Verdict {
	if why := v.h.s.degraded; why != "" {
		return deny(v.soon(askAgain), "what is done now would not be remembered: %s", why)
	}
	return allow("what is done is remembered")
}

// window says when automation may act. Outside it a human is called at once,
// for waiting would help nobody.
func window(v *view) Verdict {
	w := v.p.Guards.Window
	if w == nil {
		return allow("the policy has none")
	}
	if open, why := w.open(v.h.now); !open {
		return deny(w.opens(v.h.now), "%s", why)
	}
	return allow("automation may act now")
}

// open tells whether the window is open at t, and if not, why.
func (w *Window) open(t time.Time) (bool, string) {
	in := func(intervals []timeinterval.TimeInterval) bool {
		return slices.ContainsFunc(intervals, func(i timeinterval.TimeInterval) bool { return i.ContainsTime(t) })
	}
	switch {
	case in(w.Never):
		return false, "automation may never act at this time"
	case len(w.Only) > 0 && !in(w.Only):
		return false, "automation may not act at this time"
	}
	return true, ""
}

// opens is when the window is open next, or two days from t, to look anew.
// Intervals begin and end at whole minutes of clocks that are set forward and
// back, so that looking at each minute is the surest way.
func (w *Window) opens(t time.Time) time.Time {
	t = t.Truncate(time.Minute)
	for range 2 * 24 * 60 {
		t = t.Add(time.Minute)
		if open, _ := w.open(t); open {
			break
		}
	}
	return t
}

// storm holds back acts while so much is broken that it must have one cause.
// What heals a policy that others depend on may be what ends it.
func storm(v *view) Verdict {
	n := v.h.s.Storm
	switch {
	case n == 0:
		return allow("there is none")
	case v.h.isRoot(v.p.Name):
		return allow("other policies depend on %s: healing it may end the storm of i%d", v.p.Name, n)
	}
	w := wait(time.Time{}, "there is a storm, i%d: so much at once has a common cause", n)
	w.For = rootKey(n)
	return w
}

// busy keeps two incidents from working on one target.
func busy(v *view) Verdict {
	var names []string
	for _, s := range v.all() {
		if o := v.h.s.Targets[s.Target]; o != nil && o.Holder != 0 && o.Holder != v.i.ID {
			w := wait(time.Time{}, "incident i%d is at work on %s", o.Holder, s.Target)
			w.For = "target/" + s.Target.String()
			return w
		}
		names = append(names, s.Target.String())
	}
	return allow("nobody is at work on %s", strings.Join(names, ", "))
}

// settle leaves a little time between steps, and more where the last one broke off
// and it is well all the same: then the alert is about to end. It is not taken for
// healed by that: what a step is verified by may have held all along.
func settle(v *view) Verdict {
	pause := time.Duration(orElse(v.p.Guards.Settle, time.Duration(DefaultSettle)))
	if v.i.Ended.IsZero() {
		return allow("no step was tried before")
	}
	if until := v.i.Ended.Add(pause); until.After(v.h.now) {
		return wait(until, "the last step ended %s ago; %s are left between steps", since(v.h.now, v.i.Ended), pause)
	}
	if until := v.i.Seemed.Add(seemsWell); !v.i.Seemed.IsZero() && until.After(v.h.now) {
		return wait(until, "the last step broke off, and it was seen %s ago that all is well nevertheless: the alert has %s to end", since(v.h.now, v.i.Seemed), seemsWell)
	}
	return allow("the last step ended %s ago, %s are left between steps", since(v.h.now, v.i.Ended), pause)
}

// cooldown leaves time between two incidents on one target.
func cooldown(v *view) Verdict {
	need := time.Duration(v.p.Guards.Cooldown)
	o := v.h.s.Targets[v.targetNow()]
	switch {
	case need == 0:
		return allow("the policy has none")
	case o == nil || o.Ended.IsZero() || o.Last == v.i.ID:
		return allow("no other incident has worked on %s", v.targetNow())
	}
	if until := o.Ended.Add(need); until.After(v.h.now) {
		return wait(until, "incident i%d worked on it until %s ago, less than the cooldown of %s", o.Last, since(v.h.now, o.Ended), need)
	}
	return allow("incident i%d worked on it until %s ago, more than the cooldown of %s", o.Last, since(v.h.now, o.Ended), need)
}

// attemptsLeft bounds how often is acted on one incident before a human looks.
func attemptsLeft(v *view) Verdict {
	used, most := v.i.Tries-v.i.Base, v.p.Guards.attempts()
	if used >= most {
		return deny(time.Time{}, "%d of %d attempts are used: a human must look, and may say run", used, most)
	}
	return allow("%d of %d are used", used, most)
}

// flapping stops what heals again and again: a remedy that has to be repeated
// only hides the trouble.
func flapping(v *view) Verdict {
	f := v.p.Guards.flapping()
	used, until := spent(v.h.s.Heals[breakerName(v.p.Name, v.targetNow())], v.h.now, f.Heals, time.Duration(f.Per))
	if used >= f.Heals {
		return deny(until, "%s was healed %d times in %s and broke again: the cause is another", v.targetNow(), used, f.Per)
	}
	return allow("healed %d times in %s, %d are allowed", used, f.Per, f.Heals)
}

// budget bounds how often is acted, by the policy and by all together.
func budget(v *view) Verdict {
	var global []Budget
	if book := v.h.books[v.h.s.Rulebook]; book != nil {
		global = book.Budget
	}
	var left []string
	for _, b := range []struct {
		whose, key string
		limits     []Budget
	}{{"policy " + v.p.Name, v.p.Name, v.p.Guards.Budget}, {"all policies", "", global}} {
		for _, limit := range b.limits {
			used, until := spent(v.h.s.Acts[b.key], v.h.now, limit.Actions, time.Duration(limit.Per))
			if used >= limit.Actions {
				return deny(until, "%s: %d of %d acts in %s are used", b.whose, used, limit.Actions, limit.Per)
			}
			left = append(left, fmt.Sprintf("%s: %d of %d in %s", b.whose, used, limit.Actions, limit.Per))
		}
	}
	if len(left) == 0 {
		return allow("none is set")
	}
	return allow("%s", strings.Join(left, "; "))
}

// spent counts the moments of a ring within the window that ends now, and says
// when one less than most will be in it.
func spent(ring []time.Time, now time.Time, most int, window time.Duration) (used int, until time.Time) {
	begin := now.Add(-window)
	first, _ := slices.BinarySearchFunc(ring, begin, func(t, begin time.Time) int {
		if t.After(begin) {
			return 1
		}
		return -1
	})
	used = len(ring) - first
	if used >= most && most > 0 {
		until = ring[len(ring)-most].Add(window)
	}
	return used, until
}

// breaker stops a remedy that did not help.
func breaker(v *view) Verdict {
	name := breakerName(v.p.Name, v.targetNow())
	b, known := v.h.s.Breakers[name]
	if !known {
		return allow("closed: no failed verification is on record for %s", v.targetNow())
	}
	look, err := lookAtBreaker(name, v.p.Guards.breaker(), b, v.h.now)
	if err != nil {
		return deny(time.Time{}, "its state cannot be read: %v", err)
	}
	switch look.State {
	case "open":
		return deny(b.Until, "open until %s, after %d failed verifications in a row on %s", b.Until.Format(time.RFC3339), v.p.Guards.breaker().Failures, v.targetNow())
	case "half-open":
		return allow("half-open: one try")
	}
	return allow("closed: %d of %d failed verifications in a row", look.Failures, v.p.Guards.breaker().Failures)
}
