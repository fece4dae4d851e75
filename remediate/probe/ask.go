package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Perform answers an ask. For the guards, for the impact and for evidence each
// question is put once and OK means no more than that it was: the answers say
// the rest. A verification, and whatever else asks whether it is well, is
// sampled until it has held (OK) or its time is over (Failed). When ctx or the
// deadline ends first, the outcome is Unknown.
func (p *Prober) Perform(ctx context.Context, s remediate.Started) remediate.Result {
	if s.Ask == nil {
		return remediate.Result{Outcome: remediate.Refused, Text: "this is no ask"}
	}
	if !s.Deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, s.Deadline)
		defer cancel()
	}
	if s.Ask.Sampled() {
		return p.verify(ctx, s)
	}
	return p.once(ctx, s)
}

// once puts each question one time.
func (p *Prober) once(ctx context.Context, s remediate.Started) remediate.Result {
	r := remediate.Result{Outcome: remediate.OK, Answers: p.sample(ctx, s), Samples: 1}
	if err := context.Cause(ctx); err != nil {
		r.Outcome, r.Text = remediate.Unknown, fmt.Sprintf("asking was broken off: %v", err)
	}
	return r
}

// sample puts all questions at once and returns the answers in their order.
func (p *Prober) sample(ctx context.Context, s remediate.Started) []remediate.Answer {
	out := make([]remediate.Answer, len(s.Ask.Questions))
	var wg sync.WaitGroup
	for i, q := range s.Ask.Questions {
		wg.Go(func() { out[i] = p.put(ctx, s.Severity, q) })
	}
	wg.Wait()
	return out
}

// verify samples every Every until all answers have been good for Hold.
func (p *Prober) verify(ctx context.Context, s remediate.Started) remediate.Result {
	ask := *s.Ask
	if len(ask.Questions) == 0 {
		return remediate.Result{Outcome: remediate.Refused, Text: "a verification without a question would always hold"}
	}
	if ask.Every <= 0 {
		ask.Every = remediate.DefaultVerifyEvery
	}
	within, cancel := withinOf(ctx, ask)
	defer cancel()

	h := hold{began: time.Now()}
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-within.Done():
			return h.over(ctx, ask)
		case began := <-next.C:
			answers := p.sample(within, s)
			if within.Err() != nil {
				return h.over(ctx, ask) // a sample that was cut off is none
			}
			if h.add(answers, time.Now()); h.held(ask) {
				return h.result(remediate.OK, fmt.Sprintf("held for %s: %s", rounded(h.length), h.last()))
			}
			next.Reset(time.Until(began.Add(time.Duration(ask.Every))))
		}
	}
}

func withinOf(ctx context.Context, ask remediate.Ask) (context.Context, context.CancelFunc) {
	if ask.Within <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Duration(ask.Within))
}

// hold is the run of good samples that a verification waits for.
type hold struct {
	answers []remediate.Answer // of the last sample
	samples int
	began   time.Time
	first   time.Time // the first good sample of the run, zero when the last was bad
	length  time.Duration
}

// add takes a sample in. A good one counts from when its answers were there.
func (h *hold) add(answers []remediate.Answer, now time.Time) {
	h.answers = answers
	h.samples++
	switch {
	case slices.ContainsFunc(answers, bad):
		h.first, h.length = time.Time{}, 0
	case h.first.IsZero():
		h.first = now
	default:
		h.length = now.Sub(h.first)
	}
}

func (h *hold) held(ask remediate.Ask) bool {
	return !h.first.IsZero() && h.length >= time.Duration(ask.Hold)
}

// over is the result when time is: of the verification, or of whoever asked.
func (h *hold) over(ctx context.Context, ask remediate.Ask) remediate.Result {
	whole := ask.Within > 0 && time.Since(h.began) >= time.Duration(ask.Within)
	if err := ctx.Err(); errors.Is(err, context.Canceled) || err != nil && !whole {
		return h.result(remediate.Unknown, fmt.Sprintf("the verification was broken off: %v; %s", err, h.last()))
	}
	if h.first.IsZero() {
		return h.result(remediate.Failed, fmt.Sprintf("not within %s: %s", ask.Within, h.last()))
	}
	return h.result(remediate.Failed, fmt.Sprintf("held for %s of %s when %s were over: %s", rounded(h.length), ask.Hold, ask.Within, h.last()))
}

func (h *hold) result(outcome, text string) remediate.Result {
	return remediate.Result{
		Outcome: outcome, Text: text, Answers: h.answers, Samples: h.samples,
		FirstGood: h.first, Held: model.Duration(h.length),
	}
}

// last says in a line what the last sample saw: what was bad, or all of it.
func (h *hold) last() string {
	if h.samples == 0 {
		return "no sample was taken"
	}
	show := h.answers
	if slices.ContainsFunc(show, bad) {
		show = slices.DeleteFunc(slices.Clone(show), func(a remediate.Answer) bool { return !bad(a) })
	}
	var out string
	for i, a := range show {
		if i > 0 {
			out += "; "
		}
		out += a.Kind + ": " + a.Text
		if a.Err != "" {
			out += " (" + a.Err + ")"
		}
	}
	return out
}

func bad(a remediate.Answer) bool { return !a.OK || a.Err != "" }

func rounded(d time.Duration) time.Duration { return d.Round(100 * time.Millisecond) }
