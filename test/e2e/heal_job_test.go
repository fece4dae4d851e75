//go:build e2e

package e2e

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/bed"
)

// checkJob wants one Job, called after its attempt, and that what was told of it
// names it.
func (d *daemon) checkJob() {
	d.t.Helper()
	jobs := d.bed.Client().BatchV1().Jobs(bed.Namespace)
	list, err := jobs.List(d.t.Context(), metav1.ListOptions{LabelSelector: "remediated/attempt"})
	if err != nil || len(list.Items) != 1 || list.Items[0].Status.Succeeded != 1 {
		d.t.Fatalf("the Jobs are %+v (%v)", list.Items, err)
	}
	name := list.Items[0].Name
	for _, f := range d.facts() {
		b, ok := f.Body.(remediate.Finished)
		if ok && b.ID == name && !strings.Contains(b.Text, "the Job "+bed.Namespace+"/"+name+" completed") {
			d.t.Errorf("it ended as %q", b.Text)
		}
	}
}
