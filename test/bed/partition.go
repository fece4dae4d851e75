package bed

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	v1 "k8s.io/api/core/v1"
)

// nft is where Debian has it; a user's PATH need not.
const nft = "/usr/sbin/nft"

// unpartitioned takes the partition away, whether or not there is one.
const unpartitioned = "table inet bed_partition\ndelete table inet bed_partition\n"

// Partition cuts the pods of one side off from those of the other: what goes from
// an address of the one to an address of the other is dropped without a word, in
// both directions, until Mend or Stop.
func (b *Bed) Partition(ctx context.Context, one, other []v1.Pod) error {
	if len(one) == 0 || len(other) == 0 {
		return fmt.Errorf("%d pods on one side and %d on the other: a fault that hits nothing proves nothing", len(one), len(other))
	}
	b.OnStop(func() error { return b.Mend(context.Background()) })
	return filter(ctx, fmt.Sprintf(`%stable inet bed_partition {
	chain input {
		type filter hook input priority 0
		ip saddr { %[2]s } ip daddr { %[3]s } drop
		ip saddr { %[3]s } ip daddr { %[2]s } drop
	}
}
`, unpartitioned, addressesOf(one), addressesOf(other)))
}

// Mend ends a partition.
func (b *Bed) Mend(ctx context.Context) error { return filter(ctx, unpartitioned) }

// filter changes the packet filter of the bed's network namespace, all or nothing.
func filter(ctx context.Context, rules string) error {
	cmd := exec.CommandContext(ctx, nft, "--file", "-")
	cmd.Stdin = strings.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("change the packet filter: %w\n%s%s", err, out, rules)
	}
	return nil
}

func addressesOf(pods []v1.Pod) string {
	var all []string
	for _, p := range pods {
		all = append(all, p.Status.PodIP)
	}
	return strings.Join(all, ", ")
}

// Quarantine has the pods that run now hold on to what a partition tells them:
// whom they lose they never try again. Fresh pods do not. It works on the bed's
// own API.
func (b *Bed) Quarantine(ctx context.Context, namespace, selector string) error {
	return b.each(ctx, namespace, selector, func(p *v1.Pod) error {
		if err := os.WriteFile(filepath.Join(b.PodDir(p), "quarantine"), nil, 0o644); err != nil {
			return fmt.Errorf("have pod %s/%s quarantine: %w", p.Namespace, p.Name, err)
		}
		return nil
	})
}
