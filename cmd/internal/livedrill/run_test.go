package livedrill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/record"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

// stage is a daemon and its world: what it shows follows from how long ago
// something was broken.
type stage struct {
	status  web.Status
	before  []web.Row                           // before anything is broken
	after   func(since time.Duration) []web.Row // what comes then
	answers func(since time.Duration) error     // whether it answers
	met     bool                                // the incident's objective
	unseen  bool                                // it was not seen to be good again
	broken  time.Time                           // zero while nothing is
	cannot  map[string]error                    // commands that fail
	done    []string                            // commands, and when
	begun   time.Time
	notes   []string
	said    []string         // what was announced and ended, and when
	refuses map[string]error // what may not be announced or ended
}

func (s *stage) since() time.Duration {
	if s.broken.IsZero() {
		return 0
	}
	return time.Since(s.broken)
}

func (s *stage) Status(context.Context) (web.Status, error) { return s.status, nil }

func (s *stage) Incidents(context.Context) ([]web.Row, error) {
	if s.answers != nil {
		if err := s.answers(s.since()); err != nil {
			return nil, err
		}
	}
	if s.broken.IsZero() || s.after == nil {
		return s.before, nil
	}
	return append(slices.Clone(s.after(s.since())), s.before...), nil
}

func (s *stage) Record(_ context.Context, n uint64) (record.Record, error) {
	r := record.Record{Incident: n, Times: record.Times{Opened: s.broken.Add(3 * time.Second)}, Why: "its alerts resolved"}
	if !s.unseen {
		r.Times.Good, r.RTO = s.broken.Add(20*time.Second), record.RTO{Measured: true, Met: &s.met}
	}
	return r, nil
}

func (s *stage) Note(_ context.Context, n uint64, text string) error {
	s.notes = append(s.notes, fmt.Sprintf("i%d %s", n, text))
	return nil
}

func (s *stage) Announce(_ context.Context, policy string, a Announcement) error {
	s.said = append(s.said, fmt.Sprintf("%s %s %v %s %v +%s", policy, a.Drill, a.Labels, a.For, a.Page, time.Since(s.begun)))
	return s.refuses[policy]
}

func (s *stage) Over(ctx context.Context, policy string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.said = append(s.said, fmt.Sprintf("%s over +%s", policy, time.Since(s.begun)))
	return s.refuses["over"]
}

func (s *stage) do(ctx context.Context, command []string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if command[0] == "break" {
		s.broken = time.Now()
	}
	s.done = append(s.done, fmt.Sprintf("%s +%s", command[0], time.Since(s.begun)))
	return s.cannot[command[0]]
}

var scene = Scenario{
	Name: "database-stops", Cluster: "staging", Policy: "db", Also: []string{"app"}, Break: []string{"break", "db"}, Repair: []string{"repair"},
	Heard: model.Duration(time.Minute), Within: model.Duration(10 * time.Minute),
}

func row(n uint64, policy string, severity remediate.Severity, status remediate.Status) web.Row {
	i := web.Row{Number: n, Policy: policy, Severity: severity, Status: status}
	if policy == "db" || policy == "app" {
		i.Live = scene.Name
	}
	return i
}

// mended: heard after 3 s, healed after 20 s, closed after 40 s.
func mended(since time.Duration) []web.Row {
	switch {
	case since < 3*time.Second:
		return nil
	case since < 20*time.Second:
		return []web.Row{row(8, "db", remediate.P1, remediate.StatusActing)}
	case since < 40*time.Second:
		return []web.Row{row(8, "db", remediate.P1, remediate.StatusHealed)}
	}
	return []web.Row{row(8, "db", remediate.P1, remediate.StatusClosed)}
}

// with adds an incident from a time on.
func with(after time.Duration, i web.Row) func(time.Duration) []web.Row {
	return func(since time.Duration) []web.Row {
		rows := mended(since)
		if since >= after {
			rows = append([]web.Row{i}, rows...)
		}
		return rows
	}
}

func TestRun(t *testing.T) {
	was := []web.Row{row(7, "disk", remediate.P3, remediate.StatusDenied), row(6, "web", remediate.P2, remediate.StatusHealed), row(5, "web", remediate.P1, remediate.StatusClosed)}
	for name, c := range map[string]struct {
		change        func(*stage)
		outcome, why  string
		done          string // the commands, and when
		incident      uint64
		breaksOffAt   time.Duration
		repairIsNamed string
	}{
		"it is mended":       {func(s *stage) {}, Passed, "it was mended", "break +0s, repair +40s", 8, 0, "ok"},
		"what belongs to it": {func(s *stage) { s.after = with(5*time.Second, row(9, "app", remediate.P1, remediate.StatusWaiting)) }, Passed, "it was mended", "break +0s, repair +40s", 8, 0, "ok"},
		"what is not urgent": {func(s *stage) { s.after = with(5*time.Second, row(9, "disk", remediate.P3, remediate.StatusWaiting)) }, Passed, "it was mended", "break +0s, repair +40s", 8, 0, "ok"},
		"what only observes": {func(s *stage) { s.after = with(5*time.Second, row(9, "shy", remediate.P1, remediate.StatusObserved)) }, Passed, "it was mended", "break +0s, repair +40s", 8, 0, "ok"},
		"another drill": {func(s *stage) {
			i := row(9, "db", remediate.P1, remediate.StatusObserved)
			i.Drill = "d1"
			s.after = with(time.Second, i)
		}, Passed, "it was mended", "break +0s, repair +40s", 8, 0, "ok"},
		"trouble of its own": {func(s *stage) { s.after = with(5*time.Second, row(9, "node", remediate.P1, remediate.StatusDeciding)) }, Aborted, "incident i9, P1 node, is no part of it", "break +0s, repair +5s", 8, 0, "ok"},
		"trouble, and it is not heard": {func(s *stage) {
			s.after = func(time.Duration) []web.Row {
				return []web.Row{row(9, "node", remediate.P2, remediate.StatusDeciding)}
			}
		}, Aborted, "incident i9, P2 node", "break +0s, repair +0s", 0, 0, "ok"},
		"nobody hears of it": {func(s *stage) { s.after = nil }, Failed, "its alert was not heard within 1m", "break +0s, repair +1m1s", 0, 0, "ok"},
		"it is not mended": {func(s *stage) {
			s.after = func(time.Duration) []web.Row { return []web.Row{row(8, "db", remediate.P1, remediate.StatusDenied)} }
		}, Failed, "it was not over within 10m: i8 is denied", "break +0s, repair +10m1s", 8, 0, "ok"},
		"too late for its objective":     {func(s *stage) { s.met = false }, Failed, "was not seen to be good again in time", "break +0s, repair +40s", 8, 0, "ok"},
		"not seen to be good":            {func(s *stage) { s.unseen = true }, Failed, "was not seen to be good again in time: its alerts resolved", "break +0s, repair +40s", 8, 0, "ok"},
		"it cannot be broken":            {func(s *stage) { s.cannot = map[string]error{"break": errors.New("no such pod")} }, Failed, "it could not be broken: no such pod", "break +0s, repair +0s", 0, 0, "ok"},
		"it cannot be repaired":          {func(s *stage) { s.cannot = map[string]error{"repair": errors.New("forbidden")} }, Failed, "IT IS NOT REPAIRED, do it by hand: forbidden; before: it was mended", "break +0s, repair +40s", 8, 0, "forbidden"},
		"somebody breaks it off":         {func(s *stage) {}, Aborted, "somebody broke it off", "break +0s, repair +10s", 8, 10 * time.Second, "ok"},
		"the daemon is away for a while": {func(s *stage) { s.answers = away(5*time.Second, 10*time.Second) }, Passed, "it was mended", "break +0s, repair +40s", 8, 0, "ok"},
		"the daemon is gone":             {func(s *stage) { s.answers = away(5*time.Second, time.Hour) }, Aborted, "the daemon does not answer: connection refused", "break +0s, repair +19s", 8, 0, "ok"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stage{status: web.Status{Cluster: "staging"}, before: was, after: mended, met: true, begun: time.Now()}
				c.change(s)
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				if c.breaksOffAt > 0 {
					time.AfterFunc(c.breaksOffAt, stop)
				}
				r, err := Run(ctx, s, Hands{s.do, func(string, ...any) {}}, scene)
				if err != nil {
					t.Fatal(err)
				}
				if r.Outcome != c.outcome || !strings.Contains(r.Why, c.why) || r.Incident != c.incident || r.Repaired != c.repairIsNamed || strings.Join(s.done, ", ") != c.done {
					t.Errorf("%s: %s; i%d, repaired %s; done %q", r.Outcome, r.Why, r.Incident, r.Repaired, s.done)
				}
				if noted := len(s.notes) == 1 && strings.HasPrefix(s.notes[0], "i8 live drill database-stops, broken at "); noted != (c.incident > 0) {
					t.Errorf("noted %q", s.notes)
				}
				if good := r.Good == model.Duration(20*time.Second); good != (c.incident > 0 && !s.unseen) {
					t.Errorf("good again after %s", r.Good)
				}
			})
		})
	}
}

// away is a daemon that does not answer for a while.
func away(from, lasts time.Duration) func(time.Duration) error {
	return func(since time.Duration) error {
		if since >= from && since < from+lasts {
			return errors.New("connection refused")
		}
		return nil
	}
}

// The daemon hears of it before anything is broken, and that it is over when it is,
// whoever broke it off.
func TestTheDaemonIsTold(t *testing.T) {
	shop := scene
	shop.Labels, shop.Page = map[string]string{"namespace": "shop"}, true
	began := "db database-stops map[namespace:shop] 17m true +0s, app database-stops map[] 17m true +0s"
	for name, c := range map[string]struct {
		change    func(*stage)
		offAt     time.Duration
		said, why string
	}{
		"it is mended":           {func(*stage) {}, 0, began + ", db over +40s, app over +40s", "it was mended"},
		"somebody breaks it off": {func(*stage) {}, 10 * time.Second, began + ", db over +20s, app over +20s", "somebody broke it off"},
		"it is not mended": {func(s *stage) {
			s.after = func(time.Duration) []web.Row { return []web.Row{row(8, "db", remediate.P1, remediate.StatusDenied)} }
		}, 0, began + ", db over +11m1s, app over +11m1s", "it was not over within 10m"},
		"it is not repaired": {func(s *stage) { s.cannot = map[string]error{"repair": errors.New("forbidden")} }, 10 * time.Second,
			began + ", db over +10s, app over +10s", "IT IS NOT REPAIRED"},
		"it cannot be told that it is over": {func(s *stage) { s.refuses = map[string]error{"over": errors.New("connection refused")} }, 0,
			began + ", db over +40s, app over +40s", "the daemon was not told that it is over, and holds it for on: connection refused"},
		"one of its own policy that is no part of it": {func(s *stage) {
			other := row(9, "db", remediate.P1, remediate.StatusActing)
			other.Live = ""
			s.after = with(5*time.Second, other)
		}, 0, began + ", db over +20s, app over +20s", "incident i9, P1 db, is no part of it"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stage{status: web.Status{Cluster: "staging"}, after: mended, met: true, begun: time.Now()}
				c.change(s)
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				if c.offAt > 0 {
					time.AfterFunc(c.offAt, stop)
				}
				r, err := Run(ctx, s, Hands{s.do, func(string, ...any) {}}, shop)
				if err != nil || strings.Join(s.said, ", ") != c.said || !strings.Contains(r.Why, c.why) {
					t.Errorf("%s (%v); said %q", r.Why, err, s.said)
				}
			})
		})
	}
}

func TestNothingIsBrokenThatCannotBeAnnounced(t *testing.T) {
	s := &stage{status: web.Status{Cluster: "staging"}, after: mended, refuses: map[string]error{"app": errors.New("there is no such policy")}}
	_, err := Run(t.Context(), s, Hands{s.do, func(string, ...any) {}}, scene)
	if err == nil || !strings.Contains(err.Error(), "nothing was broken: the drill could not be announced for policy app: there is no such policy") || len(s.done) > 0 {
		t.Errorf("%v; done %q", err, s.done)
	}
	if len(s.said) != 3 || !strings.HasPrefix(s.said[2], "db over") {
		t.Errorf("said %q", s.said)
	}
}

func TestNothingIsBrokenWhenItIsNotTheTime(t *testing.T) {
	for want, change := range map[string]func(*stage){
		`that of cluster "prod", and the drill is for cluster "staging"`: func(s *stage) { s.status.Cluster = "prod" },
		"does nothing now: the disk is full":                             func(s *stage) { s.status.Degraded = "the disk is full" },
		"only observes":                                                  func(s *stage) { s.status.Upgrade = &web.Upgrade{Held: true} },
		"policy db is paused":                                            func(s *stage) { s.status.Paused = []web.Paused{{Scope: "policy/db"}} },
		"policy db is paused: see":                                       func(s *stage) { s.status.Paused = []web.Paused{{Scope: "all"}} },
		"incident i7 is open, P2 web":                                    func(s *stage) { s.before = []web.Row{row(7, "web", remediate.P2, remediate.StatusWaiting)} },
		"connection refused":                                             func(s *stage) { s.answers = away(0, time.Hour) },
	} {
		s := &stage{status: web.Status{Cluster: "staging"}, after: mended}
		change(s)
		if _, err := Run(t.Context(), s, Hands{s.do, func(string, ...any) {}}, scene); err == nil || !strings.Contains(err.Error(), want) || len(s.done) > 0 {
			t.Errorf("%v, done %q; want %q", err, s.done, want)
		}
	}
}

func TestRead(t *testing.T) {
	const good = "drills:\n- name: a\n  cluster: staging\n  policy: db\n  break: [x]\n"
	all, err := Read("drills.yaml", []byte(good+"- {name: b, cluster: staging, policy: db, break: [x], repair: [y, z], heard: 2m, within: 1h, also: [app]}\n"))
	if err != nil || len(all) != 2 || all[0].Heard != defaultHeard || all[0].Within != defaultWithin || all[1].Heard != model.Duration(2*time.Minute) {
		t.Errorf("%+v, %v", all, err)
	}
	if _, err := Named(all, "c"); err == nil || !strings.Contains(err.Error(), `no drill "c"; there is a, b`) {
		t.Errorf("%v", err)
	}
	for want, text := range map[string]string{
		"there are no drills in it":                  "",
		"drills.yaml: line 2: field brake not found": "drills:\n- {brake: [x]}\n",
		"drill 1 : name is missing":                  "drills: [{cluster: s, policy: p, break: [x]}]",
		"drill 1 a: cluster is missing":              "drills: [{name: a, policy: p, break: [x]}]",
		"drill 1 a: policy is missing":               "drills: [{name: a, cluster: s, break: [x]}]",
		"drill 1 a: break is missing":                "drills: [{name: a, cluster: s, policy: p}]",
		"the command of break or repair is empty":    "drills: [{name: a, cluster: s, policy: p, break: [x], repair: ['']}]",
		"heard, 2h, is later than within, 1h":        "drills: [{name: a, cluster: s, policy: p, break: [x], heard: 2h, within: 1h}]",
		"is no live drill: nothing is done for it":   "drills: [{name: a, cluster: s, policy: p, break: [x], labels: {remediated_drill: d1}}]",
		"there are two drills called a":              good + "- {name: a, cluster: s, policy: p, break: [x]}\n",
		"not a valid duration":                       "drills: [{name: a, cluster: s, policy: p, break: [x], heard: soon}]",
		"cannot unmarshal":                           "drills: [{name: a, cluster: s, policy: p, break: kubectl delete}]",
	} {
		if _, err := Read("drills.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "drills.yaml: ") {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
