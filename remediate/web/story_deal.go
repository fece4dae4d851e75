package web

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// This file tells of dealings with the world: what was judged about them, how
// they began, and what came back.

// decided are the words and the tone of a decision.
var decided = map[remediate.Decision]struct {
	tone Tone
	text string
}{
	remediate.Allowed:  {Good, "every guard allows it"},
	remediate.Waiting:  {Wait, "not now"},
	remediate.Denied:   {Bad, "denied"},
	remediate.Held:     {Wait, "held"},
	remediate.Approval: {Wait, "a human must approve it first"},
	remediate.Observed: {Quiet, "it would be done, if the policy did more than observe"},
}

// judged tells a judgement with everything that was seen and said. The same
// judgement again, by the same guards, replaces the one before.
func (t *teller) judged(at time.Time, b remediate.Judged) {
	e := Event{At: at, Tone: decided[b.Decision].tone, Details: t.seen, group: groupOf(b)}
	t.seen = nil
	e.Text = fmt.Sprintf("Step %d", b.Step+1)
	if b.Plan != nil && b.Plan.Step != "" {
		e.Text += ", " + b.Plan.Step
	}
	if text := decided[b.Decision].text; t.drill && b.Decision == remediate.Observed {
		e.Text += ": it would be done, if this were no drill"
	} else {
		e.Text += ": " + text
	}
	if b.Hash != "" {
		e.Text += " (plan " + b.Hash + ")"
	}
	for _, v := range b.Verdicts {
		e.Details = append(e.Details, Detail{Tone: decided[v.Decision].tone, Word: string(v.Decision), Name: v.Guard, Text: v.Reason})
	}
	if b.Plan != nil {
		for _, a := range b.Plan.Acts {
			e.Details = append(e.Details, Detail{Tone: Quiet, Word: "plan", Text: actText(a)})
		}
	}
	t.add(e)
}

// groupOf names the guards that stand in the way. A judgement that lets
// something be done is told each time.
func groupOf(b remediate.Judged) string {
	if b.Decision == remediate.Allowed {
		return ""
	}
	g := fmt.Sprintf("judged %d %s %s", b.Step, b.Decision, b.Hash)
	for _, v := range b.Verdicts {
		if v.Decision == b.Decision {
			g += " " + v.Guard
		}
	}
	return g
}

func actText(a remediate.Act) string {
	text := a.Kind + " " + a.Target.String()
	if len(a.Args) > 0 && string(a.Args) != "{}" && string(a.Args) != "null" {
		text += " " + string(a.Args)
	}
	if a.Change != "" {
		text += " " + a.Change
	}
	return text
}

func (t *teller) started(at time.Time, b remediate.Started) {
	t.began[b.ID] = b
	switch {
	case b.Act != nil:
		e := Event{At: at, Tone: Busy, Text: "Attempt " + short(b.Act.Attempt) + ": " + actText(*b.Act)}
		if b.Act.Index > 0 {
			e.Text = fmt.Sprintf("Attempt %s, act %d: %s", short(b.Act.Attempt), b.Act.Index+1, actText(*b.Act))
		}
		t.at[b.ID] = t.add(e)
	case b.Ask != nil && lookings[b.Ask.Purpose] != "":
		t.at[b.ID] = t.add(Event{At: at, Tone: Busy, Text: lookings[b.Ask.Purpose] + askText(*b.Ask)})
	}
}

// lookings are the asks that are told when they begin, and what came of them
// below. Of the others only what came of them is told.
var lookings = map[string]string{
	remediate.ForVerification: "Looking whether it helped",
	remediate.ForGoingOn:      "Looking for what the next act counts on",
	remediate.ForConfirmation: "Its alerts resolved; looking whether it is well",
	remediate.ForSettling:     "The attempt broke off; looking whether it helped all the same",
	remediate.ForEvidence:     "Keeping what there is to be seen, before it is destroyed",
}

// askText says what must be seen, for how long, and by when.
func askText(a remediate.Ask) string {
	if a.Purpose == remediate.ForEvidence {
		return "" // whatever there is
	}
	var kinds []string
	for _, q := range a.Questions {
		kinds = append(kinds, q.Kind)
	}
	slices.Sort(kinds)
	text := ": " + strings.Join(slices.Compact(kinds), ", ")
	if a.Hold > 0 {
		text += ", good for " + a.Hold.String()
	}
	if a.Within > 0 {
		text += ", within " + a.Within.String()
	}
	return text
}

// tries counts those of one dealing in a row that did not get through for the same reason.
type tries struct {
	why string
	n   int
}

// delayed tells that a try did not get through. Of many that ended alike only the first and
// the last are told.
func (t *teller) delayed(at time.Time, b remediate.Delayed) {
	next := "; the next try is at " + b.Until.UTC().Format("15:04:05 UTC")
	d := Detail{Tone: Wait, Word: "later", At: at, Text: b.Why + next}
	alike := 1
	if before := t.tries[b.ID]; before.why == b.Why {
		alike = before.n + 1
	}
	t.tries[b.ID] = tries{b.Why, alike}
	if k, ok := t.at[b.ID]; ok {
		ds := t.events[k].Details
		if last := len(ds) - 1; alike > 2 && last > 0 && ds[last].Word == d.Word {
			d.Text = fmt.Sprintf("%s, %d times%s", b.Why, alike, next)
			ds = ds[:last]
		}
		t.events[k].Details = append(ds, d)
		return
	}
	if what, ok := t.began[b.ID]; ok && what.Tell != nil {
		e := Event{At: at, Tone: Wait, Text: "Telling " + what.Tell.Destination + " did not get through", Details: []Detail{d}}
		t.at[b.ID] = t.add(e)
	}
}

func (t *teller) finished(at time.Time, b remediate.Finished) {
	what, ok := t.began[b.ID]
	if !ok {
		return // nobody waited for it
	}
	delete(t.began, b.ID)
	switch {
	case what.Tell != nil:
		t.toldOne(at, *what.Tell, b)
	case what.Act != nil, lookings[what.Ask.Purpose] != "":
		t.cameBack(at, b)
	case what.Ask.Purpose == remediate.ForGuards:
		t.seen = answered(b)
	case what.Ask.Purpose == remediate.ForImpact:
		t.add(Event{At: at, Tone: Quiet, Text: "Measured how bad it is", Details: answered(b), group: "impact"})
	case b.Outcome == remediate.OK:
		t.add(Event{At: at, Tone: Good, Text: "Looked again: still good", group: "probed"})
	default:
		t.add(Event{At: at, Tone: Wait, Text: "Looked again: " + b.Outcome, Details: cameOf(b, time.Time{})})
	}
}

// cameBack adds to an act or a verification how it ended.
func (t *teller) cameBack(at time.Time, b remediate.Finished) {
	k := t.at[b.ID]
	e := &t.events[k]
	came := cameOf(b, at)
	if at.Equal(e.At) {
		came[0].At = time.Time{}
	}
	e.Details = append(e.Details, came...)
	e.Tone = Bad
	switch b.Outcome {
	case remediate.OK:
		e.Tone = Good
	case remediate.Unknown:
		e.Tone = Wait
	}
}

// cameOf is an outcome and, below it, what was seen.
func cameOf(b remediate.Finished, at time.Time) []Detail {
	d := Detail{Tone: Bad, Word: b.Outcome, Text: b.Text, At: at}
	switch b.Outcome {
	case remediate.OK:
		d.Tone = Good
	case remediate.Unknown:
		d.Tone = Wait
	}
	return append([]Detail{d}, sights(b.Answers)...)
}

// answered is what the guards' questions were answered.
func answered(b remediate.Finished) []Detail {
	ds := sights(b.Answers)
	if b.Outcome != remediate.OK {
		ds = append(ds, Detail{Tone: Wait, Word: b.Outcome, Text: b.Text})
	}
	return ds
}

func sights(as []remediate.Answer) []Detail {
	var ds []Detail
	for _, a := range as {
		switch {
		case a.Err != "":
			ds = append(ds, Detail{Tone: Wait, Word: "unknown", Name: a.Kind, Text: a.Err})
		case a.OK:
			ds = append(ds, Detail{Tone: Good, Word: "saw", Name: a.Kind, Text: a.Text})
		default:
			ds = append(ds, Detail{Tone: Bad, Word: "not ok", Name: a.Kind, Text: a.Text})
		}
	}
	return ds
}

// toldOne tells of pages, of the first message elsewhere, and of all that did
// not arrive. Later edits of a message that arrived are no news.
func (t *teller) toldOne(at time.Time, what remediate.Tell, b remediate.Finished) {
	k, shown := t.at[b.ID]
	paged := strings.HasPrefix(what.Destination, remediate.PagerDuty) || strings.HasPrefix(what.Destination, remediate.SlackPage)
	first := !t.told[what.Destination]
	if b.Outcome == remediate.OK {
		t.told[what.Destination] = true
	}
	switch {
	case shown:
		t.events[k].Details = append(t.events[k].Details, cameOf(b, at)...)
	case b.Outcome != remediate.OK:
		t.add(Event{At: at, Tone: Bad, Text: fmt.Sprintf("Telling %s did not arrive", what.Destination), Details: cameOf(b, time.Time{}), group: "untold " + what.Destination})
	case paged:
		t.add(Event{At: at, Tone: Quiet, Text: fmt.Sprintf("Told %s: %s", what.Destination, what.Notice.Action)})
	case first && what.Destination != remediate.SlackThread:
		t.add(Event{At: at, Tone: Quiet, Text: "Told " + what.Destination})
	}
}
