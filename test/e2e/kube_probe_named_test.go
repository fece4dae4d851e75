//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
)

// claim makes a claim that nothing binds.
func (s *shop) claim(name string) {
	s.Helper()
	_, err := s.admin.CoreV1().PersistentVolumeClaims(s.namespace).Create(s.Context(), &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, StorageClassName: new(string),
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Mi")}},
		},
	}, metav1.CreateOptions{})
	s.must(err)
}

// volume makes a volume that only this claim may have.
func (s *shop) volume(claim string) {
	s.Helper()
	name := s.namespace + "-" + claim
	_, err := s.admin.CoreV1().PersistentVolumes().Create(s.Context(), &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Mi")},
			AccessModes:                   []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
			ClaimRef:                      &corev1.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: s.namespace, Name: claim},
			PersistentVolumeSource:        corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/nonexistent"}},
		},
	}, metav1.CreateOptions{})
	s.must(err)
	s.Cleanup(func() {
		s.must(s.admin.CoreV1().PersistentVolumes().Delete(context.Background(), name, metav1.DeleteOptions{}))
	})
}

// succeeded makes a CronJob that last succeeded then.
func (s *shop) succeeded(name string, ago time.Duration) {
	s.Helper()
	s.cronJob(name, "true")
	c, err := s.admin.BatchV1().CronJobs(s.namespace).Get(s.Context(), name, metav1.GetOptions{})
	s.must(err)
	if ago == 0 {
		return
	}
	at := metav1.NewTime(time.Now().Add(-ago))
	c.Status.LastSuccessfulTime = &at
	_, err = s.admin.BatchV1().CronJobs(s.namespace).UpdateStatus(s.Context(), c, metav1.UpdateOptions{})
	s.must(err)
}

func TestKubeProbeOfAClaim(t *testing.T) {
	s := openShop(t)
	web := s.target("deployment", "web")
	if a := s.ask("pvc", web, `{"name":"data"}`); a.OK || a.Text != "data is not there" {
		t.Errorf("none: %+v", a)
	}
	s.claim("data")
	if a := s.ask("pvc", web, `{"name":"data"}`); a.OK || a.Err != "" || !strings.Contains(a.Text, `data is "Pending"`) {
		t.Errorf("without a volume: %+v", a)
	}
	s.volume("data")
	eventually(t, 30*time.Second, func() string {
		if a := s.ask("pvc", web, `{"name":"data"}`); !a.OK {
			return a.Text + a.Err
		}
		return ""
	})
}

func TestKubeProbeOfABackup(t *testing.T) {
	s := openShop(t)
	web := s.target("deployment", "web")
	s.succeeded("young", time.Hour)
	s.succeeded("old", 26*time.Hour)
	s.succeeded("never", 0)
	for name, want := range map[string]struct {
		ok   bool
		text string
	}{
		"young": {true, "(suspended) is 1h"}, "old": {false, "is 1d2h"}, "never": {false, "has never succeeded"}, "none": {false, "is not there"},
	} {
		a := s.ask("backup", web, fmt.Sprintf(`{"max_age":"25h","cron_job":%q}`, name))
		if a.OK != want.ok || a.Err != "" || !strings.Contains(a.Text, want.text) {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// The rules of a probe that names its object are enough in a Role of the
// namespace, and let it look at no other.
func TestKubeRulesOfWhatIsNamed(t *testing.T) {
	s := openShop(t)
	web := s.target("deployment", "web")
	for kind, args := range map[string]string{"pvc": `{"name":"NAME"}`, "backup": `{"max_age":"1h","cron_job":"NAME"}`} {
		args := func(name string) string { return strings.Replace(args, "NAME", name, 1) }
		cfg := s.user(kind, rulesOf(kind, "deployment", args("own")))
		eventually(t, 10*time.Second, func() string {
			if a := s.askAs(cfg, kind, web, args("own")); a.Err != "" || !strings.Contains(a.Text, "not there") {
				return fmt.Sprintf("%s: %+v", kind, a)
			}
			return ""
		})
		if a := s.askAs(cfg, kind, web, args("other")); a.OK || !strings.Contains(a.Err, "forbidden") {
			t.Errorf("%s of another: %+v", kind, a)
		}
	}
}

func TestKubeProbeOfANode(t *testing.T) {
	s := openShop(t)
	web := s.target("deployment", "web")
	args := fmt.Sprintf(`{"name":%q}`, s.namespace)
	if a := s.ask("node", web, args); a.OK || a.Text != "node "+s.namespace+" is not there" {
		t.Errorf("none: %+v", a)
	}
	nodes := s.admin.CoreV1().Nodes()
	_, err := nodes.Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}, Spec: corev1.NodeSpec{Unschedulable: true}}, metav1.CreateOptions{})
	s.must(err)
	t.Cleanup(func() { s.must(nodes.Delete(context.Background(), s.namespace, metav1.DeleteOptions{})) })
	for _, tc := range []struct {
		ready, disk corev1.ConditionStatus
		ok          bool
		text        string
	}{
		{corev1.ConditionTrue, corev1.ConditionFalse, true, "ready, under no pressure (cordoned)"},
		{corev1.ConditionTrue, corev1.ConditionTrue, false, "DiskPressure is True"},
		{corev1.ConditionUnknown, corev1.ConditionFalse, false, "Ready is Unknown"},
	} {
		eventually(t, 10*time.Second, func() string { // the controllers write to it, too
			n, err := nodes.Get(t.Context(), s.namespace, metav1.GetOptions{})
			s.must(err)
			n.Status.Conditions = nil
			for kind, status := range map[corev1.NodeConditionType]corev1.ConditionStatus{
				corev1.NodeReady: tc.ready, corev1.NodeDiskPressure: tc.disk, corev1.NodeMemoryPressure: corev1.ConditionFalse, corev1.NodePIDPressure: corev1.ConditionFalse,
			} {
				n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{Type: kind, Status: status, LastHeartbeatTime: metav1.Now()})
			}
			if _, err := nodes.UpdateStatus(t.Context(), n, metav1.UpdateOptions{}); err != nil {
				return err.Error()
			}
			if a := s.ask("node", web, args); a.OK != tc.ok || a.Err != "" || !strings.Contains(a.Text, tc.text) {
				return fmt.Sprintf("want %q: %+v", tc.text, a)
			}
			return ""
		})
	}
}

func TestKubeProbeOfTheControlPlane(t *testing.T) {
	s := openShop(t)
	if a := s.ask("control_plane", s.target("deployment", "web"), `{}`); !a.OK || a.Text != "the control plane is ready" {
		t.Errorf("got %+v", a)
	}
	elsewhere := remediate.Target{Cluster: "staging"}
	if a := s.ask("control_plane", elsewhere, `{}`); a.OK || !strings.Contains(a.Err, `cluster "staging" is not configured`) {
		t.Errorf("another cluster: %+v", a)
	}
}
