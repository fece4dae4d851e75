package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/prometheus/common/version"

	"github.com/x0tta6bl4/remediated/policies/replay"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/engine"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

// keepAgain is how long to wait until what could not be written down is tried
// again.
const keepAgain = 10 * time.Second

// release names this release.
func release() string { return releaseOf(version.Version, version.GetRevision()) }

// releaseOf names a release by its version. One that has none goes by the state of
// the source that it was built from, when the build wrote that down.
func releaseOf(version, revision string) string {
	const unknown = "unknown" // as the version package has it
	switch {
	case version != "":
		return version
	case revision != "" && revision != unknown:
		return "unreleased " + revision
	}
	return "unreleased"
}

// upgrade has this release decide the last days again, when others decided them,
// and writes down what it comes to otherwise. It takes as long as it takes:
// alerts are heard meanwhile.
func (d *daemon) upgrade(ctx context.Context) error {
	var r remediate.Release
	err := d.engine.Look(ctx, func(s *remediate.State, _ remediate.Rulebooks) {
		r = s.Release
		d.watch.release(r)
	})
	if err == nil && r.Unchecked() {
		d.compare(ctx, r)
	}
	<-ctx.Done()
	return nil
}

// compare decides again, says what came of it, and writes it down as soon as that
// can be. What is broken off by a stop is done again at the next start.
func (d *daemon) compare(ctx context.Context, r remediate.Release) {
	begun := time.Now()
	decided, err := d.decideAgain(ctx, r)
	if ctx.Err() != nil {
		return
	}
	c := remediate.Comparison{Release: r.Name, Since: decided.Since, Facts: decided.Facts, Changed: decided.Changed}
	if err != nil {
		c.Why = err.Error()
	}
	d.log.Info("decided again what others decided", "facts", c.Facts, "changed", c.Changed, "since", c.Since, "took", time.Since(begun))
	for _, change := range decided.Differences {
		was, is := change.Explain()
		d.log.Warn("this release decides otherwise", "seq", change.Seq, "at", change.At, "incident", change.Incident(), "was", was[0], "is", is[0])
	}
	for {
		if c.Details, err = d.keepChanges(ctx, decided.Differences); err == nil {
			err = d.engine.Hear(ctx, c)
		}
		if err == nil || ctx.Err() != nil || errors.Is(err, engine.ErrStopped) {
			return
		}
		d.log.Warn("what this release decides otherwise cannot be written down yet", "err", err, "again", keepAgain)
		select {
		case <-ctx.Done():
		case <-time.After(keepAgain):
		}
	}
}

// decideAgain decides again what was decided in the last days before this release.
func (d *daemon) decideAgain(ctx context.Context, r remediate.Release) (decided replay.Decided, err error) {
	j, err := journal.OpenReading(ctx, d.options.storage)
	if err != nil {
		return decided, err
	}
	defer func() { err = cmp.Or(err, j.Close()) }()
	begin, err := j.Behind(ctx)
	if err != nil {
		return decided, err
	}
	return replay.Again(replay.Past{
		Records: until(j.Read(ctx), r.Seq), Begin: begin, Since: r.Last.Add(-time.Duration(d.options.days)),
		Books: replay.Books(func(digest string) ([]byte, error) { return j.Load(ctx, digest) }),
	})
}

// until yields the records before one of them.
func until(records iter.Seq2[remediate.Record, error], seq uint64) iter.Seq2[remediate.Record, error] {
	return func(yield func(remediate.Record, error) bool) {
		for r, err := range records {
			if err == nil && r.Seq >= seq || !yield(r, err) {
				return
			}
		}
	}
}

// keepChanges keeps the decisions that are others, for people to read, and returns
// their digest.
func (d *daemon) keepChanges(ctx context.Context, differences []replay.Difference) (string, error) {
	if len(differences) == 0 {
		return "", nil
	}
	var changes []web.Change
	for _, c := range differences {
		was, is := c.Explain()
		changes = append(changes, web.Change{Seq: c.Seq, At: c.At, Incident: c.Incident(), Was: was, Is: is})
	}
	b, err := json.Marshal(changes)
	if err != nil {
		return "", fmt.Errorf("keep what changed: %w", err)
	}
	return d.keep(ctx, b)
}
