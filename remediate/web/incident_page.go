package web

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// incidentPage is one incident, and what a page shows of it beside the API.
type incidentPage struct {
	Incident
	Promise  promise
	Timeline *timeline
	Kept     []keptText
	Links    []outLink
	Rulebook string // digest of the one that it was opened under
	Omitted  int    // happenings in the middle of a long story
}

// outLink leads to where else there is something to be seen.
type outLink struct{ Text, URL string }

// keptText is evidence, and how it ends.
type keptText struct {
	Evidence
	Tail string // "" when it cannot be read
}

// Bounds of the evidence on a page; all of it is a link away.
const (
	keptOnPage = 6
	keptTail   = 4 << 10 // bytes
)

func (s *server) incidentPage(w http.ResponseWriter, r *http.Request) error {
	n, err := number(r.PathValue("id"))
	if err != nil {
		return err
	}
	i, err := s.show(r.Context(), n)
	if err != nil {
		return err
	}
	p := page{Title: fmt.Sprintf("i%d %s", n, i.Policy), Nav: "now", Live: i.Closed.IsZero()}
	if !p.Live {
		p.Nav = "history"
	}
	if p.Status, err = s.overview(r.Context()); err != nil {
		return err
	}
	now := s.opt.Now()
	objective := cmp.Or(i.Objective, s.objectiveThen(r.Context(), i))
	p.Incident = &incidentPage{
		Incident: i, Promise: promiseOf(objective, i.Row, now), Timeline: drawTimeline(i.facts, i, objective, now),
		Kept: s.keptTexts(r.Context(), i), Links: linksOf(s.opt.Links(), i, i.facts), Rulebook: i.rulebook,
	}
	p.Incident.shorten()
	return s.write(w, r, http.StatusOK, p)
}

// Of a long story a page has how it began and how it stands: so many happenings,
// and of so many of the last ones what guards had nothing against.
const (
	storyBegins  = 20
	storyStands  = 60
	storyAllowed = 15
)

// shorten leaves out the middle of a story that is long. The API has all of it.
func (p *incidentPage) shorten() {
	if p.Omitted = max(0, len(p.Story)-storyBegins-storyStands); p.Omitted == 0 {
		return
	}
	p.Story = slices.Concat(p.Story[:storyBegins], p.Story[len(p.Story)-storyStands:])
	p.Story[storyBegins].Text = fmt.Sprintf("(%d happenings before this are left out here.) ", p.Omitted) + p.Story[storyBegins].Text
	for k := range p.Story[:len(p.Story)-storyAllowed] {
		p.Story[k].Details = sorted(p.Story[k].Details, false)
	}
}

// objectiveThen is what the rulebook promised that the incident was opened under,
// 0 when that is not known any more.
func (s *server) objectiveThen(ctx context.Context, i Incident) model.Duration {
	book, err := s.rulebook(ctx, i.rulebook)
	if err != nil {
		return 0
	}
	opened := remediate.Incident{Rulebook: i.rulebook, Policy: i.Policy, Severity: i.Severity, Status: i.Status}
	return objectiveOf(&opened, remediate.Rulebooks{i.rulebook: book})
}

// keptTexts are the ends of what was kept last: there the error stands.
func (s *server) keptTexts(ctx context.Context, i Incident) []keptText {
	var ks []keptText
	for _, e := range i.Evidence[max(0, len(i.Evidence)-keptOnPage):] {
		k := keptText{Evidence: e}
		if b, err := s.opt.History.Kept(ctx, e.Digest); err == nil {
			k.Tail = strings.ToValidUTF8(string(b[max(0, len(b)-keptTail):]), "\uFFFD")
		}
		ks = append(ks, k)
	}
	return ks
}

// argument is one argument of an act.
type argument struct{ Name, Value string }

// argsOf are the arguments of an act, for people: a value that is no text is as
// JSON writes it.
func argsOf(a remediate.Act) []argument {
	var values map[string]json.RawMessage
	if len(a.Args) == 0 || json.Unmarshal(a.Args, &values) != nil {
		return nil
	}
	args := []argument{}
	for name, value := range values {
		var text string
		if json.Unmarshal(value, &text) != nil {
			var b bytes.Buffer
			_ = json.Indent(&b, value, "", "  ") // it was read just now
			text = b.String()
		}
		args = append(args, argument{name, text})
	}
	slices.SortFunc(args, func(a, b argument) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	return args
}
