package probe

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
)

func TestPVC(t *testing.T) {
	claim := func(name string, phase corev1.PersistentVolumeClaimPhase) *corev1.PersistentVolumeClaim {
		return &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop"},
			Spec:       corev1.PersistentVolumeClaimSpec{VolumeName: "pv-1"}, Status: corev1.PersistentVolumeClaimStatus{Phase: phase},
		}
	}
	ending := claim("ending", corev1.ClaimBound)
	ending.DeletionTimestamp, ending.Finalizers = &metav1.Time{}, []string{"kubernetes.io/pvc-protection"}
	elsewhere := claim("elsewhere", corev1.ClaimBound)
	elsewhere.Namespace = "other"
	p, client := over(t, claim("data", corev1.ClaimBound), claim("lost", corev1.ClaimLost), claim("new", corev1.ClaimPending), claim("blank", ""), ending, elsewhere)
	ask := func(name string) remediate.Answer { return p.one(t, "pvc", db, fmt.Sprintf(`{"name":%q}`, name)) }
	for name, want := range map[string]said{
		"data":      {true, "data is Bound to pv-1", ""},
		"lost":      {false, "lost is Lost: its volume pv-1 is gone", ""},
		"new":       {false, `new is "Pending", want Bound`, ""},
		"blank":     {false, `blank is ""`, ""},
		"ending":    {false, "ending is being deleted", ""},
		"elsewhere": {false, "elsewhere is not there", ""},
	} {
		if a := ask(name); a.OK != want.ok || !strings.Contains(a.Text, want.text) || a.Err != "" {
			t.Errorf("%s: %+v", name, a)
		}
	}
	forbid(client, "get", "persistentvolumeclaims")
	if a := ask("data"); a.OK || !strings.Contains(a.Err, "no role allows it") {
		t.Errorf("forbidden: %+v", a)
	}
	if a := p.one(t, "pvc", prod, `{"name":"data"}`); a.OK || !strings.Contains(a.Err, "no namespace") {
		t.Errorf("without a namespace: %+v", a)
	}
}

func TestNode(t *testing.T) {
	with := func(name string, conditions ...string) *corev1.Node {
		n := node(name, "", false)
		for _, c := range conditions {
			kind, status, _ := strings.Cut(c, "=")
			n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{Type: corev1.NodeConditionType(kind), Status: corev1.ConditionStatus(status)})
		}
		return &n
	}
	cordoned := with("cordoned", "Ready=True", "MemoryPressure=False", "DiskPressure=False", "PIDPressure=False")
	cordoned.Spec.Unschedulable = true
	p, client := over(t, cordoned,
		with("well", "Ready=True", "MemoryPressure=False", "DiskPressure=False", "PIDPressure=False", "NetworkUnavailable=False"),
		with("full", "Ready=True", "MemoryPressure=False", "DiskPressure=True", "PIDPressure=False"),
		with("lost", "Ready=Unknown", "MemoryPressure=Unknown", "DiskPressure=Unknown", "PIDPressure=Unknown"),
		with("short", "Ready=True", "MemoryPressure=True", "DiskPressure=False", "PIDPressure=True"),
		with("new", "Ready=True"), with("mute"), with("odd", "Ready=False"),
	)
	for name, want := range map[string]said{
		"well":     {true, "node well: ready, under no pressure", ""},
		"cordoned": {true, "under no pressure (cordoned)", ""},
		"full":     {false, "node full: DiskPressure is True", ""},
		"lost":     {false, "Ready is Unknown; MemoryPressure is Unknown", ""},
		"short":    {false, "MemoryPressure is True; PIDPressure is True", ""},
		"odd":      {false, "Ready is False; not known: node odd says nothing of MemoryPressure", ""},
		"none":     {false, "node none is not there", ""},
		"new":      {false, "not known", "node new says nothing of MemoryPressure"},
		"mute":     {false, "not known", "node mute says nothing of Ready"},
	} {
		a := p.one(t, "node", db, fmt.Sprintf(`{"name":%q}`, name))
		if a.OK != want.ok || !strings.Contains(a.Text, want.text) || !strings.Contains(a.Err, want.err) || (want.err == "") != (a.Err == "") {
			t.Errorf("%s: %+v", name, a)
		}
	}
	forbid(client, "get", "nodes")
	if a := p.one(t, "node", db, `{"name":"well"}`); a.OK || !strings.Contains(a.Err, "no role allows it") {
		t.Errorf("forbidden: %+v", a)
	}
}

func TestControlPlane(t *testing.T) {
	for name, tc := range map[string]struct {
		plane     plane
		ok        bool
		text, err string
	}{
		"ready":     {plane{}, true, "the control plane is ready", ""},
		"no etcd":   {plane{readyz: "[+]ping ok\n[-]etcd failed: reason withheld\n"}, false, "not ready: etcd", ""},
		"forbidden": {plane{status: http.StatusForbidden}, false, "not known", "whether it is ready"},
		"a proxy":   {plane{status: http.StatusServiceUnavailable}, false, "not known", "whether it is ready"},
	} {
		a := tc.plane.prober(t).one(t, "control_plane", db, ``)
		if a.OK != tc.ok || !strings.Contains(a.Text, tc.text) || !strings.Contains(a.Err, tc.err) || (tc.err == "") != (a.Err == "") {
			t.Errorf("%s: %+v", name, a)
		}
	}
}
