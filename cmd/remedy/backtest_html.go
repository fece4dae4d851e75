package main

import (
	"html/template"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/policies/replay"
)

// width is how wide a timeline is, in pixels.
const width = 720

// mark is one thing on a timeline.
type mark struct {
	X     int
	Kind  string // as in the style below
	Title string
}

// track is the timeline of one incident, as it was or as it would be.
type track struct {
	What  string
	Text  string
	End   int // where it is over, or where it is not known any more
	Lost  int // from here on it is not known; 0: all is known
	Marks []mark
}

// drawn is an incident as the page shows it.
type drawn struct {
	Result, About string
	Tracks        []track
}

var backtestPage = template.Must(template.New("backtest").Funcs(template.FuncMap{"width": func() int { return width }}).Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Backtest</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 60em; padding: 0 1em; color: #222 }
table { border-collapse: collapse } td, th { padding: .1em 1em .1em 0; text-align: left }
section { border-top: 1px solid #ccc; padding: .6em 0 } h3 { font-size: 1em; margin: 0 } p { margin: .2em 0; font-size: 13px }
.line { stroke: #888; stroke-width: 2 } .lost { stroke: #888; stroke-width: 2; stroke-dasharray: 2 6 }
.act { fill: #1a66c2 } .refusal { fill: #b36b00 } .call { fill: #b3261e } .healed { fill: #1b7f3b } .closed { fill: #555 }
</style>
<h1>Backtest</h1>
<p>Incidents from {{.From}} to {{.To}}. Blue: done; orange: a guard stood in the way; red: people were called; green: healed; grey: closed; dotted: not known.</p>
<table><tr><th>{{if not .Alone}}<th>was{{end}}<th>would be</tr>{{range .Sums}}<tr><td>{{.What}}{{if not $.Alone}}<td>{{.Was}}{{end}}<td>{{.Would}}</tr>{{end}}</table>
{{range .Notes}}<p>{{.}}</p>{{end}}
{{range .Incidents}}<section><h3>{{.Result}}: {{.About}}</h3>
{{range .Tracks}}<svg viewBox="0 0 {{width}} 20" width="{{width}}" height="20" role="img" aria-label="{{.What}}: {{.Text}}">
{{- if .End}}<line class="line" x1="6" x2="{{.End}}" y1="10" y2="10"/>{{end}}
{{- if .Lost}}<line class="lost" x1="{{.Lost}}" x2="{{width}}" y1="10" y2="10"/>{{end}}
{{- range .Marks}}<circle class="{{.Kind}}" cx="{{.X}}" cy="10" r="5"><title>{{.Title}}</title></circle>{{end}}</svg>
<p>{{.What}}: {{.Text}}</p>
{{end}}</section>
{{else}}<p>{{.Nothing}}</p>{{end}}</html>
`))

// backtestHTML writes one page that needs nothing beside it.
func (c *cli) backtestHTML(found *replay.Comparison) error {
	page := struct {
		From, To  string
		Sums      []struct{ What, Was, Would string }
		Notes     []string
		Nothing   string
		Alone     bool // only what would be is known
		Incidents []drawn
	}{Nothing: nothing(found), Alone: found.AlertsOnly, From: found.From.Format(time.RFC3339), To: found.To.Format(time.RFC3339), Notes: notes(found)}
	for _, s := range sums(found) {
		page.Sums = append(page.Sums, struct{ What, Was, Would string }{s.what, s.was, s.would})
	}
	for _, p := range found.Pairs {
		page.Incidents = append(page.Incidents, draw(p, found.To))
	}
	var b strings.Builder
	if err := backtestPage.Execute(&b, page); err != nil {
		return err
	}
	return c.out.text([]byte(b.String()))
}

// draw puts both courses of an incident on one scale of time.
func draw(p replay.Pair, to time.Time) drawn {
	d := drawn{Result: string(p.Result), About: aboutPair(p)}
	begin, end := time.Time{}, time.Time{}
	for _, i := range []*replay.Course{p.Was, p.Would} {
		if i == nil {
			continue
		}
		if begin.IsZero() || i.Opened.Before(begin) {
			begin = i.Opened
		}
		if last := endOf(i, to); last.After(end) {
			end = last
		}
	}
	x := func(t time.Time) int {
		if !end.After(begin) {
			return 6
		}
		return 6 + int(float64(width-12)*float64(t.Sub(begin))/float64(end.Sub(begin)))
	}
	for _, side := range []struct {
		what   string
		course *replay.Course
	}{{"was", p.Was}, {"would be", p.Would}} {
		if p.Result == replay.WouldBe && side.course == nil {
			continue
		}
		t := track{What: side.what, Text: tellCourse(side.course)}
		if i := side.course; i != nil {
			t.End = x(endOf(i, to))
			if i.Unknown != nil {
				t.Lost = x(i.Unknown.At)
				t.End = t.Lost
			}
			for _, e := range eventsOf(i) {
				if e.kind != "unknown" {
					t.Marks = append(t.Marks, mark{x(e.at), e.kind, model.Duration(e.at.Sub(i.Opened).Truncate(time.Millisecond)).String() + " " + e.text})
				}
			}
		}
		d.Tracks = append(d.Tracks, t)
	}
	return d
}

// endOf is until when something is known of an incident.
func endOf(i *replay.Course, to time.Time) time.Time {
	switch {
	case i.Unknown != nil:
		return i.Unknown.At
	case !i.Closed.IsZero():
		return i.Closed
	}
	return to
}
