package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// lookWithin is how long the decider may keep a reader waiting.
const lookWithin = 5 * time.Second

// look looks at the live state.
func (s *server) look(ctx context.Context, f func(*remediate.State, remediate.Rulebooks)) error {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	if err := s.opt.Live.Look(ctx, f); err != nil {
		return problemf(http.StatusServiceUnavailable, "the daemon cannot be asked now: %v; try again, and if it stays so look at its log", err)
	}
	return nil
}

// IncidentList is the answer of /api/v1/incidents.
type IncidentList struct {
	Incidents []Row `json:"incidents"`
	// Before is what the next page is asked for with; 0 when there is none.
	Before uint64 `json:"before,omitempty"`
	// Note says what could not be read, and is missing here.
	Note string `json:"note,omitempty"`
}

// Open selects, in ?status=, all incidents that are not closed.
const Open = "open"

// statuses are what ?status= may be, beside "" and [Open].
var statuses = []remediate.Status{
	remediate.StatusListed, remediate.StatusDeciding, remediate.StatusWaiting, remediate.StatusDenied, remediate.StatusHeld,
	remediate.StatusApproval, remediate.StatusObserved, remediate.StatusActing, remediate.StatusVerifying, remediate.StatusHealed,
	remediate.StatusUnconfirmed,
	remediate.StatusClosed,
}

// selection is what of all incidents is asked for.
type selection struct {
	status string // "" is all
	before uint64
	limit  int
}

func selectionOf(r *http.Request) (sel selection, err error) {
	q := r.URL.Query()
	sel = selection{status: q.Get("status"), limit: 100}
	if sel.status != "" && sel.status != Open && !slices.Contains(statuses, remediate.Status(sel.status)) {
		return sel, problemf(http.StatusBadRequest, "status %q: want open or one of %s", sel.status, join(statuses))
	}
	if l := q.Get("limit"); l != "" {
		sel.limit, err = strconv.Atoi(l)
		if err != nil || sel.limit < 1 || sel.limit > 1000 {
			return sel, problemf(http.StatusBadRequest, "limit %q: want a number from 1 to 1000", l)
		}
	}
	if b := q.Get("before"); b != "" {
		sel.before, err = number(b)
	}
	return sel, err
}

func join[S ~string](all []S) string {
	words := make([]string, len(all))
	for k, s := range all {
		words[k] = string(s)
	}
	return strings.Join(words, ", ")
}

// number reads 42 or i42.
func number(text string) (uint64, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(text, "i"), 10, 64)
	if err != nil || n == 0 {
		return 0, problemf(http.StatusBadRequest, "%q is not an incident: want its number, 42 or i42", text)
	}
	return n, nil
}

func (s *server) incidents(r *http.Request) (any, error) {
	sel, err := selectionOf(r)
	if err != nil {
		return nil, err
	}
	return s.list(r.Context(), sel)
}

// list reads those that are open from the live state, and then those that are
// closed from the history, so that one that closes in between is not missed.
// Open ones can be listed while the history cannot be read.
func (s *server) list(ctx context.Context, sel selection) (IncidentList, error) {
	l := IncidentList{Incidents: []Row{}}
	if sel.status != string(remediate.StatusClosed) {
		err := s.look(ctx, func(st *remediate.State, _ remediate.Rulebooks) { l.Incidents = openRows(st, sel) })
		if err != nil {
			return l, err
		}
	}
	if sel.status == "" || sel.status == string(remediate.StatusClosed) {
		closed, err := s.opt.History.Closed(ctx, Closed{Before: sel.before, Limit: min(sel.limit+1, 1000)})
		if err != nil {
			l.Note, closed = fmt.Sprintf("closed incidents are missing here: the history cannot be read: %v", err), nil
		}
		l.Incidents = merge(l.Incidents, closed)
	}
	if len(l.Incidents) > sel.limit {
		l.Incidents = l.Incidents[:sel.limit]
		l.Before = l.Incidents[sel.limit-1].Number
	}
	return l, nil
}

// openRows returns up to one more than is asked for, newest first.
func openRows(st *remediate.State, sel selection) []Row {
	var numbers []uint64
	for n, b := range st.Incidents.Briefs() {
		fits := sel.status == "" || sel.status == Open || sel.status == string(b.Status)
		if fits && b.Status != remediate.StatusClosed && (sel.before == 0 || n < sel.before) {
			numbers = append(numbers, n)
		}
	}
	slices.SortFunc(numbers, func(a, b uint64) int { return cmp.Compare(b, a) })
	rows := []Row{}
	for _, n := range numbers[:min(len(numbers), sel.limit+1)] {
		rows = append(rows, rowOf(st.Incidents.Look(n)))
	}
	return rows
}

// merge adds closed incidents to open ones, newest first. One that is in both
// closed in between.
func merge(open, closed []Row) []Row {
	rows := make([]Row, 0, len(open)+len(closed))
	for _, r := range closed {
		r.Happening = happening(r)
		rows = append(rows, r)
	}
	for _, r := range open {
		if !slices.ContainsFunc(closed, func(c Row) bool { return c.Number == r.Number }) {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b Row) int { return cmp.Compare(b.Number, a.Number) })
	return rows
}

func (s *server) incident(r *http.Request) (any, error) {
	n, err := number(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return s.show(r.Context(), n)
}

// show folds one incident from its facts and adds what only the live state
// knows. While the facts cannot be read, an open one is shown from the state.
func (s *server) show(ctx context.Context, n uint64) (Incident, error) {
	facts, unread := s.opt.History.Facts(ctx, n)
	i := fold(facts)
	var v Incident
	if i != nil {
		v = incidentOf(i)
		v.addFacts(facts)
	}
	err := s.look(ctx, func(st *remediate.State, books remediate.Rulebooks) {
		live := st.Incidents.Look(n)
		if i == nil && live != nil {
			i, v = live, incidentOf(live)
		}
		if live != nil {
			v.addLive(live, books)
		}
	})
	switch {
	case err != nil:
		return v, err
	case i == nil && unread != nil:
		return v, problemf(http.StatusServiceUnavailable, "the facts of i%d cannot be read: %v; try again, and if it stays so look at the daemon's log", n, unread)
	case i == nil:
		return v, problemf(http.StatusNotFound, "incident i%d is not known here: it never was, or it is older than what is kept; remedy incident list --all shows those that are", n)
	case unread != nil:
		v.Note = fmt.Sprintf("the story is missing here: the facts cannot be read: %v", unread)
	}
	v.AsOf = s.opt.Now().UTC().Truncate(time.Millisecond)
	return v, nil
}

// addLive adds what the facts of an incident do not carry.
func (v *Incident) addLive(live *remediate.Incident, books remediate.Rulebooks) {
	if len(live.Alert.Labels) > 0 {
		v.Alert, v.Labels, v.Summary = live.Alert.Name(), slices.Clone(live.Alert.Labels), live.Alert.Annotations["summary"]
	}
	if book := books[live.Rulebook]; book != nil && v.Objective == 0 {
		if p := book.Policy(live.Policy); p != nil {
			v.Objective = p.Objective
		}
	}
}

// FactList is the answer of /api/v1/incidents/{id}/facts.
type FactList struct {
	Facts []Fact `json:"facts"`
}

// Fact is one fact as it is kept, and in words.
type Fact struct {
	Seq  uint64          `json:"seq"`
	At   time.Time       `json:"at"`
	Kind string          `json:"kind"` // kind and version, for example opened/1
	Body json.RawMessage `json:"body"`
	Text []string        `json:"text"` // a line, and what belongs below it
}

// factsOf returns the facts of an incident, or says why there are none.
func (s *server) factsOf(ctx context.Context, n uint64) ([]remediate.Fact, error) {
	facts, err := s.opt.History.Facts(ctx, n)
	if err != nil {
		return nil, problemf(http.StatusServiceUnavailable, "the facts of i%d cannot be read: %v; try again, and if it stays so look at the daemon's log", n, err)
	}
	if len(facts) == 0 {
		return nil, problemf(http.StatusNotFound, "no facts of incident i%d are kept here: it never was, or it is older than what is kept", n)
	}
	return facts, nil
}

func (s *server) facts(r *http.Request) (any, error) {
	n, err := number(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	facts, err := s.factsOf(r.Context(), n)
	if err != nil {
		return nil, err
	}
	l := FactList{}
	for _, f := range facts {
		body, err := json.Marshal(f.Body)
		if err != nil {
			return nil, fmt.Errorf("fact %d: %w", f.Seq, err)
		}
		l.Facts = append(l.Facts, Fact{Seq: f.Seq, At: f.At, Kind: remediate.KindOf(f.Body), Body: body, Text: remediate.Explain(f.Body)})
	}
	return l, nil
}
