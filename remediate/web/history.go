package web

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/record"
)

// historyPage is what is over.
type historyPage struct {
	Which    Closed
	Query    string
	Rows     []Row
	Policies []string // to choose from
	Next     string   // address of the page behind this one, "" when there is none
	Export   string   // the query of what is exported
	Looked   int      // rows were looked at without an end: there may be more
	Note     string
}

// Bounds of a page of the history, and of how far one request searches.
const (
	historyRows   = 50
	historySearch = 2000
)

func (s *server) historyPage(w http.ResponseWriter, r *http.Request) error {
	p := page{Title: "History", Nav: "history", History: &historyPage{}}
	var err error
	if p.Status, err = s.overview(r.Context()); err != nil {
		return err
	}
	h := p.History
	if h.Which, err = closedOf(r, historyRows); err != nil {
		return err
	}
	h.Query = strings.TrimSpace(r.URL.Query().Get("q"))
	book, err := s.bookOr(r.Context(), "")
	if err == nil {
		for _, policy := range book.Policies {
			h.Policies = append(h.Policies, policy.Name)
		}
	} // else there is nothing to choose from
	if err := s.search(r.Context(), h); err != nil {
		h.Note = fmt.Sprintf("the history cannot be read: %v", err)
	}
	return s.write(w, r, http.StatusOK, p)
}

// closedOf reads which closed incidents are asked for.
func closedOf(r *http.Request, limit int) (which Closed, err error) {
	q := r.URL.Query()
	which = Closed{Policy: q.Get("policy"), Severity: remediate.Severity(q.Get("severity")), Limit: limit}
	if which.Severity != "" && which.Severity != remediate.P1 && which.Severity != remediate.P2 && which.Severity != remediate.P3 {
		return which, problemf(http.StatusBadRequest, "severity %.20q: want P1, P2 or P3", which.Severity)
	}
	if b := q.Get("before"); b != "" {
		which.Before, err = number(b)
	}
	return which, err
}

// search fills in the rows that are asked for. Words are looked for row by row, so
// far back and no further: the page says where to go on.
func (s *server) search(ctx context.Context, h *historyPage) error {
	which := h.Which
	if which.Limit = historyRows + 1; h.Query != "" {
		which.Limit = 500
	}
	for {
		rows, err := s.opt.History.Closed(ctx, which)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if len(h.Rows) == historyRows {
				h.Next = h.address(h.Rows[historyRows-1].Number)
				return nil
			}
			row.Happening = happening(row)
			if h.Query == "" || row.mentions(h.Query) {
				h.Rows = append(h.Rows, row)
			}
		}
		if h.Query == "" || len(rows) < which.Limit {
			return nil
		}
		which.Before = rows[len(rows)-1].Number
		if h.Looked += len(rows); h.Looked >= historySearch {
			h.Next = h.address(which.Before)
			return nil
		}
	}
}

// address is that of the same page before an incident.
func (h *historyPage) address(before uint64) string {
	return "/history?" + h.query(before).Encode()
}

func (h *historyPage) query(before uint64) url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"q": h.Query, "policy": h.Which.Policy, "severity": string(h.Which.Severity)} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if before > 0 {
		q.Set("before", strconv.FormatUint(before, 10))
	}
	return q
}

// ExportQuery is the query of the records of what is shown.
func (h *historyPage) ExportQuery() string {
	q := h.query(h.Which.Before)
	q.Del("q") // words are looked for on the page alone
	return q.Encode()
}

// Bounds of recovery records that are sent.
const (
	recordsMost = 200              // at a time
	recordsSend = 30 * time.Second // for a browser to take them
)

// RecordList is the answer of /api/v1/records: recovery records of incidents that
// are closed, newest first.
type RecordList struct {
	Records []record.Record `json:"records"`
	// Before is what the next page is asked for with; 0 when there is none.
	Before uint64 `json:"before,omitempty"`
}

func (s *server) records(r *http.Request) (any, error) {
	which, err := closedOf(r, recordsMost)
	if err != nil {
		return nil, err
	}
	return s.recordList(r.Context(), which)
}

func (s *server) recordList(ctx context.Context, which Closed) (RecordList, error) {
	l := RecordList{Records: []record.Record{}}
	rows, err := s.opt.History.Closed(ctx, which)
	if err != nil {
		return l, problemf(http.StatusServiceUnavailable, "the history cannot be read: %v", err)
	}
	for _, row := range rows {
		rec, err := s.recordOf(ctx, row.Number)
		if err != nil {
			return l, err
		}
		l.Records = append(l.Records, rec)
	}
	if len(rows) == recordsMost {
		l.Before = rows[recordsMost-1].Number
	}
	return l, nil
}

// recordsCSV answers with all of them as a table, some at a time. When it cannot go
// on, the answer is broken off: nobody is to take a part for all.
func (s *server) recordsCSV(w http.ResponseWriter, r *http.Request) error {
	which, err := closedOf(r, recordsMost)
	if err != nil {
		return err
	}
	l, err := s.recordList(r.Context(), which)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="recovery-log.csv"`)
	if r.Method == http.MethodHead {
		return nil
	}
	stream, out := http.NewResponseController(w), csv.NewWriter(w)
	_ = out.Write([]string{"incident", "policy", "alert", "target", "severity", "opened", "seconds_to_good", "objective_seconds", "met", "attempts", "ending", "called", "lessons"})
	for {
		for _, rec := range l.Records {
			_ = out.Write(cellsOf(rec))
		}
		_ = stream.SetWriteDeadline(time.Now().Add(recordsSend)) // the listener's is of answers that end sooner; what cannot be set is not needed
		out.Flush()
		if which.Before = l.Before; which.Before == 0 {
			return nil
		}
		if l, err = s.recordList(r.Context(), which); err == nil {
			err = out.Error()
		}
		if err != nil {
			s.opt.Log.Warn("the recovery log was not sent to its end", "incident", which.Before, "err", err)
			panic(http.ErrAbortHandler)
		}
	}
}

// cellsOf are the cells of a record. A text from outside that a spreadsheet would
// take for a formula is quoted.
func cellsOf(rec record.Record) []string {
	seconds := func(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }
	var took, objective, met string
	if rec.RTO.Measured {
		took = seconds(time.Duration(rec.RTO.Took))
	}
	if rec.RTO.Objective > 0 {
		objective = seconds(time.Duration(rec.RTO.Objective))
	}
	if rec.RTO.Met != nil {
		met = strconv.FormatBool(*rec.RTO.Met)
	}
	var called, lessons []string
	for _, c := range rec.Called {
		called = append(called, c.Who)
	}
	for _, l := range rec.Lessons {
		lessons = append(lessons, l.Text+" ("+l.By+")")
	}
	cells := []string{
		fmt.Sprintf("i%d", rec.Incident), rec.Policy, rec.Alert, rec.Target, string(rec.Severity), rec.Times.Opened.UTC().Format(time.RFC3339), took, objective, met,
		strconv.Itoa(len(rec.Attempts)), string(rec.Ending), strings.Join(called, " "), strings.Join(lessons, "; "),
	}
	for k, cell := range cells {
		if strings.IndexAny(cell, "=+-@\t") == 0 {
			cells[k] = "'" + cell
		}
	}
	return cells
}
