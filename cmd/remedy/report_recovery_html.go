package main

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate/record"
)

// chart is drawn in pixels of a view box of its own.
type chart struct {
	Width, Height int
	Title         string
	Shapes        []shape
	Words         []word
}

// shape is a bar, or a line when it has no height.
type shape struct {
	X, Y, W, H float64
	Kind       string // as in the style below
	Title      string
}

// word is a text in a chart.
type word struct {
	X, Y   float64
	Anchor string
	Text   string
}

// tones are the classes of endings.
var tones = map[record.Ending]string{
	record.ByAutomation: "automation", record.ByItself: "itself", record.WithAPerson: "person", record.Listed: "listed", record.Open: "open",
}

var recoveryPage = template.Must(template.New("recovery").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Recovery</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 72em; padding: 0 1em; color: #222; background: #fff }
h1 { margin-bottom: 0 } h2 { font-size: 1.1em; margin: 2em 0 .4em } h3 { font-size: 1em; margin: 1.4em 0 .3em }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-size: 13px } td, th { padding: .25em 1em .25em 0; text-align: left; vertical-align: top; overflow-wrap: anywhere }
thead th { border-bottom: 1px solid #888; white-space: nowrap } .log th { font-weight: 600; white-space: nowrap; color: #555 } .all td { border-top: 1px solid #888; font-weight: 600 }
.cards { display: flex; flex-wrap: wrap; gap: 1em; margin: 1.2em 0 } .cards div { border: 1px solid #ccc; border-radius: 6px; padding: .5em 1em; min-width: 9em }
.cards b { display: block; font-size: 1.5em; font-weight: 600 } .cards span, .legend, .sub { color: #555; font-size: 13px }
svg { width: 100%; height: auto; max-width: 60em; display: block } svg text { font: 12px system-ui, sans-serif; fill: #333 }
.automation { fill: #1b7f3b; background: #1b7f3b } .itself { fill: #8a9aa8; background: #8a9aa8 } .person { fill: #1a66c2; background: #1a66c2 } .open { fill: #b3261e; background: #b3261e }
.met { fill: #1b7f3b } .missed { fill: #b3261e } .plain { fill: #607d9f } .worst { fill: #d9dee3 } .axis { fill: #999 } .goal { fill: #222 }
.legend i { display: inline-block; width: .8em; height: .8em; margin: 0 .3em 0 1em; border-radius: 2px } .legend i:first-child { margin-left: 0 } ul.sub { padding-left: 1.2em }
</style>
<h1>Recovery</h1>
<p class="sub">Incidents from {{.From}} to {{.To}}</p>
<div class="cards">{{range .Cards}}<div><b>{{.Value}}</b><span>{{.Name}}</span></div>{{end}}</div>
{{if .Nothing}}<p>{{.Nothing}}</p>{{else}}
<h2>How incidents ended, by month</h2>
<p class="legend">{{range .Legend}}<i class="{{.Kind}}"></i>{{.Text}}{{end}}</p>
{{template "chart" .Months}}
<h2>Time until it was good again, by policy</h2>
<p class="legend">Bar: the median, green when it is within the objective, red when not, blue without one. Grey: the worst. Black line: the objective.</p>
{{template "chart" .Policies}}
{{with .Refusals.Shapes}}<h2>What stood in the way, in how many incidents</h2>
{{template "chart" $.Refusals}}{{end}}
<h2>By policy and month</h2>
<div class="scroll"><table><thead><tr>{{range .Headings}}<th>{{.}}</th>{{end}}</tr></thead>
<tbody>{{range .Rows}}<tr>{{range .}}<td>{{.}}</td>{{end}}</tr>{{end}}</tbody>
<tbody class="all"><tr>{{range .All}}<td>{{.}}</td>{{end}}</tr></tbody></table></div>{{end}}
{{with .Lines}}<ul class="sub">{{range .}}<li>{{.}}</li>{{end}}</ul>{{end}}
{{if .Log}}<h2>Recovery log</h2>
{{range .Log}}<h3>{{.Name}}</h3>
<table class="log">{{range .Fields}}<tr><th>{{.Name}}</th><td>{{range $n, $l := .Lines}}{{if $n}}<br>{{end}}{{$l}}{{end}}</td></tr>{{end}}</table>
{{end}}{{end}}</html>
{{define "chart"}}<svg viewBox="0 0 {{.Width}} {{.Height}}" role="img" aria-label="{{.Title}}">
{{- range .Shapes}}<rect class="{{.Kind}}" x="{{.X}}" y="{{.Y}}" width="{{.W}}" height="{{.H}}">{{with .Title}}<title>{{.}}</title>{{end}}</rect>{{end}}
{{- range .Words}}<text x="{{.X}}" y="{{.Y}}" text-anchor="{{.Anchor}}">{{.Text}}</text>{{end}}</svg>{{end}}`))

type (
	card   struct{ Name, Value string }
	colour struct{ Kind, Text string }
	logged struct {
		Name   string
		Fields []shownField
	}
	shownField struct {
		Name  string
		Lines []string
	}
)

// recoveryHTML writes one page that needs nothing beside it.
func (c *cli) recoveryHTML(found recovered) error {
	page := struct {
		From, To, Nothing          string
		Cards                      []card
		Legend                     []colour
		Months, Policies, Refusals chart
		Headings, All, Lines       []string
		Rows                       [][]string
		Log                        []logged
	}{
		From: found.From.Format(time.RFC3339), To: found.To.Format(time.RFC3339), Cards: cardsOf(found.Total),
		Months: monthsChart(found.Months), Policies: policiesChart(found.Policies), Refusals: refusalsChart(found.Total.Refusals),
		Headings: headings, Lines: summaryOf(found),
	}
	if found.Total.Incidents == 0 {
		page.Nothing = none
	}
	table := tableOf(found)
	for _, r := range table[:len(table)-1] {
		page.Rows = append(page.Rows, cellsOf(r))
	}
	page.All = cellsOf(table[len(table)-1])
	for _, e := range record.Endings {
		if found.Total.Endings[e] > 0 {
			page.Legend = append(page.Legend, colour{tones[e], endings[e]})
		}
	}
	for _, r := range found.Records {
		l := logged{Name: fmt.Sprintf("i%d, %s", r.Incident, r.Policy)}
		for _, f := range fieldsOf(r) {
			l.Fields = append(l.Fields, shownField{f.name, f.lines})
		}
		page.Log = append(page.Log, l)
	}
	var b strings.Builder
	if err := recoveryPage.Execute(&b, page); err != nil {
		return err
	}
	return c.out.text([]byte(b.String() + "\n"))
}

func cardsOf(t record.Sums) []card {
	return []card{
		{"incidents", fmt.Sprint(t.Incidents)},
		{"MTTR, mean", orDash(t.Measured > 0, rounded(t.Mean))},
		{"MTTR, median", orDash(t.Measured > 0, rounded(t.Median))},
		{"within the objective", percentOf(t.Met, t.Met+t.Missed)},
		{"healed without a person", percentOf(t.Endings[record.ByAutomation], t.Over())},
		{"oldest backup when it counted", orDash(t.RPOMeasured > 0, rounded(t.RPOWorst))},
		{"people were called for", fmt.Sprint(t.Called)},
		{"pages saved, at most", fmt.Sprint(t.PagesSaved)},
	}
}

func percentOf(n, of int) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", 100*float64(n)/float64(of))
}

// Where things stand in a chart.
const (
	chartWidth = 800.0
	labelled   = 200.0 // of it for what stands left of a bar
	barHeight  = 18.0
	rowHeight  = 34.0
	plot       = 150.0 // height of the columns
)

// monthsChart are columns of how the incidents of each month ended.
func monthsChart(months []record.Row) chart {
	c := chart{Width: chartWidth, Height: plot + 45, Title: "How incidents ended, by month"}
	most := 1
	for _, m := range months {
		most = max(most, m.Incidents)
	}
	step := chartWidth / float64(max(1, len(months)))
	wide := min(60, 0.7*step)
	every := 1 + len(months)/14 // or their names would not fit
	for k, m := range months {
		x, y := step*(float64(k)+0.5), plot+20
		for _, e := range record.Endings {
			n := m.Endings[e]
			if n == 0 {
				continue
			}
			h := plot * float64(n) / float64(most)
			y -= h
			c.Shapes = append(c.Shapes, shape{px(x - wide/2), px(y), px(wide), px(h), tones[e], fmt.Sprintf("%s: %s %d", m.Month, endings[e], n)})
		}
		c.Words = append(c.Words, word{px(x), px(y - 4), "middle", fmt.Sprint(m.Incidents)})
		if k%every == 0 {
			c.Words = append(c.Words, word{px(x), plot + 38, "middle", m.Month})
		}
	}
	c.Shapes = append(c.Shapes, shape{0, plot + 20, chartWidth, 1, "axis", ""})
	return c
}

// policiesChart are bars of the median and the worst time of each policy,
// against its objective.
func policiesChart(policies []record.Row) chart {
	policies = slices.DeleteFunc(slices.Clone(policies), func(r record.Row) bool { return r.Measured == 0 })
	c := chart{Width: chartWidth, Height: int(rowHeight*float64(len(policies))) + 4, Title: "Time until it was good again, by policy"}
	longest := model.Duration(time.Second)
	for _, p := range policies {
		longest = max(longest, p.Worst, p.Objective)
	}
	x := func(d model.Duration) float64 {
		return px((chartWidth - labelled - 160) * float64(d) / float64(longest))
	}
	for k, p := range policies {
		y := rowHeight*float64(k) + 6
		kind := "plain"
		switch {
		case p.Objective > 0 && p.Median <= p.Objective:
			kind = "met"
		case p.Objective > 0:
			kind = "missed"
		}
		title := fmt.Sprintf("%s: median %s, mean %s, worst %s, objective %s", p.Policy, rounded(p.Median), rounded(p.Mean), rounded(p.Worst), orDash(p.Objective > 0, p.Objective.String()))
		c.Shapes = append(c.Shapes,
			shape{labelled, y, max(1, x(p.Worst)), barHeight, "worst", title},
			shape{labelled, y + 4, max(1, x(p.Median)), barHeight - 8, kind, title})
		end := max(x(p.Worst), x(p.Objective))
		if p.Objective > 0 {
			c.Shapes = append(c.Shapes, shape{labelled + x(p.Objective), y - 3, 2, barHeight + 6, "goal", "objective " + p.Objective.String()})
		}
		c.Words = append(c.Words, word{labelled - 8, y + 13, "end", shortened(p.Policy)},
			word{px(labelled + end + 8), y + 13, "start", fmt.Sprintf("%s, worst %s", rounded(p.Median), rounded(p.Worst))})
	}
	return c
}

// refusalsChart are bars of the guards that stood in the way most.
func refusalsChart(refusals map[string]int) chart {
	guards := record.Most(refusals, 10)
	c := chart{Width: chartWidth, Height: int(26*float64(len(guards))) + 4, Title: "What stood in the way"}
	for k, g := range guards {
		y, n := 26*float64(k)+4, refusals[g]
		w := px((chartWidth - labelled - 60) * float64(n) / float64(refusals[guards[0]]))
		c.Shapes = append(c.Shapes, shape{labelled, y, w, barHeight, "plain", fmt.Sprintf("%s: %d", g, n)})
		c.Words = append(c.Words, word{labelled - 8, y + 13, "end", g}, word{px(labelled + w + 8), y + 13, "start", fmt.Sprint(n)})
	}
	return c
}

// shortened keeps a name in its place.
func shortened(name string) string {
	r := []rune(name)
	if len(r) <= 28 {
		return name
	}
	return string(r[:27]) + "…"
}

// px rounds to a tenth of a pixel.
func px(x float64) float64 { return float64(int(10*x+0.5)) / 10 }
