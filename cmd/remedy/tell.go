package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

// list shows incidents in a table.
func (p *printer) list(l web.IncidentList, all bool) {
	if len(l.Incidents) == 0 {
		if all {
			p.printf("No such incident.\n")
		} else {
			p.printf("No incident is open. remedy incident list --all shows those that were.\n")
		}
	}
	rows := [][]cell{{{"ID", bold}, {"SEVERITY", bold}, {"STATUS", bold}, {"OPENED (UTC)", bold}, {"POLICY", bold}, {"TARGET", bold}, {"WHAT IS HAPPENING", bold}}}
	for _, i := range l.Incidents {
		happening := i.Happening
		if i.Told != "" && i.Status != remediate.StatusClosed {
			happening += map[bool]string{false: "; called ", true: "; would have called "}[i.Drill != ""] + i.Told
		}
		rows = append(rows, []cell{
			{fmt.Sprintf("i%d", i.Number), bold}, {text: string(i.Severity)}, {string(i.Status), web.ToneOf(i.Status)},
			{text: i.Opened.UTC().Format("01-02 15:04:05")}, {text: i.Policy}, {text: cmp.Or(i.Target.String(), "-")}, {text: happening},
		})
	}
	if len(rows) > 1 {
		p.table(rows)
	}
	if l.Before != 0 {
		p.printf("\nThere are older ones: --before i%d\n", l.Before)
	}
	if l.Note != "" {
		p.printf("\n%s\n", p.tone(web.Wait, "note: "+l.Note))
	}
}

// telling says how much of an incident is told.
type telling struct {
	story   bool
	verbose bool // every guard of every judgement
}

// incident tells one incident: what it is and where it stands, its story, and
// what it waits for.
func (p *printer) incident(i web.Incident, how telling) {
	p.head(i)
	if i.Note != "" {
		p.printf("\n%s\n", p.tone(web.Wait, "note: "+i.Note))
	}
	if how.story {
		p.story(i, how)
	}
	p.waits(i)
}

func (p *printer) head(i web.Incident) {
	about := ""
	if !i.Target.IsZero() {
		about = " on " + i.Target.String()
	}
	if i.Drill != "" {
		p.printf("%s\n", p.tone(web.Wait, "a drill, "+i.Drill+": nothing is broken, nothing is done, and nobody is called"))
	}
	if i.Live != "" {
		p.printf("%s\n", p.tone(web.Wait, "of the live drill "+i.Live+": it was broken on purpose, and is mended in earnest"))
	}
	p.printf("%s %s %s: %s%s\n", p.tone(bold, fmt.Sprintf("i%d", i.Number)), string(i.Severity), p.tone(web.ToneOf(i.Status), string(i.Status)), p.tone(bold, i.Policy), about)
	if i.Alert != "" {
		p.printf("%s %s\n", i.Alert, i.Summary)
	}
	p.printf("\n")
	rows := [][]cell{{{"Opened", web.Quiet}, {text: fmt.Sprintf("%s, %s", stamp(i.Opened), web.Ago(i.AsOf.Sub(i.Opened)))}}}
	add := func(name, text string) {
		if text != "" {
			rows = append(rows, []cell{{name, web.Quiet}, {text: text}})
		}
	}
	add("Labels", labels(i))
	add(good(i))
	if !i.Closed.IsZero() {
		add("Closed", fmt.Sprintf("%s, %s: %s", stamp(i.Closed), web.Ago(i.AsOf.Sub(i.Closed)), i.Why))
	}
	add("Alerts", fmt.Sprintf("%d of %d fire", i.Firing, i.Alerts))
	add("Attempts", fmt.Sprint(i.Attempts))
	add("Called", called(i))
	for _, t := range i.ToldTo {
		if t.Link != "" {
			add("See also", t.Destination+": "+t.Link)
		}
	}
	for _, r := range i.Ratings {
		add("Rated", rated(r))
	}
	add("Acked", i.Acked)
	add("Taken", i.Taken)
	if n := len(i.Evidence); n > 0 {
		add("Evidence", fmt.Sprintf("%d kept: remedy incident evidence i%d", n, i.Number))
	}
	add("Now", i.Next)
	p.table(rows)
}

// rated says one change of severity, and who said so.
func rated(r web.Rating) string {
	text := fmt.Sprintf("%s, no longer %s, at %s", r.To, r.From, clock(r.At))
	if r.By != "" {
		text += ", by " + r.By
	}
	if r.Why != "" {
		text += ": " + r.Why
	}
	return text
}

func labels(i web.Incident) string {
	if len(i.Labels) == 0 {
		return ""
	}
	return i.Labels.String()
}

// good says when it was good again, or by when it should be.
func good(i web.Incident) (name, text string) {
	of := ""
	if i.Objective > 0 {
		of = " of " + i.Objective.String()
	}
	switch {
	case !i.Healed.IsZero() && i.Met != nil && !*i.Met:
		return "Healed", "good again after " + i.Took.String() + of + ": too late"
	case !i.Healed.IsZero():
		return "Healed", "good again after " + i.Took.String() + of
	case i.Objective > 0:
		return "Objective", "good again within " + i.Objective.String()
	}
	return "Objective", ""
}

// called names the people who were paged.
func called(i web.Incident) string {
	var who []string
	for _, t := range i.ToldTo {
		if rung, paged := strings.CutPrefix(t.Destination, "pagerduty/"); paged {
			if t.Outcome != remediate.OK {
				rung += " (" + cmp.Or(t.Outcome, "under way") + ")"
			}
			who = append(who, rung)
		}
	}
	return strings.Join(who, ", ")
}

// story tells what happened, each event with its time and the time since the
// opening.
func (p *printer) story(i web.Incident, how telling) {
	if len(i.Story) == 0 {
		return
	}
	last := lastJudged(i.Story)
	day := ""
	for k, e := range i.Story {
		if d := e.At.UTC().Format("2006-01-02"); d != day {
			p.printf("\n%s\n", p.tone(web.Quiet, d))
			day = d
		}
		times := ""
		if e.Times > 0 {
			times = fmt.Sprintf(" (%d times, last at %s)", e.Times, clock(e.Last))
		}
		since := fmt.Sprintf("%7s", "+"+web.Span(e.At.Sub(i.Opened)))
		p.printf("%s  %s  ", clock(e.At), p.tone(web.Quiet, since))
		p.rest(len("15:04:05")+len(since)+4, e.Tone, e.Text+times)
		p.details(e, how.verbose || e.Tone == web.Good || k == last)
	}
}

// lastJudged is the place of the last event with verdicts, -1 without one.
func lastJudged(events []web.Event) int {
	for k := len(events) - 1; k >= 0; k-- {
		for _, d := range events[k].Details {
			if d.Word == string(remediate.Allowed) {
				return k
			}
		}
	}
	return -1
}

// indent is where what belongs to an event stands; what stands in the way is
// marked in front of it.
const (
	indent = "                     "
	marked = "                   > "
)

func (p *printer) details(e web.Event, all bool) {
	allowed := 0
	for _, d := range e.Details {
		if d.Word == string(remediate.Allowed) && !all {
			allowed++
		}
	}
	for _, d := range e.Details {
		switch {
		case d.Word == string(remediate.Allowed) && !all:
			continue
		case d.Word == "plan" && allowed > 0:
			p.allowed(&allowed)
		}
		p.detail(d)
	}
	p.allowed(&allowed)
}

// allowed tells once how many guards are not told of.
func (p *printer) allowed(n *int) {
	if *n > 0 {
		p.printf("%s%s\n", indent, p.tone(web.Quiet, fmt.Sprintf("... and %d guards allow it", *n)))
	}
	*n = 0
}

func (p *printer) detail(d web.Detail) {
	text := d.Text
	if !d.At.IsZero() {
		text = strings.TrimSpace(text + " at " + clock(d.At))
	}
	if d.Name != "" {
		text = pad(d.Name, 10) + text
	}
	word, margin := d.Word, indent
	if text != "" {
		word = pad(word, 9)
	}
	if d.Tone == web.Bad || d.Tone == web.Wait {
		margin = marked
	}
	p.printf("%s%s", margin, p.tone(d.Tone, word))
	p.rest(len(margin)+utf8.RuneCountInString(word), "", strings.TrimRight(text, " "))
}

// waits says what the incident waits for, and how to give it a word.
func (p *printer) waits(i web.Incident) {
	if i.Status == remediate.StatusClosed {
		return
	}
	p.printf("\nWaits for\n")
	none := true
	for _, w := range i.Pending {
		none = false
		p.printf("  the end of %s, %s, by %s%s\n", w.ID, cmp.Or(w.Kind, w.What), clock(w.Deadline), later(w))
	}
	if a := i.Approval; a != nil {
		none = false
		p.printf("  a human's word on plan %s: %s\n", a.Hash, a.Plan.Step)
		for k, act := range a.Plan.Acts {
			p.printf("    %s\n", strings.TrimSpace(act.String()+" "+string(act.Args)))
			if k < len(a.Changes) {
				p.fields(a.Changes[k].Fields)
			}
		}
		for _, about := range a.Reach {
			p.printf("    %s\n", about)
		}
	}
	if !i.Until.IsZero() {
		none = false
		p.printf("  %s, when it is judged anew\n", stamp(i.Until))
	}
	if i.Firing > 0 {
		none = false
		p.printf("  its alerts to resolve: %d of %d fire\n", i.Firing, i.Alerts)
	}
	if none {
		p.printf("  nothing\n")
	}
	p.printf("\nYour word\n")
	for _, command := range i.Commands {
		for _, more := range argumentsOf(i, command) {
			p.printf("  remedy incident %s i%d%s\n", command, i.Number, more)
		}
	}
}

// fields shows what an act would change, each field before and after.
func (p *printer) fields(fs []web.FieldChange) {
	for _, f := range fs {
		if f.Before == f.After {
			p.printf("      %s: %s, as it is\n", f.Name, f.After)
			continue
		}
		p.printf("      %s\n", f.Name)
		for _, side := range []struct {
			mark string
			tone web.Tone
			text string
		}{{"- ", web.Bad, f.Before}, {"+ ", web.Good, f.After}} {
			if side.text != "" {
				for line := range strings.SplitSeq(side.text, "\n") {
					p.printf("      %s\n", p.tone(side.tone, side.mark+line))
				}
			}
		}
	}
}

// argumentsOf returns what a command is given beside the incident, for each way
// to give it.
func argumentsOf(i web.Incident, command string) []string {
	switch {
	case (command == remediate.Approve || command == remediate.Deny) && i.Approval != nil:
		return []string{" --plan " + i.Approval.Hash}
	case command == remediate.Rate:
		return []string{" SEVERITY"}
	case command == remediate.Note:
		return []string{" 'WHAT WAS LEARNED'"}
	case command != remediate.Override:
		return []string{""}
	}
	var ways []string
	for _, guard := range web.InTheWay(i.Verdicts) {
		ways = append(ways, " --guard "+guard+" --reason WHY")
	}
	return ways
}

func later(w web.Pending) string {
	if w.Next.IsZero() {
		return ""
	}
	return fmt.Sprintf(" (%s; the next try is at %s)", w.Why, clock(w.Next))
}

// status tells how the daemon is.
func (p *printer) status(s web.Status) {
	if s.Degraded != "" {
		p.printf("%s\n\n", p.tone(web.Bad, "Nothing is done now: what is done would not be remembered: "+s.Degraded))
	}
	if u := s.Upgrade; u != nil && u.Held {
		p.printf("%s\n", p.tone(web.Wait, strings.Join(aboutUpgrade(*u), "; ")))
	}
	for _, scope := range s.Paused {
		reason, until := "", ""
		if scope.Reason != "" {
			reason = ": " + scope.Reason
		}
		if !scope.Until.IsZero() {
			until = fmt.Sprintf(" until %s, %s left", stamp(scope.Until), web.Span(scope.Until.Sub(s.AsOf)))
		}
		p.printf("%s\n", p.tone(web.Wait, fmt.Sprintf("%s is paused by %s%s%s", scope.Scope, scope.By, until, reason)))
	}
	for _, m := range s.Modes {
		reason := ""
		if m.Reason != "" {
			reason = ": " + m.Reason
		}
		p.printf("%s\n", p.tone(web.Wait, fmt.Sprintf("%s may do no more than %s, by %s%s", m.Scope, m.Mode, m.By, reason)))
	}
	for _, d := range s.Drills {
		kind := map[bool]string{false: "a drill", true: "a live drill"}[d.Live]
		p.printf("%s\n", p.tone(web.Wait, fmt.Sprintf("%s of %s is on until %s, by %s: remedy drill end %s ends it", kind, d.Policy, clock(d.Until), d.By, d.Policy)))
	}
	open := []string{}
	for _, st := range []remediate.Status{
		remediate.StatusDenied, remediate.StatusUnconfirmed, remediate.StatusApproval, remediate.StatusHeld, remediate.StatusWaiting, remediate.StatusDeciding,
		remediate.StatusActing, remediate.StatusVerifying, remediate.StatusHealed, remediate.StatusObserved, remediate.StatusListed,
	} {
		if n := s.ByStatus[st]; n > 0 {
			open = append(open, fmt.Sprintf("%d %s", n, st))
		}
	}
	next := "when it hears something"
	if !s.Next.IsZero() {
		next = stamp(s.Next)
	}
	about := [][]cell{
		{{"Open", web.Quiet}, {text: strings.TrimSpace(fmt.Sprintf("%d  %s", s.Open, strings.Join(open, ", ")))}},
		{{"Policies", web.Quiet}, {text: fmt.Sprintf("%d, rulebook %.12s", s.Policies, s.Rulebook)}},
		{{"Journal", web.Quiet}, {text: fmt.Sprintf("%s, fact %d, %s", s.Journal, s.Seq, web.Ago(s.AsOf.Sub(s.Last)))}},
		{{"Under way", web.Quiet}, {text: fmt.Sprint(s.Pending)}},
		{{"Wakes", web.Quiet}, {text: next}},
		{{"Version", web.Quiet}, {text: cmp.Or(strings.TrimSpace(s.Version), "-")}},
	}
	if s.Leader != "" {
		about = append(about, []cell{{"Leads", web.Quiet}, {text: s.Leader}})
	}
	p.table(about)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func clock(t time.Time) string { return t.UTC().Format("15:04:05") }
