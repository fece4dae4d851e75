package bed

import (
	"context"
	"path/filepath"
	"syscall"
)

func (b *Bed) etcdAddress() string     { return b.loopback(2379) }
func (b *Bed) etcdPeerAddress() string { return b.loopback(2380) }

// startEtcd starts the API server's store. The cluster is thrown away: nothing
// is worth an fsync or a clean end.
func (b *Bed) startEtcd(ctx context.Context) error {
	return b.start(ctx, part{
		name: "etcd",
		command: []string{b.binaries.Etcd,
			"--data-dir", filepath.Join(b.Dir, "etcd"),
			"--listen-client-urls", "http://" + b.etcdAddress(),
			"--advertise-client-urls", "http://" + b.etcdAddress(),
			"--listen-peer-urls", "http://" + b.etcdPeerAddress(),
			"--initial-advertise-peer-urls", "http://" + b.etcdPeerAddress(),
			"--initial-cluster", "default=http://" + b.etcdPeerAddress(),
			"--unsafe-no-fsync",
		},
		ready: ready("http://" + b.etcdAddress() + "/readyz"),
		stop:  syscall.SIGKILL,
	})
}
