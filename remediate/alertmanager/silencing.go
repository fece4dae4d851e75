package alertmanager

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-openapi/strfmt"
	clientsilence "github.com/prometheus/alertmanager/api/v2/client/silence"
	"github.com/prometheus/alertmanager/api/v2/models"
	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Silence silences the alerts that all of the matchers match, for so long, as the
// act s. It is made at one Alertmanager, and the others of its cluster hear of
// it; who does not list it when word had the time to get around is in no cluster
// with that one, or cut off from it, and is given one of its own. That there may
// then be two of one act does no harm: they silence the same, until the same
// moment, and are found and ended by the same mark.
//
// The outcome is Later when nothing was sent, and Unknown when something was and
// no Alertmanager says what came of it: performed again, what is there is found.
func (c *Client) Silence(ctx context.Context, s remediate.Started, matchers []string, d time.Duration) remediate.Result {
	what, err := postableSilence(s, matchers, time.Now().UTC(), d)
	if err != nil {
		return result(remediate.Refused, "%v", err)
	}
	mine := func(mark string) bool { return mark == s.ID }
	all := c.holds(ctx, mine)
	switch there := all.which(hasFound); {
	case len(all.answered()) == 0:
		return result(remediate.Later, "no Alertmanager answers: %s", all.unasked())
	case len(there) > 0 && !s.Again:
		return result(remediate.Failed, "a silence of this act was at %s before it was made: somebody else uses our IDs, or a journal was copied", there.names())
	case len(there) > 0 && len(there.which(hasLive)) == 0:
		return result(remediate.OK, "it was silenced at %s; that has ended since, and is not made anew", there.names())
	case len(there) == 0:
		if r := c.silenceAtOne(ctx, all.answered(), what, mine); r != nil {
			return *r
		}
	}
	return c.silenceOthers(ctx, what, mine)
}

// silenceAtOne makes the silence at the first Alertmanager that takes it. The
// result is set when none did.
func (c *Client) silenceAtOne(ctx context.Context, all holdings, what *models.PostableSilence, mine func(string) bool) *remediate.Result {
	var errs []error
	for _, h := range all {
		err := h.silence(ctx, what)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
		if listed := c.holds(ctx, mine); len(listed.which(hasLive)) > 0 {
			return nil // it was, whatever the answer said
		}
	}
	if slices.ContainsFunc(errs, func(err error) bool { return !isRefusal(err) }) {
		return new(result(remediate.Unknown, "it was sent, and is not listed: %s", why(errs)))
	}
	return new(result(remediate.Failed, "%s", why(errs)))
}

// silenceOthers makes it at those, too, that did not hear of it by themselves.
func (c *Client) silenceOthers(ctx context.Context, what *models.PostableSilence, mine func(string) bool) remediate.Result {
	all := c.settle(ctx, mine, hasLive)
	var errs []error
	lack := all.answered().which(func(h held) bool { return !hasLive(h) })
	for _, h := range lack {
		if err := h.silence(ctx, what); err != nil {
			errs = append(errs, err)
		}
	}
	if len(lack) > 0 {
		all = c.holds(ctx, mine)
	}
	there := all.which(hasLive)
	if len(there) == 0 {
		return result(remediate.Unknown, "it was sent, and is not listed by %s: %s", all.names(), why(errs, all.unasked()))
	}
	r := result(remediate.OK, "silenced until %s at %s: %s", clock(there.until()), there.names(), selects(what))
	if len(errs) > 0 {
		r.Text += "; not elsewhere: " + why(errs)
	}
	return also(r, all.unasked())
}

// Unsilence ends what was silenced by the acts of the incident that the act s is
// of; when it is an undo, by those of its own attempt. What people silenced stays.
// Of an Alertmanager that does not answer it is said so: there it ends by itself.
func (c *Client) Unsilence(ctx context.Context, s remediate.Started) remediate.Result {
	wanted := madeFor(s)
	all := c.holds(ctx, wanted)
	switch there := all.which(hasFound); {
	case len(all.answered()) == 0:
		return result(remediate.Later, "no Alertmanager answers: %s", all.unasked())
	case len(there) == 0 && all.unasked() != "":
		return result(remediate.Later, "no silence of ours is listed, and not all say what they have: %s", all.unasked())
	case len(there) == 0:
		return result(remediate.OK, "nothing is silenced by us; nothing was sent")
	case len(there.which(hasLive)) == 0:
		return also(result(remediate.OK, "what was silenced at %s has ended already; nothing was sent", there.names()), all.unasked())
	}
	until := all.until()
	ended := map[string]bool{} // once each: the others of the cluster hear of it
	for _, h := range all {
		_ = h.expire(ctx, ended) // what did not end is seen below, and asked for once more
	}
	all = c.settle(ctx, wanted, func(h held) bool { return !hasLive(h) })
	var errs []error
	if still := all.which(hasLive); len(still) > 0 {
		for _, h := range still {
			errs = append(errs, h.expire(ctx, map[string]bool{}))
		}
		all = c.holds(ctx, wanted)
	}
	switch still := all.which(hasLive); {
	case len(still) > 0:
		return result(remediate.Unknown, "still silenced at %s, until %s: %s", still.names(), clock(until), why(errs))
	case len(all.answered()) == 0:
		return result(remediate.Unknown, "it was sent, and no Alertmanager says what came of it: %s", all.unasked())
	}
	r := result(remediate.OK, "no longer silenced at %s", all.answered().names())
	if unasked := all.unasked(); unasked != "" {
		return also(r, unasked+"; what is silenced there ends by itself, at "+clock(until))
	}
	return r
}

// madeFor tells of a mark whether an act ends what was made under it.
func madeFor(s remediate.Started) func(mark string) bool {
	attempt := s.Act.Attempt
	incident := attempt[:strings.LastIndex(attempt, "-a")+1] // q4m2x7kd-i42-
	return func(mark string) bool {
		return mark == attempt || strings.HasPrefix(mark, attempt+"-") || !s.Act.Undo && incident != "" && strings.HasPrefix(mark, incident+"a")
	}
}

// silence posts a silence to one Alertmanager.
func (h held) silence(ctx context.Context, what *models.PostableSilence) error {
	return h.do(ctx, "silence", func(ctx context.Context) error {
		_, err := h.api.Silence.PostSilences(clientsilence.NewPostSilencesParamsWithContext(ctx).WithTimeout(h.o.Timeout).WithHTTPClient(h.web).WithSilence(what))
		return err
	})
}

// expire ends what is live at one Alertmanager, but what was ended already.
func (h held) expire(ctx context.Context, ended map[string]bool) error {
	var errs []error
	for _, s := range h.live() {
		if ended[s.id] {
			continue
		}
		err := h.do(ctx, "unsilence", func(ctx context.Context) error {
			_, err := h.api.Silence.DeleteSilence(clientsilence.NewDeleteSilenceParamsWithContext(ctx).WithTimeout(h.o.Timeout).WithHTTPClient(h.web).WithSilenceID(strfmt.UUID(s.id)))
			return err
		})
		ended[s.id] = err == nil
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// postableSilence is a silence as the API takes it.
func postableSilence(s remediate.Started, matchers []string, from time.Time, d time.Duration) (*models.PostableSilence, error) {
	p := &models.PostableSilence{}
	for _, text := range matchers {
		m, err := labels.ParseMatcher(text)
		if err != nil {
			return nil, fmt.Errorf("%.80q is not a matcher: %w", text, err)
		}
		p.Matchers = append(p.Matchers, &models.Matcher{
			Name: new(m.Name), Value: new(m.Value),
			IsEqual: new(m.Type == labels.MatchEqual || m.Type == labels.MatchRegexp),
			IsRegex: new(m.Type == labels.MatchRegexp || m.Type == labels.MatchNotRegexp),
		})
	}
	if len(p.Matchers) == 0 {
		return nil, errors.New("it does not say which alerts")
	}
	p.CreatedBy, p.Comment = new(OwnCreator), new(commentOf(s))
	p.StartsAt, p.EndsAt = new(strfmt.DateTime(from)), new(strfmt.DateTime(from.Add(d)))
	return p, nil
}

// selects is what a silence selects, for people.
func selects(p *models.PostableSilence) string {
	var all []string
	for _, m := range p.Matchers {
		kind := labels.MatchEqual
		switch {
		case *m.IsRegex && *m.IsEqual:
			kind = labels.MatchRegexp
		case *m.IsRegex:
			kind = labels.MatchNotRegexp
		case !*m.IsEqual:
			kind = labels.MatchNotEqual
		}
		all = append(all, (&labels.Matcher{Type: kind, Name: *m.Name, Value: *m.Value}).String())
	}
	return strings.Join(all, ", ")
}

// clock is a moment for people.
func clock(t time.Time) string { return t.UTC().Format(time.TimeOnly) + " UTC" }

// why puts errors into one line, and what else there is to say.
func why(errs []error, besides ...string) string {
	for _, err := range errs {
		if err != nil {
			besides = append(besides, brief(err))
		}
	}
	besides = slices.DeleteFunc(besides, func(s string) bool { return s == "" })
	return cmp.Or(strings.Join(besides, "; "), "it took what it was sent")
}

func result(outcome, format string, args ...any) remediate.Result {
	return remediate.Result{Outcome: outcome, Text: fmt.Sprintf(format, args...)}
}

// also adds who did not answer.
func also(r remediate.Result, unasked string) remediate.Result {
	if unasked != "" {
		r.Text += "; not known of all: " + unasked
	}
	return r
}
