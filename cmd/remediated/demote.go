package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/policies/replay"
	"github.com/x0tta6bl4/remediated/policies/shadow"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/engine"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

// demoteFirst is how long after the start, or a reload, is looked first: there is
// enough to do by then, and who is started often is to look nevertheless.
const demoteFirst = 5 * time.Minute

// demoter puts policies back to observe that act and do no better than waiting.
// It reads the journal beside the loop, through a connection of its own, and
// what it finds is a command like a human's: a fact, with the numbers for its
// reason. It only tightens.
type demoter struct {
	policies.Demote
	storage string
	live    web.Live // without the roles
	log     *slog.Logger
}

func newDemoter(o policies.Demote, storage string, live web.Live, log *slog.Logger) *demoter {
	return &demoter{o, storage, live, log}
}

// run looks at intervals until ctx ends.
func (d *demoter) run(ctx context.Context) {
	next := time.NewTimer(min(d.Every, demoteFirst))
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		if err := d.look(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, engine.ErrStopped) {
			d.log.Error("whether the policies that act help is not known; it is looked again", "in", d.Every, "err", err)
		}
		next.Reset(d.Every)
	}
}

// look looks once.
func (d *demoter) look(ctx context.Context) error {
	found, last, err := d.report(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range found {
		advice := p.Advice()
		if advice.Mode != remediate.ModeObserve {
			continue
		}
		why := fmt.Sprintf("%s, looking at %s: %s", last.UTC().Format(time.DateOnly), model.Duration(d.Over), advice.Why)
		errs = append(errs, d.demote(ctx, p.Name, why))
	}
	return errors.Join(errs...)
}

// report reads the journal up to its end as it is now.
func (d *demoter) report(ctx context.Context) (found []shadow.Policy, last time.Time, err error) {
	j, err := journal.OpenReading(ctx, d.storage)
	if err != nil {
		return nil, last, err
	}
	defer func() { _ = j.Close() }() // it was only read
	if last, err = j.Last(ctx); err != nil {
		return nil, last, err
	}
	begin, err := j.Begin(ctx)
	if err != nil {
		return nil, last, err
	}
	books := replay.Books(func(digest string) ([]byte, error) { return j.Load(ctx, digest) })
	report, err := shadow.Read(last.Add(-d.Over), begin.Rulebook, books, journal.Facts(j.Read(ctx)))
	if err != nil {
		return nil, last, err
	}
	return report.Policies(), last, nil
}

// demote puts one policy back to observe. That it is no longer to be is no error:
// somebody said something in the meantime.
func (d *demoter) demote(ctx context.Context, policy, why string) error {
	scope := "policy/" + policy
	err := d.live.Command(ctx, remediate.Command{
		Command: remediate.SetMode, By: remediate.Itself, Scope: scope, Value: string(remediate.ModeObserve), Reason: why,
	})
	if refused := (*remediate.RefusedError)(nil); errors.As(err, &refused) {
		d.log.Info("a policy is not put back to observe", "policy", policy, "why", refused.Why)
		return nil
	}
	if err != nil {
		return fmt.Errorf("put %s back to observe: %w", scope, err)
	}
	d.log.Warn("a policy was put back to observe", "policy", policy, "why", why, "lift it with", "remedy mode "+scope+" act")
	return nil
}
