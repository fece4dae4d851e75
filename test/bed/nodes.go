package bed

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// AddNodes starts the nodes that a bed may have beside its first, until Stop: what
// runs on them runs on the first again then.
func (b *Bed) AddNodes(ctx context.Context) error {
	b.nodes = map[string]*process{}
	var names []string
	for n := 2; n <= MaxNodes; n++ {
		proc, err := startProcess(ctx, b.Dir, b.nodeAgent(n))
		if err != nil {
			return err
		}
		names = append(names, NodeName(n))
		b.nodes[NodeName(n)] = proc
		b.OnStop(func() error {
			proc.end()
			return nil
		})
	}
	b.OnStop(func() error { return b.removeNodes(context.Background(), names) })
	kubectl := append([]string{"wait", "--for=condition=Ready", "--timeout=60s", "node"}, names...)
	_, err := b.Kubectl(ctx, "", kubectl...)
	return err
}

// removeNodes empties the nodes and takes them out of the cluster. Their agents
// run still: only they can say that a pod has ended.
func (b *Bed) removeNodes(ctx context.Context, names []string) error {
	var all error
	for _, name := range names {
		all = errors.Join(all, b.ResumeNode(name))
	}
	for _, args := range [][]string{{"uncordon", NodeName(1)}, append([]string{"cordon"}, names...)} {
		_, err := b.Kubectl(ctx, "", args...)
		all = errors.Join(all, err)
	}
	for _, name := range names {
		_, err := b.Kubectl(ctx, "", "delete", "pods", "--all-namespaces", "--field-selector=spec.nodeName="+name, "--timeout=60s")
		all = errors.Join(all, err)
	}
	_, err := b.Kubectl(ctx, "", append([]string{"delete", "node"}, names...)...)
	return errors.Join(all, err)
}

// HangNode stops (SIGSTOP) the agent of a node that was added. What runs there
// goes on running, and the cluster hears of it no more.
func (b *Bed) HangNode(name string) error { return b.signalNode(name, syscall.SIGSTOP) }

// ResumeNode has the agent go on (SIGCONT).
func (b *Bed) ResumeNode(name string) error { return b.signalNode(name, syscall.SIGCONT) }

func (b *Bed) signalNode(name string, signal syscall.Signal) error {
	proc := b.nodes[name]
	if proc == nil {
		return fmt.Errorf("%s is no node that was added", name)
	}
	return proc.cmd.Process.Signal(signal)
}

// OnlyOn has new pods come to one node alone while move runs.
func (b *Bed) OnlyOn(ctx context.Context, name string, move func() error) error {
	var others []string
	for n := range MaxNodes {
		if other := NodeName(n + 1); other != name {
			others = append(others, other)
		}
	}
	if _, err := b.Kubectl(ctx, "", append([]string{"cordon"}, others...)...); err != nil {
		return fmt.Errorf("cordon %s: %w", strings.Join(others, ", "), err)
	}
	err := move()
	_, back := b.Kubectl(ctx, "", append([]string{"uncordon"}, others...)...)
	return errors.Join(err, back)
}
