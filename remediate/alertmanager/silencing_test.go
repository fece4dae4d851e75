package alertmanager

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/api/v2/models"

	"github.com/x0tta6bl4/remediated/remediate"
)

// hushing is the act that silences, or ends that.
func hushing(id string) remediate.Started {
	return remediate.Started{ID: id, Incident: 42, Act: &remediate.Act{Kind: "silence", Attempt: "q4m2x7kd-i42-a1"}}
}

var (
	quietly    = hushing("q4m2x7kd-i42-a1")
	apiErrors  = []string{`alertname=~"ApiErrors|ApiSlow"`, `namespace="shop"`, `severity!="page"`}
	soon       = Options{Gossip: 20 * time.Millisecond}
	serverDown = text(503, "text/html", `<html>unavailable</html>`)
)

func again(s remediate.Started) remediate.Started { s.Again = true; return s }

func undo(s remediate.Started) remediate.Started {
	a := *s.Act
	a.Undo, s.Act = true, &a
	return s
}

// gossiping are so many members of one cluster.
func gossiping(n int) []*fake {
	all := make([]*fake, n)
	for i := range all {
		all[i] = newFake()
		all[i].made = all[0].made
	}
	for _, f := range all {
		for _, o := range all {
			if o != f {
				f.members = append(f.members, o)
			}
		}
	}
	return all
}

// says holds a result to an outcome and to a part of its text.
func says(t *testing.T, r remediate.Result, outcome, want string) {
	t.Helper()
	if r.Outcome != outcome || !strings.Contains(r.Text, want) {
		t.Errorf("got %s: %s\nwant %s: %s", r.Outcome, r.Text, outcome, want)
	}
}

// lists are the states of the silences that each fake has, by who made them.
func lists(fakes ...*fake) string {
	var all []string
	for _, f := range fakes {
		var one []string
		for _, g := range f.silences {
			one = append(one, *g.CreatedBy+" "+*g.Status.State)
		}
		all = append(all, strings.Join(one, ", "))
	}
	return strings.Join(all, " | ")
}

func TestSilence(t *testing.T) {
	f := newFake()
	begun := time.Now()
	says(t, clientOf(t, soon, f).Silence(ctx, quietly, apiErrors, 15*time.Minute), remediate.OK, `at am-1: alertname=~"ApiErrors|ApiSlow", namespace="shop", severity!="page"`)
	g := f.silences[0]
	if *g.CreatedBy != "remediated" || !strings.HasPrefix(*g.Comment, "remediated/attempt: q4m2x7kd-i42-a1; ") || len(g.Matchers) != 3 {
		t.Errorf("made %+v", g.Silence)
	}
	for i, want := range []struct{ equal, regex bool }{{true, true}, {true, false}, {false, false}} {
		if m := g.Matchers[i]; *m.IsEqual != want.equal || *m.IsRegex != want.regex {
			t.Errorf("%s: equal %t, regex %t", *m.Name, *m.IsEqual, *m.IsRegex)
		}
	}
	if d := time.Time(*g.EndsAt).Sub(begun); d < 15*time.Minute-time.Second || d > 16*time.Minute {
		t.Errorf("it ends after %s", d)
	}
}

// In a cluster it is made once; without one each is given its own; and who is
// performed again makes no second one.
func TestSilenceAtSeveral(t *testing.T) {
	for name, c := range map[string]struct {
		fakes []*fake
		made  int32
	}{
		"a cluster":     {gossiping(2), 1},
		"no cluster":    {[]*fake{newFake(), newFake(), newFake()}, 1}, // each
		"two and one":   {append(gossiping(2), newFake()), 1},
		"a larger one":  {gossiping(5), 1},
		"the first out": {append([]*fake{nil}, gossiping(2)...), 1},
	} {
		t.Run(name, func(t *testing.T) {
			client := clientOf(t, soon, c.fakes...)
			for _, s := range []remediate.Started{quietly, again(quietly), again(quietly)} {
				says(t, client.Silence(ctx, s, apiErrors, time.Minute), remediate.OK, "silenced until ")
			}
			for i, f := range c.fakes {
				if f != nil && (f.made.Load() != c.made || lists(f) != "remediated active") {
					t.Errorf("am-%d made %d and has %s", i+1, f.made.Load(), lists(f))
				}
			}
			says(t, client.Unsilence(ctx, quietly), remediate.OK, "no longer silenced at ")
			for i, f := range c.fakes {
				if f != nil && lists(f) != "remediated expired" {
					t.Errorf("am-%d still has %s", i+1, lists(f))
				}
			}
		})
	}
}

// A silence that was there before the act is none of it.
func TestSilenceThatWasThereBefore(t *testing.T) {
	f := newFake()
	client := clientOf(t, soon, f)
	client.Silence(ctx, quietly, apiErrors, time.Minute)
	says(t, client.Silence(ctx, quietly, apiErrors, time.Minute), remediate.Failed, "was at am-1 before it was made")
}

// What people ended meanwhile is not made anew.
func TestSilenceThatEndedMeanwhile(t *testing.T) {
	all := gossiping(2)
	client := clientOf(t, soon, all...)
	client.Silence(ctx, quietly, apiErrors, time.Minute)
	*all[0].silences[0].Status.State = models.SilenceStatusStateExpired
	says(t, client.Silence(ctx, again(quietly), apiErrors, time.Minute), remediate.OK, "that has ended since, and is not made anew")
	says(t, client.Unsilence(ctx, quietly), remediate.OK, "what was silenced at am-1, am-2 has ended already; nothing was sent")
	if all[0].made.Load() != 1 {
		t.Errorf("made %d", all[0].made.Load())
	}
}

func TestSilenceRefuses(t *testing.T) {
	muted := func(h http.Handler, after bool) *fake {
		f := newFake()
		f.mute, f.after = h, after
		return f
	}
	unheard := func(h http.Handler) *fake {
		f := newFake()
		f.hushed = h
		return f
	}
	for name, c := range map[string]struct {
		fakes    []*fake
		matchers []string
		outcome  string
		want     string
	}{
		"no matcher":           {[]*fake{newFake()}, nil, remediate.Refused, "which alerts"},
		"what is no matcher":   {[]*fake{newFake()}, []string{"{"}, remediate.Refused, `"{" is not a matcher`},
		"400":                  {[]*fake{muted(text(400, "application/json", `"bad matcher"`), false)}, apiErrors, remediate.Failed, "bad matcher"},
		"403":                  {[]*fake{muted(text(403, "text/plain", `no`), false)}, apiErrors, remediate.Failed, "am-1: ask for silence"},
		"503":                  {[]*fake{muted(serverDown, false)}, apiErrors, remediate.Unknown, "it was sent, and is not listed: am-1: "},
		"a page for people":    {[]*fake{muted(text(200, "text/html", `<html>log in</html>`), false)}, apiErrors, remediate.Unknown, "a page for people"},
		"a redirect":           {[]*fake{muted(http.RedirectHandler("/elsewhere", http.StatusFound), false)}, apiErrors, remediate.Unknown, "it was sent"},
		"garbage":              {[]*fake{muted(text(200, "application/json", `{"silen`), false)}, apiErrors, remediate.Unknown, "it was sent"},
		"taken, and not kept":  {[]*fake{muted(text(200, "application/json", `{"silenceID":"x"}`), false)}, apiErrors, remediate.Unknown, "it was sent, and is not listed"},
		"done, and 503":        {[]*fake{muted(serverDown, true)}, apiErrors, remediate.OK, "at am-1"},
		"done, and no answer":  {[]*fake{muted(text(200, "application/json", ``), true)}, apiErrors, remediate.OK, "at am-1"},
		"the first is 503":     {[]*fake{muted(serverDown, false), newFake()}, apiErrors, remediate.OK, "at am-2: alertname"},
		"the second is 503":    {[]*fake{newFake(), muted(serverDown, false)}, apiErrors, remediate.OK, "not elsewhere: am-2: "},
		"down":                 {[]*fake{nil}, apiErrors, remediate.Later, "no Alertmanager answers: am-1: "},
		"all are down":         {[]*fake{nil, nil}, apiErrors, remediate.Later, "; am-2: "},
		"one is down":          {[]*fake{newFake(), nil}, apiErrors, remediate.OK, "at am-1: alertname=~\"ApiErrors|ApiSlow\", namespace=\"shop\", severity!=\"page\"; not known of all: am-2: "},
		"lists no silences":    {[]*fake{unheard(text(200, "application/json", ``))}, apiErrors, remediate.Later, "no list of silences"},
		"lists garbage":        {[]*fake{unheard(text(200, "application/json", `{}`))}, apiErrors, remediate.Later, "no Alertmanager answers"},
		"one does not list":    {[]*fake{unheard(serverDown), newFake()}, apiErrors, remediate.OK, "at am-2: "},
		"lists with none's id": {[]*fake{half()}, apiErrors, remediate.OK, "at am-1: "},
	} {
		t.Run(name, func(t *testing.T) {
			says(t, clientOf(t, soon, c.fakes...).Silence(ctx, quietly, c.matchers, time.Minute), c.outcome, c.want)
		})
	}
}

// half is one that lists silences which lack what each has.
func half() *fake {
	f := newFake()
	f.silences = models.GettableSilences{nil, silenced("s-1", OwnCreator, commentOf(quietly), noon)}
	f.silences[1].CreatedBy = nil
	return f
}

// What is carried on with is what it was, though the daemon was killed between
// making it and writing that down.
func TestSilenceAfterAnUnknownOutcome(t *testing.T) {
	f := newFake()
	f.mute, f.after, f.hushed = serverDown, true, nil
	client := clientOf(t, soon, f)
	f.hushed = nil
	client.Silence(ctx, quietly, apiErrors, time.Minute)
	f.mute = nil
	says(t, client.Silence(ctx, again(quietly), apiErrors, time.Minute), remediate.OK, "silenced until ")
	if lists(f) != "remediated active" {
		t.Errorf("it has %s", lists(f))
	}
}

// Nobody's silence is ended but what the incident made, and as an undo only what
// the attempt made.
func TestUnsilenceWhatIsWhose(t *testing.T) {
	of := func(id string) string { return commentOf(hushing(id)) }
	all := map[string]string{ // comments by what ends them
		"both":  of("q4m2x7kd-i42-a1"),
		"both2": of("q4m2x7kd-i42-a1-2"),
		"act":   of("q4m2x7kd-i42-a2"),
		"no":    of("q4m2x7kd-i4-a1"),
		"no2":   of("q4m2x7kd-i421-a1"),
		"no3":   of("aaaaaaaa-i42-a1"),
		"act2":  of("q4m2x7kd-i42-a11"),
		"anna":  "the same alerts",
		"ben":   of("q4m2x7kd-i42-a1"),
	}
	for name, s := range map[string]remediate.Started{"act": quietly, "undo": undo(quietly)} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			for id, comment := range all {
				by := OwnCreator
				if id == "anna" || id == "ben" {
					by = id
				}
				f.silences = append(f.silences, silenced(id, by, comment, noon))
			}
			says(t, clientOf(t, soon, f).Unsilence(ctx, s), remediate.OK, "no longer silenced at am-1")
			for _, g := range f.silences {
				ended := strings.HasPrefix(*g.ID, "both") || name == "act" && strings.HasPrefix(*g.ID, "act")
				if (*g.Status.State == models.SilenceStatusStateExpired) != ended {
					t.Errorf("%s (%s) is %s", *g.ID, *g.Comment, *g.Status.State)
				}
			}
		})
	}
}

func TestUnsilenceRefuses(t *testing.T) {
	made := func(change func(*fake)) *fake {
		f := newFake()
		f.silences = models.GettableSilences{silenced(longID, OwnCreator, commentOf(quietly), noon)}
		change(f)
		return f
	}
	well := func(*fake) {}
	for name, c := range map[string]struct {
		fakes   []*fake
		outcome string
		want    string
	}{
		"nothing there":          {[]*fake{newFake(), newFake()}, remediate.OK, "nothing is silenced by us; nothing was sent"},
		"nothing known":          {[]*fake{newFake(), nil}, remediate.Later, "not all say what they have: am-2: "},
		"down":                   {[]*fake{nil}, remediate.Later, "no Alertmanager answers"},
		"one down":               {[]*fake{made(well), nil}, remediate.OK, "what is silenced there ends by itself, at 12:00:00 UTC"},
		"503":                    {[]*fake{made(func(f *fake) { f.mute = serverDown })}, remediate.Unknown, "still silenced at am-1, until 12:00:00 UTC: am-1: ask for unsilence"},
		"400":                    {[]*fake{made(func(f *fake) { f.mute = text(400, "text/plain", "no") })}, remediate.Unknown, "still silenced at am-1"},
		"said, and not done":     {[]*fake{made(func(f *fake) { f.mute = text(200, "application/json", ``) })}, remediate.Unknown, "still silenced at am-1"},
		"done, and 503":          {[]*fake{made(func(f *fake) { f.mute, f.after = serverDown, true })}, remediate.OK, "no longer silenced at am-1"},
		"ended at one of two":    {[]*fake{made(well), made(func(f *fake) { f.mute = serverDown })}, remediate.Unknown, "still silenced at am-2"},
		"the same id, no gossip": {[]*fake{made(well), made(well)}, remediate.OK, "no longer silenced at am-1, am-2"},
	} {
		t.Run(name, func(t *testing.T) {
			says(t, clientOf(t, soon, c.fakes...).Unsilence(ctx, quietly), c.outcome, c.want)
		})
	}
}

// A caller that gives up is told that nobody knows.
func TestSilenceGivenUp(t *testing.T) {
	over, cancel := context.WithCancel(ctx)
	f := newFake()
	f.mute, f.after = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { cancel() }), true
	says(t, clientOf(t, soon, f).Silence(over, quietly, apiErrors, time.Minute), remediate.Unknown, "it was sent, and is not listed")
	says(t, clientOf(t, soon, f).Silence(over, quietly, apiErrors, time.Minute), remediate.Later, "no Alertmanager answers")
}
