package action

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/common/model"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/x0tta6bl4/remediated/remediate"
)

const (
	silenceDoc     = "silences the alerts that a procedure makes fire on purpose, for people and until unsilence, or for as long as it says at most"
	silenceExample = `silence: {alert: ['alertname=~"ApiErrors|ApiSlow"', 'namespace="$namespace"'], for: 15m}`

	unsilenceDoc     = "ends what silence has silenced in this incident, and nobody else's silence"
	unsilenceExample = `unsilence: {}`

	// longestSilence is what a silence may last when nobody ends it: not longer
	// than people would take it for the procedure's.
	longestSilence = model.Duration(time.Hour)
)

// Silencer silences alerts for people, and ends what was silenced so, at all
// Alertmanagers. Its outcomes are those of an act, but that it may also be Later,
// when nothing was sent, without saying until when.
type Silencer interface {
	Silence(ctx context.Context, s remediate.Started, matchers []string, d time.Duration) remediate.Result
	Unsilence(ctx context.Context, s remediate.Started) remediate.Result
}

// silence silences alerts that are written out by name. That it silences none of
// the policy's own is seen to when the policy is loaded.
type silence struct {
	Alert []string       `json:"alert"` // Alertmanager's matchers, of which all must match
	For   model.Duration `json:"for"`   // it ends by itself then; at most 1h
}

// alertNames is a matcher's value that is a choice of plain names.
var alertNames = regexp.MustCompile(`^[A-Za-z0-9_:-]+(\|[A-Za-z0-9_:-]+)*$`)

func (a *silence) validate() error {
	switch {
	case len(a.Alert) == 0:
		return errors.New(`"alert" is missing: want matchers, for example alert: ['alertname="ApiErrors"', 'namespace="$namespace"']`)
	case a.For <= 0 || a.For > longestSilence:
		return fmt.Errorf(`"for" is %s: want how long it may last when nobody ends it, up to %s`, a.For, longestSilence)
	}
	named, about := false, false
	for _, s := range a.Alert {
		m, err := silenceMatcher(s)
		switch {
		case err != nil:
			return fmt.Errorf(`"alert": %w`, err)
		case m.Name == model.AlertNameLabel:
			named = true
			if err := checkAlertNames(m); err != nil {
				return fmt.Errorf(`"alert": %w`, err)
			}
		case m.Type == labels.MatchEqual && m.Value != "":
			about = true
		}
	}
	switch {
	case !named:
		return errors.New(`"alert" may silence any alert: name those that are meant, for example 'alertname=~"ApiErrors|ApiSlow"'`)
	case !about:
		return errors.New(`"alert" silences these alerts wherever they fire: say whose, for example 'namespace="$namespace"'`)
	}
	return nil
}

// silenceMatcher reads a matcher, in whose value a label's may stand only where
// it is no expression.
func silenceMatcher(s string) (*labels.Matcher, error) {
	m, err := labels.ParseMatcher(s)
	switch {
	case err != nil || !strings.HasSuffix(strings.TrimSpace(s), `"`):
		return nil, fmt.Errorf(`%.80q is not a matcher: write it as 'namespace="$namespace"', with =, !=, =~ or !~ and the value in double quotes`, s)
	case strings.Contains(m.Value, "$") && (m.Type == labels.MatchRegexp || m.Type == labels.MatchNotRegexp):
		return nil, fmt.Errorf("%s: what an alert says is no expression: take it by = or !=", m)
	}
	return m, nil
}

// checkAlertNames refuses what does not write out whose alerts are meant, and
// those by which people hear that we, or the alerts, do not work.
func checkAlertNames(m *labels.Matcher) error {
	if m.Type != labels.MatchEqual && m.Type != labels.MatchRegexp || !alertNames.MatchString(m.Value) {
		return fmt.Errorf(`%s: want the names of the alerts, written out: 'alertname="ApiErrors"' or 'alertname=~"ApiErrors|ApiSlow"'`, m)
	}
	for name := range strings.SplitSeq(m.Value, "|") {
		if strings.HasPrefix(name, remediate.OwnPrefix) || name == "Watchdog" {
			return fmt.Errorf("%s: people hear by it that something does not work that they count on, and it is never silenced", name)
		}
	}
	return nil
}

// silences are the matchers of what it silences.
func (a *silence) silences() []string { return slices.Clone(a.Alert) }

// silenceRules are for the Event, and for seeing that the target is the one that
// was judged.
func silenceRules(target string, _ json.RawMessage) []rbacv1.PolicyRule {
	return append(sameRules(target), eventRule)
}

func silenceWrites(target string, _ json.RawMessage) []Write {
	return eventWrites("silence", kindsOf(target)...)
}

func (a *silence) perform(ctx context.Context, t *attempt) remediate.Result {
	w, stop := t.same(ctx)
	if stop != nil {
		return *stop
	}
	r := t.hush(func(s remediate.Started, by Silencer) remediate.Result {
		return by.Silence(ctx, s, a.Alert, time.Duration(a.For))
	})
	if r.Outcome == remediate.Later {
		return r
	}
	return t.tell(ctx, w, r)
}

// unsilence ends what silence did: in a procedure what this incident has
// silenced, in an undo what this attempt has. It does not need the target: what
// is silenced must not stay so because the cluster does not answer.
type unsilence struct{}

func (*unsilence) validate() error { return nil }

func unsilenceWrites(target string, _ json.RawMessage) []Write {
	return eventWrites("unsilence", kindsOf(target)...)
}

func (*unsilence) perform(ctx context.Context, t *attempt) remediate.Result {
	r := t.hush(func(s remediate.Started, by Silencer) remediate.Result { return by.Unsilence(ctx, s) })
	if r.Outcome == remediate.Later {
		return r
	}
	w, stop := t.same(ctx)
	if stop != nil {
		r.Text += "; no Event says so: " + stop.Text
		return r
	}
	return t.tell(ctx, w, r)
}

// hush has the Alertmanagers do something, once more where they do not say what
// came of it.
func (t *attempt) hush(do func(remediate.Started, Silencer) remediate.Result) remediate.Result {
	by, s := t.actor.silencer, t.Started
	switch {
	case by == nil:
		return refused("no Alertmanager is configured that could silence")
	case s.Act.Attempt == "":
		return refused("the plan does not say which attempt it is of")
	}
	s.Again = t.again
	r := do(s, by)
	switch r.Outcome {
	case remediate.Unknown:
		t.remember() // it may be there: performed again, it is looked for
		return t.later(errors.New(r.Text))
	case remediate.Later:
		return t.later(errors.New(r.Text))
	}
	return r
}
