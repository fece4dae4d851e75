package bed

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// Kubectl runs kubectl as the administrator and returns what it printed.
func (b *Bed) Kubectl(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, b.KubectlPath, append([]string{"--kubeconfig", b.AdminKubeconfig}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(errOut.String()))
	}
	return out.String(), nil
}

// Apply applies a manifest (YAML or JSON, any number of objects).
func (b *Bed) Apply(ctx context.Context, manifest string) error {
	_, err := b.Kubectl(ctx, manifest, "apply", "--filename", "-")
	return err
}
