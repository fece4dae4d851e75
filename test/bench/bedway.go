package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/test/bed"
	"github.com/x0tta6bl4/remediated/test/daemon"
)

// way is how long one webhook took, in milliseconds, and what of it was not ours.
type way struct {
	Acknowledged float64 `json:"acknowledged"` // until the 200
	Patched      float64 `json:"patched"`      // until the API server received the PATCH, by its audit log
	Written      float64 `json:"written"`      // two writes to the journal, at the average of those meanwhile
	Asked        float64 `json:"asked"`        // while the API server had a request of ours, by its audit log
}

// rest is what is neither a write nor waiting for the API server.
func (w way) rest() float64 { return w.Patched - w.Written - w.Asked }

// ways are the ways of incidents, one after the other.
type ways []way

func (all ways) rows(name string) []row {
	figure := func(what string, of func(way) float64) row {
		values := make([]float64, len(all))
		for k, w := range all {
			values[k] = of(w)
		}
		return figureOf(row{Subject: "bed", Case: name, What: what, Unit: "ms"}, values)
	}
	acknowledged := figure("webhook sent to 200", func(w way) float64 { return w.Acknowledged })
	patched := figure("webhook sent to PATCH received", func(w way) float64 { return w.Patched })
	patched.Ratio, patched.Against = patched.Value/acknowledged.Value, acknowledged.What
	rows := []row{
		acknowledged, patched,
		figure("of that two writes to the journal", func(w way) float64 { return w.Written }),
		figure("of that the API server had a request of ours", func(w way) float64 { return w.Asked }),
		figure("of that all else", way.rest),
	}
	for k := range rows[2:] {
		rows[2+k].Ratio, rows[2+k].Against = rows[2+k].Value/patched.Value, patched.What
	}
	return rows
}

// healAll heals Deployments from the one with this number on, one after the other.
func healAll(ctx context.Context, b *bed.Bed, d *daemon.Process, first int) (all ways, err error) {
	w, err := newWebhook([]string{down}, time.Now(), false)
	if err != nil {
		return nil, err
	}
	for k := first; k < first+healed; k++ {
		one, err := heal(ctx, b, d, w.number(uint64(k)), fmt.Sprintf("i%08d", k))
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// heal sends a webhook and waits until the Deployment that it is about was
// patched. Alertmanager must know the alert too: the daemon asks it.
func heal(ctx context.Context, b *bed.Bed, d *daemon.Process, webhook []byte, deployment string) (w way, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	// What the one before set going must not be measured with this one.
	if _, err := b.Kubectl(ctx, "", "rollout", "status", "--namespace="+bed.Namespace, "deployment"); err != nil {
		return w, err
	}
	if err := fire(ctx, b, webhook, deployment); err != nil {
		return w, err
	}
	before, err := readAppends(ctx, d)
	if err != nil {
		return w, err
	}
	sent := time.Now()
	if err := postJSON(ctx, hook, webhook); err != nil {
		return w, err
	}
	w.Acknowledged = milliseconds(time.Since(sent))
	patched, asked, err := awaitPatch(ctx, b, sent, deployment)
	if err != nil {
		return w, err
	}
	after, err := readAppends(ctx, d)
	w.Patched, w.Asked = milliseconds(patched.Sub(sent)), milliseconds(asked)
	w.Written = 2000 * (after.seconds - before.seconds) / (after.count - before.count)
	return w, err
}

// awaitPatch waits until the daemon patches a deployment, and says for how long until
// then a request of its was at the API server.
func awaitPatch(ctx context.Context, b *bed.Bed, since time.Time, deployment string) (at time.Time, asked time.Duration, err error) {
	user := "system:serviceaccount:" + bed.Namespace + ":" + account
	err = poll(ctx, "the daemon patches "+deployment, func() (bool, error) {
		events, err := b.AuditLog()
		events = slices.DeleteFunc(events, func(e bed.AuditEvent) bool { return e.User.Username != user || e.Received.Before(since) })
		patch := slices.IndexFunc(events, func(e bed.AuditEvent) bool {
			return e.Verb == "patch" && e.Object.Resource == "deployments" && e.Object.Name == deployment
		})
		if patch < 0 {
			return false, err
		}
		at = events[patch].Received
		asked = busy(events, at)
		return true, err
	})
	return at, asked, err
}

// busy is for how long before end at least one of the requests was being answered.
func busy(events []bed.AuditEvent, end time.Time) (sum time.Duration) {
	slices.SortFunc(events, func(a, b bed.AuditEvent) int { return a.Received.Compare(b.Received) })
	var until time.Time
	for _, e := range events {
		from, to := e.Received, e.Answered
		if to.After(end) {
			to = end
		}
		if from.Before(until) {
			from = until
		}
		if to.After(from) {
			sum += to.Sub(from)
			until = to
		}
	}
	return sum
}

// appends are the writes to the daemon's journal so far.
type appends struct{ seconds, count float64 }

func readAppends(ctx context.Context, d *daemon.Process) (a appends, err error) {
	const name = "remediated_journal_append_seconds"
	if a.seconds, err = sumOf(ctx, d, name+"_sum"); err != nil {
		return a, err
	}
	a.count, err = sumOf(ctx, d, name+"_count")
	return a, err
}

// sumOf is the sum of a metric of the daemon's over all labels.
func sumOf(ctx context.Context, d *daemon.Process, metric string) (sum float64, err error) {
	text, err := d.Get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if name, _, _ := strings.Cut(line, "{"); name != metric && (len(fields) == 0 || fields[0] != metric) {
			continue
		}
		n, err := strconv.ParseFloat(fields[len(fields)-1], 64)
		if err != nil {
			return 0, fmt.Errorf("read the metric %s: %w", metric, err)
		}
		sum += n
	}
	return sum, nil
}
