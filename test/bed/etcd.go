package bed

import (
	"context"
	"path/filepath"
	"syscall"
)

const (
	etcdAddress     = "127.0.0.1:2379"
	etcdPeerAddress = "127.0.0.1:2380"
)

// startEtcd starts the API server's store. The cluster is thrown away: nothing
// is worth an fsync or a clean end.
func (b *Bed) startEtcd(ctx context.Context) error {
	return b.start(ctx, part{
		name: "etcd",
		command: []string{b.binaries.Etcd,
			"--data-dir", filepath.Join(b.Dir, "etcd"),
			"--listen-client-urls", "http://" + etcdAddress,
			"--advertise-client-urls", "http://" + etcdAddress,
			"--listen-peer-urls", "http://" + etcdPeerAddress,
			"--initial-advertise-peer-urls", "http://" + etcdPeerAddress,
			"--initial-cluster", "default=http://" + etcdPeerAddress,
			"--unsafe-no-fsync",
		},
		ready: ready("http://" + etcdAddress + "/readyz"),
		stop:  syscall.SIGKILL,
	})
}
