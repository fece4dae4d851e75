package record

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Report sums up the records of a time by policy and month.
type Report struct {
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Months   []Row     `json:"months"`   // each of the time, also when nothing was
	Policies []Row     `json:"policies"` // each over all of the time
	Rows     []Row     `json:"rows"`     // each policy in each month in which there was something
	Total    Sums      `json:"total"`
	// Own are incidents of the daemon itself, for which there is no remedy, and
	// Listed what fired before it was there and was left alone. They stand in no
	// other number.
	Own    int `json:"own"`
	Listed int `json:"listed"`
	Drills int `json:"drills"` // likewise what people practised by
	// Records are all of them; nil when they are not wanted.
	Records []Record `json:"records,omitempty"`
}

// Row is the sum of one policy, one month, or one policy in one month.
type Row struct {
	Month  string `json:"month,omitempty"` // 2026-10, of the opening, in UTC
	Policy string `json:"policy,omitempty"`
	Sums
}

// Sums are what some incidents come to.
type Sums struct {
	Incidents int            `json:"incidents"`
	Measured  int            `json:"measured"` // of which a probe saw that they were good again
	Mean      model.Duration `json:"mean"`     // MTTR: to the first good sample, of those that were measured
	Median    model.Duration `json:"median"`
	Worst     model.Duration `json:"worst"`
	Objective model.Duration `json:"objective,omitempty"` // when it is the same for all of them
	Met       int            `json:"met"`
	Missed    int            `json:"missed"` // also those that are open and later than that already

	RPOMeasured int            `json:"rpoMeasured"` // something was done while a backup was asked for
	RPOWorst    model.Duration `json:"rpoWorst"`
	RPOMissed   int            `json:"rpoMissed"`

	Endings    map[Ending]int            `json:"endings"`
	Called     int                       `json:"called"` // people were called for
	PagesSaved int                       `json:"pagesSaved"`
	Refusals   map[string]int            `json:"refusals"` // incidents in which a guard stood in the way, by guard
	Acts       map[string]map[string]int `json:"acts"`     // by kind and outcome; of what takes something back the kind is "undo KIND"
}

// Over is how many of them have ended.
func (s Sums) Over() int { return s.Incidents - s.Endings[Open] }

// Month is the month of a moment.
func Month(at time.Time) string { return at.UTC().Format("2006-01") }

// Sum sums up records of what was opened from a time on up to another.
func Sum(from, to time.Time, records []Record) Report {
	r := Report{From: from, To: to, Policies: []Row{}, Rows: []Row{}}
	var all []Record
	for _, one := range records {
		switch {
		case own(one.Policy):
			r.Own++
		case one.Drill != "", one.Live != "":
			r.Drills++
		case one.Found:
			r.Listed++
		default:
			all = append(all, one)
		}
	}
	r.Total = SumsOf(all)
	byMonth := grouped(all, func(one Record) Row { return Row{Month: Month(one.Times.Opened)} })
	for month := range months(from, to) {
		r.Months = append(r.Months, Row{Month: month, Sums: SumsOf(byMonth[key{month: month}])})
	}
	r.Policies = rows(grouped(all, func(one Record) Row { return Row{Policy: one.Policy} }))
	r.Rows = rows(grouped(all, func(one Record) Row { return Row{Month: Month(one.Times.Opened), Policy: one.Policy} }))
	return r
}

// own tells whether a policy is one of the daemon's own.
func own(policy string) bool {
	return policy == remediate.StormPolicy || policy == remediate.WatchdogPolicy || policy == remediate.UntoldPolicy
}

// months are those of a time, in order.
func months(from, to time.Time) iter.Seq[string] {
	return func(yield func(string) bool) {
		first := from.UTC()
		for at := time.Date(first.Year(), first.Month(), 1, 0, 0, 0, 0, time.UTC); !at.After(to); at = at.AddDate(0, 1, 0) {
			if !yield(Month(at)) {
				return
			}
		}
	}
}

type key struct{ month, policy string }

func grouped(all []Record, by func(Record) Row) map[key][]Record {
	out := map[key][]Record{}
	for _, one := range all {
		row := by(one)
		k := key{row.Month, row.Policy}
		out[k] = append(out[k], one)
	}
	return out
}

func rows(groups map[key][]Record) []Row {
	out := []Row{}
	for k, records := range groups {
		out = append(out, Row{Month: k.month, Policy: k.policy, Sums: SumsOf(records)})
	}
	slices.SortFunc(out, func(a, b Row) int { return cmp.Or(cmp.Compare(a.Month, b.Month), cmp.Compare(a.Policy, b.Policy)) })
	return out
}

// SumsOf sums up some records.
func SumsOf(records []Record) Sums {
	s := Sums{Incidents: len(records), Endings: map[Ending]int{}, Refusals: map[string]int{}, Acts: map[string]map[string]int{}}
	var took []model.Duration
	for n, r := range records {
		if n == 0 {
			s.Objective = r.RTO.Objective
		}
		if s.Objective != r.RTO.Objective {
			s.Objective = 0
		}
		s.Endings[r.Ending]++
		s.recovered(r)
		if r.RTO.Measured {
			took = append(took, r.RTO.Took)
		}
		if len(r.Called) > 0 {
			s.Called++
		}
		if r.PageSaved {
			s.PagesSaved++
		}
		for guard := range guardsOf(r) {
			s.Refusals[guard]++
		}
		for _, a := range r.Attempts {
			s.acted(a)
		}
	}
	s.times(took)
	return s
}

// recovered holds one incident against what was promised.
func (s *Sums) recovered(r Record) {
	switch {
	case r.RTO.Met == nil:
	case *r.RTO.Met:
		s.Met++
	default:
		s.Missed++
	}
	if r.RPO == nil {
		return
	}
	s.RPOMeasured++
	s.RPOWorst = max(s.RPOWorst, r.RPO.Age)
	if !r.RPO.Met {
		s.RPOMissed++
	}
}

func (s *Sums) acted(a Attempt) {
	for _, act := range a.Acts {
		kind := act.Kind
		if act.Undo {
			kind = "undo " + kind
		}
		if s.Acts[kind] == nil {
			s.Acts[kind] = map[string]int{}
		}
		s.Acts[kind][cmp.Or(act.Outcome, "under way")]++
	}
}

// times sums up how long it took. Of an even number the median is between the
// two in the middle.
func (s *Sums) times(took []model.Duration) {
	s.Measured = len(took)
	if s.Measured == 0 {
		return
	}
	slices.Sort(took)
	var sum model.Duration
	for _, d := range took {
		sum += d
	}
	n := s.Measured
	s.Mean = durationOf(time.Duration(sum) / time.Duration(n))
	s.Median = durationOf(time.Duration(took[(n-1)/2]+took[n/2]) / 2)
	s.Worst = took[n-1]
}

func guardsOf(r Record) map[string]bool {
	out := map[string]bool{}
	for _, i := range r.Issues {
		if i.Guard != "" {
			out[i.Guard] = true
		}
	}
	return out
}

// Most returns the names that count most, at most so many, and of those that
// count the same the first by name.
func Most(counted map[string]int, atMost int) []string {
	names := slices.Collect(maps.Keys(counted))
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(counted[b], counted[a]), cmp.Compare(a, b)) })
	return names[:min(len(names), atMost)]
}
