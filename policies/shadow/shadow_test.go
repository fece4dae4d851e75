package shadow_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/policies/replay"
	"github.com/x0tta6bl4/remediated/policies/shadow"
	"github.com/x0tta6bl4/remediated/remediate"
)

// book has a policy whose remedy is given two minutes, and one that only tells.
func book(t *testing.T) *remediate.Rulebook {
	t.Helper()
	b, err := remediate.DecodeRulebook([]byte(`{"cluster": "test", "replicaLabels": [], "runbooks": {
		"P2": {"page": "on need", "after": "10m", "ladder": [{"tell": "oncall", "wait": "5m"}]}},
		"destinations": ["pagerduty/oncall"],
		"policies": [
			{"name": "db", "when": ["alertname=\"DbDown\""], "per": ["n"], "severity": "P2", "mode": "observe", "target": "deployment/shop/$n",
			 "objective": "2m", "guards": {"healthy": {"query": "ready", "min": 1}},
			 "steps": [{"name": "restart", "do": [{"kind": "restart"}], "verify": {"all": [{"kind": "rollout"}], "within": "1m", "every": "1s"}}]},
			{"name": "told", "when": ["alertname=\"Told\""], "severity": "P2", "mode": "act"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// life is n incidents of the policy db, each of which lasts so long. Every hour
// one begins.
func life(t *testing.T, mode remediate.Mode, lasts ...time.Duration) *replay.Outcome {
	t.Helper()
	c := policies.Case{Name: "life", Mode: mode, Start: time.Date(2024, 1, 1, 10, 0, 0, 0, time.UTC), World: policies.World{
		Queries: map[string]policies.Measured{"ready": {Known: true, Value: 1}},
	}}
	for n, d := range lasts {
		at := time.Duration(n) * time.Hour
		ls := remediate.LabelsOf(map[string]string{"alertname": "DbDown", "n": fmt.Sprint("n", n)})
		c.Moves = append(c.Moves, policies.Move{At: at, Alert: &policies.TestAlert{Labels: ls}}, policies.Move{At: at + d, Resolve: ls})
		c.Until = at + time.Hour
	}
	o := replay.Run(book(t), c)
	if o.Err != nil {
		t.Fatal(o.Err)
	}
	return o
}

// reported is what is reported of some lives, one after the other.
func reported(from time.Time, lives ...*replay.Outcome) []shadow.Policy {
	books := map[string]*remediate.Rulebook{}
	for _, o := range lives {
		books[o.Book.Digest()] = o.Book
	}
	return read(from, "", books, following(lives)).Policies()
}

// read is the report of a journal with these facts.
func read(from time.Time, governs string, books map[string]*remediate.Rulebook, facts []remediate.Fact) *shadow.Report {
	r, err := shadow.Read(from, governs, func(digest string) (*remediate.Rulebook, error) { return books[digest], nil }, func(yield func(remediate.Fact, error) bool) {
		for _, f := range facts {
			if !yield(f, nil) {
				return
			}
		}
	})
	if err != nil {
		panic(err) // the rulebooks are there
	}
	return r
}

// following are the facts of lives, one after the other.
func following(lives []*replay.Outcome) (facts []remediate.Fact) {
	for n, o := range lives {
		for _, f := range o.Facts {
			facts = append(facts, renumbered(f, uint64(n)*1000))
		}
	}
	return facts
}

// What begins in the middle does not tell which rulebook governs there, nor what
// was before.
func TestWhatBeginsInTheMiddle(t *testing.T) {
	o := life(t, remediate.ModeObserve, time.Minute)
	books := map[string]*remediate.Rulebook{o.Book.Digest(): o.Book}
	later := slices.DeleteFunc(slices.Clone(o.Facts), func(f remediate.Fact) bool {
		_, loaded := f.Body.(remediate.RulebookLoaded)
		return loaded
	})
	for governs, mode := range map[string]remediate.Mode{"": "", o.Book.Digest(): remediate.ModeObserve} {
		r := read(time.Time{}, governs, books, later)
		if p := r.Policies(); len(p) != 1 || p[0].Mode != mode || !r.Since().Equal(later[0].At) {
			t.Errorf("governed by %.8q: %+v since %s, want %q since %s", governs, p, r.Since(), mode, later[0].At)
		}
	}
	_, err := shadow.Read(time.Time{}, "gone", func(string) (*remediate.Rulebook, error) { return nil, errors.New("it is gone") }, nil)
	if err == nil {
		t.Error("a rulebook that cannot be had is not missed")
	}
}

// renumbered is a fact of an incident with another number.
func renumbered(f remediate.Fact, by uint64) remediate.Fact {
	switch b := f.Body.(type) {
	case remediate.Opened:
		b.Incident += by
		f.Body = b
	case remediate.Judged:
		b.Incident += by
		f.Body = b
	case remediate.Started:
		b.Incident += by
		f.Body = b
	case remediate.Left:
		b.Incident += by
		f.Body = b
	case remediate.Closed:
		b.Incident += by
		f.Body = b
	}
	return f
}

func times(n int, d time.Duration) []time.Duration {
	out := make([]time.Duration, n)
	for i := range out {
		out[i] = d
	}
	return out
}

// What would have been done is held against how it ended by itself.
func TestAlone(t *testing.T) {
	got := reported(time.Time{}, life(t, remediate.ModeObserve, time.Minute, 2*time.Minute, 3*time.Minute, 30*time.Minute))
	if len(got) != 1 {
		t.Fatalf("reported: %+v", got)
	}
	p := got[0]
	if p.Name != "db" || p.Mode != remediate.ModeObserve || p.Limit != 2*time.Minute || p.Incidents != 4 || p.Called != 0 || p.Remedied.N != 0 {
		t.Errorf("%+v", p)
	}
	if a := p.Alone; a.N != 4 || a.InTime != 2 || a.Later != 2 || a.Open != 0 || a.Median() != 2*time.Minute || a.Share() != 0.5 {
		t.Errorf("alone: %+v", a)
	}
}

// What was done is counted apart.
func TestRemedied(t *testing.T) {
	p := reported(time.Time{}, life(t, remediate.ModeAct, time.Minute, 5*time.Minute))[0]
	if r := p.Remedied; r.N != 2 || r.InTime != 1 || r.Later != 1 || p.Alone.N != 0 {
		t.Errorf("%+v", p)
	}
}

// An incident that is still open, one that a human ended while its alert fired,
// one that was listed at the first start and one before the time are not taken
// for ended ones.
func TestNotOver(t *testing.T) {
	ls := func(n string) remediate.Labels {
		return remediate.LabelsOf(map[string]string{"alertname": "DbDown", "n": n})
	}
	c := policies.Case{Start: time.Date(2024, 1, 1, 10, 0, 0, 0, time.UTC), Until: 2 * time.Hour, World: policies.World{
		Queries: map[string]policies.Measured{"ready": {Known: true, Value: 1}},
	}, Moves: []policies.Move{
		{At: 0, Alert: &policies.TestAlert{Labels: ls("early")}},
		{At: time.Hour, Alert: &policies.TestAlert{Labels: ls("open")}},
		{At: time.Hour, Alert: &policies.TestAlert{Labels: ls("dismissed")}},
		{At: time.Hour, Alert: &policies.TestAlert{Labels: ls("found"), Fired: 2 * time.Hour}},
		{At: time.Hour, Alert: &policies.TestAlert{Labels: remediate.LabelsOf(map[string]string{"alertname": "Told"})}},
		{At: 61 * time.Minute, Command: &remediate.Command{Command: remediate.Close, By: "anna", Incident: 3}},
	}}
	o := replay.Run(book(t), c)
	got := reported(c.Start.Add(time.Minute), o)
	if len(got) != 2 || got[0].Incidents != 2 || got[0].Alone.N != 1 || got[0].Alone.Open != 1 {
		t.Errorf("%+v", got)
	}
	if told := got[1]; told.Name != "told" || told.Limit != 0 || told.Called != 1 || told.Alone.N != 0 {
		t.Errorf("told: %+v", told)
	}
}

// What stands in the way of a policy that only observes is counted.
func TestRefused(t *testing.T) {
	c := policies.Case{Start: time.Date(2024, 1, 1, 10, 0, 0, 0, time.UTC), Until: time.Hour, World: policies.World{
		Queries: map[string]policies.Measured{"ready": {Known: true}},
	}, Moves: []policies.Move{{Alert: &policies.TestAlert{Labels: remediate.LabelsOf(map[string]string{"alertname": "DbDown", "n": "a"})}}}}
	p := reported(time.Time{}, replay.Run(book(t), c))[0]
	if !maps.Equal(p.Refused, map[string]int{"healthy": 1}) || p.Alone.N != 0 {
		t.Errorf("%+v", p)
	}
}

func TestAdvice(t *testing.T) {
	observed := func(inTime, later int) *replay.Outcome {
		return life(t, remediate.ModeObserve, append(times(inTime, time.Minute), times(later, 10*time.Minute)...)...)
	}
	in := func(mode remediate.Mode, inTime, later int) *replay.Outcome {
		return life(t, mode, append(times(inTime, time.Minute), times(later, 10*time.Minute)...)...)
	}
	for name, c := range map[string]struct {
		lives []*replay.Outcome
		mode  remediate.Mode
		why   string
	}{
		"too few to say":                    {[]*replay.Outcome{observed(2, 7)}, "", "about 9 incidents; from 10 on"},
		"it ends by itself":                 {[]*replay.Outcome{observed(9, 1)}, "", "90 % of its incidents ended by themselves in 2m: there is little to be won"},
		"it does not":                       {[]*replay.Outcome{observed(3, 7)}, remediate.ModeApprove, "30 % of its incidents ended by themselves in 2m"},
		"acting, too few":                   {[]*replay.Outcome{observed(3, 7), in(remediate.ModeAct, 9, 0)}, "", "acted on 9 incidents; from 10 on"},
		"acting, never observed":            {[]*replay.Outcome{in(remediate.ModeAct, 9, 1)}, "", "is not known: it was observed on 0"},
		"acting, and it helps":              {[]*replay.Outcome{observed(3, 7), in(remediate.ModeAct, 9, 1)}, "", "90 % of the incidents it acted on ended in 2m; of those left alone 30 % did"},
		"acting, and it is as well to wait": {[]*replay.Outcome{observed(8, 2), in(remediate.ModeAct, 9, 1)}, remediate.ModeObserve, "no better than waiting"},
	} {
		t.Run(name, func(t *testing.T) {
			p := reported(time.Time{}, c.lives...)[0]
			if a := p.Advice(); a.Mode != c.mode || !strings.Contains(a.Why, c.why) {
				t.Errorf("advised %+v, want %q because %q; of %+v", a, c.mode, c.why, p)
			}
		})
	}
	p := shadow.Policy{Mode: remediate.ModeApprove, Limit: time.Minute, Alone: shadow.Ends{N: 10, InTime: 2}, Remedied: shadow.Ends{N: 10, InTime: 9}}
	if a := p.Advice(); a.Mode != remediate.ModeAct {
		t.Errorf("a policy whose plans helped is advised %+v", a)
	}
	p.Mode = ""
	if a := p.Advice(); a.Mode != "" || !strings.Contains(a.Why, "no longer there") {
		t.Errorf("one that is gone is advised %+v", a)
	}
	p.Mode, p.Limit = remediate.ModeAct, 0
	if a := p.Advice(); a.Mode != "" || !strings.Contains(a.Why, "no steps") {
		t.Errorf("one that only tells is advised %+v", a)
	}
}

// policyIn is the report's only policy after some more was said of its mode, each
// word a minute after the one before.
func policyIn(t *testing.T, lives []*replay.Outcome, words ...remediate.CommandGiven) shadow.Policy {
	t.Helper()
	books, end := map[string]*remediate.Rulebook{}, time.Time{}
	for _, o := range lives {
		books[o.Book.Digest()] = o.Book
	}
	facts := following(lives)
	end = facts[len(facts)-1].At
	for k, c := range words {
		c.Command, c.Scope = remediate.SetMode, "policy/db"
		facts = append(facts, remediate.Fact{At: end.Add(time.Duration(k+1) * time.Minute), Body: c})
	}
	return read(time.Time{}, "", books, facts).Policies()[0]
}

// What only observes by somebody's word is not judged anew, and not proposed to be
// put back again. After a human let it go on it is counted anew.
func TestHeldToObserve(t *testing.T) {
	lives := []*replay.Outcome{life(t, remediate.ModeObserve, times(10, time.Minute)...), life(t, remediate.ModeAct, times(10, 10*time.Minute)...)}
	held := remediate.CommandGiven{By: remediate.Itself, Value: string(remediate.ModeObserve), Reason: "0 of 10"}
	lifted := remediate.CommandGiven{By: "anna", Value: string(remediate.ModeAct)}
	for name, c := range map[string]struct {
		words    []remediate.CommandGiven
		mode     remediate.Mode
		why      string
		remedied int
	}{
		"nothing is said":       {nil, remediate.ModeObserve, "0 of the 10 incidents it acted on ended in 2m (0 %), of those left alone 10 of 10 did (100 %)", 10},
		"it is held":            {[]remediate.CommandGiven{held}, "", "policy/db only observes, as remediated set it: 0 of 10", 10},
		"a human let it go on":  {[]remediate.CommandGiven{held, lifted}, "", "acted on 0 incidents; from 10 on", 0},
		"a human lifted theirs": {[]remediate.CommandGiven{{By: "anna", Value: string(remediate.ModeObserve)}, lifted}, remediate.ModeObserve, "no better than waiting", 10},
	} {
		t.Run(name, func(t *testing.T) {
			p := policyIn(t, lives, c.words...)
			if a := p.Advice(); a.Mode != c.mode || !strings.Contains(a.Why, c.why) || p.Remedied.N != c.remedied || p.Alone.N != 10 {
				t.Errorf("advised %+v, want %q because %q; of %+v", a, c.mode, c.why, p)
			}
		})
	}
}

// An incident that may still end in time is no failure: many at once speak against
// no remedy before their time is up.
func TestWhatIsUnderWayIsNotJudged(t *testing.T) {
	c := policies.Case{Mode: remediate.ModeAct, Start: time.Date(2024, 1, 1, 10, 0, 0, 0, time.UTC), World: policies.World{
		Queries: map[string]policies.Measured{"ready": {Known: true, Value: 1}},
	}}
	for n := range 10 {
		ls := remediate.LabelsOf(map[string]string{"alertname": "DbDown", "n": fmt.Sprint("n", n)})
		c.Moves = append(c.Moves, policies.Move{Alert: &policies.TestAlert{Labels: ls}})
	}
	for lasts, known := range map[time.Duration]int{time.Minute: 0, 10 * time.Minute: 10} {
		c.Until = lasts
		p := reported(time.Time{}, replay.Run(book(t), c))[0]
		if p.Remedied.N != 10 || p.Remedied.Open != 10 || p.Remedied.Known() != known {
			t.Errorf("after %s: %+v, %d are known; want %d", lasts, p.Remedied, p.Remedied.Known(), known)
		}
	}
}
