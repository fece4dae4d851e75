package record

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// told notes who was reached, and by which way nobody was, once until it works
// again.
func (i *incident) told(t remediate.Tell, b remediate.Finished, at time.Time) {
	if b.Outcome != remediate.OK {
		if !i.untold[t.Destination] {
			i.issue(at, IssueTell, t.Destination+": "+b.Outcome+said(b.Text))
		}
		i.untold[t.Destination] = true
		return
	}
	delete(i.untold, t.Destination)
	if i.Times.Told.IsZero() {
		i.Times.Told = at
	}
	who := pagedBy(t)
	if who == "" || t.Notice.Action != "trigger" {
		return
	}
	if i.Times.Called.IsZero() {
		i.Times.Called = at
	}
	for k, c := range i.Called {
		if c.Who == who && c.Reached.IsZero() {
			i.Called[k].Reached = at
		}
	}
}

// pagedBy is the rung that is paged, "" when it is no page.
func pagedBy(t remediate.Tell) string {
	for _, way := range []string{remediate.PagerDuty, remediate.SlackPage} {
		if who, ok := strings.CutPrefix(t.Destination, way); ok {
			return who
		}
	}
	return ""
}

// record is how the incident stands at a moment.
func (i *incident) record(now time.Time) Record {
	r := i.Record
	r.Attempts = slices.Clone(r.Attempts)
	r.RTO = i.rto(now)
	r.NoRPO = i.noRPO()
	r.Ending = i.ending()
	r.PageSaved = r.Ending == ByAutomation && len(r.Called) == 0 && r.Live == "" && i.pagesOnNeed()
	return r
}

func (i *incident) ending() Ending {
	switch {
	case i.Found:
		return Listed
	case i.Drill != "" && !i.Times.Closed.IsZero():
		return Practised
	case i.Times.Closed.IsZero():
		return Open
	case i.hand:
		return WithAPerson
	case i.attempt != "":
		return ByAutomation
	}
	return ByItself
}

// noRPO says why there is no RPO, "" when there is one. What restores data asks for a
// backup before.
func (i *incident) noRPO() string {
	switch {
	case i.RPO != nil:
		return ""
	case i.policy == nil || i.policy.Guards.Backup == nil:
		return "no data was restored: its policy asks for no backup"
	case len(i.Attempts) == 0:
		return "nothing was done that data could be lost by"
	}
	return "not measured: how old the newest good backup was is not known"
}

// rto holds how long it took against the objective. While it is not good the
// objective may be missed already; that it was closed unseen says nothing.
func (i *incident) rto(now time.Time) RTO {
	r := RTO{Objective: i.objective()}
	took := now.Sub(i.Times.Since)
	switch {
	case i.Found, i.Drill != "":
		return r
	case !i.Times.Good.IsZero():
		took = max(0, i.Times.Good.Sub(i.Times.Since))
		r.Measured, r.Took = true, durationOf(took)
	case !i.Times.Closed.IsZero() || durationOf(took) <= r.Objective:
		return r
	}
	if r.Objective > 0 {
		met := durationOf(took) <= r.Objective
		r.Met = &met
	}
	return r
}

func (i *incident) objective() model.Duration {
	if i.policy == nil {
		return i.runbook().Objective
	}
	return cmp.Or(i.policy.Objective, i.runbook().Objective)
}

// runbook is the policy's own for the incident's severity, or everybody's.
func (i *incident) runbook() remediate.Runbook {
	if i.policy != nil {
		if own, ok := i.policy.Runbooks[i.Severity]; ok {
			return own
		}
	}
	return i.book.Runbooks[i.Severity]
}

// pagesOnNeed tells whether people are called of such an incident when it is not
// healed in time, and not before.
func (i *incident) pagesOnNeed() bool {
	book := i.runbook()
	return book.Page == remediate.PageOnNeed && len(book.Ladder) > 0
}

// seen is what a verification saw that was not as it should be, or all.
func seen(b remediate.Finished) string {
	var good, bad []string
	for _, a := range b.Answers {
		switch {
		case a.Err != "":
			bad = append(bad, a.Kind+" is not known: "+a.Err)
		case a.OK:
			good = append(good, a.Kind+said(a.Text))
		default:
			bad = append(bad, a.Kind+said(a.Text))
		}
	}
	switch {
	case b.Text != "":
		return b.Text
	case len(bad) > 0:
		return strings.Join(bad, "; ")
	}
	return strings.Join(good, "; ")
}

func said(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// durationOf rounds to what a model.Duration can say. One from a clock that
// went back is none.
func durationOf(d time.Duration) model.Duration {
	return model.Duration(max(0, d).Round(time.Millisecond))
}
