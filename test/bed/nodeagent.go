package bed

import (
	"context"
	"fmt"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NodeName is the name of the bed's n-th node, from 1. The first is always there,
// up to MaxNodes are with AddNodes.
func NodeName(n int) string { return fmt.Sprintf("process-%d", n) }

// MaxNodes is how many nodes a bed can have: each is known to the API server from
// the beginning.
const MaxNodes = 4

// nodeIdentity is the name of a node's kubeconfig, and nodeUser whom it is for.
func nodeIdentity(n int) string { return fmt.Sprintf("node-%d", n) }
func nodeUser(n int) identity   { return identity{"system:node:" + NodeName(n), "system:nodes"} }

// startNodeAgent starts the kubelet whose pods are local processes.
func (b *Bed) startNodeAgent(ctx context.Context) error { return b.start(ctx, b.nodeAgent(1)) }

// nodeAgent is the kubelet of the n-th node. It serves its API with the API
// server's certificate: one loopback address, one name. All share the folder of
// the pods, each of which has its own in it.
func (b *Bed) nodeAgent(n int) part {
	name := NodeName(n)
	command := []string{b.NodeAgentPath,
		"--kubeconfig=" + b.kube(nodeIdentity(n)+".kubeconfig"),
		"--node-name=" + name,
		"--root-dir=" + b.podsDir(),
		"--listen-address=" + b.loopback(10250+100*(n-1)),
		"--pod-network=" + b.podNetwork(),
		fmt.Sprintf("--pod-block=%d", 1+64*(n-1)),
		"--tls-cert-file=" + b.kube("certs/apiserver.crt"),
		"--tls-private-key-file=" + b.kube("certs/apiserver.key"),
	}
	if d := b.options.CrashLoopBackOff; d > 0 {
		command = append(command, "--crash-loop-backoff="+d.String())
	}
	if d := b.options.CrashLoopBackOffMax; d > 0 {
		command = append(command, "--crash-loop-backoff-max="+d.String())
	}
	return part{
		name:    "nodeagent-" + name,
		command: command,
		ready: func(ctx context.Context) error {
			node, err := b.client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			if len(node.Status.Conditions) == 0 {
				return fmt.Errorf("node %s has no status yet", name)
			}
			return nil
		},
	}
}

// podsDir is where the node agents keep a folder for each pod, by its UID.
func (b *Bed) podsDir() string { return filepath.Join(b.Dir, "pods") }
