package action

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

// released makes web, and a ReplicaSet for each image that it had, the last of
// which it has now. Of the first, pods still serve.
func (a *api) released(images ...string) *appsv1.Deployment {
	d := a.addDeployment()
	d.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
	d.Annotations = map[string]string{"team": "shop", kube.ChangeCause: "release " + images[len(images)-1]}
	for i, image := range images {
		template := corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: image}}},
		}
		d.Spec.Template = *template.DeepCopy()
		hash := fmt.Sprintf("%d%d%d", i+1, i+1, i+1)
		template.Labels[appsv1.DefaultDeploymentUniqueLabelKey] = hash
		a.replicaSets = append(a.replicaSets, appsv1.ReplicaSet{
			ObjectMeta: metav1.ObjectMeta{
				Name: "web-" + hash, Namespace: "shop", Labels: template.Labels,
				Annotations:     map[string]string{kube.RevisionAnnotation: fmt.Sprint(i + 1), kube.ChangeCause: "release " + image},
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: "web", UID: d.UID, Controller: new(true)}},
			},
			Spec: appsv1.ReplicaSetSpec{Template: template},
		})
	}
	if len(images) > 1 {
		a.replicaSets[0].Status.AvailableReplicas = 2
	}
	return d
}

func image(d *appsv1.Deployment) string { return d.Spec.Template.Spec.Containers[0].Image }

func TestRollback(t *testing.T) {
	a := newAPI(t)
	d := a.released("good", "bad")
	delete(a.replicaSets[0].Annotations, kube.ChangeCause)
	actor := a.actor(t)
	s := a.plan(t, actor, "rollback", web)
	performed(t, actor, s, remediate.OK, "rolled back from revision 2 (pod-template-hash 222) to revision 1 (pod-template-hash 111), of which 2 pods still served")
	cause, has := d.Annotations[kube.ChangeCause]
	if image(d) != "good" || len(d.Spec.Template.Labels) != 1 || has || d.Annotations["team"] != "shop" || d.Annotations[kube.RolledBackBy] != s.ID || d.Annotations[kube.RolledBackFrom] != "222" {
		t.Errorf("image %s, cause %q, labels %v, annotations %v", image(d), cause, d.Spec.Template.Labels, d.Annotations)
	}

	// Killed between the write and its record, it finds its own mark.
	s.Again = true
	performed(t, a.actor(t), s, remediate.OK, "was there already")
	s.Again = false
	performed(t, a.actor(t), s, remediate.Failed, "was there before it was sent")
	if len(a.acts()) != 1 || len(a.events) != 1 {
		t.Errorf("writes %v, %d events", a.acts(), len(a.events))
	}

	// What it was rolled back to is not rolled back from in turn, restarted or not.
	next := a.plan(t, actor, "rollback", web)
	next.ID = "j-i42-a2"
	performed(t, actor, next, remediate.Refused, "what it wants now is what j-i42-a1 rolled back to already")
	metav1.SetMetaDataAnnotation(&d.Spec.Template.ObjectMeta, kube.AttemptAnnotation, "j-i42-a1")
	performed(t, actor, next, remediate.Refused, "what it wants now is what j-i42-a1 rolled back to already")
}

// It goes to what still serves, or else to the last that is another one and was
// not bad.
func TestRollbackChooses(t *testing.T) {
	serves := func(n int, is int32) func(*api, *appsv1.Deployment) {
		return func(a *api, _ *appsv1.Deployment) {
			a.replicaSets[0].Status.AvailableReplicas = 0
			a.replicaSets[n].Status.AvailableReplicas = is
		}
	}
	for name, tc := range map[string]struct {
		images []string
		then   func(*api, *appsv1.Deployment)
		want   string // its image; "" for refused
		text   string
	}{
		"what serves, not what failed in between": {[]string{"good", "bad", "worse"}, nil, "good", "from revision 3 (pod-template-hash 333) to revision 1"},
		"the last that serves":                    {[]string{"old", "good", "bad"}, serves(1, 1), "good", "to revision 2 (pod-template-hash 222), of which 1 pods"},
		"the last, where none does":               {[]string{"old", "good", "bad"}, serves(2, 2), "good", "to revision 2 (pod-template-hash 222); which of the earlier ones was good nobody knows"},
		"not a restart of itself": {[]string{"old", "bad", "bad"}, func(a *api, d *appsv1.Deployment) {
			serves(2, 0)(a, d)
			for _, in := range []*metav1.ObjectMeta{&a.replicaSets[2].Spec.Template.ObjectMeta, &d.Spec.Template.ObjectMeta} {
				metav1.SetMetaDataAnnotation(in, kube.AttemptAnnotation, "j-i1-a1")
			}
		}, "old", "from revision 3"},
		"nothing but restarts": {[]string{"bad", "bad"}, func(a *api, d *appsv1.Deployment) {
			for _, in := range []*metav1.ObjectMeta{&a.replicaSets[1].Spec.Template.ObjectMeta, &d.Spec.Template.ObjectMeta} {
				metav1.SetMetaDataAnnotation(in, kube.RestartedAnnotation, "2026-01-14T03:12:00Z")
			}
		}, "", "differ from revision 2 (pod-template-hash 222) in nothing but a restart"},
		"not what was bad before": {[]string{"old", "bad", "worse"}, func(a *api, d *appsv1.Deployment) {
			serves(2, 0)(a, d)
			d.Annotations[kube.RolledBackFrom] = "222"
		}, "old", "to revision 1"},
		"nothing but what was bad before": {[]string{"bad", "worse"}, func(a *api, d *appsv1.Deployment) {
			serves(1, 0)(a, d)
			d.Annotations[kube.RolledBackFrom] = "111"
		}, "", "but one that was rolled back from already"},
		"the first": {[]string{"bad"}, nil, "", "there is no earlier revision than revision 1"},
		"no history": {[]string{"bad"}, func(_ *api, d *appsv1.Deployment) {
			d.Spec.RevisionHistoryLimit = new(int32(0))
		}, "", "its revisionHistoryLimit is 0"},
		"another's ReplicaSets": {[]string{"good", "bad"}, func(a *api, _ *appsv1.Deployment) {
			a.replicaSets[0].OwnerReferences[0].UID = "u9"
		}, "", "there is no earlier revision"},
		"a number that cannot be read": {[]string{"good", "bad"}, func(a *api, _ *appsv1.Deployment) {
			a.replicaSets[0].Annotations[kube.RevisionAnnotation] = "one"
		}, "", "there is no earlier revision"},
		"none of its own": {[]string{"good", "bad"}, func(a *api, _ *appsv1.Deployment) {
			a.replicaSets = a.replicaSets[:1]
		}, "", "no ReplicaSet of its present pod template"},
		"another service account": {[]string{"good", "bad"}, func(a *api, _ *appsv1.Deployment) {
			a.replicaSets[0].Spec.Template.Spec.ServiceAccountName = "admin"
		}, "", `the pods of revision 1 (pod-template-hash 111) would have the service account "admin", not ""`},
		"the node's network": {[]string{"good", "bad"}, func(a *api, _ *appsv1.Deployment) {
			a.replicaSets[0].Spec.Template.Spec.HostNetwork = true
		}, "", "would share the network"},
		"a folder of the node": {[]string{"good", "bad"}, func(a *api, _ *appsv1.Deployment) {
			a.replicaSets[0].Spec.Template.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}}
		}, "", "another folder of their node"},
		"a capability": {[]string{"good", "bad"}, func(a *api, _ *appsv1.Deployment) {
			a.replicaSets[0].Spec.Template.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"SYS_ADMIN"}}}
		}, "", "would have more capabilities"},
		"privileged": {[]string{"good", "bad"}, func(a *api, _ *appsv1.Deployment) {
			a.replicaSets[0].Spec.Template.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: new(true)}
		}, "", "would be privileged: what they may do is for people to give back, by kubectl rollout undo --to-revision=1"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			d := a.released(tc.images...)
			if tc.then != nil {
				tc.then(a, d)
			}
			actor := a.actor(t)
			s := a.plan(t, actor, "rollback", web)
			outcome, want, n := remediate.OK, tc.want, 1
			if tc.want == "" {
				outcome, want, n = remediate.Refused, tc.images[len(tc.images)-1], 0
			}
			performed(t, actor, s, outcome, tc.text)
			if image(d) != want || len(a.acts()) != n {
				t.Errorf("image %s, writes %v", image(d), a.acts())
			}
		})
	}
}

// Each of these must leave the object untouched.
func TestRollbackRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		then    func(*api, *appsv1.Deployment, *remediate.Started) // after it was judged
		outcome string
		text    string
	}{
		"gone":      {func(a *api, _ *appsv1.Deployment, _ *remediate.Started) { delete(a.deployments, "web") }, remediate.Refused, remediate.RefusedGone},
		"made anew": {func(_ *api, d *appsv1.Deployment, _ *remediate.Started) { d.UID = "u9" }, remediate.Refused, "made anew"},
		"another image": {func(_ *api, d *appsv1.Deployment, _ *remediate.Started) {
			d.Spec.Template.Spec.Containers[0].Image = "new"
		}, remediate.Refused, "somebody else changed its pod template"},
		"restarted by hand": {func(_ *api, d *appsv1.Deployment, _ *remediate.Started) {
			metav1.SetMetaDataAnnotation(&d.Spec.Template.ObjectMeta, kube.RestartedAnnotation, "2026-01-14T03:12:00Z")
		}, remediate.Refused, "somebody else changed its pod template"},
		"paused":            {func(_ *api, d *appsv1.Deployment, _ *remediate.Started) { d.Spec.Paused = true }, remediate.Refused, "paused"},
		"rolling out":       {func(_ *api, d *appsv1.Deployment, _ *remediate.Started) { d.Generation++ }, remediate.Refused, "not observed"},
		"scaled to nothing": {func(_ *api, d *appsv1.Deployment, _ *remediate.Started) { d.Spec.Replicas = new(int32) }, remediate.Refused, "0 replicas"},
		"a custom resource's": {func(_ *api, d *appsv1.Deployment, _ *remediate.Started) {
			d.OwnerReferences = []metav1.OwnerReference{{APIVersion: "example.com/v1", Kind: "Shop", Name: "web"}}
		}, remediate.Refused, "owned by the custom resource Shop web"},
		"Argo CD": {func(_ *api, d *appsv1.Deployment, _ *remediate.Started) {
			metav1.SetMetaDataAnnotation(&d.ObjectMeta, "argocd.argoproj.io/tracking-id", "web")
		}, remediate.Refused, "managed by Argo CD, which would bring the release back or lose the rollback"},
		"Flux": {func(_ *api, d *appsv1.Deployment, _ *remediate.Started) {
			d.Labels = map[string]string{"kustomize.toolkit.fluxcd.io/name": "apps"}
		}, remediate.Refused, "managed by Flux"},
		"Helm": {func(_ *api, d *appsv1.Deployment, _ *remediate.Started) {
			d.Labels = map[string]string{"app.kubernetes.io/managed-by": "Helm"}
		}, remediate.Refused, "managed by Helm, which would bring the release back or lose the rollback: have Helm roll it back, as the policy bad-helm-release does"},
		"another revision serves": {func(a *api, _ *appsv1.Deployment, _ *remediate.Started) {
			a.replicaSets[0].Status.AvailableReplicas, a.replicaSets[1].Status.AvailableReplicas = 0, 1
		}, remediate.Refused, "it would be rolled back from revision 3 with image worse to revision 2 with image bad by now, which is not what was judged"},
		"another image of that revision": {func(a *api, _ *appsv1.Deployment, _ *remediate.Started) {
			a.replicaSets[0].Spec.Template.Spec.Containers[0].Image = "evil"
		}, remediate.Refused, "to revision 1 with image evil by now, which is not what was judged"},
		"no revision":   {func(_ *api, _ *appsv1.Deployment, s *remediate.Started) { s.Act.Revision = "" }, remediate.Refused, "which is not what was judged"},
		"an undo":       {func(_ *api, _ *appsv1.Deployment, s *remediate.Started) { s.Act.Undo = true }, remediate.Refused, "a rollback takes nothing back"},
		"no template":   {func(_ *api, _ *appsv1.Deployment, s *remediate.Started) { s.Act.Template = "" }, remediate.Refused, "no pod template"},
		"a statefulset": {func(_ *api, _ *appsv1.Deployment, s *remediate.Started) { s.Act.Target.Kind = "statefulset" }, remediate.Refused, "rollback cannot be done to a statefulset; it is for deployment"},
		"another word":  {func(_ *api, _ *appsv1.Deployment, s *remediate.Started) { s.Act.Args = []byte(`{"drift":"yes"}`) }, remediate.Refused, `"drift" is "yes": want accept`},
		"by somebody else's ID": {func(_ *api, d *appsv1.Deployment, s *remediate.Started) {
			metav1.SetMetaDataAnnotation(&d.ObjectMeta, kube.RolledBackBy, s.ID)
		}, remediate.Failed, "was there before it was sent"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			d := a.released("good", "bad", "worse")
			actor := a.actor(t)
			s := a.plan(t, actor, "rollback", web)
			tc.then(a, d, &s)
			performed(t, actor, s, tc.outcome, tc.text)
			if len(a.acts()) != 0 {
				t.Errorf("sent %v", a.acts())
			}
		})
	}
}

func TestRollbackAcceptsDrift(t *testing.T) {
	a := newAPI(t)
	d := a.released("good", "bad")
	d.Labels = map[string]string{"app.kubernetes.io/managed-by": "Helm"}
	actor := a.actor(t)
	s := a.plan(t, actor, "rollback", web)
	s.Act.Args = json.RawMessage(`{"drift":"accept"}`)
	performed(t, actor, s, remediate.OK, "rolled back")
}

func TestRollbackWhoseAnswerIsLost(t *testing.T) {
	for name, tc := range lost() {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			a.released("good", "bad")
			actor := a.actor(t)
			s := a.plan(t, actor, "rollback", web)
			a.fault = tc.fault
			performed(t, actor, s, tc.outcome, "")
			a.mend()
			if tc.outcome == remediate.Later {
				performed(t, actor, s, remediate.OK, "rolled back from")
			}
		})
	}
}

// What changes between the look and the write is judged anew, and what was made
// anew is left alone.
func TestRollbackJudgesAnewOnConflict(t *testing.T) {
	a := newAPI(t)
	d := a.released("good", "bad")
	actor := a.actor(t)
	s := a.plan(t, actor, "rollback", web)
	meanwhile := func(f func()) {
		a.fault = func(_ http.ResponseWriter, r *http.Request, after bool) bool {
			if isWrite(r) && !after {
				f()
			}
			return false
		}
	}
	meanwhile(func() { d.UID = "u9" })
	performed(t, actor, s, remediate.Refused, "made anew")
	d.UID = types.UID(s.Act.UID)
	meanwhile(func() { touch(&d.ObjectMeta) })
	performed(t, actor, s, remediate.Later, "faster than it can be judged")
	if len(a.acts()) != 1+judgings {
		t.Errorf("sent %v", a.acts())
	}
	meanwhile(func() { d.Spec.Template.Spec.Containers[0].Image = "fixed"; touch(&d.ObjectMeta) })
	performed(t, actor, s, remediate.Refused, "somebody else changed its pod template")
	if image(d) != "fixed" {
		t.Errorf("image %s", image(d))
	}
}

// What an act of the same step did is told from what somebody else did: the plan
// was made before either.
func TestRestartAfterARollbackInOneStep(t *testing.T) {
	step := func(t *testing.T) (*api, *appsv1.Deployment, *Actor, remediate.Started) {
		a := newAPI(t)
		d := a.released("good", "bad")
		actor := a.actor(t)
		back, restart := a.plan(t, actor, "rollback", web), a.plan(t, actor, "restart", web)
		restart.ID += "-2"
		performed(t, actor, back, remediate.OK, "rolled back")
		return a, d, actor, restart
	}
	t.Run("restarted", func(t *testing.T) {
		a, d, actor, restart := step(t)
		performed(t, actor, restart, remediate.OK, "restarted")
		if image(d) != "good" || d.Spec.Template.Annotations[kube.AttemptAnnotation] != restart.ID || len(a.acts()) != 2 {
			t.Errorf("image %s, annotations %v, writes %v", image(d), d.Spec.Template.Annotations, a.acts())
		}
	})
	t.Run("not seen by its controller yet", func(t *testing.T) {
		a, d, actor, restart := step(t)
		d.Generation++
		performed(t, actor, restart, remediate.Later, "its controller has not observed yet what this attempt did before")
		if d.Status.ObservedGeneration = d.Generation; len(a.acts()) != 1 {
			t.Errorf("writes %v", a.acts())
		}
		performed(t, actor, restart, remediate.OK, "restarted")
	})
	for name, tc := range map[string]struct {
		then    func(*appsv1.Deployment, *remediate.Started)
		outcome string
		text    string
	}{
		"changed by somebody since": {func(d *appsv1.Deployment, _ *remediate.Started) { d.Spec.Template.Spec.NodeName = "elsewhere" }, remediate.Refused, "somebody else changed its pod template"},
		"restarted by somebody since": {func(d *appsv1.Deployment, _ *remediate.Started) {
			metav1.SetMetaDataAnnotation(&d.Spec.Template.ObjectMeta, kube.RestartedAnnotation, "2026-01-14T03:12:00Z")
		}, remediate.OK, "restarted it already; nothing was sent"},
		"rolled back by another attempt": {func(_ *appsv1.Deployment, s *remediate.Started) { s.ID, s.Act.Attempt = "j-i42-a11-2", "j-i42-a11" }, remediate.Refused, "somebody else changed its pod template"},
		"a rollout that somebody else began": {func(d *appsv1.Deployment, s *remediate.Started) {
			d.Generation, s.ID, s.Act.Attempt, s.Act.Template = d.Generation+1, "j-i42-a2", "j-i42-a2", d.Annotations[kube.RolledBackTo]
		}, remediate.Refused, "a rollout is beginning"},
	} {
		t.Run(name, func(t *testing.T) {
			a, d, actor, restart := step(t)
			tc.then(d, &restart)
			performed(t, actor, restart, tc.outcome, tc.text)
			if len(a.acts()) != 1 {
				t.Errorf("writes %v", a.acts())
			}
		})
	}
}

// A mark that a rollback left behind gives way to the next one; one that
// somebody keeps does not.
func TestRestartTakesAMarkThatWasLeft(t *testing.T) {
	fields := metav1.NewFieldsV1(`{"f:spec":{"f:template":{"f:metadata":{"f:annotations":{"f:remediated/attempt":{}}}}}}`)
	a := newAPI(t)
	d := a.addDeployment()
	d.Spec.Template.Annotations = map[string]string{kube.AttemptAnnotation: "j-i1-a1"}
	d.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl-rollout", Operation: metav1.ManagedFieldsOperationUpdate, FieldsV1: fields}}
	actor := a.actor(t)
	performed(t, actor, a.plan(t, actor, "restart", web), remediate.OK, "restarted") // the API server looks whether it is forced

	for name, change := range map[string]func(*kube.Workload){
		"no ID of ours": func(w *kube.Workload) { w.Template.Annotations[kube.AttemptAnnotation] = "x" },
		"applied by somebody": func(w *kube.Workload) {
			w.Meta.ManagedFields = append(w.Meta.ManagedFields, metav1.ManagedFieldsEntry{Manager: "argocd", Operation: metav1.ManagedFieldsOperationApply, FieldsV1: fields})
		},
		"another field": func(w *kube.Workload) {
			w.Meta.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl", Operation: metav1.ManagedFieldsOperationUpdate, FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:replicas":{}}}`)}}
		},
		"ours, applied": func(w *kube.Workload) {
			w.Meta.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: kube.Manager, Operation: metav1.ManagedFieldsOperationApply, FieldsV1: fields}}
		},
	} {
		w, err := actor.clusters["prod"].reader.Workload(t.Context(), web)
		if err != nil || !w.MarkIsLeft() {
			t.Fatal(err, "it is not left")
		}
		if change(w); w.MarkIsLeft() {
			t.Errorf("%s: it would be forced", name)
		}
	}
}
