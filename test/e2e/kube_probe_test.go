//go:build e2e

package e2e

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
)

func TestKubeProbe(t *testing.T) {
	s := openShop(t)
	d := s.deployment(nil)
	web := s.target("deployment", "web")
	a := s.ask("workload", web, `{}`)
	if !a.OK || a.Text != "1 of 1 unavailable" || a.Values[remediate.ValueUID] != string(d.UID) {
		t.Errorf("workload: %+v", a)
	}
	if again := s.ask("workload", web, `{}`); again.Values[remediate.ValueTemplate] != a.Values[remediate.ValueTemplate] || a.Values[remediate.ValueTemplate] == "" {
		t.Errorf("the template's hash changes by itself: %v, then %v", a.Values, again.Values)
	}
	for _, kind := range []string{"rollout", "pods"} {
		if a := s.ask(kind, web, `{}`); a.OK || a.Err != "" {
			t.Errorf("%s of a deployment that is not ready: %+v", kind, a)
		}
	}
	s.rolledOut()
	for _, kind := range []string{"rollout", "pods", "workload"} {
		if a := s.ask(kind, web, `{}`); !a.OK {
			t.Errorf("%s of a deployment that is ready: %+v", kind, a)
		}
	}
	pods, err := s.admin.CoreV1().Pods(s.namespace).List(t.Context(), metav1.ListOptions{})
	s.must(err)
	if a := s.ask("workload", s.target("owner", pods.Items[0].Name), `{}`); !a.OK || a.Values[remediate.ValueTarget] != web.String() {
		t.Errorf("owner: %+v", a)
	}
	if a := s.ask("workload", s.target("deployment", "nothing"), `{}`); a.OK || a.Values[remediate.ValueRefused] != remediate.RefusedGone {
		t.Errorf("gone: %+v", a)
	}
}

func TestKubeProbeRefusesAVolumeThatIsMountedOnce(t *testing.T) {
	s := openShop(t)
	_, err := s.admin.CoreV1().PersistentVolumeClaims(s.namespace).Create(t.Context(), &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: "data"},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Mi")}},
		},
	}, metav1.CreateOptions{})
	s.must(err)
	s.deployment(func(d *appsv1.Deployment) {
		d.Spec.Template.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"},
		}}}
	})
	web := s.target("deployment", "web")
	if a := s.ask("workload", web, `{}`); a.OK || !strings.Contains(a.Values[remediate.ValueRefused], "make it Recreate") {
		t.Errorf("got %+v", a)
	}
	s.perform(s.actor(nil), s.plan("restart", web), remediate.Refused, "make it Recreate")
}
