package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/record"
)

// reportsPage sums up what was.
type reportsPage struct {
	summary
	Age model.Duration // how old the sums are
}

// summary is what a report says. It is kept for a while: it takes long to come by.
type summary struct {
	Weeks    []week // oldest first
	Over     int    // closed incidents
	More     bool   // there are older ones
	Refusals []counted
	Of       int // incidents that the refusals are of
	Endings  []counted
	Noise    []counted // alerts that no policy matches, by name
	Heard    int       // alerts that were looked at for that
	Notes    []string
	at       time.Time
}

// week is the closed incidents of one week, by when they were opened.
type week struct {
	Monday    time.Time
	Incidents int
	Unaided   int // an attempt was seen to help, and nobody was called
	Mean      model.Duration
	took      model.Duration // of all
	healed    int
}

// counted is a name, and how often it came.
type counted struct {
	Name  string
	Count int
	Share int // of the largest, in percent
}

// Bounds of what a report is made of.
const (
	weeksMost    = 12
	reportOver   = 5000 // closed incidents
	reportDeep   = 100  // of which each fact is read
	noiseFacts   = 5000 // the last ones
	countedMost  = 12
	reportKeeps  = time.Minute
	reportWithin = 20 * time.Second
)

// reporter keeps the last summary. It is made by one who asks at a time.
type reporter struct {
	mu   sync.Mutex
	last summary
}

func (s *server) reportsPage(w http.ResponseWriter, r *http.Request) error {
	p := page{Title: "Reports", Nav: "history", Reports: &reportsPage{}}
	var err error
	if p.Status, err = s.overview(r.Context()); err != nil {
		return err
	}
	p.Reports.summary = s.summary(r.Context())
	p.Reports.Age = model.Duration(s.opt.Now().Sub(p.Reports.at))
	return s.write(w, r, http.StatusOK, p)
}

func (s *server) summary(ctx context.Context) summary {
	s.reports.mu.Lock()
	defer s.reports.mu.Unlock()
	now := s.opt.Now()
	if age := now.Sub(s.reports.last.at); !s.reports.last.at.IsZero() && age >= 0 && age < reportKeeps {
		return s.reports.last
	}
	ctx, cancel := context.WithTimeout(ctx, reportWithin)
	defer cancel()
	v := summary{at: now}
	for _, part := range []struct {
		what string
		add  func(context.Context, *summary) error
	}{{"the weeks", s.addWeeks}, {"what guards refused", s.addRefusals}, {"what no policy matches", s.addNoise}} {
		if err := part.add(ctx, &v); err != nil {
			v.Notes = append(v.Notes, fmt.Sprintf("%s: cannot be read: %v", part.what, err))
		}
	}
	if len(v.Notes) == 0 {
		s.reports.last = v
	}
	return v
}

// addWeeks sums up closed incidents by the week in which they were opened. What
// was practised, or only listed, is left out.
func (s *server) addWeeks(ctx context.Context, v *summary) error {
	monday := mondayOf(v.at)
	for k := range weeksMost {
		v.Weeks = append(v.Weeks, week{Monday: monday.AddDate(0, 0, 7*(k-weeksMost+1))})
	}
	which := Closed{Limit: 1000}
	for v.Over < reportOver {
		rows, err := s.opt.History.Closed(ctx, which)
		if err != nil {
			return err
		}
		for _, r := range rows {
			k := weeksMost - 1 - int(monday.Sub(mondayOf(r.Opened)).Hours()/(7*24))
			if k >= 0 && k < weeksMost && r.Drill == "" && !r.Found {
				v.Weeks[k].add(r)
			}
		}
		v.Over += len(rows)
		if len(rows) < which.Limit || rows[len(rows)-1].Opened.Before(v.Weeks[0].Monday) {
			break
		}
		which.Before, v.More = rows[len(rows)-1].Number, v.Over >= reportOver
	}
	for k := range v.Weeks {
		if w := &v.Weeks[k]; w.healed > 0 {
			w.Mean = w.took / model.Duration(w.healed)
		}
	}
	return nil
}

func (w *week) add(r Row) {
	w.Incidents++
	if r.Verified && r.Attempts > 0 && r.Told == "" {
		w.Unaided++
	}
	if !r.Healed.IsZero() {
		w.healed++
		w.took += r.Took
	}
}

// mondayOf is the beginning of the week of a moment, in UTC.
func mondayOf(at time.Time) time.Time {
	day := at.UTC().Truncate(24 * time.Hour)
	return day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
}

// addRefusals counts in how many of the last incidents each guard stood in the
// way, and how they ended.
func (s *server) addRefusals(ctx context.Context, v *summary) error {
	rows, err := s.opt.History.Closed(ctx, Closed{Limit: reportDeep})
	if err != nil {
		return err
	}
	refusals, endings := map[string]int{}, map[string]int{}
	for _, row := range rows {
		rec, err := s.recordOf(ctx, row.Number)
		if err != nil {
			return err
		}
		endings[endingWords[rec.Ending]]++
		once := map[string]bool{}
		for _, issue := range rec.Issues {
			if issue.Kind == record.IssueGuard && !once[issue.Guard] {
				once[issue.Guard] = true
				refusals[issue.Guard]++
			}
		}
	}
	v.Of, v.Refusals, v.Endings = len(rows), most(refusals), most(endings)
	return nil
}

// endingWords say what ended an incident.
var endingWords = map[record.Ending]string{
	record.ByAutomation: "healed without a person", record.WithAPerson: "with a person", record.ByItself: "by itself",
	record.Practised: "a drill", record.Listed: "only listed", record.Open: "open",
}

// addNoise counts the alerts of late that no policy concerns as they are now: what
// a policy might be written for next.
func (s *server) addNoise(ctx context.Context, v *summary) error {
	var from uint64
	var book *remediate.Rulebook
	if err := s.look(ctx, func(st *remediate.State, books remediate.Rulebooks) {
		book = books[st.Rulebook]
		if from = 1; st.Seq > noiseFacts {
			from = st.Seq - noiseFacts + 1
		}
	}); err != nil || book == nil {
		return err
	}
	noise := map[string]int{}
	for f, err := range s.opt.History.Since(ctx, from) {
		if err != nil {
			return err
		}
		b, ok := f.Body.(remediate.AlertFiring)
		if !ok || b.Alert.Labels.Own() {
			continue
		}
		if v.Heard++; len(book.Match(b.Alert.Labels)) == 0 {
			noise[b.Alert.Name()]++
		}
	}
	v.Noise = most(noise)
	return nil
}

// most are those that count most.
func most(by map[string]int) (cs []counted) {
	for name, n := range by {
		cs = append(cs, counted{Name: cmp.Or(name, "(without a name)"), Count: n})
	}
	slices.SortFunc(cs, func(a, b counted) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name)) })
	cs = cs[:min(len(cs), countedMost)]
	for k := range cs {
		cs[k].Share = 100 * cs[k].Count / cs[0].Count
	}
	return cs
}

// Chart draws the weeks: how long it took until it was good again, and how many
// incidents there were, those that needed nobody apart.
func (v summary) Chart() chart {
	c := chart{Width: chartWidth, Height: chartHeight}
	var longest model.Duration
	var many int
	for _, w := range v.Weeks {
		longest, many = max(longest, w.Mean), max(many, w.Incidents)
	}
	step := float64(chartWidth) / weeksMost
	for k, w := range v.Weeks {
		col := column{X: float64(k)*step + step*0.15, Width: step * 0.7, Middle: float64(k)*step + step/2, Week: w}
		if many > 0 {
			col.All, col.Unaided = chartRoom*float64(w.Incidents)/float64(many), chartRoom*float64(w.Unaided)/float64(many)
		}
		if longest > 0 {
			col.Mean = chartRoom * float64(w.Mean) / float64(longest)
		}
		c.Columns = append(c.Columns, col)
	}
	return c
}

// chart is a picture of weeks; its numbers are pixels.
type chart struct {
	Width, Height int
	Columns       []column
}

type column struct {
	X, Width, Middle   float64
	All, Unaided, Mean float64 // heights
	Week               week
}

// Sizes of a chart: the room is for the columns, below it are words.
const (
	chartWidth  = 720
	chartRoom   = 110
	chartHeight = chartRoom + 44
	chartFoot   = chartRoom + 18
)

// Top is where a column of a height begins.
func (column) Top(height float64) float64 { return chartFoot - height }
