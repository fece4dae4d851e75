package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/web/webtest"
)

func TestADrillThatOthersWouldHearOfIsRefused(t *testing.T) {
	const receivers = "\nreceivers: [{name: remediated, webhook_configs: [{url: 'http://r/api/v1/webhook/alertmanager'}]}, {name: people, pagerduty_configs: [{routing_key: k}]}]"
	apart := "route: {receiver: people, routes: [{receiver: remediated, matchers: ['remediated_drill=~\".+\"']}]}" + receivers
	loud := "route: {receiver: people, routes: [{receiver: remediated, continue: true}, {receiver: people}]}" + receivers
	book, err := webtest.Rulebook(holding)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		command, scope string
		texts          map[string]string
		err            error
		want           string // of the refusal; "" is handed over
	}{
		"only we hear of it":          {remediate.Drill, "policy/db", map[string]string{"am1": apart, "am2": apart}, nil, ""},
		"one of them tells others":    {remediate.Drill, "policy/db", map[string]string{"am1": apart, "am2": loud}, nil, "at Alertmanager am2 a drill would set off more than itself: receiver people is told of it"},
		"one of them does not say":    {remediate.Drill, "policy/db", map[string]string{"am1": apart}, errors.New("am2: connection refused"), "what a drill would set off is not known: am2"},
		"one that cannot be read":     {remediate.Drill, "policy/db", map[string]string{"am1": "route: ["}, nil, "what a drill would set off is not known: am1"},
		"what the decider refuses":    {remediate.Drill, "policy/nobody", map[string]string{"am1": loud}, nil, ""},
		"its end":                     {remediate.EndDrill, "policy/db", nil, errors.New("not asked"), ""},
		"a word that is of no drills": {remediate.Pause, "policy/db", nil, errors.New("not asked"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := &ruled{book: book}
			g := drillGround{l, func(context.Context) (map[string]string, error) { return c.texts, c.err }}
			err := g.Command(t.Context(), remediate.Command{Command: c.command, By: "anna", Scope: c.scope, Labels: remediate.LabelsOf(map[string]string{"namespace": "shop"})})
			var refused *remediate.RefusedError
			if c.want != "" && (!errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) || len(l.heard) > 0) {
				t.Errorf("it says %v and hands over %v, want %q", err, l.heard, c.want)
			}
			if c.want == "" && (err != nil || len(l.heard) != 1) {
				t.Errorf("it says %v and hands over %v", err, l.heard)
			}
		})
	}
}

// ruled is a listener with a rulebook that governs.
type ruled struct {
	listener
	book *remediate.Rulebook
}

func (g *ruled) Look(_ context.Context, f func(*remediate.State, remediate.Rulebooks)) error {
	s := remediate.NewState()
	s.Rulebook = g.book.Digest()
	f(s, remediate.Rulebooks{g.book.Digest(): g.book})
	return nil
}
