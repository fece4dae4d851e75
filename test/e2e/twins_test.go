//go:build e2e

package e2e

import (
	"bufio"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/test/bed"
)

// Two Alertmanagers that lost sight of each other both deliver the same group,
// first when it fires and then when it resolves: one incident, one act.
func TestTwoAlertmanagersDeliverOneIncident(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	second, err := b.StartSecondAlertmanager(t.Context(), bed.GossipCut)
	if err != nil {
		t.Fatal(err)
	}
	both := []string{b.Alertmanager, second}
	before := make([]float64, len(both))
	for i, url := range both {
		before[i] = delivered(t, url)
	}
	begun := time.Now()
	d := startDaemon(t, b, setup{alertmanagers: both})
	if err := b.Hang(t.Context(), bed.Namespace, cache); err != nil {
		t.Fatal(err)
	}
	d.awaitFiled(1)
	eventually(t, 20*time.Second, func() string {
		for i, url := range both {
			if n := delivered(t, url) - before[i]; n < 2 {
				return fmt.Sprintf("%s has delivered %v notifications, want one that it fires and one that it resolved", url, n)
			}
		}
		return ""
	})
	d.stop()
	d.checkHealed("redis-down", time.Minute)
	d.checkAttempts(begun, "i1-a1")
	d.checkSlack(1)
	if n := d.count()["alert-firing/1"]; n != 1 {
		t.Errorf("the alert was heard to begin %d times", n)
	}
}

// delivered is how many notifications an Alertmanager has got rid of.
func delivered(t *testing.T, url string) float64 {
	t.Helper()
	return metric(t, url, `alertmanager_notifications_total{`, `integration="webhook"`) -
		metric(t, url, `alertmanager_notifications_failed_total{`, `integration="webhook"`)
}

// metric sums the series whose line begins and goes on as said.
func metric(t *testing.T, url, name, label string) float64 {
	t.Helper()
	r, err := http.Get(url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	sum := 0.0
	lines := bufio.NewScanner(r.Body)
	for lines.Scan() {
		line := lines.Text()
		if !strings.HasPrefix(line, name) || !strings.Contains(line, label) {
			continue
		}
		v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		sum += v
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return sum
}
