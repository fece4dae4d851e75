package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// policiesPage is all policies, in the order in which they are matched.
type policiesPage struct {
	Policies []policyCard
	Budgets  []gauge // those over all policies
	Over     int     // how many of the last closed incidents the outcomes are of
	Query    string
	Omitted  int // policies that fit and are not shown
	Note     string
}

// policyPage is one policy, whole.
type policyPage struct {
	policyCard
	Text string // the policy as JSON, for those who want to know it exactly
	Then string // digest of the rulebook that it is shown of, "" when that governs
	Rows []Row  // its last incidents
	Note string
}

// policyCard is a policy, and how it fares.
type policyCard struct {
	Policy
	Budgets  []gauge
	Breakers []Breaker
	Fares    fares
}

// gauge is how much of a budget is used.
type gauge struct {
	Used, Most int
	Per        model.Duration
}

// Percent is at most 100.
func (g gauge) Percent() int {
	if g.Most == 0 {
		return 100
	}
	return min(100, 100*g.Used/g.Most)
}

// Tone is bad when there is nothing left.
func (g gauge) Tone() Tone {
	if g.Used >= g.Most {
		return Bad
	}
	return Busy
}

// fares is what became of incidents that are closed.
type fares struct {
	Last   []Row // the newest last
	Tried  int   // something was done
	Healed int   // and a verification held afterwards
	Median model.Duration
}

// Rate is how many of a hundred that something was done about were seen to be
// good afterwards.
func (f fares) Rate() int { return 100 * f.Healed / max(1, f.Tried) }

// Bounds of what is looked back at.
const (
	faresOver = 500 // closed incidents, over all policies
	faresOf   = 100 // of one policy
	faresLast = 24  // shown one by one

	policiesOnPage = 50
)

func (s *server) policiesPage(w http.ResponseWriter, r *http.Request) error {
	p := page{Title: "Policies", Nav: "policies", Live: true, Policies: &policiesPage{Query: strings.TrimSpace(r.URL.Query().Get("q"))}}
	var err error
	if p.Status, err = s.overview(r.Context()); err != nil {
		return err
	}
	rows, err := s.opt.History.Closed(r.Context(), Closed{Limit: faresOver})
	if err != nil {
		p.Policies.Note = fmt.Sprintf("how they fared is missing here: the history cannot be read: %v", err)
	}
	p.Policies.Over = len(rows)
	of := map[string][]Row{}
	for _, row := range rows {
		of[row.Policy] = append(of[row.Policy], row)
	}
	l, err := s.policyList(r.Context())
	if err != nil {
		return err
	}
	for _, policy := range l.Policies {
		if !policy.mentions(p.Policies.Query) {
			continue
		}
		if len(p.Policies.Policies) == policiesOnPage {
			p.Policies.Omitted++
			continue
		}
		p.Policies.Policies = append(p.Policies.Policies, policyCard{Policy: policy, Fares: faresOfRows(of[policy.Name])})
	}
	if err := s.addGauges(r.Context(), p.Policies); err != nil {
		return err
	}
	return s.write(w, r, http.StatusOK, p)
}

// mentions tells whether each word is in a policy's name or matchers, in any case
// of letters.
func (p Policy) mentions(words string) bool {
	return mention(strings.Join(append([]string{p.Name, string(p.Severity), string(p.Mode)}, p.When...), " "), words)
}

// addGauges adds what of each budget is used, and the breakers.
func (s *server) addGauges(ctx context.Context, p *policiesPage) error {
	breakers, err := s.breakerList(ctx)
	if err != nil {
		return err
	}
	now := s.opt.Now()
	return s.look(ctx, func(st *remediate.State, books remediate.Rulebooks) {
		if book := books[st.Rulebook]; book != nil {
			p.Budgets = gaugesOf(book.Budget, st.Acts[""], now)
		}
		for k := range p.Policies {
			c := &p.Policies[k]
			c.Budgets = gaugesOf(c.Guards.Budget, st.Acts[c.Name], now)
			for _, b := range breakers.Breakers {
				if b.Policy == c.Name {
					c.Breakers = append(c.Breakers, b)
				}
			}
		}
	})
}

func gaugesOf(budgets []remediate.Budget, acts []time.Time, now time.Time) (gs []gauge) {
	for _, b := range budgets {
		gs = append(gs, gauge{Used: since(acts, now.Add(-time.Duration(b.Per))), Most: b.Actions, Per: b.Per})
	}
	return gs
}

// since is how many acts were begun after a moment.
func since(acts []time.Time, begin time.Time) (n int) {
	for _, at := range acts {
		if at.After(begin) {
			n++
		}
	}
	return n
}

// faresOfRows sums up closed incidents, which come newest first. What was only
// practised or listed is left out.
func faresOfRows(rows []Row) (f fares) {
	var took []model.Duration
	for _, r := range rows {
		if r.Drill != "" || r.Found {
			continue
		}
		if len(f.Last) < faresLast {
			f.Last = append(f.Last, r)
		}
		if r.Attempts > 0 {
			f.Tried++
			if r.Verified {
				f.Healed++
			}
		}
		if !r.Healed.IsZero() {
			took = append(took, r.Took)
		}
	}
	slices.Reverse(f.Last)
	if len(took) > 0 {
		slices.Sort(took)
		f.Median = took[len(took)/2]
	}
	return f
}

// Strip is the last ones as a picture, each a box of so many pixels.
func (f fares) Strip() (boxes []stripBox) {
	for k, r := range f.Last {
		boxes = append(boxes, stripBox{k * stripStep, outcome(r)})
	}
	return boxes
}

// Wide is how wide the strip is, in pixels.
func (f fares) Wide() int { return len(f.Last) * stripStep }

// Words say the same as the strip.
func (f fares) Words() string {
	helped := 0
	for _, r := range f.Last {
		if outcome(r) == Good {
			helped++
		}
	}
	return fmt.Sprintf("the last %d incidents, of which %d were seen to be good", len(f.Last), helped)
}

// stripStep is how far the boxes of a strip are apart, in pixels.
const stripStep = 9

type stripBox struct {
	X    int
	Tone Tone
}

// outcome is the tone of how a closed incident ended.
func outcome(r Row) Tone {
	switch {
	case r.Verified:
		return Good
	case r.Exhausted || r.Attempts > 0:
		return Bad
	}
	return Quiet
}

func (s *server) policyPage(w http.ResponseWriter, r *http.Request) error {
	name, digest := r.PathValue("name"), r.URL.Query().Get("rulebook")
	p := page{Title: name, Nav: "policies", Live: digest == "", Policy: &policyPage{Then: digest}}
	var err error
	if p.Status, err = s.overview(r.Context()); err != nil {
		return err
	}
	if err := s.addPolicy(r.Context(), p.Policy, name); err != nil {
		return err
	}
	rows, err := s.opt.History.Closed(r.Context(), Closed{Policy: name, Limit: faresOf})
	if err != nil {
		p.Policy.Note = fmt.Sprintf("how it fared is missing here: the history cannot be read: %v", err)
	}
	p.Policy.Fares = faresOfRows(rows)
	for _, row := range rows[:min(len(rows), closedOnNow)] {
		row.Happening = happening(row)
		p.Policy.Rows = append(p.Policy.Rows, row)
	}
	if digest != "" {
		return s.write(w, r, http.StatusOK, p)
	}
	one := policiesPage{Policies: []policyCard{p.Policy.policyCard}}
	if err := s.addGauges(r.Context(), &one); err != nil {
		return err
	}
	p.Policy.policyCard = one.Policies[0]
	return s.write(w, r, http.StatusOK, p)
}

// addPolicy adds the policy as it stands in the rulebook that is asked for, or in
// the one that governs.
func (s *server) addPolicy(ctx context.Context, p *policyPage, name string) error {
	book, err := s.bookOr(ctx, p.Then)
	if err != nil {
		return err
	}
	policy := book.Policy(name)
	if policy == nil {
		return problemf(http.StatusNotFound, "there is no policy %.100q in this rulebook; /policies lists those that govern", name)
	}
	text, err := json.MarshalIndent(policy, "", "  ")
	if err != nil {
		return fmt.Errorf("policy %s: %w", name, err)
	}
	p.Text = string(text)
	now := s.opt.Now()
	if p.Then != "" {
		p.policyCard.Policy = policyOf(*policy, remediate.NewState(), nil, now)
		return nil
	}
	return s.look(ctx, func(st *remediate.State, _ remediate.Rulebooks) {
		var open []uint64
		for n, b := range st.Incidents.Briefs() {
			if b.Policy == name && b.Status != remediate.StatusClosed {
				open = append(open, n)
			}
		}
		p.policyCard.Policy = policyOf(*policy, st, open, now)
	})
}

// bookOr returns a rulebook by its digest, or the one that governs.
func (s *server) bookOr(ctx context.Context, digest string) (*remediate.Rulebook, error) {
	if digest == "" {
		var book *remediate.Rulebook
		err := s.look(ctx, func(st *remediate.State, books remediate.Rulebooks) { book = books[st.Rulebook] })
		if err == nil && book == nil {
			err = problemf(http.StatusNotFound, "no policy is loaded yet")
		}
		return book, err
	}
	book, err := s.rulebook(ctx, digest)
	if err != nil {
		return nil, problemf(http.StatusNotFound, "rulebook %.12q is not kept here: %v", digest, err)
	}
	return book, nil
}

// rehearsalOf is the address at which a policy's alert can be rehearsed.
func rehearsalOf(ls remediate.Labels) string {
	return "/rehearsal?alert=" + url.QueryEscape(cmp.Or(ls.String(), "{}"))
}
