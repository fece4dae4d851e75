package web

import (
	"bytes"
	"cmp"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// page is what every page shows, and the one thing that it is about.
type page struct {
	Title  string
	Nav    string // which of the places it is
	Live   bool   // it is kept as the daemon has it
	Now    time.Time
	Status Status
	User   string // whom the listener authenticated, "" when it does not
	no     func(command string, incident uint64) string

	NowPage    *nowPage
	Incident   *incidentPage
	Policies   *policiesPage
	Policy     *policyPage
	Rehearsal  *rehearsalPage
	History    *historyPage
	Reports    *reportsPage
	Automation *automationPage
	Problem    *problemPage
}

type automationPage struct {
	Breakers []Breaker
}

type problemPage struct {
	Code int
	Text string
}

// No says why who looks may not give a command, about an incident unless that is
// 0; "" when they may, or when it is not known who they are.
func (p page) No(command string, incident uint64) string { return p.no(command, incident) }

// parsePages parses the templates. They are embedded: they cannot fail but in
// a test.
func parsePages() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"stamp":     stamp,
		"clock":     func(t time.Time) string { return t.UTC().Format("15:04:05") },
		"iso":       func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"ago":       func(now, t time.Time) string { return Ago(now.Sub(t)) },
		"after":     func(from, t time.Time) string { return "+" + Span(t.Sub(from)) },
		"span":      func(d model.Duration) string { return Span(time.Duration(d)) },
		"tone":      ToneOf,
		"act":       actText,
		"acted":     func(action string) string { return cmp.Or(acted[action], action) },
		"ends":      ends,
		"pair":      func(p page, about any) []any { return []any{p, about} },
		"left":      func(now, t time.Time) string { return Span(t.Sub(now)) },
		"args":      argsOf,
		"decided":   func(v remediate.Verdict) Tone { return decided[v.Decision].tone },
		"rehearsal": rehearsalOf,
		"day":       func(t time.Time) string { return t.Format("2 Jan") },
		"date":      func(t time.Time) string { return t.Format("2006-01-02") },
		"add":       func(a, b float64) float64 { return a + b },
		"allow":     func(ds []Detail) []Detail { return sorted(ds, true) },
		"others":    func(ds []Detail) []Detail { return sorted(ds, false) },
		"inway":     InTheWay,
		"fields":    fieldsOf,
		"pauses":    func() []string { return pauses },
		"values":    func(command string) []string { return values[command] },
		"has":       func(all []string, one string) bool { return slices.Contains(all, one) },
	}).ParseFS(assets, "page/*.html"))
}

// acted are the words for what a destination was told.
var acted = map[string]string{"show": "shown", "trigger": "called", "acknowledge": "acknowledged", "resolve": "resolved"}

// sorted returns the verdicts that allow, or all other details.
func sorted(ds []Detail, allow bool) []Detail {
	return slices.DeleteFunc(slices.Clone(ds), func(d Detail) bool { return (d.Word == string(remediate.Allowed)) != allow })
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// ends says when something ends: by the clock alone when that is soon enough not to be
// taken for another day's.
func ends(now, t time.Time) string {
	if t.Sub(now) < 12*time.Hour {
		return t.UTC().Format(time.TimeOnly)
	}
	return stamp(t)
}

// Span says a duration for people, as exactly as it matters: 42s, 3m20s, 17m, 2h5m, 4d3h.
func Span(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return units(d, time.Minute, "m", time.Second, "s")
	case d < 24*time.Hour:
		return units(d, time.Hour, "h", time.Minute, "m")
	}
	return units(d, 24*time.Hour, "d", time.Hour, "h")
}

// units says d in a large unit, and a small one as long as it matters.
func units(d, large time.Duration, l string, small time.Duration, s string) string {
	text := fmt.Sprintf("%d%s", d/large, l)
	if rest := d % large / small; rest > 0 && d < 10*large {
		text += fmt.Sprintf("%d%s", rest, s)
	}
	return text
}

// Ago says how long ago something was.
func Ago(d time.Duration) string {
	if d < time.Second {
		return "now"
	}
	return Span(d) + " ago"
}

// write renders p. It is rendered whole before it is sent, so that nobody
// reads half a page.
func (s *server) write(w http.ResponseWriter, r *http.Request, code int, p page) error {
	p.Now = s.opt.Now()
	p.User, p.no = proven(r), s.no(r)
	var b bytes.Buffer
	if err := s.pages.ExecuteTemplate(&b, "layout", p); err != nil {
		s.opt.Log.Error("render a page", "path", r.URL.Path, "err", err)
		code, b = http.StatusInternalServerError, *bytes.NewBufferString("This page cannot be shown. The API can: /api/v1/status\n")
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(b.Bytes())
	return nil
}

// no returns what says why who asks may not give a command.
func (s *server) no(r *http.Request) func(string, uint64) string {
	return func(command string, incident uint64) string {
		by := proven(r)
		if by == "" {
			return "" // whoever it is, they say so with the command
		}
		err := s.opt.May(r.Context(), remediate.Command{Command: command, By: by, Incident: incident})
		if err == nil {
			return ""
		}
		return err.Error()
	}
}

// attention orders statuses by how much they want a human.
var attention = map[Tone]int{Bad: 0, Wait: 0, Busy: 1, Good: 2, Quiet: 3}

// openOnPage and closedOnNow are how many the first page shows: it is to be read
// at a glance, and light.
const (
	openOnPage  = 100
	closedOnNow = 8
)

func (s *server) automationPage(w http.ResponseWriter, r *http.Request) error {
	p := page{Title: "Automation", Nav: "automation", Automation: &automationPage{}}
	var err error
	if p.Status, err = s.overview(r.Context()); err != nil {
		return err
	}
	breakers, err := s.breakerList(r.Context())
	if err != nil {
		return err
	}
	p.Automation.Breakers = breakers.Breakers
	return s.write(w, r, http.StatusOK, p)
}

// errorPage says what is wrong. It asks the daemon for nothing: the daemon may
// be what is wrong.
func (s *server) errorPage(w http.ResponseWriter, r *http.Request, code int, err error) {
	p := page{Title: http.StatusText(code), Problem: &problemPage{code, err.Error()}}
	_ = s.write(w, r, code, p) // it returns nil
}
