package action

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/x0tta6bl4/remediated/remediate"
)

const silenceArgs = `{"alert":["alertname=~\"ApiErrors|ApiSlow\"","namespace=\"shop\""],"for":"15m"}`

// silencer stands where the Alertmanagers are asked, and notes what for.
type silencer struct {
	asked   []string
	answers []remediate.Result // one after the other
}

func (s *silencer) answer(what string, of remediate.Started) remediate.Result {
	if of.Again {
		what += " again"
	}
	s.asked = append(s.asked, what+" "+of.ID)
	r := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	return r
}

func (s *silencer) Silence(_ context.Context, of remediate.Started, matchers []string, d time.Duration) remediate.Result {
	return s.answer("silence "+strings.Join(matchers, ", ")+" for "+d.String(), of)
}

func (s *silencer) Unsilence(_ context.Context, of remediate.Started) remediate.Result {
	return s.answer("unsilence", of)
}

// quiet is an actor that silences by s, nil for by nobody, and the act.
func (a *api) quiet(t *testing.T, kind string, s *silencer) (*Actor, remediate.Started) {
	t.Helper()
	a.addDeployment()
	o := Options{Clusters: map[string]*rest.Config{"prod": {Host: a.URL}}, Timeout: 500 * time.Millisecond}
	if s != nil {
		o.Silencer = s
	}
	actor, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	what := a.plan(t, actor, kind, web)
	if kind == "silence" {
		what.Act.Args = json.RawMessage(silenceArgs)
	}
	return actor, what
}

func TestSilence(t *testing.T) {
	a, s := newAPI(t), &silencer{answers: []remediate.Result{ok("silenced at am-1")}}
	actor, what := a.quiet(t, "silence", s)
	performed(t, actor, what, remediate.OK, "silenced at am-1")
	if want := `silence alertname=~"ApiErrors|ApiSlow", namespace="shop" for 15m0s j-i42-a1`; !slices.Equal(s.asked, []string{want}) {
		t.Errorf("asked %q", s.asked)
	}
	if len(a.events) != 1 || a.events[0].Action != "silence" || !strings.HasSuffix(a.events[0].Note, "silence: silenced at am-1") {
		t.Errorf("events %+v", a.events)
	}
}

// Where nobody knows what came of it, it is looked for, and not given up before
// the deadline.
func TestSilenceIsLookedFor(t *testing.T) {
	for _, kind := range []string{"silence", "unsilence"} {
		a, s := newAPI(t), &silencer{answers: []remediate.Result{unknown("no answer"), refused("no"), {Outcome: remediate.Later, Text: "down"}}}
		actor, what := a.quiet(t, kind, s)
		soon(t, performed(t, actor, what, remediate.Later, "no answer"), retryAfter)
		performed(t, actor, what, remediate.Refused, "no")
		if len(s.asked) != 2 || strings.Contains(s.asked[0], "again") || !strings.Contains(s.asked[1], "again") {
			t.Errorf("asked %q", s.asked)
		}
		soon(t, performed(t, actor, what, remediate.Later, "down"), retryAfter)
		what.Deadline = time.Now().Add(time.Second)
		performed(t, actor, what, remediate.Failed, "gave up at its deadline: down")
		s.answers = []remediate.Result{unknown("no answer")}
		performed(t, actor, what, remediate.Unknown, "gave up at its deadline: no answer")
	}
}

func TestSilenceRefuses(t *testing.T) {
	for name, change := range map[string]func(*api, *remediate.Started){
		remediate.RefusedGone:                       func(a *api, _ *remediate.Started) { delete(a.deployments, "web") },
		"made anew since it was judged":             func(a *api, _ *remediate.Started) { a.deployments["web"].UID = "u9" },
		"the plan does not say which attempt":       func(_ *api, s *remediate.Started) { s.Act.Attempt = "" },
		`"alert" may silence any alert: name those`: func(_ *api, s *remediate.Started) { s.Act.Args = json.RawMessage(`{"alert":["a=\"b\""],"for":"1m"}`) },
	} {
		t.Run(name, func(t *testing.T) {
			a, s := newAPI(t), &silencer{answers: []remediate.Result{ok("silenced")}}
			actor, what := a.quiet(t, "silence", s)
			change(a, &what)
			performed(t, actor, what, remediate.Refused, name)
			if len(s.asked) > 0 {
				t.Errorf("asked %q", s.asked)
			}
		})
	}
	a := newAPI(t)
	for _, kind := range []string{"silence", "unsilence"} {
		actor, what := a.quiet(t, kind, nil)
		performed(t, actor, what, remediate.Refused, "no Alertmanager is configured")
	}
}

// What is silenced does not stay so because the target is gone, or the cluster
// does not answer.
func TestUnsilenceWithoutTheTarget(t *testing.T) {
	for want, change := range map[string]func(*api){
		"no longer silenced":                         func(*api) {},
		"no Event says so: " + remediate.RefusedGone: func(a *api) { delete(a.deployments, "web") },
		"no Event says so: ":                         func(a *api) { a.Close() },
	} {
		a, s := newAPI(t), &silencer{answers: []remediate.Result{ok("no longer silenced")}}
		actor, what := a.quiet(t, "unsilence", s)
		change(a)
		performed(t, actor, what, remediate.OK, want)
		if !slices.Equal(s.asked, []string{"unsilence j-i42-a1"}) {
			t.Errorf("asked %q", s.asked)
		}
	}
}

func TestSilenceArguments(t *testing.T) {
	for _, tc := range []struct{ alert, more, want string }{
		{`"alertname=\"A\"","namespace=\"$namespace\""`, `,"for":"1h"`, ""},
		{`"alertname=~\"A|B_2\"","namespace!=\"x\"","pod=\"$pod\""`, `,"for":"1s"`, ""},
		{``, `,"for":"15m"`, `"alert" is missing`},
		{`"alertname=\"A\"","namespace=\"shop\""`, ``, `"for" is 0s: want`},
		{`"alertname=\"A\"","namespace=\"shop\""`, `,"for":"61m"`, `"for" is 1h1m: want`},
		{`"alertname=\"A\"","namespace=\"shop\""`, `,"for":"15m","comment":"x"`, `unknown field "comment"`},
		{`"alertname=\"A\""`, `,"for":"15m"`, `wherever they fire`},
		{`"alertname=\"A\"","namespace=\"\""`, `,"for":"15m"`, `wherever they fire`},
		{`"alertname=\"A\"","namespace=~\".*\""`, `,"for":"15m"`, `wherever they fire`},
		{`"alertname=\"A\"","namespace!=\"shop\""`, `,"for":"15m"`, `wherever they fire`},
		{`"namespace=\"shop\""`, `,"for":"15m"`, `may silence any alert`},
		{`"alertname=~\".*\"","namespace=\"shop\""`, `,"for":"15m"`, `written out`},
		{`"alertname=~\"Api.+\"","namespace=\"shop\""`, `,"for":"15m"`, `written out`},
		{`"alertname!=\"A\"","namespace=\"shop\""`, `,"for":"15m"`, `written out`},
		{`"alertname!~\"A\"","namespace=\"shop\""`, `,"for":"15m"`, `written out`},
		{`"alertname=\"\"","namespace=\"shop\""`, `,"for":"15m"`, `written out`},
		{`"alertname=\"$alertname\"","namespace=\"shop\""`, `,"for":"15m"`, `written out`},
		{`"alertname=\"A\"","alertname=~\".*\"","namespace=\"shop\""`, `,"for":"15m"`, `written out`},
		{`"alertname=\"A\"","pod=~\"$pod\"","namespace=\"shop\""`, `,"for":"15m"`, `is no expression`},
		{`"alertname=A,b=c","namespace=\"shop\""`, `,"for":"15m"`, `is not a matcher`},
		{`"alertname","namespace=\"shop\""`, `,"for":"15m"`, `is not a matcher`},
		{`"alertname=~\"A|RemediationPaused\"","namespace=\"shop\""`, `,"for":"15m"`, `RemediationPaused: people hear by it`},
		{`"alertname=\"Watchdog\"","namespace=\"shop\""`, `,"for":"15m"`, `Watchdog: people hear by it`},
	} {
		err := Validate("silence", json.RawMessage(`{"alert":[`+tc.alert+`]`+tc.more+`}`))
		if tc.want == "" {
			if err != nil {
				t.Errorf("%s: %v", tc.alert, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s%s: got %v, want %q", tc.alert, tc.more, err, tc.want)
		}
	}
	if err := Validate("unsilence", json.RawMessage(`{"all":true}`)); err == nil {
		t.Error("unsilence takes arguments")
	}
}

func TestSilences(t *testing.T) {
	if got := Silences("silence", json.RawMessage(silenceArgs)); len(got) != 2 || got[1] != `namespace="shop"` {
		t.Errorf("it silences %q", got)
	}
	for kind, args := range map[string]string{"unsilence": `{}`, "restart": `{}`, "reboot": `{}`, "silence": `{}`} {
		if got := Silences(kind, json.RawMessage(args)); len(got) > 0 {
			t.Errorf("%s %s silences %q", kind, args, got)
		}
	}
}
