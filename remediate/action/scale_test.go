package action

import (
	"encoding/json"
	"maps"
	"net/http"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
)

const scaleWeb = "PATCH /apis/apps/v1/namespaces/shop/deployments/web"

// scaling is the act scale with these arguments on what is there now.
func (a *api) scaling(t *testing.T, actor *Actor, args string) remediate.Started {
	t.Helper()
	s := a.plan(t, actor, "scale", web)
	s.Act.Args = json.RawMessage(args)
	return s
}

// noted checks the replicas of web and what its annotations say.
func noted(t *testing.T, d *appsv1.Deployment, replicas int32, from, to, by string) {
	t.Helper()
	want := map[string]string{}
	if from != "" {
		want = map[string]string{scaledFrom: from, scaledTo: to, scaledBy: by}
	}
	got := maps.Clone(d.Annotations)
	maps.DeleteFunc(got, func(k, _ string) bool { return k == "team" })
	if *d.Spec.Replicas != replicas || len(got) != len(want) || len(want) > 0 && !maps.Equal(got, want) {
		t.Errorf("%d replicas, annotations %v; want %d, %v", *d.Spec.Replicas, got, replicas, want)
	}
}

func (a *api) sent(t *testing.T, n int) {
	t.Helper()
	acts := a.acts()
	for _, w := range acts {
		if w != scaleWeb {
			t.Errorf("sent %s", w)
		}
	}
	if len(acts) != n {
		t.Errorf("sent %d times, want %d", len(acts), n)
	}
}

func TestScaleAndRestore(t *testing.T) {
	a := newAPI(t)
	d := a.addDeployment()
	d.Annotations = map[string]string{"team": "shop"}
	actor := a.actor(t)
	up := a.scaling(t, actor, `{"replicas":5}`)
	performed(t, actor, up, remediate.OK, "scaled from 2 to 5 replicas")
	noted(t, d, 5, "2", "5", "j-i42-a1")

	// Killed between the write and its record, it finds its own mark.
	up.Again = true
	performed(t, actor, up, remediate.OK, "was there already")
	up.Again = false
	performed(t, actor, up, remediate.Failed, "was there before it was sent")
	a.sent(t, 1)

	// The next one keeps in mind what was before the first.
	d.Status.Replicas, d.Status.UpdatedReplicas = 5, 5
	up = a.scaling(t, actor, `{"replicas":7}`)
	up.ID = "j-i42-a2"
	performed(t, actor, up, remediate.OK, "scaled from 5 to 7 replicas")
	noted(t, d, 7, "2", "7", "j-i42-a2")

	back := a.scaling(t, actor, `{"restore":true}`)
	back.ID = "j-i42-a3"
	performed(t, actor, back, remediate.OK, "set back from 7 to 2 replicas, as they were before j-i42-a2")
	noted(t, d, 2, "", "", "")
	back.Again = true
	performed(t, actor, back, remediate.OK, "nothing of ours is scaled")
	a.sent(t, 3)
	if d.Annotations["team"] != "shop" || len(a.events) != 3 {
		t.Errorf("annotations %v, %d events", d.Annotations, len(a.events))
	}
}

// What is said of a workload by somebody else's change begins anew.
func TestScaleAfterAHuman(t *testing.T) {
	a := newAPI(t)
	d := a.addDeployment()
	d.Annotations = map[string]string{scaledFrom: "9", scaledTo: "4", scaledBy: "j-i1-a1"}
	actor := a.actor(t)
	performed(t, actor, a.scaling(t, actor, `{"replicas":1}`), remediate.OK, "scaled from 2 to 1")
	noted(t, d, 1, "2", "1", "j-i42-a1")
}

func TestScaleOfAStatefulSet(t *testing.T) {
	a := newAPI(t)
	set := a.addStatefulSet()
	actor := a.actor(t)
	s := a.plan(t, actor, "scale", db)
	s.Act.Args = json.RawMessage(`{"replicas":0,"floor":0}`)
	performed(t, actor, s, remediate.OK, "scaled from 1 to 0 replicas")
	if *set.Spec.Replicas != 0 || set.Annotations[scaledFrom] != "1" {
		t.Errorf("%d replicas, %v", *set.Spec.Replicas, set.Annotations)
	}
}

func TestScaleThatSendsNothing(t *testing.T) {
	autoscaler := func(ref autoscalingv2.CrossVersionObjectReference) func(*api, *appsv1.Deployment, *remediate.Started) {
		return func(a *api, _ *appsv1.Deployment, _ *remediate.Started) {
			a.autoscalers = []autoscalingv2.HorizontalPodAutoscaler{{ObjectMeta: metav1.ObjectMeta{Name: "keda-hpa-web"}, Spec: autoscalingv2.HorizontalPodAutoscalerSpec{ScaleTargetRef: ref}}}
		}
	}
	labelled := func(key, value string) func(*api, *appsv1.Deployment, *remediate.Started) {
		return func(_ *api, d *appsv1.Deployment, _ *remediate.Started) { d.Labels = map[string]string{key: value} }
	}
	annotated := func(pairs ...string) func(*api, *appsv1.Deployment, *remediate.Started) {
		return func(_ *api, d *appsv1.Deployment, _ *remediate.Started) {
			for i := 0; i < len(pairs); i += 2 {
				metav1.SetMetaDataAnnotation(&d.ObjectMeta, pairs[i], pairs[i+1])
			}
		}
	}
	const up, back = `{"replicas":3}`, `{"restore":true}`
	for name, tc := range map[string]struct {
		args          string
		then          func(*api, *appsv1.Deployment, *remediate.Started)
		outcome, text string
	}{
		"gone":             {up, func(a *api, _ *appsv1.Deployment, _ *remediate.Started) { delete(a.deployments, "web") }, remediate.Refused, remediate.RefusedGone},
		"made anew":        {up, func(_ *api, d *appsv1.Deployment, _ *remediate.Started) { d.UID = "u9" }, remediate.Refused, "made anew"},
		"restore of anew":  {back, func(_ *api, d *appsv1.Deployment, _ *remediate.Started) { d.UID = "u9" }, remediate.Refused, "made anew"},
		"as many already":  {`{"replicas":2}`, func(*api, *appsv1.Deployment, *remediate.Started) {}, remediate.OK, "2 replicas are wanted already; nothing was sent"},
		"paused":           {up, func(_ *api, d *appsv1.Deployment, _ *remediate.Started) { d.Spec.Paused = true }, remediate.Refused, "paused"},
		"an HPA":           {up, autoscaler(autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}), remediate.Refused, "the HorizontalPodAutoscaler keda-hpa-web sets its replicas"},
		"an HPA, no group": {up, autoscaler(autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "web"}), remediate.Refused, "keda-hpa-web"},
		"restore, an HPA": {back, func(a *api, d *appsv1.Deployment, s *remediate.Started) {
			autoscaler(autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"})(a, d, s)
			annotated(scaledFrom, "1", scaledTo, "2", scaledBy, "j-i1-a1")(a, d, s)
		}, remediate.Refused, "keda-hpa-web"},
		"Argo CD": {up, annotated("argocd.argoproj.io/tracking-id", "web:apps/Deployment:shop/web"), remediate.Refused, "managed by Argo CD"},
		"Argo CD by label": {up, func(a *api, d *appsv1.Deployment, s *remediate.Started) {
			labelled("app.kubernetes.io/instance", "web")(a, d, s)
			d.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "argocd-controller"}}
		}, remediate.Refused, "managed by Argo CD"},
		"Argo CD by its own label": {up, labelled("argocd.argoproj.io/instance", "web"), remediate.Refused, "managed by Argo CD"},
		"Flux":                     {up, labelled("kustomize.toolkit.fluxcd.io/name", "apps"), remediate.Refused, "managed by Flux"},
		"Flux's Helm":              {up, labelled("helm.toolkit.fluxcd.io/name", "apps"), remediate.Refused, "managed by Flux"},
		"Helm":                     {up, labelled("app.kubernetes.io/managed-by", "Helm"), remediate.Refused, "managed by Helm, which would set its replicas back or lose them: scale it there, or write drift: accept"},
		"Helm's release":           {up, annotated("meta.helm.sh/release-name", "web"), remediate.Refused, "managed by Helm"},
		"nothing to restore":       {back, func(*api, *appsv1.Deployment, *remediate.Started) {}, remediate.Refused, "nothing of ours is scaled: it has no annotation remediated/scaled-from; say how many"},
		"nothing to undo":          {back, func(_ *api, _ *appsv1.Deployment, s *remediate.Started) { s.Act.Undo = true }, remediate.OK, "nothing of ours is scaled"},
		"undo of another's": {back, func(a *api, d *appsv1.Deployment, s *remediate.Started) {
			annotated(scaledFrom, "1", scaledTo, "2", scaledBy, "j-i1-a1")(a, d, s)
			s.Act.Undo = true
		}, remediate.OK, "scaled by j-i1-a1 before, and stays so"},
		"scaled by a human since": {back, annotated(scaledFrom, "1", scaledTo, "5", scaledBy, "j-i1-a1"), remediate.Refused, "somebody else changed its replicas since j-i1-a1 set 5: there are 2 wanted, -3"},
		"restore of nonsense":     {back, annotated(scaledFrom, "many", scaledTo, "2", scaledBy, "j-i1-a1"), remediate.Refused, "not both numbers"},
		"restore to nothing":      {back, annotated(scaledFrom, "0", scaledTo, "2", scaledBy, "j-i1-a1"), remediate.Refused, "would stop it"},
		"again, and changed since": {up, func(a *api, d *appsv1.Deployment, s *remediate.Started) {
			annotated(scaledFrom, "1", scaledTo, "3", scaledBy, s.ID)(a, d, s)
			s.Again = true
		}, remediate.OK, "somebody else made it 2 since"},
		"a pod":    {up, func(_ *api, _ *appsv1.Deployment, s *remediate.Started) { s.Act.Target.Kind = "pod" }, remediate.Refused, "cannot be done to a pod"},
		"bad args": {`{"replicas":0}`, func(*api, *appsv1.Deployment, *remediate.Started) {}, remediate.Refused, "floor: 0"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			d := a.addDeployment()
			actor := a.actor(t)
			s := a.scaling(t, actor, tc.args)
			tc.then(a, d, &s)
			before := d.ResourceVersion
			performed(t, actor, s, tc.outcome, tc.text)
			if a.sent(t, 0); d.ResourceVersion != before {
				t.Error("it was changed")
			}
		})
	}
}

// Others' autoscalers, and labels that say nothing, do not matter.
func TestScaleBesideOthers(t *testing.T) {
	a := newAPI(t)
	d := a.addDeployment()
	d.Labels = map[string]string{"app.kubernetes.io/instance": "web", "app.kubernetes.io/managed-by": "people"}
	for _, ref := range []autoscalingv2.CrossVersionObjectReference{
		{APIVersion: "apps/v1", Kind: "Deployment", Name: "other"},
		{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "web"},
		{APIVersion: "example.com/v1", Kind: "Deployment", Name: "web"},
	} {
		a.autoscalers = append(a.autoscalers, autoscalingv2.HorizontalPodAutoscaler{Spec: autoscalingv2.HorizontalPodAutoscalerSpec{ScaleTargetRef: ref}})
	}
	actor := a.actor(t)
	performed(t, actor, a.scaling(t, actor, `{"replicas":3}`), remediate.OK, "scaled")
	d.Labels["app.kubernetes.io/managed-by"] = "Helm"
	d.Status.Replicas, d.Status.UpdatedReplicas = 3, 3
	s := a.scaling(t, actor, `{"replicas":4,"drift":"accept"}`)
	s.ID = "j-i42-a2"
	performed(t, actor, s, remediate.OK, "scaled")
}

// What we scaled is set back while its pods do not come up.
func TestRestoreDuringTheRollout(t *testing.T) {
	a := newAPI(t)
	d := a.addDeployment()
	actor := a.actor(t)
	performed(t, actor, a.scaling(t, actor, `{"replicas":5}`), remediate.OK, "scaled")
	s := a.scaling(t, actor, `{"restore":true}`) // its status still has 2 updated
	s.Act.Undo = true
	performed(t, actor, s, remediate.OK, "set back")
	noted(t, d, 2, "", "", "")
}

// What was started from nothing is stopped again as undo while its pods do not come
// up, and otherwise not.
func TestStopDuringTheRollout(t *testing.T) {
	a := newAPI(t)
	d := a.addDeployment()
	*d.Spec.Replicas, d.Status = 0, appsv1.DeploymentStatus{ObservedGeneration: 1}
	actor := a.actor(t)
	performed(t, actor, a.scaling(t, actor, `{"replicas":1}`), remediate.OK, "scaled from 0 to 1")
	s := a.scaling(t, actor, `{"replicas":0,"floor":0}`) // its status still has none updated
	s.ID = "j-i42-a1-u1"
	performed(t, actor, s, remediate.Refused, "a rollout is in progress")
	s.Act.Undo = true
	performed(t, actor, s, remediate.OK, "scaled from 1 to 0")
	noted(t, d, 0, "0", "0", "j-i42-a1-u1")
}

func TestScaleWhoseAnswerIsLost(t *testing.T) {
	for _, args := range []string{`{"replicas":5}`, `{"restore":true}`} {
		for name, tc := range lost() {
			t.Run(args+" "+name, func(t *testing.T) {
				a := newAPI(t)
				d := a.addDeployment()
				if args != `{"replicas":5}` {
					d.Annotations = map[string]string{scaledFrom: "4", scaledTo: "2", scaledBy: "j-i1-a1"}
				}
				actor := a.actor(t)
				s := a.scaling(t, actor, args)
				a.fault = tc.fault
				performed(t, actor, s, tc.outcome, "")
				a.sent(t, 1)
				a.mend()
				if tc.outcome == remediate.Later {
					performed(t, actor, s, remediate.OK, " replicas")
				}
			})
		}
	}
}

// What changes between the look and the write is judged anew, and what was made
// anew is left alone.
func TestScaleJudgesAnewOnConflict(t *testing.T) {
	meanwhile := func(f func(*appsv1.Deployment), d *appsv1.Deployment) func(http.ResponseWriter, *http.Request, bool) bool {
		return func(_ http.ResponseWriter, r *http.Request, after bool) bool {
			if isWrite(r) && !after {
				f(d)
			}
			return false
		}
	}
	a := newAPI(t)
	d := a.addDeployment()
	actor := a.actor(t)
	s := a.scaling(t, actor, `{"replicas":5}`)
	a.fault = meanwhile(func(d *appsv1.Deployment) { d.UID = "u9" }, d)
	performed(t, actor, s, remediate.Refused, "made anew")
	d.UID = "u1"
	a.fault = meanwhile(func(d *appsv1.Deployment) { touch(&d.ObjectMeta) }, d)
	performed(t, actor, s, remediate.Later, "faster than it can be judged")
	a.sent(t, 1+judgings)
	noted(t, d, 2, "", "", "")
	a.fault = meanwhile(func(d *appsv1.Deployment) { d.Spec.Replicas = new(int32(5)); touch(&d.ObjectMeta) }, d)
	performed(t, actor, s, remediate.OK, "5 replicas are wanted already")
	noted(t, d, 5, "", "", "")
}

// Without seeing whether there is an autoscaler, nothing is sent.
func TestScaleThatMayNotList(t *testing.T) {
	a := newAPI(t)
	a.addDeployment()
	actor := a.actor(t)
	s := a.scaling(t, actor, `{"replicas":5}`)
	for status, outcome := range map[int]string{http.StatusForbidden: remediate.Failed, http.StatusInternalServerError: remediate.Later} {
		a.fault = func(w http.ResponseWriter, r *http.Request, _ bool) bool {
			if r.URL.Path != "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers" {
				return false
			}
			w.WriteHeader(status)
			return true
		}
		performed(t, actor, s, outcome, "")
	}
	a.sent(t, 0)
}

func TestStops(t *testing.T) {
	for args, want := range map[string]bool{`{"replicas":0,"floor":0}`: true, `{"replicas":1}`: false, `{"restore":true}`: false, `{`: false} {
		if Stops("scale", []byte(args)) != want {
			t.Errorf("%s: %v", args, !want)
		}
	}
	if Stops("restart", []byte(`{}`)) || Stops("reboot", nil) {
		t.Error("what does not scale stops something")
	}
}
