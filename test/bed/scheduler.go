package bed

import (
	"context"
	"fmt"
)

const schedulerPort = 10259

// startScheduler starts kube-scheduler.
func (b *Bed) startScheduler(ctx context.Context) error {
	config := b.kube("scheduler.kubeconfig")
	return b.start(ctx, part{
		name: "kube-scheduler",
		command: []string{b.binaries.Scheduler,
			"--kubeconfig=" + config,
			"--authentication-kubeconfig=" + config,
			"--authorization-kubeconfig=" + config,
			"--bind-address=127.0.0.1",
			fmt.Sprintf("--secure-port=%d", schedulerPort+b.shift),
			"--cert-dir=" + b.kube("scheduler-certs"),
			"--leader-elect=false",
			"--kube-api-qps=1000",
			"--kube-api-burst=2000",
		},
		ready: readyTLS("https://" + b.loopback(schedulerPort) + "/readyz"),
	})
}
