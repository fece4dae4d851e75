package web_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

// tellStory renders a story as the tests below compare it.
func tellStory(events []web.Event) string {
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "%s %s", e.Tone, e.Text)
		if e.Times > 0 {
			fmt.Fprintf(&b, " x%d", e.Times)
		}
		b.WriteByte('\n')
		for _, d := range e.Details {
			if d.Word != string(remediate.Allowed) {
				fmt.Fprintf(&b, "  %s %s\n", d.Word, strings.TrimSpace(d.Name+" "+d.Text))
			}
		}
	}
	return b.String()
}

// stories are what happens, and what is told of it.
var stories = []struct {
	name, script string
	want         []string // in this order, other lines between them
	never        string
}{
	{"a page that gets through late", "set tell=later\nalert ErrorsAfterDeploy namespace=shop\npass 10s\nset tell=ok\npass 1m", []string{
		"wait Telling pagerduty/oncall did not get through", "  later 429 Too Many Requests; the next try is at 10:00:30 UTC", "  ok",
	}, "did not arrive"},
	{"a page that never does", "set tell=failed\nalert ErrorsAfterDeploy namespace=shop\npass 3m", []string{
		"bad Telling pagerduty/oncall did not arrive", "  failed",
	}, "quiet Told pagerduty"},
	{"an act that is refused", "set act=refused\nalert PostgresDown namespace=shop\npass 5s", []string{
		"bad Attempt a1: restart prod/deployment/shop/db", "  refused the object is another one by now",
	}, "Looking whether"},
	{"healed, lost, and healed again", "set verify=ok/42s\nset probe=failed\nalert PostgresDown namespace=shop\npass 55s\nset probe=ok\npass 2m", []string{
		"good Healed: good again after 12s, within the objective of 5m",
		"wait Looked again: failed", "  failed postgres: connection refused", "bad Reopened: postgres: connection refused", "good Attempt a2", "good Healed",
	}, ""},
	{"what repeats itself is told once", "set workload=unknown\nalert PostgresDown namespace=shop\npass 30m", []string{
		"wait Step 1, restart the database: not now", "  unknown workload connection refused", "  wait target it is not known",
	}, "denied"},
	{"a human's words", "set act=silent\nalert ErrorsAfterDeploy namespace=shop\ndeny i1 by=anna plan=shown reason=wait_for_bert\nrun i1 by=bert\napprove i1 by=bert plan=shown\ntakeover i1 by=carl", []string{
		"busy anna denied the plan", ": wait for bert", "busy bert said run", "busy bert approved the plan", "busy Attempt a1", "busy carl took it over: no further acts",
	}, ""},
	{"alerts that come and go", "alert ErrorsAfterDeploy namespace=shop pod=a\nalert ErrorsAfterDeploy namespace=shop pod=b\nresolve ErrorsAfterDeploy namespace=shop pod=a", []string{
		"quiet Another alert joined", "quiet An alert resolved; still firing: 1",
	}, ""},
}

func TestStories(t *testing.T) {
	for _, c := range stories {
		t.Run(c.name, func(t *testing.T) {
			w, _ := play(t, "")
			_ = w.Play(c.script) // a word that does not fit ends it, which is part of what is told
			facts, err := w.Facts(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			got := tellStory(web.Story(facts))
			rest := got
			for _, line := range c.want {
				_, after, found := strings.Cut(rest, line)
				if !found {
					t.Fatalf("the story does not say %q (there)\n%s", line, got)
				}
				rest = after
			}
			if c.never != "" && strings.Contains(got, c.never) {
				t.Errorf("the story says %q\n%s", c.never, got)
			}
			if n := strings.Count(got, "\n"); n > 60 {
				t.Errorf("the story has %d lines\n%s", n, got)
			}
		})
	}
}

// TestAnyPartOfTheFactsCanBeTold cuts the facts of many incidents at each end:
// an incident is looked at in the middle of its life, and old facts may be gone.
func TestAnyPartOfTheFactsCanBeTold(t *testing.T) {
	w, _ := play(t, everything)
	told := 0
	for n := uint64(1); n <= 7; n++ {
		facts, err := w.Facts(t.Context(), n)
		if err != nil || len(facts) == 0 {
			t.Fatalf("i%d: %d facts, %v", n, len(facts), err)
		}
		for k := range facts {
			for _, part := range [][]remediate.Fact{facts[:k], facts[k:]} {
				events := web.Story(part)
				told += len(events)
				if !slices.IsSortedFunc(events, func(a, b web.Event) int { return a.At.Compare(b.At) }) {
					t.Fatalf("i%d, part %d: out of order\n%s", n, k, tellStory(events))
				}
			}
		}
	}
	if told == 0 {
		t.Error("nothing was told")
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 42 * time.Second: "42s", 200 * time.Second: "3m20s", 17*time.Minute + 30*time.Second: "17m",
		time.Hour: "1h", 125 * time.Minute: "2h5m", 13*time.Hour + 5*time.Minute: "13h", 99 * time.Hour: "4d3h", 500 * time.Hour: "20d",
	} {
		if got := web.Span(d); got != want {
			t.Errorf("Span(%s) = %q, want %q", d, got, want)
		}
	}
	if web.Ago(0) != "now" || web.Ago(-time.Minute) != "now" || web.Ago(time.Minute) != "1m ago" {
		t.Errorf("Ago: %q %q %q", web.Ago(0), web.Ago(-time.Minute), web.Ago(time.Minute))
	}
}
