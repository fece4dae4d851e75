package main

import (
	"context"
	"time"

	"github.com/x0tta6bl4/remediated/policies"
)

// autoReload reloads the configuration when its files are no longer those that
// were read last, until ctx ends. They are looked at rather than watched: a
// ConfigMap is swapped by a symbolic link above the files, of which their own
// folder hears nothing, and a network file system tells nobody.
func (d *daemon) autoReload(ctx context.Context) error {
	tick := time.NewTicker(d.options.autoReload)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if why := d.stale(); why != "" {
				d.log.Info("the files of the configuration are read again", "why", why)
				d.reload(ctx)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// stale says why there is something to be read anew, "" when there is not. What was
// refused as a whole is tried again: a secret that it names may have come after it.
func (d *daemon) stale() string {
	d.loading.Lock()
	defer d.loading.Unlock()
	switch {
	case policies.Fingerprint(d.options.config) != d.read:
		return "they have changed"
	case d.refused:
		return "they were refused"
	}
	return ""
}
