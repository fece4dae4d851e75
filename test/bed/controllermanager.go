package bed

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// startControllerManager starts kube-controller-manager and waits for its first
// deed that everybody needs, the default service account. Without its generous
// request rate that alone would take five seconds.
func (b *Bed) startControllerManager(ctx context.Context) error {
	config := b.kube("controller-manager.kubeconfig")
	return b.start(ctx, part{
		name: "kube-controller-manager",
		command: []string{b.binaries.ControllerManager,
			"--kubeconfig=" + config,
			"--authentication-kubeconfig=" + config,
			"--authorization-kubeconfig=" + config,
			"--bind-address=127.0.0.1",
			fmt.Sprintf("--secure-port=%d", 10257+b.shift),
			"--cert-dir=" + b.kube("controller-manager-certs"),
			"--service-account-private-key-file=" + b.kube("service-account.key"),
			"--root-ca-file=" + b.kube("certs/apiserver.crt"),
			"--use-service-account-credentials=true",
			"--leader-elect=false",
			"--controllers=*,-nodeipam,-cloud-node-lifecycle,-node-route-controller,-service-lb-controller",
			"--node-monitor-grace-period=40s",
			"--kube-api-qps=1000",
			"--kube-api-burst=2000",
		},
		ready: func(ctx context.Context) error {
			if _, err := b.client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{}); err != nil {
				return errors.Join(errors.New("the default service account is not there"), err)
			}
			return nil
		},
	})
}
