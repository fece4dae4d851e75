package pagerduty

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of lists in the REST API.
const (
	defaultLimit = 25
	maxLimit     = 100
	maxReach     = 10_000 // offset and limit together
)

// paging is which part of a list is asked for.
type paging struct{ limit, offset int }

// readQuery reads the paging of a list whose own parameters are named, or says what is wrong with the query.
func (a *Account) readQuery(r *http.Request, named ...string) (p paging, problem string) {
	query := r.URL.Query()
	if problem := a.checkQuery(query, append([]string{"limit", "offset", "total"}, named...)...); problem != "" {
		return p, problem
	}
	p.limit, p.offset = defaultLimit, 0
	for name, value := range map[string]*int{"limit": &p.limit, "offset": &p.offset} {
		if !query.Has(name) {
			continue
		}
		n, err := strconv.Atoi(query.Get(name))
		if err != nil || n < 0 {
			return p, fmt.Sprintf("%s must be a number", name)
		}
		*value = n
	}
	if p.limit < 1 || p.limit > maxLimit || p.limit+p.offset > maxReach {
		return p, fmt.Sprintf("limit must be 1 to %d, and with offset at most %d", maxLimit, maxReach)
	}
	return p, ""
}

// checkQuery says what a strict account does not know.
func (a *Account) checkQuery(query url.Values, named ...string) string {
	for name := range query {
		if a.options.Strict && !slices.Contains(named, name) {
			return "Unknown parameter " + name
		}
	}
	return ""
}

// write answers with the part of the list.
func (p paging) write(w http.ResponseWriter, name string, all []object) {
	from := min(p.offset, len(all))
	to := min(from+p.limit, len(all))
	writeJSON(w, http.StatusOK, object{name: all[from:to], "limit": p.limit, "offset": p.offset, "more": to < len(all), "total": nil})
}

// span is from when to when an incident that is looked for was created.
type span struct{ since, until time.Time }

const (
	defaultSpan = 31 * 24 * time.Hour
	maxSpan     = 6 * 31 * 24 * time.Hour
)

// readSpan reads since, until and date_range.
func readSpan(query url.Values, now time.Time) (s span, problem string) {
	switch query.Get("date_range") {
	case "all":
		return span{until: now.Add(maxSpan)}, ""
	case "":
	default:
		return s, "date_range must be all"
	}
	s = span{since: now.Add(-defaultSpan), until: now}
	for name, at := range map[string]*time.Time{"since": &s.since, "until": &s.until} {
		if !query.Has(name) {
			continue
		}
		t, err := time.Parse(time.RFC3339, query.Get(name))
		if err != nil {
			return s, name + " must be an ISO 8601 time"
		}
		*at = t
	}
	if s.until.Sub(s.since) > maxSpan {
		return s, "The range of time is at most six months"
	}
	return s, ""
}

func (s span) contains(t time.Time) bool { return !t.Before(s.since) && !t.After(s.until) }

// readStatuses reads statuses[].
func readStatuses(query url.Values) (all []Status, problem string) {
	for _, text := range query["statuses[]"] {
		if !slices.Contains([]Status{Triggered, Acknowledged, Resolved}, Status(text)) {
			return nil, "statuses[] must be triggered, acknowledged or resolved"
		}
		all = append(all, Status(text))
	}
	return all, ""
}

// readOrder reads sort_by, of which creation is known, and tells whether the newest come first.
func readOrder(query url.Values) (newestFirst bool, problem string) {
	field, order, _ := strings.Cut(query.Get("sort_by"), ":")
	if !slices.Contains([]string{"", "created_at", "incident_number"}, field) || !slices.Contains([]string{"", "asc", "desc"}, order) {
		return false, "sort_by must be created_at or incident_number, then :asc or :desc"
	}
	return order == "desc", ""
}
