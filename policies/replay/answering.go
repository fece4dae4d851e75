package replay

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// How the world is taken to answer in a backtest.

// started answers what begins.
func (b *backtest) started(s remediate.Started) {
	switch {
	case s.Tell != nil:
		b.reply(s, 0, remediate.Result{Outcome: remediate.OK, Ref: "ref"})
	case s.Act != nil:
		b.act(s)
	case s.Ask.Sampled():
		b.verify(s)
	default:
		b.answer(s)
	}
}

func (b *backtest) reply(s remediate.Started, after time.Duration, r remediate.Result) {
	b.life.Answer(b.life.Now.Add(after), s, func() (remediate.Result, bool) { return r, true })
}

// well is how all ends of an incident that was given up.
func (b *backtest) well(s remediate.Started) {
	b.reply(s, 0, remediate.Result{Outcome: remediate.OK, FirstGood: b.life.Now, Samples: 1})
}

// whole reads on until it is known how a dealing ended, and tells whether it
// did: the journal may end before.
func (b *backtest) whole(d *dealing) bool {
	for !d.ended && !b.ended && b.broken == nil {
		b.broken = b.read()
	}
	return d.ended
}

// act ends as the same act did that was made near to it.
func (b *backtest) act(s remediate.Started) {
	d := nearest(b.past.acts[deedOf(*s.Act)], b.life.Now)
	switch {
	case b.lost(s.Incident):
	case d != nil:
		if d.again = true; b.whole(d) {
			b.reply(s, d.took, d.result)
		}
		return
	default:
		b.lose(s.Incident, b.life.Now, fmt.Sprintf("how %s %s would have ended %s", s.Act.Kind, s.Act.Target, notRecorded))
	}
	b.well(s)
}

// verify ends as the same verification did that was begun near to it.
func (b *backtest) verify(s remediate.Started) {
	d := nearest(b.past.sampled[looksAt(*s.Ask)], b.life.Now)
	switch {
	case b.lost(s.Incident):
	case d != nil && !b.whole(d):
		return
	case d != nil:
		if r, took, ok := d.asFor(*s.Ask, b.life.Now); ok {
			b.reply(s, took, r)
			return
		}
		b.lose(s.Incident, b.life.Now, "how a verification with other times would have ended "+notRecorded)
	case s.Ask.Purpose == remediate.ForProbingOn: // it is healed until something says otherwise
		b.reply(s, 0, remediate.Result{Outcome: remediate.Unknown, Text: notRecorded})
		return
	default:
		b.lose(s.Incident, b.life.Now, "whether it was well "+notRecorded)
	}
	b.well(s)
}

// asFor is how a verification that was recorded would have ended if it had been
// begun now with other limits: false when that cannot be told.
func (d *dealing) asFor(a remediate.Ask, now time.Time) (remediate.Result, time.Duration, bool) {
	r, within := d.result, time.Duration(a.Within)
	if !r.FirstGood.IsZero() {
		r.FirstGood = r.FirstGood.Add(now.Sub(d.at))
	}
	switch {
	case d.Ask.Hold == a.Hold && d.Ask.Within == a.Within:
		return r, d.took, true
	case d.Ask.Hold != a.Hold:
	case r.Outcome == remediate.OK && d.took <= within:
		return r, d.took, true
	case r.Outcome == remediate.OK, r.Outcome == remediate.Failed && d.took >= within:
		return remediate.Result{Outcome: remediate.Failed, Text: "not within " + a.Within.String()}, within, true
	}
	return r, 0, false
}

// answer answers questions by what was answered near to them, and takes as long
// as that did.
func (b *backtest) answer(s remediate.Started) {
	answers, derive, after := make([]remediate.Answer, len(s.Ask.Questions)), []int(nil), time.Duration(0)
	var missing []string
	for n, q := range s.Ask.Questions {
		a, took, recorded := b.recorded(q)
		switch after = max(after, took); {
		case recorded:
		case q.Kind == "alert", q.Kind == "alerts":
			derive = append(derive, n)
		default:
			a = b.unrecorded(q)
			if q.Kind != "evidence" { // nothing is judged by it
				b.unasked[q.Kind]++
				missing = append(missing, q.Kind)
			}
		}
		answers[n] = a
	}
	b.nobodyAsked(s, missing)
	b.life.Answer(b.life.Now.Add(after), s, func() (remediate.Result, bool) {
		for _, n := range derive {
			answers[n] = b.derived(s.Ask.Questions[n])
		}
		return remediate.Result{Outcome: remediate.OK, Answers: answers, Samples: 1}, true
	})
}

// recorded is what was answered near to now, how long that took, and whether it
// is to be taken. Whether alerts fire is known better from the alerts themselves,
// unless it was asked in this very moment, or could not be asked.
func (b *backtest) recorded(q remediate.Question) (remediate.Answer, time.Duration, bool) {
	d := nearest(b.past.asked[questionOf(q)], b.life.Now)
	if d == nil {
		return remediate.Answer{}, 0, false
	}
	a := remediate.Answer{Kind: q.Kind, Err: "the journal ends before"}
	if b.whole(d) {
		a.Err = cmp.Or(d.result.Text, "no answer")
		for n, was := range d.Ask.Questions {
			if questionOf(was) == questionOf(q) && n < len(d.result.Answers) {
				a = d.result.Answers[n]
			}
		}
	}
	known := q.Kind == "alert" || q.Kind == "alerts"
	return a, d.took, !known || a.Err != "" || d.at.Equal(b.life.Now)
}

// derived answers by the alerts that were heard of.
func (b *backtest) derived(q remediate.Question) remediate.Answer {
	if q.Kind == "alert" {
		return b.alert(q)
	}
	return b.alerts(q)
}

// alert says what the Alertmanagers knew of one alert.
func (b *backtest) alert(q remediate.Question) remediate.Answer {
	a := remediate.Answer{Kind: q.Kind, OK: true, Text: "still firing, not suppressed", Values: map[string]string{remediate.ValueState: remediate.AlertStateFiring}}
	k := b.life.State.Known[b.fires[q.Labels.String()]]
	switch {
	case k == nil || !k.Firing:
		a.OK, a.Text, a.Values[remediate.ValueState] = false, "no longer firing", remediate.AlertStateGone
	case len(k.Suppressed) > 0:
		by := strings.Join(k.Suppressed, ", ")
		a.Text, a.Values[remediate.ValueState], a.Values[remediate.ValueSuppressedBy] = by, remediate.AlertStateSuppressed, by
	}
	return a
}

// alerts counts those that fired, were not suppressed, and match.
func (b *backtest) alerts(q remediate.Question) remediate.Answer {
	a := remediate.Answer{Kind: q.Kind, OK: true, Values: map[string]string{}}
	var args struct{ Filter []string }
	if err := json.Unmarshal(q.Args, &args); err != nil {
		unknown(&a, err.Error())
		return a
	}
	var names []string
	for id, ls := range b.labels {
		if k := b.life.State.Known[id]; k != nil && k.Firing && len(k.Suppressed) == 0 && !ls.Own() && matches(ls, args.Filter) {
			names = append(names, ls.Get("alertname"))
		}
	}
	slices.Sort(names)
	a.Values[remediate.ValueCount] = strconv.Itoa(len(names))
	a.Text = fmt.Sprintf("%d of them fire: %s", len(names), strings.Join(names, ", "))
	return a
}
