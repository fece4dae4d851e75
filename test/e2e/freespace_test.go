//go:build e2e

package e2e

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/bed"
)

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

// A file system that is really full: Prometheus measures it, the shipped policy
// has a Job free space, with the printed roles and inside of the printed fence,
// and it is measured that there is room again.
func TestAJobFreesAFullDisk(t *testing.T) {
	b := connect(t)
	kubeconfig := daemonAccount(t, b)
	quiet(t, b)
	apply(t, b, freeSpace)
	t.Cleanup(func() {
		for _, what := range [][]string{{"cronjob", "free-space"}, {"jobs", "--selector=remediated/attempt"}} {
			if _, err := b.Kubectl(context.Background(), "", append([]string{"delete", "--namespace", bed.Namespace}, what...)...); err != nil {
				t.Error(err)
			}
		}
	})
	volume := newDiskAt(t, made(t, "bed-disk"), 16<<20)
	spool := filepath.Join(volume.dir, "spool")
	if err := os.Mkdir(spool, 0o755); err != nil {
		t.Fatal(err)
	}
	d := startDaemon(t, b, setup{policies: shippedToAct(t, "disk-space.yaml"), kubeconfig: kubeconfig, keep: true})
	grantPrinted(t, b, filepath.Join(d.dir, "remediated.yml"))
	for _, what := range []string{"create jobs.batch", "list pods", "get deployments.apps"} {
		awaitRight(t, b, kubeconfig, "yes", strings.Fields(what)...)
	}
	awaitRight(t, b, kubeconfig, "no", "patch", "deployments.apps")
	d.start()
	begun := time.Now()
	(&disk{t, spool}).fill()
	if err := os.WriteFile(filepath.Join(volume.dir, "row"), make([]byte, 1<<16), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("it is not full: %v", err)
	}
	eventually(t, 20*time.Second, holds(t, b, `node_filesystem_avail_bytes{mountpoint="`+volume.dir+`"} / node_filesystem_size_bytes < bool 0.1`))

	d.awaitFiled(1)
	d.stop()
	if err := os.WriteFile(filepath.Join(volume.dir, "row"), make([]byte, 1<<16), 0o600); err != nil {
		t.Errorf("there is no room: %v", err)
	}
	d.checkHealed("disk-space", 10*time.Minute)
	d.checkActs(begun, 1)
	d.checkNothingRefused(begun)
	d.checkSlack(0) // a warning is for the digest
	d.checkPaged(false)
	d.checkDecidedAgain()
	d.checkJob(begun)
}

// checkJob wants one Job, called after its attempt, and that what was told of it
// names it.
func (d *daemon) checkJob(begun time.Time) {
	d.t.Helper()
	cfg, err := clientcmd.BuildConfigFromFlags("", d.bed.AdminKubeconfig)
	if err != nil {
		d.t.Fatal(err)
	}
	jobs := kubernetes.NewForConfigOrDie(cfg).BatchV1().Jobs(bed.Namespace)
	list, err := jobs.List(d.t.Context(), metav1.ListOptions{LabelSelector: "remediated/attempt"})
	if err != nil || len(list.Items) != 1 || list.Items[0].Status.Succeeded != 1 {
		d.t.Fatalf("the Jobs are %+v (%v)", list.Items, err)
	}
	name := list.Items[0].Name
	for _, f := range d.facts() {
		switch b := f.Body.(type) {
		case remediate.Finished:
			if b.ID == name && !strings.Contains(b.Text, "the Job "+bed.Namespace+"/"+name+" completed") {
				d.t.Errorf("it ended as %q", b.Text)
			}
		case remediate.Healed:
			d.t.Logf("full at %s, healed %s later", begun.Format(time.TimeOnly), b.FirstGood.Sub(begun).Round(100*time.Millisecond))
		}
	}
}

// shippedToAct is a shipped policy that acts, and is verified as fast as the bed measures.
func shippedToAct(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../policies/shipped", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("mode: observe", "mode: act", "for: 2m", "for: 2s").Replace(string(b))
}

// made makes a folder whose path a label may have.
func made(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
