package main

import (
	"context"
	"time"

	"github.com/x0tta6bl4/remediated/policies"
)

// autoReload reads the configuration anew whenever its files have changed, until ctx
// ends. It looks at what they hold: where a folder is swapped as a whole by a symbolic
// link, as the kubelet does, no file of it is ever written to. What is broken is tried
// once, and again when it has changed.
func (d *daemon) autoReload(ctx context.Context) error {
	if d.options.autoReload == 0 {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(d.options.autoReload)
	defer tick.Stop()
	for seen := d.read; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if now := d.digest(); now != seen {
			seen = now // of before the reload: a change meanwhile is seen next time
			d.log.Info("the files of the configuration have changed")
			d.reload(ctx)
		}
	}
}

// digest is that of the files that the configuration in use names.
func (d *daemon) digest() string {
	d.loading.Lock()
	defer d.loading.Unlock()
	return policies.Digest(d.options.config, d.loaded.Config)
}
