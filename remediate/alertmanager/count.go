package alertmanager

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/args"
)

// QuestionAlerts is the kind of the questions that [Client.AnswerAlerts]
// answers. Their arguments are {"filter": [matchers]}, of which all must match.
const QuestionAlerts = "alerts"

// maxShown is how many of the alerts that were counted an answer names.
const maxShown = 3

// AnswerAlerts counts the alerts that match all matchers of the question, fire
// and are not suppressed; those that we raised ourselves are not counted. OK
// says that the count is known, not what it is.
//
// What one Alertmanager has is enough to count it. That there is none is known
// only when all of them answered and none started a short while ago: whoever
// asks wants to hear of a fire, and not knowing of one is not having none.
func (c *Client) AnswerAlerts(ctx context.Context, q remediate.Question) remediate.Answer {
	if q.Kind != QuestionAlerts {
		return notCounted(fmt.Sprintf("a question of kind %q is not for Alertmanager", q.Kind))
	}
	ms, err := matchersOf(q)
	if err != nil {
		return notCounted(err.Error())
	}
	replies := c.alerts(ctx, narrowBy(ms))
	n := c.count(ctx, slices.DeleteFunc(merge(replies), func(s seen) bool { return s.alert.Labels.Own() || !matchAll(ms, s.alert.Labels) }))
	if len(n.firing) == 0 {
		c.prove(ctx, replies)
		if why := doubts(replies); why != "" {
			n.doubts = append(n.doubts, why)
		}
		if len(n.doubts) > 0 {
			return notCounted("no such alert is known to fire, which may mean nothing: " + strings.Join(n.doubts, "; "))
		}
	}
	return remediate.Answer{
		Kind: QuestionAlerts, OK: true, Text: n.text(replies),
		Values: map[string]string{remediate.ValueCount: strconv.Itoa(len(n.firing))},
	}
}

// notCounted is the answer when it cannot be told how many there are.
func notCounted(why string) remediate.Answer {
	return remediate.Answer{Kind: QuestionAlerts, Text: "not known", Err: why}
}

// matchersOf reads the question's matchers. They must select: none, or those
// that an alert without any label would match, mean every alert.
func matchersOf(q remediate.Question) ([]*labels.Matcher, error) {
	var a struct {
		Filter []string `json:"filter"`
	}
	if err := args.Decode(q.Args, &a); err != nil {
		return nil, err
	}
	var ms []*labels.Matcher
	for _, s := range a.Filter {
		m, err := labels.ParseMatcher(s)
		if err != nil {
			return nil, fmt.Errorf(`%.80q is not a matcher: %w: write it as 'alertname="NodeDown"', with =, !=, =~ or !~`, s, err)
		}
		ms = append(ms, m)
	}
	if matchAll(ms, nil) {
		return nil, errors.New("the filter selects nearly every alert: name a value that must be there, for example 'alertname=\"NodeDown\"'")
	}
	return ms, nil
}

// matchAll tells whether all matchers match.
func matchAll(ms []*labels.Matcher, ls remediate.Labels) bool {
	return !slices.ContainsFunc(ms, func(m *labels.Matcher) bool { return !m.Matches(ls.Get(m.Name)) })
}

// counted are alerts by what is to be said of them.
type counted struct {
	firing     []string // labels of each that fires and is not suppressed
	suppressed int
	doubts     []string // why others may be of the first sort
}

// count sorts alerts. An alert that several replicas tell of is one, and
// suppressed when all of them are.
func (c *Client) count(ctx context.Context, all []seen) counted {
	var n counted
	r, replica := c.registerOf(ctx, all, nil), c.o.ReplicaLabels()
	fires, suppressed := map[remediate.AlertID]string{}, map[remediate.AlertID]bool{}
	for _, s := range all {
		ls := s.alert.Labels.Without(replica)
		id := remediate.IdentityOf(ls, nil)
		switch {
		case !s.looked():
			n.doubts = append(n.doubts, s.at+": it has not looked yet whether such an alert is suppressed")
		case len(r.words(s.stops)) == 0:
			fires[id] = ls.String()
		case r.doubtful(s.stops) != "":
			n.doubts = append(n.doubts, r.doubtful(s.stops))
			fallthrough
		default:
			suppressed[id] = true
		}
	}
	for id, text := range fires {
		n.firing = append(n.firing, text)
		delete(suppressed, id)
	}
	slices.Sort(n.firing)
	n.suppressed, n.doubts = len(suppressed), set(n.doubts)
	return n
}

// text says what was counted, for people.
func (n counted) text(replies []reply) string {
	var b strings.Builder
	switch len(n.firing) {
	case 0:
		b.WriteString("no such alert fires at " + names(replies))
	case 1:
		b.WriteString("1 such alert fires: ")
	default:
		fmt.Fprintf(&b, "%d such alerts fire: ", len(n.firing))
	}
	for i, text := range n.firing[:min(len(n.firing), maxShown)] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(oneLine(text, maxComment))
	}
	if more := len(n.firing) - maxShown; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	if n.suppressed > 0 {
		fmt.Fprintf(&b, "; %d suppressed", n.suppressed)
	}
	return b.String()
}
