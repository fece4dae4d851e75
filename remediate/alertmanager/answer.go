package alertmanager

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// QuestionAlert is the kind of the questions that [Client.Answer] answers.
const QuestionAlert = "alert"

// Answer says whether the alert with the question's labels still fires and
// whether it is suppressed. OK says that this is known, not that it fires:
// what there is to judge by stands in Values.
//
// One Alertmanager that has the alert is enough to know that it fires. That it
// is gone is known only when all of them answered and none started a short
// while ago.
func (c *Client) Answer(ctx context.Context, q remediate.Question) remediate.Answer {
	if q.Kind != QuestionAlert {
		return unknown(fmt.Sprintf("a question of kind %q is not for Alertmanager", q.Kind))
	}
	replica := c.o.ReplicaLabels()
	ls := q.Labels.Without(replica)
	if len(ls) == 0 {
		return unknown("the question names no labels, and none would mean every alert")
	}
	replies := c.alerts(ctx, narrow(ls))
	if found := find(replies, remediate.IdentityOf(ls, nil), replica); len(found) > 0 {
		return c.known(ctx, found)
	}
	c.prove(ctx, replies)
	if why := doubts(replies); why != "" {
		return unknown("not listed, which may mean nothing: " + why)
	}
	return remediate.Answer{
		Kind: QuestionAlert, OK: true, Text: "no longer firing at " + names(replies),
		Values: map[string]string{remediate.ValueState: remediate.AlertStateGone},
	}
}

// find returns the alert called id, once for each replica that tells of it.
func find(replies []reply, id remediate.AlertID, replica []string) []seen {
	return slices.DeleteFunc(merge(replies), func(s seen) bool {
		return remediate.IdentityOf(s.alert.Labels, replica) != id
	})
}

// known is the answer about an alert that was found. It is suppressed when all
// replicas of it are.
func (c *Client) known(ctx context.Context, found []seen) remediate.Answer {
	looked := slices.DeleteFunc(slices.Clone(found), func(s seen) bool { return !s.looked() })
	if len(looked) == 0 {
		return unknown(found[0].at + ": it has the alert, and has not looked yet whether it is suppressed")
	}
	r := c.registerOf(ctx, looked, nil)
	var by []string
	for _, s := range looked {
		words := r.words(s.stops)
		if len(words) == 0 {
			return fires(s, nil)
		}
		by = set(by, words)
	}
	return fires(looked[0], by)
}

// fires is the answer about an alert that fires, suppressed or not.
func fires(s seen, by []string) remediate.Answer {
	a := remediate.Answer{Kind: QuestionAlert, OK: true, Values: map[string]string{remediate.ValueState: remediate.AlertStateFiring}}
	a.Text = "firing since " + s.alert.StartsAt.Format(time.DateTime) + " UTC at " + s.at
	if len(by) == 0 {
		a.Text += ", not suppressed"
		return a
	}
	text := strings.Join(by, ", ")
	a.Values[remediate.ValueState], a.Values[remediate.ValueSuppressedBy] = remediate.AlertStateSuppressed, text
	a.Text += ", suppressed: " + text
	return a
}

// unknown is the answer when it cannot be told.
func unknown(why string) remediate.Answer {
	return remediate.Answer{Kind: QuestionAlert, Text: "not known", Err: why}
}

func names(replies []reply) string {
	out := make([]string, len(replies))
	for i, r := range replies {
		out[i] = r.peer
	}
	return strings.Join(out, ", ")
}

// Bounds of the filter in a request's URL.
const (
	maxFilterValue = 256  // bytes
	maxFilter      = 2048 // bytes
)

// narrow returns matchers for the alerts with at least these labels.
func narrow(ls remediate.Labels) []string {
	var ms []*labels.Matcher
	for _, l := range ls {
		if m, err := labels.NewMatcher(labels.MatchEqual, l.Name, l.Value); err == nil { // there is nothing to compile in an equality
			ms = append(ms, m)
		}
	}
	return narrowBy(ms)
}

// narrowBy returns matchers that keep the answer short, as a filter. They need
// not be exact: all that comes back is compared once more. So labels whose
// names an old Alertmanager cannot parse, and long ones, are left out.
func narrowBy(ms []*labels.Matcher) []string {
	var out []string
	var size int
	for _, m := range ms {
		if !model.LegacyValidation.IsValidLabelName(m.Name) || len(m.Value) > maxFilterValue || size+len(m.Name)+len(m.Value) > maxFilter {
			continue
		}
		out = append(out, m.String())
		size += len(m.Name) + len(m.Value)
	}
	return out
}
