package bed

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// otherShift is how far the ports of another cluster are from the usual ones.
const otherShift = 1000

// OtherCluster starts a second control plane beside the bed's own, with one node
// and without any workload, until the bed's Stop. It is there to be lost: what it
// returns is a bed whose Kubernetes is another one, and all else is this one's.
func (b *Bed) OtherCluster(ctx context.Context) (*Bed, error) {
	binaries, err := Build(ctx, io.Discard)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.Dir, "other-")
	if err != nil {
		return nil, err
	}
	o := &Bed{Addresses: b.Addresses, binaries: binaries, options: b.options, shift: otherShift}
	o.Dir = dir
	o.AdminKubeconfig = filepath.Join(dir, "kube", "admin.kubeconfig")
	o.APIServer = "https://" + o.loopback(apiServerPort)
	o.AuditLogFile = filepath.Join(dir, "kube", "audit.log")
	b.OnStop(func() error { return errors.Join(o.Stop(), os.RemoveAll(dir)) })
	if err := os.Chmod(dir, 0o755); err != nil { // the postgres user walks through it
		return nil, err
	}
	return o, o.startControlPlane(ctx)
}

// Lose kills (SIGKILL) all of a cluster at once, as the end of its power does: the
// API server and its store, the controllers, and the node with all that runs on it.
func (b *Bed) Lose() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.parts {
		_ = p.cmd.Process.Kill() // it may have ended
	}
	for _, p := range b.parts {
		<-p.done
	}
	b.parts = nil
}

// Regain starts again what was lost: its store knows all that there was, and its node
// runs it again.
func (b *Bed) Regain(ctx context.Context) error { return b.runControlPlane(ctx) }

// podNetwork is the first two bytes of the addresses of a cluster's pods.
func (b *Bed) podNetwork() string {
	if b.shift > 0 {
		return "10.245"
	}
	return "10.244"
}
