//go:build crash

// This file is only in a daemon that is built with the tag crash, for the
// end-to-end tests: it kills itself where they say. No release is built so,
// and in every other build nocrash.go stands in its place.

package main

import (
	"context"
	"os"
	"syscall"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/engine"
)

// Where to die is said by the environment: crashAfterVar names what has
// happened last ("judged/1", "started/1 tell slack", "performed act"),
// crashMarkerVar a file that is made just before, so that it happens once.
const (
	crashAfterVar  = "REMEDIATED_CRASH_AFTER"
	crashMarkerVar = "REMEDIATED_CRASH_MARKER"
)

// crashAfterFact dies after a fact is durable and before anything that it
// starts is performed.
func crashAfterFact(observe func(remediate.Fact)) func(remediate.Fact) {
	dealings := map[string]string{} // what was started, by ID
	return func(f remediate.Fact) {
		observe(f)
		name := remediate.KindOf(f.Body)
		switch b := f.Body.(type) {
		case remediate.Started:
			dealings[b.ID] = dealing(b)
			name += " " + dealings[b.ID]
		case remediate.Finished:
			name += " " + dealings[b.ID]
		}
		crash(name)
	}
}

// crashAfterPerforming dies when the world was dealt with and nothing of it is
// written down yet.
func crashAfterPerforming(p engine.Performer) engine.Performer { return crashing{p} }

type crashing struct{ engine.Performer }

func (c crashing) Perform(ctx context.Context, s remediate.Started) remediate.Result {
	r := c.Performer.Perform(ctx, s)
	crash("performed " + dealing(s))
	return r
}

func dealing(s remediate.Started) string {
	switch {
	case s.Act != nil:
		return "act"
	case s.Ask != nil:
		return "ask " + s.Ask.Purpose
	}
	return "tell " + s.Tell.Destination
}

// crash kills this process, as a power cut would, when it is to die after what
// is called name and has not yet.
func crash(name string) {
	if name != os.Getenv(crashAfterVar) {
		return
	}
	marker, err := os.OpenFile(os.Getenv(crashMarkerVar), os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return // it died before
	}
	marker.Close()
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // nothing more happens in this process
}
