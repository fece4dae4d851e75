package scenarios

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/x0tta6bl4/remediated/test/bed"
)

// diskFull has a real file system, and the Job of the shipped policy that frees it.
var diskFull = Scenario{
	Name: "disk-full", Fault: "A disk is full: nothing more can be written to it.",
	Policies: acting("disk-space.yaml"), Policy: "disk-space", Objective: 10 * time.Minute, Untold: true,
	Setup: setUpDisk, Strike: fillDisk, Works: writeToDisk,
}

// freeSpace is the CronJob that the shipped policy makes its Job from. The bed's
// pods see the machine's disks as they are mounted.
const freeSpace = `
apiVersion: batch/v1
kind: CronJob
metadata: {name: free-space, namespace: x0tta6bl4}
spec:
  schedule: "0 0 1 1 *"
  suspend: true
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
          - {name: free-space, image: none, command: [sh, -euc, 'cd "$MOUNTPOINT"/spool; rm -f -- *; echo "freed for $REMEDIATED_ATTEMPT"']}
`

// setUpDisk adds the disk and the CronJob.
func setUpDisk(ctx context.Context, b *bed.Bed) error {
	if err := b.Apply(ctx, freeSpace); err != nil {
		return err
	}
	for _, what := range [][]string{{"jobs", "--selector=remediated/attempt"}, {"cronjob", "free-space"}} {
		b.OnStop(func() error {
			_, err := b.Kubectl(context.Background(), "", append([]string{"delete", "--namespace", bed.Namespace}, what...)...)
			return err
		})
	}
	dir := b.SmallDisk()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	unmount, err := bed.MountDisk(dir, 16<<20)
	if err != nil {
		return err
	}
	b.OnStop(unmount)
	return os.Mkdir(filepath.Join(dir, "spool"), 0o755)
}

// fillDisk fills it with what may be removed.
func fillDisk(ctx context.Context, b *bed.Bed) error {
	if err := bed.FillDisk(filepath.Join(b.SmallDisk(), "spool", "filler")); err != nil {
		return err
	}
	if err := writeToDisk(ctx, b); err == nil {
		return fmt.Errorf("%s is not full: a fault that hits nothing proves nothing", b.SmallDisk())
	}
	return nil
}

func writeToDisk(_ context.Context, b *bed.Bed) error {
	return os.WriteFile(filepath.Join(b.SmallDisk(), "row"), make([]byte, 1<<16), 0o600)
}
