package replay_test

import (
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/policies/replay"
	"github.com/x0tta6bl4/remediated/remediate"
)

// TestBacktestFromTheMiddle begins in the middle of an incident, with an alert
// that became part of it: an incident of its own would be another one.
func TestBacktestFromTheMiddle(t *testing.T) {
	for _, o := range outcomes(t, "lives.test.yaml") {
		if o.Case.Name != "healed, joined, reopened, and closed by a human" {
			continue
		}
		records := journalOf(t, o.Facts)
		for k, f := range o.Facts {
			joined, ok := f.Body.(remediate.Joined)
			if !ok {
				continue
			}
			c := backtest(t, records[k-1:], o.Book)
			if c.After != uint64(k-1) || c.Earlier != 1 || len(c.Pairs) != 1 {
				t.Fatalf("after %d, %d were open before, pairs %+v", c.After, c.Earlier, c.Pairs)
			}
			p := c.Pairs[0]
			if p.Result != replay.NotKnown || p.Was != nil || p.Would.Unknown == nil || !strings.Contains(p.Would.Unknown.Why, "part of i1, which was open before") || len(p.Would.Acts) > 0 {
				t.Errorf("incident %d: %+v", joined.Incident, p.Would)
			}
			return
		}
	}
	t.Error("no life has an alert that joins")
}

// TestBacktestOfAlertsOnly lives through alerts of which nothing else is known.
func TestBacktestOfAlertsOnly(t *testing.T) {
	o := outcomes(t, "lives.test.yaml")[0]
	p := o.Book.Policies[0]
	labels := map[string]string{}
	for _, f := range o.Facts {
		if b, ok := f.Body.(remediate.AlertFiring); ok {
			for _, l := range b.Alert.Labels {
				labels[l.Name] = l.Value
			}
			break
		}
	}
	of := func(more ...string) remediate.Labels {
		all := map[string]string{}
		for name, value := range labels {
			all[name] = value
		}
		for k := 0; k < len(more); k += 2 {
			all[more[k]] = more[k+1]
		}
		return remediate.LabelsOf(all)
	}
	start := time.Date(2024, 1, 1, 10, 0, 0, 0, time.UTC)
	at := func(d time.Duration) time.Time { return start.Add(d) }
	c, err := replay.BacktestAlerts([]replay.Firing{
		{Labels: of(), From: start, Until: at(time.Hour), Found: true},
		{Labels: of("replica", "b"), From: at(30 * time.Hour), Until: at(30*time.Hour + 2*time.Minute)}, // two of one alert
		{Labels: of("replica", "a"), From: at(30*time.Hour + time.Minute), Until: at(30*time.Hour + 5*time.Minute)},
		{Labels: of(), From: at(47 * time.Hour)},
	}, start, at(48*time.Hour), o.Book)
	if err != nil {
		t.Fatal(err)
	}
	if !c.AlertsOnly || len(c.Pairs) != 3 || c.Was.Incidents != 0 || c.Would.Acts != 0 {
		t.Fatalf("got %+v", c)
	}
	for n, want := range []struct {
		opened, gone time.Time
		found        bool
	}{{start, at(time.Hour), true}, {at(30 * time.Hour), at(30*time.Hour + 5*time.Minute), false}, {at(47 * time.Hour), time.Time{}, false}} {
		i := c.Pairs[n].Would
		if i.Policy != p.Name || !i.Opened.Equal(want.opened) || !i.Gone.Equal(want.gone) || i.Found != want.found || c.Pairs[n].Result != replay.WouldBe {
			t.Errorf("incident %d: %+v", n, i)
		}
		if !want.found && (i.Unknown == nil || !strings.Contains(i.Unknown.Why, "would have answered was not recorded") || len(i.Acts) > 0 || !i.Healed.IsZero()) {
			t.Errorf("incident %d: something is said that nobody knows: %+v", n, i)
		}
	}
}
