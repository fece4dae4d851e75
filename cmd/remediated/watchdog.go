package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/engine"
)

// watchdogAgain is how soon it is said again what could not be kept.
const watchdogAgain = 10 * time.Second

// watchdog misses an alert that always fires. As long as it comes by webhook the
// way from Prometheus to us is open; when it does not, nothing else may come
// either, and people must hear of it by a way that does not begin at Prometheus.
type watchdog struct {
	matchers labels.Matchers
	within   time.Duration
	submit   func(context.Context, []remediate.Input) error
	log      *slog.Logger
	barked   chan struct{}
}

// newWatchdog returns a watchdog for the alerts that all matchers match, or an
// error that says which of its settings is wrong.
func newWatchdog(matchers []string, within time.Duration, submit func(context.Context, []remediate.Input) error, log *slog.Logger) (*watchdog, error) {
	w := &watchdog{within: within, submit: submit, log: log, barked: make(chan struct{}, 1)}
	for _, text := range matchers {
		m, err := labels.ParseMatcher(text)
		if err != nil {
			return nil, fmt.Errorf("watchdog: matcher %q: %w", text, err)
		}
		w.matchers = append(w.matchers, m)
	}
	switch {
	case len(matchers) == 0:
		return nil, errors.New(`watchdog: name the alert that always fires, such as alertname="Watchdog": any alert would do, and there may be none`)
	case within <= 0:
		return nil, fmt.Errorf("watchdog: within is %s: want a time in which the alert comes, such as 5m", within)
	}
	return w, nil
}

// seen hears of each firing alert of each webhook. It does not wait.
func (w *watchdog) seen(ls remediate.Labels) {
	for _, m := range w.matchers {
		if !m.Matches(ls.Get(m.Name)) {
			return
		}
	}
	select {
	case w.barked <- struct{}{}:
	default: // that it was seen is known
	}
}

// run says that the alert is missing when it was not seen for so long, since it
// was last or since the start, and that it is not when it is seen again: until
// then what was said before a restart holds.
func (w *watchdog) run(ctx context.Context) error {
	missing := time.NewTimer(w.within)
	defer missing.Stop()
	again := time.NewTimer(0)
	again.Stop() // until something could not be kept
	defer again.Stop()
	var said, now word
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.barked:
			now = isSeen
			missing.Reset(w.within)
		case <-missing.C:
			now = isMissed
		case <-again.C:
		}
		if now == said {
			continue
		}
		if err := w.say(ctx, now); err != nil {
			said = unknown // it may have been kept all the same
			again.Reset(watchdogAgain)
			continue
		}
		said = now
	}
}

// word is what there is to say of the alert.
type word int

const (
	unknown word = iota // neither seen nor missed since the start
	isSeen
	isMissed
)

// say hands over what there is to say.
func (w *watchdog) say(ctx context.Context, what word) error {
	t := remediate.Trouble{Alert: remediate.WatchdogAlert, Firing: what == isMissed}
	if t.Firing {
		t.Summary = fmt.Sprintf("no alert %s for %s: what Prometheus sees may not reach us", w.matchers, model.Duration(w.within))
	}
	err := w.submit(ctx, []remediate.Input{t})
	if err != nil && ctx.Err() == nil && !errors.Is(err, engine.ErrStopped) {
		w.log.Error("what the watchdog has to say could not be kept; it is said again", "missing", t.Firing, "err", err)
	}
	return err
}
