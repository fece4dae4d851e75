package alertmanager

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/api/v2/models"

	"github.com/x0tta6bl4/remediated/remediate"
)

var (
	noon      = time.Date(2026, 1, 14, 12, 0, 0, 0, time.UTC)
	longID    = "7c1ad3f2-54b8-4e0a-9d5c-0b6f1d1f0e11"
	node      = models.LabelSet{"alertname": "NodeDown", "node": "n1"}
	otherNode = models.LabelSet{"alertname": "NodeDown", "node": "n2"}
	own       = models.LabelSet{"alertname": "RemediationRunning", "source": "remediated"}
)

// byAnna is a fake on which anna silenced an alert.
func byAnna(until time.Time) *fake {
	f := newFake(listed(down, longID))
	f.silences = models.GettableSilences{silenced("another", "ben", "not this one", until), silenced(longID, "anna", "maintenance", until)}
	return f
}

func TestSilenceInWords(t *testing.T) {
	const want = "silence 7c1ad3f2 by anna until 2026-01-14T12:00:00Z: maintenance"
	c := clientOf(t, Options{}, byAnna(noon.In(time.FixedZone("", 3600))))
	if got := shape(c.List(ctx)); got != "Down("+want+")" {
		t.Errorf("listed %s", got)
	}
	a := c.Answer(ctx, question(down))
	checkAnswer(t, a)
	if a.Values[remediate.ValueSuppressedBy] != want || !strings.HasSuffix(a.Text, "at am-1, suppressed: "+want) {
		t.Errorf("answered %+v", a)
	}
}

// Whoever may silence may write anything into a silence.
func TestSilenceOfOneLine(t *testing.T) {
	long := strings.Repeat("é", 300)
	for want, s := range map[string]*models.GettableSilence{
		"silence s-1 by a b until 2026-01-14T12:00:00Z: two lines":                                    silenced("s-1", " a\t\nb", "two\r\n\u2028lines\n", noon),
		"silence s-1 by anna until 2026-01-14T12:00:00Z: txt.exe":                                     silenced("s-1", "anna", "txt\u202e.ex\x00e\u200b", noon),
		"silence s-1 until 2026-01-14T12:00:00Z":                                                      silenced("s-1", "", " ", noon),
		"silence s-1 by anna until 2026-01-14T12:00:00Z: " + long[:2*(maxComment-1)] + "…":            silenced("s-1", "anna", long, noon),
		"silence s-1 by " + long[:2*(maxName-1)] + "… until 2026-01-14T12:00:00Z: a \uFFFD character": silenced("s-1", long, "a \xff character", noon),
	} {
		f := newFake(listed(down, "s-1"))
		f.silences = models.GettableSilences{s}
		if got := shape(clientOf(t, Options{}, f).List(ctx)); got != "Down("+want+")" {
			t.Errorf("listed %q\nwant %q", got, want)
		}
	}
}

// What cannot be looked up is a stop all the same.
func TestSilenceThatCannotBeLookedUp(t *testing.T) {
	for name, change := range map[string]func(*fake){
		"not there":  func(f *fake) { f.silences = f.silences[:1] },
		"half there": func(f *fake) { f.silences[1].CreatedBy = nil },
		"null":       func(f *fake) { f.silences[1] = nil },
		"500":        func(f *fake) { f.hushed = text(500, "application/json", `"no"`) },
		"no list":    func(f *fake) { f.hushed = text(200, "application/json", ``) },
		"forbidden":  func(f *fake) { f.hushed = text(403, "text/plain", `no`) },
	} {
		t.Run(name, func(t *testing.T) {
			f := byAnna(noon)
			change(f)
			c := clientOf(t, Options{}, f)
			l := c.List(ctx)
			if got := shape(l); got != "Down(silence "+longID+")" || !l.Complete {
				t.Errorf("listed %s, complete %t", got, l.Complete)
			}
			if a := c.Answer(ctx, question(down)); a.Values[remediate.ValueState] != remediate.AlertStateSuppressed {
				t.Errorf("answered %+v", a)
			}
		})
	}
}

// Nobody is asked for silences while nothing is silenced.
func TestSilencesAreAskedForOnlyWhenThereIsOne(t *testing.T) {
	f := newFake(listed(down))
	c := clientOf(t, Options{}, f)
	c.List(ctx)
	c.Answer(ctx, question(down))
	if n := f.askedFor("/api/v2/silences"); n != 0 {
		t.Errorf("asked %d times", n)
	}
}

// sameWords tells that a client says the same in each situation, in the order
// of their names.
func sameWords(t *testing.T, c *Client, situations map[string]func()) {
	t.Helper()
	want := shape(c.List(ctx))
	for _, name := range slices.Sorted(maps.Keys(situations)) {
		situations[name]()
		if got := shape(c.List(ctx)); got != want {
			t.Errorf("%s: listed %s, before %s", name, got, want)
		}
	}
}

// Each new text is a fact: it must not depend on who answered, and when.
func TestWordsAreTheSameWhoeverAnswers(t *testing.T) {
	one, two := byAnna(noon), byAnna(noon.Add(-time.Hour))
	one.silences[1].UpdatedAt = dateTime(began.Add(time.Minute)) // it was extended, and two has not heard of it
	out := text(500, "application/json", `"no"`)
	both := func(first, second bool) func() {
		return func() {
			one.broken, two.broken = nil, nil
			if !first {
				one.broken = out
			}
			if !second {
				two.broken = out
			}
		}
	}
	sameWords(t, clientOf(t, Options{}, one, two), map[string]func(){
		"a: only the first":   both(true, false),
		"b: only the second":  both(false, true),
		"c: both, reordered":  func() { both(true, true)(); slices.Reverse(one.silences) },
		"d: no silences told": func() { one.hushed, two.hushed = out, out },
	})
}

func TestExtendedSilenceIsNews(t *testing.T) {
	f := byAnna(noon)
	c := clientOf(t, Options{}, f)
	before := shape(c.List(ctx))
	f.silences[1].EndsAt, f.silences[1].UpdatedAt = dateTime(noon.Add(time.Hour)), dateTime(began.Add(time.Minute))
	if after := shape(c.List(ctx)); after == before || !strings.Contains(after, "until 2026-01-14T13:00:00Z") {
		t.Errorf("listed %s, after it was extended %s", before, after)
	}
}

func TestInhibitionInWords(t *testing.T) {
	source := listed(node)
	stray := inhibited(down)
	stray.Status.InhibitedBy = []string{"1f2e3d4c5b6a7988"}
	nameless := listed(otherNode)
	nameless.Fingerprint = nil
	for want, f := range map[string]*fake{
		"inhibited by alert " + (*source.Fingerprint)[:8] + " NodeDown": newFake(inhibited(down, source), source),
		"inhibited by alert 1f2e3d4c":                                   newFake(stray, source, nameless),
	} {
		c := clientOf(t, Options{}, f)
		if l := c.List(ctx); fmt.Sprint(l.Alerts[0].Suppressed) != "["+want+"]" {
			t.Errorf("listed %s, want %s", shape(l), want)
		}
		if a := c.Answer(ctx, question(down)); a.Values[remediate.ValueSuppressedBy] != want {
			t.Errorf("answered %+v, want %s", a, want)
		}
	}
}

// Alertmanager names any of several inhibiting alerts, another one each time.
func TestInhibitionIsNotNewsEachTime(t *testing.T) {
	a, b := listed(node), listed(otherNode)
	target := inhibited(down, a)
	f, g := newFake(target, a, b), newFake(inhibited(down, b), a, b)
	by := func(s *models.GettableAlert) func() {
		return func() { target.Status.InhibitedBy = []string{*s.Fingerprint} }
	}
	c := clientOf(t, Options{}, f, g)
	sameWords(t, c, map[string]func(){"1: by the other": by(b), "2: by the one": by(a), "3: by the other again": by(b)})

	named := shape(c.List(ctx))
	remaining := b
	if strings.Contains(named, (*b.Fingerprint)[:8]) {
		remaining = a
	}
	for _, f := range []*fake{f, g} { // the one that was named resolves
		f.alerts = models.GettableAlerts{inhibited(down, remaining), remaining}
	}
	if got := shape(c.List(ctx)); got == named || !strings.Contains(got, (*remaining.Fingerprint)[:8]) {
		t.Errorf("listed %s, after that one resolved %s", named, got)
	}
}

// ownWords are the comment of a silence of ours.
var ownWords = commentOf(remediate.Started{ID: "q4m2x7kd-i42-a1", Incident: 42})

// ours are what suppresses an alert and is no stop.
func ours() map[string]*fake {
	hushed := newFake(listed(down, "s-1"))
	hushed.silences = models.GettableSilences{silenced("s-1", OwnCreator, ownWords, noon)}
	mother := listed(own)
	held := newFake(inhibited(down, mother), mother)
	both := newFake(inhibited(down, mother), mother)
	both.alerts[0].Status.SilencedBy, both.silences = []string{"s-1"}, hushed.silences
	return map[string]*fake{"silence": hushed, "inhibition": held, "both": both}
}

func TestOurOwnDoingIsNoStop(t *testing.T) {
	for name, f := range ours() {
		t.Run(name, func(t *testing.T) {
			c := clientOf(t, Options{}, f)
			if l := c.List(ctx); len(l.Alerts[0].Suppressed) > 0 {
				t.Errorf("listed %s", shape(l))
			}
			if a := c.Answer(ctx, question(down)); a.Values[remediate.ValueState] != remediate.AlertStateFiring || !strings.Contains(a.Text, "not suppressed") {
				t.Errorf("answered %+v", a)
			}
		})
	}
}

// otherwise is an alert that is silenced in another way than ours.
func otherwise(by, comment string) *fake {
	f := ours()["silence"]
	f.silences[0] = silenced("s-1", by, comment, noon)
	return f
}

// What only looks like ours, and what others do besides, stays a stop.
func TestWhatIsNotOursStops(t *testing.T) {
	half := listed(models.LabelSet{"alertname": "RemediationRunning"})
	named := listed(models.LabelSet{"alertname": "NodeDown", "source": "remediated"})
	source, mother := listed(node), listed(own)
	besides := ours()["silence"]
	besides.alerts[0].Status.SilencedBy = []string{"s-1", longID}
	besides.silences = append(besides.silences, silenced(longID, "anna", "", noon))
	muted := ours()["both"]
	muted.alerts[0].Status.MutedBy = []string{"weekend"}
	for name, f := range map[string]*fake{
		"silence by a name like ours":      otherwise("Remediated", ownWords),
		"ours that somebody took over":     otherwise("anna", ownWords),
		"our name and somebody's comment":  otherwise(OwnCreator, "maintenance"),
		"our name and words further below": otherwise(OwnCreator, "see "+ownWords),
		"alert without our label":          newFake(inhibited(down, half), half),
		"alert without our name":           newFake(inhibited(down, named), named),
		"another alert besides ours":       newFake(inhibited(down, mother, source), mother, source),
		"another silence besides":          besides,
		"muted besides":                    muted,
	} {
		t.Run(name, func(t *testing.T) {
			c := clientOf(t, Options{}, f)
			i := slices.IndexFunc(c.List(ctx).Alerts, func(l remediate.ListedAlert) bool { return l.Alert.Name() == "Down" })
			if l := c.List(ctx); len(l.Alerts[i].Suppressed) != 1 {
				t.Errorf("listed %s", shape(l))
			}
			if a := c.Answer(ctx, question(down)); a.Values[remediate.ValueState] != remediate.AlertStateSuppressed {
				t.Errorf("answered %+v", a)
			}
		})
	}
}

// Of two replicas of one alert a silence that names the replica hits only one.
func TestSuppressedIsWhatAllReplicasAre(t *testing.T) {
	a, b := models.LabelSet{"alertname": "Down", "replica": "a"}, models.LabelSet{"alertname": "Down", "replica": "b"}
	o := Options{ReplicaLabels: func() []string { return []string{"replica"} }}
	q := question(models.LabelSet{"alertname": "Down"})
	for want, f := range map[string]*fake{
		remediate.AlertStateFiring:     newFake(listed(a, "s-1"), listed(b)),
		remediate.AlertStateSuppressed: newFake(listed(a, "s-1"), listed(b, "s-2")),
	} {
		if got := clientOf(t, o, f).Answer(ctx, q); got.Values[remediate.ValueState] != want {
			t.Errorf("answered %+v, want %s", got, want)
		}
	}
}
