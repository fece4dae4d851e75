package remediate_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/x0tta6bl4/remediated/remediate"
)

// told counts what people were shown: incidents for the first time, calls, and
// lines of digests.
type told struct {
	shown, calls, digests int
	first                 map[uint64]time.Time
	lines                 []string
}

func toldIn(w *world) told {
	n := told{first: map[uint64]time.Time{}}
	for _, f := range w.heard {
		switch b := f.Body.(type) {
		case Started:
			switch {
			case b.Tell == nil:
			case b.Tell.Destination == SlackDigest:
				n.digests++
				for _, l := range b.Tell.Notice.Lines {
					n.lines = append(n.lines, l.Text)
				}
			case b.Tell.Destination == Slack && n.first[b.Incident].IsZero():
				n.first[b.Incident] = f.At
				n.shown++
			case b.Tell.Notice.Action == "trigger":
				n.calls++
			}
		}
	}
	return n
}

const slowPolicies = `
  policies:
  - name: slow
    when: ['alertname="Slow"']
    per: [n]
    severity: P2
    mode: act
    target: deployment/shop/$n
    steps: [{name: restart, do: [{kind: restart}], verify: {all: [{kind: postgres}], within: 1h, every: 1s}}]
`

// TestTenThousandAtOnce: people hear of the storm, once, of the few that came
// before it, and of the rest in digests.
func TestTenThousandAtOnce(t *testing.T) {
	w := newWorld(t)
	w.load(bookOf(t, "destinations: [slack, slack/thread, slack/digest, pagerduty/oncall, pagerduty/manager, pagerduty/director]\nstorm: {incidents: 20, per: 5m, calm: 5m}\n"+strings.TrimPrefix(slowPolicies, "\n  ")))
	w.set["verify"] = "silent"
	const many = 10_000
	for k := range many {
		w.now = epoch.Add(time.Duration(k) * time.Minute / many)
		w.must(w.hear(Heard{Alert: w.alert([]string{"Slow", fmt.Sprintf("n=n%d", k)}), Firing: true}))
	}
	w.pass(4 * time.Minute)
	if n := toldIn(w); n.shown > 20+1 || n.calls != 1 {
		t.Errorf("in the storm people are shown %d incidents and called %d times, want 21 and once", n.shown, n.calls)
	}
	w.pass(30 * time.Minute)
	n := toldIn(w)
	if n.digests == 0 || len(n.lines) == 0 || !strings.HasPrefix(n.lines[0], "slow (P2): 99") {
		t.Errorf("%d digests say %q", n.digests, n.lines)
	}
	if n.shown > 20+1 || n.calls > 4 {
		t.Errorf("people were shown %d incidents, and called %d times for the one storm", n.shown, n.calls)
	}
}

// TestRoomForTheWorst: without a storm, what is shown first waits for room, but
// for those that somebody is called for.
func TestRoomForTheWorst(t *testing.T) {
	w := newWorld(t)
	w.load(bookOf(t, "destinations: [slack, slack/thread]\nrunbooks: {P1: {page: at once, ladder: [{tell: oncall, wait: 5m}]}, P2: {page: on need, after: 1h, ladder: [{tell: oncall, wait: 5m}]}}\npolicies:\n"+
		"- {name: slow, when: ['alertname=\"Slow\"'], per: [n], severity: P2, mode: act, target: deployment/shop/$n, steps: [{name: s, do: [{kind: restart}], verify: {all: [{kind: http}], within: 20m}}]}\n"+
		"- {name: denied, when: ['alertname=\"Denied\"'], per: [n], severity: P2, mode: act, target: deployment/shop/$n, steps: [{name: s, do: [{kind: restart}], verify: {all: [{kind: http}], within: 20m}}]}\n"+
		"- {name: down, when: ['alertname=\"Down\"'], per: [n], severity: P1, mode: act, target: deployment/shop/$n, steps: [{name: s, do: [{kind: restart}], verify: {all: [{kind: http}], within: 20m}}]}"))
	w.set["alert"] = "unknown"
	for k := range 22 {
		w.must(w.do(fmt.Sprintf("alert Slow n=n%d", k)))
		w.settle()
	}
	w.must(w.do("alert Down n=p"))
	w.must(w.do("pause policy/denied by=anna"))
	w.must(w.do("alert Denied n=q"))
	w.settle()
	n := toldIn(w)
	if n.shown != 22 || n.first[21] != (time.Time{}) || n.first[22] != (time.Time{}) || n.first[23].IsZero() || n.first[24].IsZero() {
		t.Errorf("%d are shown at once, want 20, the P1, and that which somebody is called for: %v", n.shown, n.first)
	}
	w.must(w.do("resolve Slow n=n20"))
	w.must(w.do("close i21 by=anna"))
	w.pass(10 * time.Minute)
	if n := toldIn(w); n.shown != 23 || !n.first[22].Equal(epoch.Add(5*time.Minute)) || n.first[21] != (time.Time{}) {
		t.Errorf("then %d are shown, want the one that goes on, after 5m: %v", n.shown, n.first)
	}
	w.checkLaws()
}
