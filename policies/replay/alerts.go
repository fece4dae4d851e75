package replay

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Firing is a time through which an alert fired.
type Firing struct {
	Labels remediate.Labels
	From   time.Time
	Until  time.Time // zero: to the end
	Found  bool      // it fired already when it was first looked
}

// BacktestAlerts lives under a rulebook through a time of which only the alerts
// are known: nobody was there. Each incident is said to be unknown from where the
// world would have been asked, or something would have been done. For those after
// it, what is not known is taken to have gone well, as in [Backtest]: so that it is
// seen what budgets, cooldowns and flapping say.
func BacktestAlerts(alerts []Firing, from, to time.Time, book *remediate.Rulebook) (*Comparison, error) {
	b := newBacktest(book, nil)
	b.ended, b.last, b.would.alone = true, from, true
	if err := b.begin(); err != nil {
		return nil, err
	}
	b.alone = &world{life: b.life}
	b.last, b.ahead = to, momentsOf(alerts, book.ReplicaLabels)
	if err := b.live(); err != nil {
		return nil, err
	}
	c := b.compare()
	c.AlertsOnly = true
	for n := range c.Pairs {
		c.Pairs[n].Result = WouldBe
	}
	return c, nil
}

// momentsOf puts the edges of alerts in order: of one moment first those that
// resolve. Series of one identity, such as a replica's, are one alert.
func momentsOf(alerts []Firing, replicaLabels []string) []moment {
	var facts []remediate.Fact
	for _, f := range together(alerts, replicaLabels) {
		id := remediate.IdentityOf(f.Labels, replicaLabels)
		facts = append(facts, remediate.Fact{At: f.From, Body: remediate.AlertFiring{
			ID: id, Alert: remediate.Alert{Labels: f.Labels, StartsAt: f.From}, Via: remediate.ViaWebhook, Found: f.Found,
		}})
		if !f.Until.IsZero() {
			facts = append(facts, remediate.Fact{At: f.Until, Body: remediate.AlertResolved{ID: id, EndsAt: f.Until, Via: remediate.ViaWebhook}})
		}
	}
	rank := func(f remediate.Fact) int {
		if _, ends := f.Body.(remediate.AlertResolved); ends {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(facts, func(a, b remediate.Fact) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return rank(a) - rank(b)
	})
	var out []moment
	for _, f := range facts {
		if n := len(out); n > 0 && out[n-1].at.Equal(f.At) {
			out[n-1].facts = append(out[n-1].facts, f)
			continue
		}
		out = append(out, moment{at: f.At, facts: []remediate.Fact{f}})
	}
	return out
}

// together joins what overlaps of one identity, and sorts by labels and time.
func together(alerts []Firing, replicaLabels []string) []Firing {
	all := slices.Clone(alerts)
	name := func(f Firing) string { return f.Labels.Without(replicaLabels).String() }
	slices.SortStableFunc(all, func(a, b Firing) int {
		if c := strings.Compare(name(a), name(b)); c != 0 {
			return c
		}
		return a.From.Compare(b.From)
	})
	var out []Firing
	for _, f := range all {
		n := len(out) - 1
		if n < 0 || name(out[n]) != name(f) || !out[n].Until.IsZero() && out[n].Until.Before(f.From) {
			out = append(out, f)
			continue
		}
		if !out[n].Until.IsZero() && (f.Until.IsZero() || f.Until.After(out[n].Until)) {
			out[n].Until = f.Until
		}
	}
	return out
}

// unrecorded is what is taken for an answer that was not recorded.
func (b *backtest) unrecorded(q remediate.Question) remediate.Answer {
	if b.alone != nil && (q.Kind == "workload" || q.Kind == "cluster") {
		return b.alone.answer(q) // that it is well
	}
	return remediate.Answer{Kind: q.Kind, Err: notRecorded}
}

// nobodyAsked gives up an incident about which the world would have been asked when
// nobody was there. What follows from it goes on unsaid.
func (b *backtest) nobodyAsked(s remediate.Started, kinds []string) {
	i := b.would.open[s.Incident]
	if b.alone == nil || s.Ask.Purpose != remediate.ForGuards || len(kinds) == 0 || i == nil {
		return
	}
	slices.Sort(kinds)
	i.lose(b.life.Now, fmt.Sprintf("no guard stood in the way by itself; what %s would have answered %s", strings.Join(slices.Compact(kinds), ", "), notRecorded))
}
