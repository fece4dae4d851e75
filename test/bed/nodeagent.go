package bed

import (
	"context"
	"fmt"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const nodeName = "process-1"

// startNodeAgent starts the kubelet whose pods are local processes. It serves
// its API with the API server's certificate: one loopback address, one name.
func (b *Bed) startNodeAgent(ctx context.Context) error {
	command := []string{b.binaries.NodeAgent,
		"--kubeconfig=" + b.kube("node.kubeconfig"),
		"--node-name=" + nodeName,
		"--root-dir=" + b.podsDir(),
		"--tls-cert-file=" + b.kube("certs/apiserver.crt"),
		"--tls-private-key-file=" + b.kube("certs/apiserver.key"),
	}
	if d := b.options.CrashLoopBackOff; d > 0 {
		command = append(command, "--crash-loop-backoff="+d.String())
	}
	if d := b.options.CrashLoopBackOffMax; d > 0 {
		command = append(command, "--crash-loop-backoff-max="+d.String())
	}
	return b.start(ctx, part{
		name:    "nodeagent",
		command: command,
		ready: func(ctx context.Context) error {
			node, err := b.client.CoreV1().Nodes().Get(ctx, nodeName, metav1.GetOptions{})
			if err != nil {
				return err
			}
			if len(node.Status.Conditions) == 0 {
				return fmt.Errorf("node %s has no status yet", nodeName)
			}
			return nil
		},
	})
}

// podsDir is where the node agent keeps a folder for each pod, by its UID.
func (b *Bed) podsDir() string { return filepath.Join(b.Dir, "pods") }
