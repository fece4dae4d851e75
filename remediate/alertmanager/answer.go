package alertmanager

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/api/v2/models"
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
	if a, ok := find(replies, remediate.IdentityOf(ls, nil), replica); ok {
		return a
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

// find returns the answer about the alert called id if any reply has it.
func find(replies []reply, id remediate.AlertID, replica []string) (remediate.Answer, bool) {
	var found *seen
	var unprocessed string
	for _, r := range replies {
		for _, s := range r.alerts {
			switch {
			case remediate.IdentityOf(s.alert.Labels, replica) != id:
			case s.state != models.AlertStatusStateActive && len(s.suppressed) == 0:
				unprocessed = r.peer
			case found == nil:
				found = &s
			default:
				*found = found.with(s)
			}
		}
	}
	if found != nil {
		return known(*found), true
	}
	return unknown(unprocessed + ": it has the alert, and has not looked yet whether it is suppressed"), unprocessed != ""
}

// known is the answer about an alert that was found.
func known(s seen) remediate.Answer {
	a := remediate.Answer{Kind: QuestionAlert, OK: true, Values: map[string]string{remediate.ValueState: remediate.AlertStateFiring}}
	since := s.alert.StartsAt.Format(time.DateTime) + " UTC at " + s.at
	if len(s.suppressed) == 0 {
		a.Text = "firing since " + since + ", not suppressed"
		return a
	}
	by := strings.Join(s.suppressed, ",")
	a.Values[remediate.ValueState], a.Values[remediate.ValueSuppressedBy] = remediate.AlertStateSuppressed, by
	a.Text = "firing since " + since + ", suppressed by " + by
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

// narrow returns matchers that keep the answer short. They need not be exact:
// all that comes back is compared with the whole label set. So labels whose
// names an old Alertmanager cannot parse, and long ones, are left out.
func narrow(ls remediate.Labels) []string {
	var out []string
	var size int
	for _, l := range ls {
		if !model.LegacyValidation.IsValidLabelName(l.Name) || len(l.Value) > maxFilterValue || size+len(l.Name)+len(l.Value) > maxFilter {
			continue
		}
		m, err := labels.NewMatcher(labels.MatchEqual, l.Name, l.Value)
		if err != nil {
			continue // there is nothing to compile in an equality
		}
		out = append(out, m.String())
		size += len(l.Name) + len(l.Value)
	}
	return out
}
