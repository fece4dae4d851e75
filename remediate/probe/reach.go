package probe

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"time"

	"github.com/prometheus/common/model"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/args"
)

const (
	reachDoc     = "each of the target's pods, or of those that are named, reaches each other one: Prometheus has a series that says so of each pair"
	reachExample = `reach: {series: 'mesh_peer_up{job="mesh"}', from: pod, to: peer}`

	// reachMembers and reachSeries bound what is compared. There may be more
	// series than pairs: those of pods that are gone, or of several exporters.
	reachMembers = 100
	reachSeries  = 2 * reachMembers * reachMembers

	defaultReachAge = model.Duration(time.Minute)
)

// reach wants each member to reach each other one. Prometheus is asked, and
// nobody in their place: a command in a pod is a right that we do not have, and
// a pod that is cut off from its peers may be cut off from us, too. The label
// that says who asked can be one that Prometheus gives to what it scrapes, which
// is then not the pod's to choose. Who there must be is never taken from the
// series but from the cluster, or from the policy: of a pair that none of them
// speaks of, nothing is known.
type reach struct {
	// Series selects gauges that are 1 where one reaches the other. It is no
	// expression: the age of what an expression came to is not known.
	Series string `json:"series"`
	From   string `json:"from"` // the label that says who asked: a pod's name or address, with or without a port
	To     string `json:"to"`   // the label that says who was asked
	// Members are whom the labels name; absent: the pods of the target.
	Members []string `json:"members,omitempty"`
	// MaxAge is how old the newest sample of a series may be; default 1m.
	MaxAge model.Duration `json:"max_age,omitempty"`
}

func reachRules(target string, raw json.RawMessage) []rbacv1.PolicyRule {
	var a reach
	if args.Decode(raw, &a) == nil && a.Members != nil {
		return nil
	}
	return podsRules(target, nil)
}

// aSeries is a selector of series with a name, as PromQL has it.
var aSeries = func() *regexp.Regexp {
	const matcher = `\s*[a-zA-Z_]\w*\s*(=|!=|=~|!~)\s*("(\\.|[^"\\])*"|'(\\.|[^'\\])*')\s*`
	return regexp.MustCompile(`^[a-zA-Z_:][\w:]*(\{(` + matcher + `(,` + matcher + `)*,?)?\s*\})?$`)
}()

func (a *reach) validate() error {
	switch {
	case a.Series == "":
		return errors.New(`"series" is missing: want what is 1 where one reaches the other, such as 'mesh_peer_up{job="mesh"}'`)
	case !aSeries.MatchString(args.Sample(a.Series)):
		return fmt.Errorf(`"series" %q: want a name with matchers, such as 'mesh_peer_up{job="mesh"}'; of an expression nobody knows how old it is, so record it by a rule`, a.Series)
	case a.MaxAge < 0 || a.MaxAge != 0 && a.MaxAge < model.Duration(time.Second):
		return fmt.Errorf(`"max_age" is %s: want at least 1s`, a.MaxAge)
	case a.From == a.To && a.From != "":
		return fmt.Errorf(`"from" and "to" are both %q: want the labels of who asked and of who was asked`, a.From)
	}
	for argument, label := range map[string]string{"from": a.From, "to": a.To} {
		switch {
		case label == "":
			return fmt.Errorf(`"%s" is missing: want the label of the series that says it, such as pod`, argument)
		case !model.LegacyValidation.IsValidLabelName(label):
			return fmt.Errorf(`"%s" %q is no name of a label`, argument, label)
		}
	}
	if a.Members == nil {
		return nil
	}
	_, err := membersNamed(a.Members)
	return err
}

func (a *reach) queries() []string { return []string{a.Series} }

func (*reach) dependency(remediate.Question) string { return "prometheus" }

func (a *reach) put(ctx context.Context, p *clients, q remediate.Question) (remediate.Answer, error) {
	who, no, err := a.members(ctx, p, q.Target)
	if err != nil || no != "" {
		return remediate.Answer{Text: no}, err
	}
	said, err := a.ask(ctx, p)
	if err != nil {
		return remediate.Answer{}, err
	}
	m, found := newMatrix(who.names), false
	for _, s := range said {
		from, is := who.find(s.Metric[model.LabelName(a.From)])
		to, isToo := who.find(s.Metric[model.LabelName(a.To)])
		if is && isToo {
			found = true
			m.note(from, to, reaches(s))
		}
	}
	if !found {
		return remediate.Answer{}, fmt.Errorf("%d fresh series, and none is of two of %s: are %q and %q the labels that name them?",
			len(said), few(who.names, mostNames), a.From, a.To)
	}
	return m.answer()
}

// ask asks for the series whose newest sample is young enough, by the clock of
// Prometheus. What is older is as if it were not there.
func (a *reach) ask(ctx context.Context, p *clients) (model.Vector, error) {
	age := time.Duration(cmp.Or(a.MaxAge, defaultReachAge)).Seconds()
	v, err := p.instant(ctx, fmt.Sprintf("%[1]s and timestamp(%[1]s) >= time() - %[2]s", a.Series, written(age)), time.Time{}, reachSeries+1)
	if err != nil {
		return nil, err
	}
	said, ok := v.(model.Vector)
	switch {
	case !ok:
		return nil, fmt.Errorf("the query returned a %s: want an instant vector", v.Type())
	case len(said) > reachSeries:
		return nil, fmt.Errorf("%s are more than %d series: narrow it with matchers", a.Series, reachSeries)
	}
	return said, nil
}

// reaches reads one sample. What is neither a number nor finite says nothing.
func reaches(s *model.Sample) cell {
	n := float64(s.Value)
	switch {
	case s.Histogram != nil || math.IsNaN(n) || math.IsInf(n, 0):
		return cellUnknown
	case n == 1:
		return cellYes
	}
	return cellNo
}
