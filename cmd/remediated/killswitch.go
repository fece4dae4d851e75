package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/engine"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

// lookEvery is how often the pause file is looked at.
const lookEvery = 500 * time.Millisecond

// bySignal is who pauses when SIGUSR1 comes.
const bySignal = "signal SIGUSR1"

// killSwitch pauses by the two ways that need neither the page nor the API nor
// a role: a file in the storage folder, and a signal. What it pauses is a fact
// like any other pause. It never resumes: a named human does, and not before
// the file is gone.
type killSwitch struct {
	path string
	live web.Live // without the roles
	log  *slog.Logger

	// looked is closed when the file was looked at for the first time: before
	// that nothing is performed, so that a daemon that is started beside its
	// pause file does nothing.
	looked chan struct{}

	taken     order             // what the file said when it was last taken at its word
	changing  bool              // it says something else since the last look
	signalled bool              // a signal came, and is not in force yet
	trouble   map[string]string // why a pause is not in force, as it was logged last, by who gave it
}

// newKillSwitch returns the kill switch of a storage folder.
func newKillSwitch(storage string, live web.Live, log *slog.Logger) *killSwitch {
	path := filepath.Join(storage, pauseFile)
	if whole, err := filepath.Abs(path); err == nil {
		path = whole // people read it on the page
	}
	return &killSwitch{path: path, live: live, log: log, looked: make(chan struct{}), trouble: map[string]string{}}
}

// begin takes the file at its word, as it stands, and lets everything begin.
func (k *killSwitch) begin(ctx context.Context) {
	k.take(ctx, readOrder(k.path))
	if ctx.Err() == nil {
		close(k.looked)
	}
}

// run looks at the file and listens for signals until ctx ends.
func (k *killSwitch) run(ctx context.Context, signals <-chan os.Signal) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-signals:
			k.signalled = true
			k.log.Warn("all is to be paused", "by", bySignal)
		case <-tick.C:
			k.look(ctx)
		}
		if k.signalled && k.pause(ctx, bySignal, "", []string{"all"}) {
			k.signalled = false
		}
	}
}

// look looks at the file. What has changed is taken at the next look, whatever
// it says then: a file that is just being written is empty for a moment, and an
// empty one means all.
func (k *killSwitch) look(ctx context.Context) {
	now := readOrder(k.path)
	if !k.changing && !reflect.DeepEqual(now, k.taken) {
		k.changing = true
		return
	}
	k.changing = false
	k.take(ctx, now)
}

// take pauses what the file says.
func (k *killSwitch) take(ctx context.Context, now order) {
	k.tellChange(now)
	k.taken = now
	k.pause(ctx, "file "+k.path, now.reason, now.scopes)
}

// tellChange logs what of a change people must know.
func (k *killSwitch) tellChange(now order) {
	if reflect.DeepEqual(now, k.taken) {
		return
	}
	for _, what := range now.unclear {
		k.log.Warn("the pause file cannot be read, so it pauses all", "file", k.path, "unclear", what,
			"want", "on each line all, policy/NAME, namespace/NAME, reason: WORDS or # COMMENT; or nothing, which means all")
	}
	for _, scope := range k.taken.scopes {
		if !now.names(scope) {
			k.log.Info("the pause file no longer names a scope; it stays paused until somebody resumes it", "scope", scope, "with", "remedy resume "+scope)
		}
	}
}

// pause pauses those of the scopes that are not paused for good, and tells whether all
// of them are now. While the journal cannot be written it is tried again at the
// next look; nothing is done in the meantime anyway.
func (k *killSwitch) pause(ctx context.Context, by, reason string, scopes []string) bool {
	if len(scopes) == 0 {
		return true
	}
	open, err := k.running(ctx, scopes)
	for _, scope := range open {
		if err == nil {
			err = k.live.Command(ctx, remediate.Command{Command: remediate.Pause, By: by, Scope: scope, Reason: reason})
		}
	}
	k.tellTrouble(ctx, by, err)
	return err == nil
}

// running returns those of the scopes that are not paused, or not for good: between the
// end of a pause and the next look at the file something would be begun.
func (k *killSwitch) running(ctx context.Context, scopes []string) (open []string, err error) {
	err = k.live.Look(ctx, func(s *remediate.State, books remediate.Rulebooks) {
		for _, scope := range scopes {
			if c, paused := s.Paused[scope]; paused && c.Until.IsZero() {
				continue
			}
			open = append(open, scope)
			if name, ok := strings.CutPrefix(scope, "policy/"); ok && books[s.Rulebook] != nil && books[s.Rulebook].Policy(name) == nil {
				k.log.Warn("a policy is to be paused that is not loaded: is its name right?", "policy", name)
			}
		}
	})
	return open, err
}

// tellTrouble logs once why something is not paused yet.
func (k *killSwitch) tellTrouble(ctx context.Context, by string, err error) {
	if err == nil || ctx.Err() != nil || errors.Is(err, engine.ErrStopped) {
		delete(k.trouble, by)
		return
	}
	if text := err.Error(); text != k.trouble[by] {
		k.trouble[by] = text
		k.log.Error("a pause cannot be written down yet; it is tried again until it is", "by", by, "err", err)
	}
}

// refuses says why a scope cannot be resumed now, nil when it can: the file
// would pause it again.
func (k *killSwitch) refuses(scope string) error {
	o := readOrder(k.path)
	if !o.names(scope) {
		return nil
	}
	first := "remove the file first"
	switch {
	case len(o.unclear) > 0:
		first = fmt.Sprintf("it cannot be read (%s); mend or remove it first", o.unclear[0])
	case slices.ContainsFunc(o.scopes, func(other string) bool { return other != scope }):
		first = "remove the file, or that line of it, first"
	}
	return &remediate.RefusedError{Why: fmt.Sprintf("%s cannot be resumed while the file %s says that it is paused: %s", scope, k.path, first)}
}
