package replay

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Backtest lives through the past of a journal under another rulebook, which
// governs from the beginning, and holds what would have followed against what
// did.
//
// Alerts and words are taken as they came. A question is answered by what was
// answered [Near] to it, an act ends as the same act did that was made near to
// it. What was not recorded is not known, and then nothing more is said of that
// incident: see [Course.Unknown]. For those after it, what was not known is taken
// to have gone well. Telling people always works.
//
// Records that were trimmed or left out are not seen: then it begins without what
// was known before, and nothing is said of what was open.
func Backtest(records iter.Seq2[remediate.Record, error], book *remediate.Rulebook) (*Comparison, error) {
	journal := fetch(records)
	defer journal.close()
	b := newBacktest(book, journal)
	if err := b.live(); err != nil {
		return nil, err
	}
	return b.compare(), nil
}

func newBacktest(book *remediate.Rulebook, journal *fetching) *backtest {
	return &backtest{
		book: book, journal: journal, past: newRecording(), was: newCourses(), would: newCourses(), at: newMembers(),
		fires: map[string]remediate.AlertID{}, labels: map[remediate.AlertID]remediate.Labels{}, unasked: map[string]int{},
	}
}

// candidateJournal is the name of the journal that would have been written. It
// is another than that of the one that was, whose attempts are none of ours.
const candidateJournal = "backtest"

// backtest is one that is under way.
type backtest struct {
	book    *remediate.Rulebook
	journal *fetching
	alone   *world    // how all is, when nobody was there to ask; nil: somebody was
	ended   bool      // the journal was read to its end
	first   time.Time // of its facts
	last    time.Time // of its facts, as far as it was read

	past       *recording
	was, would *courses
	ahead      []moment // what came from outside, read and not yet lived through
	follows    bool     // since the last fact of ahead nothing was decided
	watchdog   remediate.AlertID

	life    *Life
	at      members
	fires   map[string]remediate.AlertID // alerts that fire, by their labels
	labels  map[remediate.AlertID]remediate.Labels
	unasked map[string]int // questions to which no answer was recorded, by kind
	unfit   int            // words that would not have fitted
	broken  error          // why the journal could not be read on, in the middle of a moment
}

// moment is what came from outside in one go.
type moment struct {
	at    time.Time
	facts []remediate.Fact
	about remediate.AlertID // a word: who opened its incident
}

// live lives through all of it.
func (b *backtest) live() error {
	for {
		for len(b.ahead) == 0 && !b.ended {
			if err := b.read(); err != nil {
				return err
			}
		}
		if len(b.ahead) == 0 {
			break
		}
		m := b.ahead[0]
		if err := b.readTo(m.at.Add(Near)); err != nil {
			return err
		}
		m, b.ahead = b.ahead[0], b.ahead[1:]
		if err := errors.Join(b.life.Pass(m.at), b.hear(m), b.broken); err != nil {
			return err
		}
		b.past.forget(m.at)
	}
	if b.life == nil {
		return errors.New("the journal has no facts: there is nothing to hold the policies against")
	}
	err := b.life.Pass(b.last)
	b.was.settle(b.last)
	b.would.settle(b.last)
	return err
}

// readTo reads up to a time, and one fact more.
func (b *backtest) readTo(at time.Time) error {
	for !b.ended && !b.last.After(at) {
		if err := b.read(); err != nil {
			return err
		}
	}
	return nil
}

// read reads one fact.
func (b *backtest) read() error {
	f, ok, err := b.journal.next()
	if err != nil || !ok {
		b.ended = true
		return err
	}
	b.last = f.At
	if b.life == nil {
		if err := b.begin(); err != nil {
			return err
		}
		b.was.after = f.Seq - 1
	}
	if f.Body == nil {
		b.follows = false
		return nil
	}
	b.past.hear(f)
	b.was.hear(f)
	b.queue(f)
	if s, ok := f.Body.(remediate.Started); ok && s.Act != nil {
		d := b.past.open[s.ID]
		b.life.Let(f.At.Add(Near), func() (remediate.Input, bool) { b.unmade(d); return nil, false })
	}
	return nil
}

// begin begins the life under the other rulebook, with the journal's first fact.
func (b *backtest) begin() (err error) {
	b.first = b.last
	if b.life, err = Begin(b.first, candidateJournal, b.decided); err != nil {
		return err
	}
	b.life.Started = b.started
	book, err := unshown(b.book)
	if err != nil {
		return err
	}
	return b.life.Load(book)
}

// unshown is a rulebook under which people are called and shown nothing. What
// they are shown says nothing but what is compared anyway, nothing is decided by
// it, and to put it together would take the greater part of the time.
func unshown(book *remediate.Rulebook) (*remediate.Rulebook, error) {
	shows := []string{remediate.Slack, remediate.SlackThread, remediate.SlackDrill, remediate.SlackBridge, remediate.SlackDigest, remediate.PagerDutyChanges}
	other := *book
	other.Policies = slices.Clone(book.Policies)
	other.Destinations = slices.DeleteFunc(slices.Clone(book.Destinations), func(d string) bool { return slices.Contains(shows, d) })
	return &other, other.Compile()
}

// queue keeps what came from outside until its time has come.
func (b *backtest) queue(f remediate.Fact) {
	if !b.outside(f.Body) {
		b.follows = b.follows && remediate.Follows(f.Body)
		return
	}
	if n := len(b.ahead); n > 0 && b.follows && isAlert(f.Body) && b.ahead[n-1].at.Equal(f.At) {
		b.ahead[n-1].facts = append(b.ahead[n-1].facts, f)
		return
	}
	b.ahead = append(b.ahead, moment{f.At, []remediate.Fact{f}, b.past.incidents[remediate.IncidentOf(f.Body)]})
	b.follows = isAlert(f.Body)
}

// outside tells whether it came from outside, and would have come as well.
func (b *backtest) outside(body remediate.Body) bool {
	switch f := body.(type) {
	case remediate.AlertFiring:
		if f.Via == remediate.ViaOwn && f.Alert.Name() == remediate.WatchdogAlert {
			b.watchdog = f.ID
		}
		return f.Via != remediate.ViaOwn || f.ID == b.watchdog
	case remediate.AlertResolved:
		return f.Via != remediate.ViaOwn || f.ID == b.watchdog
	case remediate.AlertSuppressed, remediate.AlertReleased, remediate.Upgraded, remediate.Compared:
		return true
	case remediate.CommandGiven:
		return f.Command != remediate.Note // which changes nothing
	}
	return false
}

// hear hands over what came from outside, as far as it says anything here.
func (b *backtest) hear(m moment) error {
	if c, ok := m.facts[0].Body.(remediate.CommandGiven); ok {
		return b.command(m, c)
	}
	var facts []remediate.Fact
	for _, f := range m.facts {
		if b.isNews(f.Body) {
			facts = append(facts, f)
		}
	}
	if len(facts) == 0 {
		return nil
	}
	return b.life.Hear(remediate.Happened{Facts: facts})
}

// isNews tells whether a fact about an alert is one here too: another rulebook
// that was loaded then made alerts be heard of anew that fired already.
func (b *backtest) isNews(body remediate.Body) bool {
	known := b.life.State.Known
	switch f := body.(type) {
	case remediate.Upgraded, remediate.Compared:
		return true // while it was held, nothing would have been done either
	case remediate.AlertFiring:
		b.fires[f.Alert.Labels.String()], b.labels[f.ID] = f.ID, f.Alert.Labels
		return known[f.ID] == nil || !known[f.ID].Firing
	case remediate.AlertResolved:
		delete(b.fires, b.labels[f.ID].String())
		delete(b.labels, f.ID)
		return known[f.ID] != nil && known[f.ID].Firing
	case remediate.AlertSuppressed:
		return known[f.ID] != nil && known[f.ID].Firing && !slices.Equal(known[f.ID].Suppressed, f.By)
	case remediate.AlertReleased:
		return known[f.ID] != nil && len(known[f.ID].Suppressed) > 0
	}
	return false
}

// command gives a human's word: one about an incident to those that its alert
// would be part of.
func (b *backtest) command(m moment, c remediate.CommandGiven) error {
	about := []uint64{0}
	if c.Incident != 0 {
		about = slices.Clone(b.at.of[m.about])
	}
	for _, n := range about {
		if b.lost(n) {
			continue
		}
		c.Incident = n
		err := b.life.Hear(remediate.Happened{Facts: []remediate.Fact{{At: m.at, Body: c}}})
		var refused *remediate.RefusedError
		switch {
		case errors.As(err, &refused):
			b.unfit++
		case err != nil:
			return err
		}
	}
	if len(about) == 0 {
		b.unfit++
	}
	return nil
}

// decided follows what would have been decided.
func (b *backtest) decided(f remediate.Fact) {
	b.would.hear(f)
	switch f := f.Body.(type) {
	case remediate.Opened:
		b.at.join(f.Alert, f.Incident)
	case remediate.Joined:
		b.at.join(f.Alert, f.Incident)
	case remediate.Judged:
		b.judged(f)
	case remediate.Closed:
		for _, id := range b.at.leave(f.Incident) {
			for _, d := range b.past.actsOn[id] {
				if !d.again && !d.at.After(b.life.Now) {
					b.lose(f.Incident, d.at, unmadeWhy(d))
				}
			}
		}
	}
}

// judged looks whether it is known how the judgement would have come out, and
// what a human would have said.
func (b *backtest) judged(f remediate.Judged) {
	guards, reasons := inTheWay(f)
	missing := func(why string) bool { return strings.Contains(why, notRecorded) }
	known := func(why string) bool { return !missing(why) && !strings.Contains(why, "is not known") }
	if slices.ContainsFunc(reasons, missing) && !slices.ContainsFunc(reasons, known) {
		b.would.open[f.Incident].unjudged(b.life.Now, reasons)
		b.lose(f.Incident, b.life.Now, "what the guard "+guards[0]+" judges by "+notRecorded)
	}
	if f.Decision != remediate.Approval {
		return
	}
	for _, id := range b.at.alerts[f.Incident] {
		if slices.ContainsFunc(b.past.approvals[id], func(at time.Time) bool { return at.Sub(b.life.Now).Abs() <= Near }) {
			return
		}
	}
	b.lose(f.Incident, b.life.Now, "whether a human would have approved "+notRecorded)
}

// notRecorded is what is said of what is not known.
const notRecorded = "was not recorded"

// unmade looks whether an act that was made would have been made too. If not,
// what follows from it is not known.
func (b *backtest) unmade(d *dealing) {
	if d.again {
		return
	}
	for _, n := range b.at.of[d.opener] {
		b.lose(n, d.at, unmadeWhy(d))
	}
}

func unmadeWhy(d *dealing) string {
	return fmt.Sprintf("then %s %s was done, which would not have been done: what would have come of that %s", d.Act.Kind, d.Act.Target, notRecorded)
}

// lose gives an incident up: nothing more is said of it, and nothing more is
// done or told about it here.
func (b *backtest) lose(incident uint64, at time.Time, why string) {
	i := b.would.open[incident]
	if i == nil {
		return
	}
	i.lose(at, why)
	b.life.Let(b.life.Now, func() (remediate.Input, bool) {
		return remediate.Command{Command: remediate.TakeOver, By: candidateJournal, Incident: incident}, true
	})
}

// lost tells whether an incident was given up.
func (b *backtest) lost(incident uint64) bool {
	i := b.would.open[incident]
	return i != nil && i.Unknown != nil
}

// compare holds one against the other.
func (b *backtest) compare() *Comparison {
	c := &Comparison{From: b.first, To: b.last, After: b.was.after, Earlier: len(b.was.earlier), Unasked: b.unasked, Unfit: b.unfit, was: b.was, would: b.would}
	for _, i := range b.would.all {
		if n, ok := b.was.joined[edge{i.opener, i.Opened.UnixMilli()}]; ok {
			i.part = true
			i.Acts, i.Refusals, i.Calls = nil, nil, nil
			i.lose(i.Opened, fmt.Sprintf("then its alert became part of i%d, which was open before the records begin", n))
		}
	}
	c.pair()
	return c
}

// members is which alerts are part of which open incidents.
type members struct {
	of     map[remediate.AlertID][]uint64
	alerts map[uint64][]remediate.AlertID
}

func newMembers() members {
	return members{map[remediate.AlertID][]uint64{}, map[uint64][]remediate.AlertID{}}
}

func (m members) join(id remediate.AlertID, n uint64) {
	if !slices.Contains(m.of[id], n) {
		m.of[id], m.alerts[n] = append(m.of[id], n), append(m.alerts[n], id)
	}
}

// leave takes an incident out and returns its alerts.
func (m members) leave(n uint64) []remediate.AlertID {
	alerts := m.alerts[n]
	delete(m.alerts, n)
	for _, id := range alerts {
		m.of[id] = slices.DeleteFunc(m.of[id], func(o uint64) bool { return o == n })
		if len(m.of[id]) == 0 {
			delete(m.of, id)
		}
	}
	return alerts
}
