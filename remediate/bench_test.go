package remediate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/common/model"

	. "github.com/x0tta6bl4/remediated/remediate"
)

const benchBook = `policies:
- {name: p, when: ['alertname="A"'], per: [namespace, pod], severity: P2, mode: act, target: deployment/$namespace/$pod,
   steps: [{name: s, do: [{kind: restart}], verify: {all: [{kind: http}], within: 1m}}]}`

func benchAlert(n int, at time.Time) Alert {
	return Alert{StartsAt: at, Labels: LabelsOf(map[string]string{"alertname": "A", "namespace": "shop", "pod": fmt.Sprintf("p%d", n)})}
}

// busyWorld has so many incidents that wait for a human: the kill switch is on.
func busyWorld(b *testing.B, open int) *world {
	w := newWorld(b)
	w.set["tell"] = "silent"
	w.load(bookOf(b, benchBook))
	w.must(w.hear(Command{Command: Pause, Scope: "all", By: "anna"}))
	w.now = w.now.Add(time.Second)
	for n := range open {
		_, err := Handle(w.books, w.state, w.now, Heard{Alert: benchAlert(n, w.now), Firing: true})
		w.must(err)
	}
	return w
}

// BenchmarkHandle is one alert that opens an incident, and its resolve, beside
// so many that are open.
func BenchmarkHandle(b *testing.B) {
	for _, open := range []int{1_000, 100_000} {
		var w *world
		fresh := 0
		b.Run(fmt.Sprintf("open=%d", open), func(b *testing.B) {
			if w == nil { // b.N grows: one world serves all tries
				w = busyWorld(b, open)
			}
			facts := 0
			b.ResetTimer()
			for range b.N {
				w.now = w.now.Add(time.Millisecond)
				fresh++
				for _, firing := range []bool{true, false} {
					a := benchAlert(1_000_000+fresh, w.now)
					rs, err := Handle(w.books, w.state, w.now, Heard{Alert: a, Firing: firing})
					w.must(err)
					facts += len(rs)
				}
			}
			b.ReportMetric(float64(facts)/b.Elapsed().Seconds(), "facts/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkMassWake lifts the kill switch over 100,000 incidents: how long one
// slice keeps answers and commands waiting, and all of them together.
func BenchmarkMassWake(b *testing.B) {
	for range b.N {
		b.StopTimer()
		w := busyWorld(b, 100_000)
		b.StartTimer()
		begin, longest := time.Now(), time.Duration(0)
		in := Input(Command{Command: Resume, Scope: "all", By: "anna"})
		for n := 0; n == 0 || !w.state.Next().After(w.now); n++ {
			one := time.Now()
			_, err := Handle(w.books, w.state, w.now, in)
			w.must(err)
			longest, in = max(longest, time.Since(one)), Tick{}
		}
		b.ReportMetric(float64(longest.Milliseconds()), "ms/longest-slice")
		b.ReportMetric(time.Since(begin).Seconds(), "s/all")
	}
}

// BenchmarkMatch finds the policy of one alert among many, the last of them,
// beside Alertmanager's own matchers, asked one route after the other as its
// routes do, in the same run.
func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{10, 1_000, 10_000} {
		book, routes := policiesAndRoutes(b, n)
		a := LabelsOf(map[string]string{"alertname": fmt.Sprintf("A%d", n-1), "namespace": "shop", "severity": "critical"})
		ls := model.LabelSet{}
		for _, l := range a {
			ls[model.LabelName(l.Name)] = model.LabelValue(l.Value)
		}
		b.Run(fmt.Sprintf("policies=%d", n), func(b *testing.B) {
			for range b.N {
				if len(book.Match(a)) != 1 {
					b.Fatal("not matched")
				}
			}
			ours := b.Elapsed()
			begin := time.Now()
			for range b.N {
				if slices.IndexFunc(routes, func(ms labels.Matchers) bool { return ms.Matches(ls) }) != n-1 {
					b.Fatal("not matched by the routes")
				}
			}
			b.ReportMetric(float64(ours)/float64(time.Since(begin)), "of-Alertmanager")
		})
	}
}

func policiesAndRoutes(b *testing.B, n int) (*Rulebook, []labels.Matchers) {
	var text strings.Builder
	text.WriteString("policies:\n")
	var routes []labels.Matchers
	for k := range n {
		when := fmt.Sprintf(`alertname="A%d"`, k)
		fmt.Fprintf(&text, "- {name: p%d, when: ['%s', 'severity=~\"critical|warning\"'], severity: P2, mode: observe}\n", k, when)
		var ms labels.Matchers
		for _, s := range []string{when, `severity=~"critical|warning"`} {
			m, err := labels.ParseMatcher(s)
			if err != nil {
				b.Fatal(err)
			}
			ms = append(ms, m)
		}
		routes = append(routes, ms)
	}
	return bookOf(b, text.String()), routes
}
