package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// nowPage is what is going on.
type nowPage struct {
	Open      []severityRows
	Approvals []Incident // plans that wait for a human, the most urgent first
	Doing     []doing    // what is being done this moment
	Closed    []Row
	Query     string
	Notes     []string
}

// severityRows are the open incidents of one severity, those first that want a
// human most.
type severityRows struct {
	Severity remediate.Severity
	Rows     []openRow
}

// openRow is an open incident, and how it stands against what was promised.
type openRow struct {
	Row
	Promise promise
	Acked   string
	Taken   string
	Waits   string // who is called now and has not answered, "" when nobody is
}

// promise is how much of an objective is used up.
type promise struct {
	Objective model.Duration // 0: nothing was promised
	Used      model.Duration
	Kept      bool // it is good again, and was so in time
	Missed    bool
}

// Percent is how much of the objective is used up, at most 100.
func (p promise) Percent() int {
	if p.Objective == 0 {
		return 0
	}
	return int(min(100, 100*p.Used/p.Objective))
}

// Tone is bad when the objective is missed, and warns when a sixth of it is left.
func (p promise) Tone() Tone {
	switch {
	case p.Missed:
		return Bad
	case p.Kept:
		return Good
	case p.Used*6 > p.Objective*5:
		return Wait
	}
	return Busy
}

// doing is one act, or the looking whether it helped, that has not ended.
type doing struct {
	Number   uint64
	Policy   string
	What     string
	Deadline time.Time
	Why      string // it is tried again, since
}

// approvalsOnPage is how many plans are shown whole; the others are in the list.
const approvalsOnPage = 5

func (s *server) nowPage(w http.ResponseWriter, r *http.Request) error {
	p := page{Title: "Now", Nav: "now", Live: true, NowPage: &nowPage{Query: strings.TrimSpace(r.URL.Query().Get("q"))}}
	var err error
	if p.Status, err = s.overview(r.Context()); err != nil {
		return err
	}
	n := p.NowPage
	waiting, err := s.goingOn(r.Context(), n)
	if err != nil {
		return err
	}
	for _, id := range waiting[:min(len(waiting), approvalsOnPage)] {
		if i, err := s.show(r.Context(), id); err == nil && i.Approval != nil { // else it was decided meanwhile
			n.Approvals = append(n.Approvals, i)
		}
	}
	closed, err := s.list(r.Context(), selection{status: string(remediate.StatusClosed), limit: closedOnNow})
	if err != nil {
		return err
	}
	n.Closed = closed.Incidents
	if closed.Note != "" {
		n.Notes = append(n.Notes, closed.Note)
	}
	if open := p.Status.Open; open > 0 {
		p.Title = fmt.Sprintf("(%d) Now", open)
	}
	return s.write(w, r, http.StatusOK, p)
}

// goingOn fills in what the live state tells, and returns which incidents wait
// for approval.
func (s *server) goingOn(ctx context.Context, n *nowPage) (waiting []uint64, err error) {
	var rows []openRow
	var open int
	now := s.opt.Now()
	err = s.look(ctx, func(st *remediate.State, books remediate.Rulebooks) {
		rows, open = mostUrgent(st, books, n.Query, now)
		n.Doing = doingNow(st)
	})
	if open > len(rows) {
		n.Notes = append(n.Notes, fmt.Sprintf("Only the %d most urgent of %d open incidents are shown: search, or look at one severity.", len(rows), open))
	}
	for _, r := range rows {
		if r.Status == remediate.StatusApproval {
			waiting = append(waiting, r.Number)
		}
		if k := len(n.Open) - 1; k >= 0 && n.Open[k].Severity == r.Severity {
			n.Open[k].Rows = append(n.Open[k].Rows, r)
			continue
		}
		n.Open = append(n.Open, severityRows{r.Severity, []openRow{r}})
	}
	return waiting, err
}

// mostUrgent are the open incidents that mention some words, if there are any, as many
// as a page shows, those first that want a human most; and how many they all are. The
// loop waits for it, so no more of them are looked at than must be.
func mostUrgent(st *remediate.State, books remediate.Rulebooks, words string, now time.Time) (rows []openRow, open int) {
	type brief struct {
		remediate.Brief
		number uint64
	}
	var all []brief
	for n, b := range st.Incidents.Briefs() {
		if b.Status != remediate.StatusClosed {
			all = append(all, brief{b, n})
		}
	}
	slices.SortFunc(all, func(a, b brief) int {
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), cmp.Compare(attention[ToneOf(a.Status)], attention[ToneOf(b.Status)]),
			cmp.Compare(string(ToneOf(a.Status)), string(ToneOf(b.Status))), cmp.Compare(b.number, a.number)) // bad before wait
	})
	if words == "" {
		for _, b := range all[:min(len(all), openOnPage)] {
			rows = append(rows, openRowOf(st.Incidents.Look(b.number), books, now))
		}
		return rows, len(all)
	}
	for _, b := range all {
		r := openRowOf(st.Incidents.Look(b.number), books, now)
		if !r.mentions(words) {
			continue
		}
		if open++; open <= openOnPage {
			rows = append(rows, r)
		}
	}
	return rows, open
}

func openRowOf(i *remediate.Incident, books remediate.Rulebooks, now time.Time) openRow {
	r := openRow{Row: rowOf(i), Acked: i.Acked, Taken: i.Taken}
	if i.Acked == "" && i.Taken == "" && i.Healed.IsZero() {
		r.Waits = i.Ladder.Now
	}
	r.Promise = promiseOf(objectiveOf(i, books), r.Row, now)
	return r
}

// promiseOf holds how long it took, or has taken by now, against an objective.
func promiseOf(objective model.Duration, r Row, now time.Time) promise {
	p := promise{Objective: objective, Used: model.Duration(now.Sub(r.Opened)), Kept: !r.Healed.IsZero()}
	if p.Kept {
		p.Used = r.Took
	} else if !r.Closed.IsZero() {
		p.Used = model.Duration(r.Closed.Sub(r.Opened))
	}
	p.Missed = objective > 0 && p.Used > objective
	p.Kept = p.Kept && !p.Missed
	return p
}

// objectiveOf is what was promised of an incident: its policy's objective, or
// else that of its severity's runbook. What is only listed was promised nothing.
func objectiveOf(i *remediate.Incident, books remediate.Rulebooks) model.Duration {
	book := books[i.Rulebook]
	if book == nil || i.Status == remediate.StatusListed {
		return 0
	}
	p := book.Policy(i.Policy)
	if p == nil {
		return 0
	}
	return cmp.Or(p.Objective, book.Runbook(i.Policy, i.Severity).Objective)
}

// doingNow is what is being done to the world, and where it is being looked whether
// that helped, what must end first before all. What is asked and told besides is no
// news.
func doingNow(st *remediate.State) (ds []doing) {
	for _, p := range st.Started() {
		b := st.Incidents.Brief(p.Incident)
		d := doing{Number: p.Incident, Policy: b.Policy, Deadline: p.Deadline, Why: p.Why}
		switch {
		case b.Status == remediate.StatusClosed:
			continue
		case p.Act != nil:
			d.What = actText(*p.Act)
		case p.Ask != nil && lookings[p.Ask.Purpose] != "":
			d.What = lookings[p.Ask.Purpose] + askText(*p.Ask)
		default:
			continue
		}
		ds = append(ds, d)
	}
	slices.SortStableFunc(ds, func(a, b doing) int { return cmp.Or(a.Deadline.Compare(b.Deadline), cmp.Compare(a.Number, b.Number)) })
	return ds
}

// mentions tells whether each word is somewhere in what is shown of a row, in any
// case of letters.
func (r Row) mentions(words string) bool {
	return mention(strings.Join([]string{
		fmt.Sprintf("i%d", r.Number), r.Policy, string(r.Severity), string(r.Status), r.Target.String(), r.Alert, r.Happening, r.Told, r.Drill, r.Live,
	}, " "), words)
}

// mention tells whether each word is in a text, in any case of letters.
func mention(text, words string) bool {
	text = strings.ToLower(text)
	for _, word := range strings.Fields(strings.ToLower(words)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}
