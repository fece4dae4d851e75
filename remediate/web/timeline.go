package web

import (
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// timeline is the picture of an incident: what happened, in lanes, on one axis of
// time, with the objective drawn in. It says nothing that the story does not say
// in words. Its numbers are pixels.
type timeline struct {
	Width, Height int
	Left, Right   float64 // of the axis
	Lanes         []lane
	Ticks         []tick
	Objective     *tick // nil: nothing was promised
	Healed        *tick // nil: it is not
	Curves        []curve
}

// lane is one kind of happenings, one below the other.
type lane struct {
	Name  string
	Y     float64
	Bars  []bar
	Marks []mark
}

// bar is something that lasts, mark something that happens.
type bar struct {
	X, Width float64
	Tone     Tone
	Text     string
}

type mark struct {
	X    float64
	Tone Tone
	Text string
}

// tick is a moment on the axis.
type tick struct {
	X    float64
	Text string
	End  bool // its text ends there, lest it leave the picture
}

// curve is what a probe measured over time.
type curve struct {
	Name   string
	Y      float64 // of its upper edge
	Points string  // as a polyline wants them
	Last   string
	Least  string
	Most   string
}

// Sizes of the picture.
const (
	timelineWidth = 960
	axisLeft      = 76
	axisRight     = timelineWidth - 24
	laneHeight    = 30
	laneTop       = 34
	curveHeight   = 34
	curveGap      = 18
	tickGap       = 74  // between the texts of two ticks
	markGap       = 5   // between two marks of one tone: nearer ones are one
	curveStep     = 4   // between two points of a curve at least
	maxCurves     = 6   // shown of one incident
	barLeast      = 3.0 // so that what took no time is seen
)

// laneNames are the lanes, from above.
var laneNames = []string{"alerts", "guards", "acts", "looking", "people"}

// drawn collects what a picture is made of, at its moments.
type drawn struct {
	spans  [][]span // by lane
	points [][]point
	series []series
	end    time.Time

	firing time.Time                    // since when alerts of it fire, zero while none does
	began  map[string]remediate.Started // not ended yet
	begun  map[string]time.Time
}

type span struct {
	from, to time.Time
	tone     Tone
	text     string
}

type point struct {
	at   time.Time
	tone Tone
	text string
}

type series struct {
	name   string
	at     []time.Time
	values []float64
}

// drawTimeline draws the facts of one incident as it stands at now; nil when
// there is nothing to be drawn.
func drawTimeline(facts []remediate.Fact, i Incident, objective model.Duration, now time.Time) *timeline {
	if len(facts) == 0 || i.Opened.IsZero() {
		return nil
	}
	d := &drawn{
		spans: make([][]span, len(laneNames)), points: make([][]point, len(laneNames)),
		end: now, began: map[string]remediate.Started{}, begun: map[string]time.Time{},
	}
	if last := facts[len(facts)-1].At; !i.Closed.IsZero() || last.After(now) {
		d.end = last
	}
	for _, f := range facts {
		d.hear(f)
	}
	d.close()
	var due time.Time
	if objective > 0 {
		due = i.Opened.Add(time.Duration(objective))
	}
	return d.draw(i.Opened, due, i.Healed)
}

// Lanes, by their number.
const (
	laneAlerts = iota
	laneGuards
	laneActs
	laneLooking
	lanePeople
)

func (d *drawn) hear(f remediate.Fact) {
	switch b := f.Body.(type) {
	case remediate.Opened, remediate.Joined:
		if d.firing.IsZero() {
			d.firing = f.At
		}
	case remediate.Left:
		if b.Firing == 0 && !d.firing.IsZero() {
			d.spans[laneAlerts] = append(d.spans[laneAlerts], span{d.firing, f.At, Bad, "its alerts fire"})
			d.firing = time.Time{}
		}
	case remediate.Judged:
		d.happened(laneGuards, point{f.At, decided[b.Decision].tone, decided[b.Decision].text})
	case remediate.Started:
		d.began[b.ID], d.begun[b.ID] = b, f.At
	case remediate.Finished:
		if what, ok := d.began[b.ID]; ok {
			d.ended(what, d.begun[b.ID], f.At, b.Result)
			delete(d.began, b.ID)
		}
	case remediate.Escalated:
		d.happened(lanePeople, point{f.At, Wait, "calling " + b.Tell})
	case remediate.CommandGiven:
		d.happened(lanePeople, point{f.At, Good, b.By + " " + wordOf(b)})
	}
}

// happened draws a point. Of the same again and again only the first and the last
// are drawn, as a story tells them.
func (d *drawn) happened(lane int, p point) {
	ps := d.points[lane]
	same := func(q point) bool { return q.tone == p.tone && q.text == p.text }
	if n := len(ps); n > 1 && same(ps[n-1]) && same(ps[n-2]) {
		ps[n-1].at = p.at
		return
	}
	d.points[lane] = append(ps, p)
}

// lasted draws a span. One that says what the one before it says goes on with it.
func (d *drawn) lasted(lane int, s span) {
	ss := d.spans[lane]
	if n := len(ss) - 1; n >= 0 && ss[n].tone == s.tone && ss[n].text == s.text {
		ss[n].to = s.to
		return
	}
	d.spans[lane] = append(ss, s)
}

// ended draws what was begun and has ended, or is under way still.
func (d *drawn) ended(what remediate.Started, from, to time.Time, r remediate.Result) {
	tone := map[string]Tone{remediate.OK: Good, remediate.Unknown: Wait, "": Busy}[r.Outcome]
	tone = cmp.Or(tone, Bad)
	switch {
	case what.Act != nil:
		d.spans[laneActs] = append(d.spans[laneActs], span{from, to, tone, strings.TrimSpace(actText(*what.Act) + " " + r.Outcome)})
	case what.Tell != nil:
		if tone == Bad {
			d.happened(lanePeople, point{to, Bad, what.Tell.Destination + " was not reached"})
		}
	case lookings[what.Ask.Purpose] != "":
		d.spans[laneLooking] = append(d.spans[laneLooking], span{from, to, tone, strings.TrimSpace(lookings[what.Ask.Purpose] + ": " + r.Outcome)})
	case what.Ask.Purpose == remediate.ForProbingOn:
		d.lasted(laneLooking, span{from, to, tone, strings.TrimSpace("Looking again and again: " + r.Outcome)})
	}
	if what.Ask != nil {
		for k, a := range r.Answers {
			if k < len(what.Ask.Questions) {
				d.measured(to, what.Ask.Questions[k], a)
			}
		}
	}
}

// measured are the values of an answer that can be drawn, and what to call them.
var measured = []struct{ key, what string }{
	{remediate.ValueNumber, ""}, {remediate.ValueAvailable, "available"}, {remediate.ValueCount, "firing"},
}

func (d *drawn) measured(at time.Time, q remediate.Question, a remediate.Answer) {
	for _, m := range measured {
		v, err := strconv.ParseFloat(a.Values[m.key], 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		name := strings.TrimSpace(nameOf(q) + " " + m.what)
		k := slices.IndexFunc(d.series, func(s series) bool { return s.name == name })
		if k < 0 {
			d.series = append(d.series, series{name: name})
			k = len(d.series) - 1
		}
		d.series[k].at, d.series[k].values = append(d.series[k].at, at), append(d.series[k].values, v)
	}
}

// nameOf says what a question is about: its query, or its kind and target.
func nameOf(q remediate.Question) string {
	if query := queryOf(q); query != "" {
		return query
	}
	if q.Target.IsZero() {
		return q.Kind
	}
	return q.Kind + " " + q.Target.String()
}

// queryOf is the PromQL of a question, "" when it has none.
func queryOf(q remediate.Question) string {
	var args struct{ Query string }
	_ = json.Unmarshal(q.Args, &args) // what has no arguments has no query
	return args.Query
}

// close draws what lasts to the end.
func (d *drawn) close() {
	if !d.firing.IsZero() {
		d.spans[laneAlerts] = append(d.spans[laneAlerts], span{d.firing, d.end, Bad, "its alerts fire"})
	}
	for _, id := range slices.Sorted(maps.Keys(d.began)) {
		if what := d.began[id]; what.Tell == nil {
			d.ended(what, d.begun[id], d.end, remediate.Result{})
		}
	}
}

// moments are all times that are drawn, in order, once each.
func (d *drawn) moments(more ...time.Time) []time.Time {
	all := append(slices.Clone(more), d.end)
	for k := range laneNames {
		for _, s := range d.spans[k] {
			all = append(all, s.from, s.to)
		}
		for _, p := range d.points[k] {
			all = append(all, p.at)
		}
	}
	for _, s := range d.series { // what is measured between does not stretch the axis
		all = append(all, s.at[0], s.at[len(s.at)-1])
	}
	all = slices.DeleteFunc(all, time.Time.IsZero)
	slices.SortFunc(all, time.Time.Compare)
	return slices.CompactFunc(all, time.Time.Equal)
}

// axis says where each moment is.
type axis struct {
	moments []time.Time
	at      []float64 // pixels
}

// newAxis is one on which a long wait between two moments is drawn shorter than it
// was: nothing happens in it, and what happened in seconds is to be seen.
func newAxis(moments []time.Time) axis {
	at := make([]float64, len(moments))
	for k := 1; k < len(moments); k++ {
		at[k] = at[k-1] + math.Log1p(moments[k].Sub(moments[k-1]).Seconds()/5)
	}
	whole := at[len(at)-1]
	for k := range at {
		if whole > 0 {
			at[k] *= (axisRight - axisLeft) / whole
		}
		at[k] += axisLeft
	}
	return axis{moments, at}
}

// x is where a moment is, to a tenth of a pixel.
func (a axis) x(at time.Time) float64 {
	k, exact := slices.BinarySearchFunc(a.moments, at, time.Time.Compare)
	x := a.at[min(k, len(a.at)-1)]
	if !exact && k > 0 && k < len(a.at) {
		share := float64(at.Sub(a.moments[k-1])) / float64(a.moments[k].Sub(a.moments[k-1]))
		x = a.at[k-1] + share*(a.at[k]-a.at[k-1])
	}
	return math.Round(10*x) / 10
}

func (d *drawn) draw(opened, due, healed time.Time) *timeline {
	moments := d.moments(opened, due, healed)
	x := newAxis(moments).x
	t := &timeline{Width: timelineWidth, Left: axisLeft, Right: axisRight, Ticks: ticksOf(moments, opened, x)}
	for k, name := range laneNames {
		l := lane{Name: name, Y: laneTop + float64(k)*laneHeight}
		for _, s := range d.spans[k] {
			l.bar(bar{x(s.from), max(barLeast, math.Round(10*(x(s.to)-x(s.from)))/10), s.tone, s.text})
		}
		for _, p := range d.points[k] {
			l.mark(mark{x(p.at), p.tone, p.text})
		}
		t.Lanes = append(t.Lanes, l)
	}
	if !due.IsZero() {
		t.Objective = &tick{x(due), "objective " + Span(due.Sub(opened)), x(due) > timelineWidth*3/4}
	}
	if !healed.IsZero() {
		t.Healed = &tick{x(healed), "good again", false}
	}
	t.Height = laneTop + len(laneNames)*laneHeight + 14
	for _, s := range d.series {
		if len(t.Curves) < maxCurves && len(s.at) > 1 {
			t.Curves = append(t.Curves, s.curve(float64(t.Height+curveGap), x))
			t.Height += curveHeight + curveGap + 4
		}
	}
	return t
}

// bar adds a bar, unless it would lie in the one before, of the same tone.
func (l *lane) bar(b bar) {
	if n := len(l.Bars) - 1; n >= 0 && l.Bars[n].Tone == b.Tone && b.X+b.Width <= l.Bars[n].X+l.Bars[n].Width {
		return
	}
	l.Bars = append(l.Bars, b)
}

// mark adds a mark, unless one of its tone is there already.
func (l *lane) mark(m mark) {
	if n := len(l.Marks) - 1; n >= 0 && l.Marks[n].Tone == m.Tone && m.X-l.Marks[n].X < markGap {
		return
	}
	l.Marks = append(l.Marks, m)
}

// ticksOf labels as many moments as there is room for, the first and the last
// ones in any case.
func ticksOf(moments []time.Time, opened time.Time, x func(time.Time) float64) []tick {
	var ts []tick
	last := len(moments) - 1
	for k, m := range moments {
		text := "+" + Span(m.Sub(opened))
		switch {
		case k == 0:
			ts = append(ts, tick{x(m), m.UTC().Format("15:04:05"), false})
		case k == last:
			ts = append(ts, tick{x(m), text, true})
		case x(m)-ts[len(ts)-1].X >= tickGap && x(moments[last])-x(m) >= tickGap:
			ts = append(ts, tick{x(m), text, false})
		}
	}
	return ts
}

// curve draws a series below y.
func (s series) curve(y float64, x func(time.Time) float64) curve {
	least, most := slices.Min(s.values), slices.Max(s.values)
	var points []string
	last := math.Inf(-1)
	for k, v := range s.values {
		at := x(s.at[k])
		if at-last < curveStep && k < len(s.values)-1 {
			continue
		}
		height := 0.5
		if most > least {
			height = (v - least) / (most - least)
		}
		points, last = append(points, number1(at)+","+number1(y+curveHeight*(1-height))), at
	}
	return curve{s.name, y, strings.Join(points, " "), number3(s.values[len(s.values)-1]), number3(least), number3(most)}
}

func number1(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }
func number3(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
