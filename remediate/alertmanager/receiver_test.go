package alertmanager

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/alertmanager/api/v2/models"

	"github.com/x0tta6bl4/remediated/remediate"
)

// demands are what Alertmanager's webhooks ask of whoever acts on them, and
// where each is shown: by a subtest here, by tests and scenarios elsewhere in
// the repository.
//
//  1. A body is bounded and read strictly, by its version; what cannot be read
//     is kept as it came.
//  2. What was heard is on the disk before it is acknowledged.
//  3. Trouble of our own is 503, the one answer after which Alertmanager tries
//     again at once; 400 is for what will never be readable, and a copy stays.
//  4. Taking a webhook is reading it and handing it over: nothing that a slow
//     cluster or chat could hold up.
//  5. What was delivered before is acknowledged like what was not.
//  6. An alert is its labels less those that tell replicas of Prometheus apart;
//     Alertmanager's fingerprint is only noted.
//  7. An alert has one life at a time, which ends when it is known to have
//     resolved, and an act is named after the life, so that it is done once.
//  8. Each alert of a webhook counts for itself; the status of the group may be
//     false.
//  9. A late word of a life that has ended begins no new one.
//  10. When alerts were cut off, all are listed at once.
//  11. Before anything is done, both the alert and its target are looked at
//     again.
//  12. Listings at intervals find what no webhook told: beginnings, ends, and
//     who silenced what until when.
//  13. What a human silences or has inhibited is let alone; what we silence or
//     inhibit ourselves is not.
//  14. That an alert resolved does not say that a remedy helped: that is looked
//     at separately.
//  15. After a crash, what was under way is looked at before it is repeated.
//  16. An alert that always fires proves that the way from Prometheus to us is
//     open, and its absence pages.
//  17. Alertmanager's own configuration is checked for what would make it tell
//     us less than we need.
//  18. Nothing is redirected, connections are kept, and a token can be replaced
//     while both the old and the new one are valid.
//  19. Each reason for which a webhook was not taken has a count, and what waits
//     shows its age.
//  20. Repeats begin nothing. That a remedy did not help is found by looking,
//     not by being told again.
var demands = []demand{
	{name: "bounded and strict", show: boundedAndStrict, elsewhere: []string{"test/e2e.TestGarbageIsQuarantined"}},
	{name: "kept, then acknowledged", show: keptFirst, elsewhere: []string{"remediate/engine.TestSubmitIsDurable", "test/e2e.TestDiesAfter"}},
	{name: "our trouble is 503", show: ourTroubleIs503, elsewhere: []string{"test/e2e.TestFullDisk"}},
	{name: "no work in the handler", show: onlyHandedOver, elsewhere: []string{"remediate/engine.TestDeadline"}},
	{name: "duplicates are acknowledged", show: duplicatesAcknowledged, elsewhere: []string{"remediate/engine.TestARepeatWritesNothing"}},
	{name: "identity less replicas", show: identityLessReplicas, elsewhere: []string{"remediate/testdata/duplicates.txt"}},
	{name: "one life, one act", elsewhere: []string{"remediate/testdata/duplicates.txt", "test/e2e.TestTwoAlertmanagersDeliverOneIncident", "test/e2e.TestGossipIsCutAndHealed"}},
	{name: "each alert for itself", show: eachForItself},
	{name: "late news", elsewhere: []string{"remediate/testdata/duplicates.txt", "test/e2e.TestCapturedWebhooks"}},
	{name: "cut off, so listed", show: cutOffSoListed, elsewhere: []string{"cmd/remediated.TestADoubtedAlertHasAllBeListed"}},
	{name: "looked at before acting", show: lookedAtAgain, elsewhere: []string{"remediate/testdata/firing.txt", "remediate/testdata/target.txt"}},
	{name: "listed at intervals", show: listedAtIntervals, elsewhere: []string{"remediate/testdata/listing.txt", "test/e2e.TestBothAlertmanagersForget"}},
	{name: "silence is a stop", show: silenceIsAStop, elsewhere: []string{"remediate/testdata/silenced.txt", "test/e2e.TestSilencedInTheMiddle"}},
	{name: "resolved is not repaired", show: resolvedIsNotRepaired, elsewhere: []string{"remediate/testdata/verification.txt"}},
	{name: "looked at after a crash", elsewhere: []string{"remediate/engine.TestTakesUpWhatWasOpen", "remediate.TestRestartAnywhere", "test/e2e.TestDiesAfterALostReply"}},
	{name: "an alert that always fires", elsewhere: []string{"cmd/remediated.TestWatchdog", "remediate/testdata/watchdog.txt", "test/e2e.TestWatchdogMissed"}},
	{name: "Alertmanager's configuration", elsewhere: []string{"policies/lint.TestCheck", "policies/lint.TestNothingIsWrongWithWhatIsShipped"}},
	{name: "never redirected, tokens replaced", show: tokensReplaced, elsewhere: []string{"cmd/remediated.TestWebhooksAreNeverRedirected"}},
	{name: "counted by reason, with its age", show: countedByReason, elsewhere: []string{"cmd/remediated.TestWhatTheIntakeShows", "remediate/engine.TestOldestWaiting"}},
	{name: "repeats begin nothing", elsewhere: []string{"remediate/engine.TestARepeatWritesNothing", "remediate/testdata/reopened.txt", "test/e2e.TestManyRetries"}},
}

// demand is one of them.
type demand struct {
	name      string
	show      func(*testing.T)
	elsewhere []string // FOLDER.TestName, or the path of a scenario, from the root of the repository
}

func TestReceiver(t *testing.T) {
	if len(demands) != 20 {
		t.Errorf("%d demands, want 20", len(demands))
	}
	for i, d := range demands {
		t.Run(fmt.Sprintf("%02d %s", i+1, d.name), func(t *testing.T) {
			if d.show == nil && len(d.elsewhere) == 0 {
				t.Error("nothing shows it")
			}
			for _, ref := range d.elsewhere {
				if err := thereIs(ref); err != nil {
					t.Error(err)
				}
			}
			if d.show != nil {
				d.show(t)
			}
		})
	}
}

// thereIs tells whether what shows a demand elsewhere is there.
func thereIs(ref string) error {
	const root = "../.."
	if strings.HasSuffix(ref, ".txt") {
		_, err := os.Stat(filepath.Join(root, ref))
		return err
	}
	folder, name, _ := strings.Cut(ref, ".")
	files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	if err != nil {
		return err
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(parsed.Decls, func(d ast.Decl) bool {
			f, ok := d.(*ast.FuncDecl)
			return ok && f.Recv == nil && f.Name.Name == name
		}) {
			return nil
		}
	}
	return fmt.Errorf("there is no test %s: name the one that shows it now", ref)
}

func TestReferencesAreLookedUp(t *testing.T) {
	for ref, want := range map[string]bool{
		"remediate/alertmanager.TestReceiver":     true,
		"remediate/alertmanager.TestNoSuchThing":  false,
		"remediate/alertmanager.ServeHTTP":        false, // a method, and no test
		"no/such/folder.TestReceiver":             false,
		"remediate/testdata/no-such-scenario.txt": false,
	} {
		if err := thereIs(ref); (err == nil) != want {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

func boundedAndStrict(t *testing.T) {
	good := webhook(goodAlert)
	for body, want := range map[string]int{
		good:                                   http.StatusOK,
		strings.Replace(good, `"4"`, `"5"`, 1): http.StatusBadRequest,
		good + "x":                             http.StatusBadRequest,
		strings.Replace(good, "it is down", strings.Repeat("x", int(DefaultLimits().Body)), 1): http.StatusServiceUnavailable,
	} {
		var d desk
		if w := post(intake(t, d.options()), body); w.Code != want {
			t.Errorf("%.60s: answered %d, want %d", body, w.Code, want)
		}
		if kept := len(d.quarantined) == 1; kept == (want == http.StatusOK) || kept && !strings.HasPrefix(body, d.quarantined[0]) {
			t.Errorf("in quarantine: %d", len(d.quarantined))
		}
	}
}

func keptFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, answered := make(chan error), make(chan int, 1)
		d := desk{submit: func(context.Context) error { return <-disk }}
		in := intake(t, d.options())
		go func() { answered <- post(in, webhook(goodAlert)).Code }()
		synctest.Wait()
		if len(answered) > 0 {
			t.Error("answered before it was kept")
		}
		disk <- nil
		if code := <-answered; code != http.StatusOK {
			t.Errorf("answered %d when it was", code)
		}
	})
}

func ourTroubleIs503(t *testing.T) {
	for name, err := range map[string]error{"full": errors.New("the disk is full"), "late": context.DeadlineExceeded} {
		d := desk{submit: func(context.Context) error { return err }}
		if w := post(intake(t, d.options()), webhook(goodAlert)); w.Code != http.StatusServiceUnavailable || len(d.quarantined) > 0 {
			t.Errorf("%s: answered %d, in quarantine %q", name, w.Code, d.quarantined)
		}
	}
	var d desk
	if w := post(intake(t, d.options()), "alert!"); w.Code != http.StatusBadRequest || len(d.quarantined) != 1 {
		t.Errorf("garbage: answered %d, in quarantine %q", w.Code, d.quarantined)
	}
}

func onlyHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d desk
		begun := time.Now()
		post(intake(t, d.options()), captured(t, "03-grouped-firing-3.json"))
		if took := time.Since(begun); took != 0 || len(d.batches) != 1 || d.pulls > 0 || len(d.quarantined) > 0 {
			t.Errorf("took %s, handed over %d batches, asked for %d listings", took, len(d.batches), d.pulls)
		}
	})
}

func duplicatesAcknowledged(t *testing.T) {
	var d desk
	in := intake(t, d.options())
	for _, from := range []string{"X", "Y", "X"} {
		if w := post(in, captured(t, "06-ha-duplicate-from-am-"+from+".json")); w.Code != http.StatusOK {
			t.Errorf("from %s: answered %d", from, w.Code)
		}
	}
}

func identityLessReplicas(t *testing.T) {
	var d desk
	in := intake(t, d.options())
	replica := remediate.DefaultReplicaLabels()
	for _, of := range []string{"a", "b"} {
		post(in, webhook(strings.Replace(goodAlert, `{"alertname"`, `{"`+replica[0]+`":"`+of+`","alertname"`, 1)))
	}
	post(in, webhook(strings.Replace(goodAlert, "web-1", "web-2", 1)))
	var ids []remediate.AlertID
	for _, h := range d.heard(t) {
		ids = append(ids, remediate.IdentityOf(h.Alert.Labels, replica))
		if h.Alert.Fingerprint == "" {
			t.Error("the fingerprint was not noted")
		}
	}
	if len(ids) != 3 || ids[0] != ids[1] || ids[0] == ids[2] {
		t.Errorf("identities %v, want the replicas' the same and the other pod's another", ids)
	}
}

func eachForItself(t *testing.T) {
	var d desk
	in := intake(t, d.options())
	post(in, captured(t, "05-grouped-partly-resolved.json")) // the group fires
	post(in, strings.Replace(webhook(goodAlert), `"status":"firing"`, `"status":"resolved"`, 1))
	var firing []bool
	for _, h := range d.heard(t) {
		firing = append(firing, h.Firing)
	}
	if want := []bool{true, true, false, true}; !slices.Equal(firing, want) {
		t.Errorf("firing %v, want %v", firing, want)
	}
}

func cutOffSoListed(t *testing.T) {
	for name, want := range map[string]int{"04-truncated-max_alerts-2-of-5.json": 1, "01-firing.json": 0} {
		var d desk
		if w := post(intake(t, d.options()), captured(t, name)); w.Code != http.StatusOK || d.pulls != want {
			t.Errorf("%s: answered %d, %d listings were asked for, want %d", name, w.Code, d.pulls, want)
		}
	}
}

func lookedAtAgain(t *testing.T) {
	f := newFake(listed(down))
	c := clientOf(t, Options{}, f)
	state := func() string { return c.Answer(ctx, question(down)).Values[remediate.ValueState] }
	if got := state(); got != remediate.AlertStateFiring {
		t.Errorf("while it fires: %q", got)
	}
	if f.alerts = nil; state() != remediate.AlertStateGone {
		t.Errorf("when it is gone: %q", state())
	}
	if f.broken = text(500, "application/json", `"no"`); state() != "" {
		t.Errorf("when nobody can tell: %q", state())
	}
}

func listedAtIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		p := poll(t, nil, f)
		defer p.end()
		for _, now := range []models.GettableAlerts{{listed(down)}, {listed(down, longID)}, {}} {
			synctest.Wait()
			f.mu.Lock()
			f.alerts, f.silences = now, models.GettableSilences{silenced(longID, "anna", "", noon)}
			f.mu.Unlock()
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		var got []string
		for _, l := range p.listings {
			got = append(got, shape(l))
		}
		if want := []string{"", "Down", "Down(silence 7c1ad3f2 by anna until 2026-01-14T12:00:00Z)", ""}; !slices.Equal(got, want) {
			t.Errorf("listed %q, want %q", got, want)
		}
	})
}

func silenceIsAStop(t *testing.T) {
	if a := clientOf(t, Options{}, byAnna(noon)).Answer(ctx, question(down)); a.Values[remediate.ValueState] != remediate.AlertStateSuppressed {
		t.Errorf("silenced by anna: %+v", a)
	}
	source := listed(node)
	if a := clientOf(t, Options{}, newFake(inhibited(down, source), source)).Answer(ctx, question(down)); a.Values[remediate.ValueState] != remediate.AlertStateSuppressed {
		t.Errorf("inhibited: %+v", a)
	}
	for name, f := range ours() {
		if a := clientOf(t, Options{}, f).Answer(ctx, question(down)); a.Values[remediate.ValueState] != remediate.AlertStateFiring {
			t.Errorf("our own %s: %+v", name, a)
		}
	}
}

func resolvedIsNotRepaired(t *testing.T) {
	var d desk
	post(intake(t, d.options()), captured(t, "02-resolved.json"))
	if h := d.heard(t); len(h) != 1 || h[0].Firing || h[0].Alert.EndsAt.IsZero() {
		t.Errorf("heard %+v, want that it no longer fires, since when, and no more", h)
	}
}

func tokensReplaced(t *testing.T) {
	var d desk
	o := d.options()
	o.TokenFiles = []string{tokenFile(t, "old"), tokenFile(t, "new")}
	in := intake(t, o)
	for token, want := range map[string]int{"old": http.StatusOK, "new": http.StatusOK, "none": http.StatusUnauthorized} {
		w := knock(in, elsewhere, "Authorization", "Bearer "+token)
		if w.Code != want || w.Header().Get("Location") != "" {
			t.Errorf("%s: answered %d %v", token, w.Code, w.Header())
		}
	}
	if w := knock(in, elsewhere, "Authorization", "Bearer new"); w.Header().Get("Connection") != "" {
		t.Errorf("the connection of who is welcome is closed: %v", w.Header())
	}
}

func countedByReason(t *testing.T) {
	d := desk{submit: func(context.Context) error { return errors.New("no room") }}
	in := intake(t, d.options())
	post(in, "alert!")
	post(in, webhook(goodAlert))
	d.submit = nil
	post(in, webhook(goodAlert))
	var got []Outcome
	for _, n := range d.deliveries {
		got = append(got, n.Outcome)
	}
	if want := []Outcome{Garbage, NotKept, Accepted}; !slices.Equal(got, want) {
		t.Errorf("observed %v, want %v", got, want)
	}
}
