//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/action"
)

// cronJob makes a suspended CronJob whose pods run a script, and are removed
// soon after by whoever runs it as it stands.
func (s *shop) cronJob(name, script string) {
	s.Helper()
	yes, soon := true, int32(0)
	c := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: batchv1.CronJobSpec{Schedule: "0 0 * * *", Suspend: &yes}}
	c.Spec.JobTemplate.Spec = batchv1.JobSpec{TTLSecondsAfterFinished: &soon}
	c.Spec.JobTemplate.Spec.Template.Spec = corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyOnFailure,
		Containers:    []corev1.Container{{Name: "c", Image: "none", Command: []string{"sh", "-c", script}}},
	}
	_, err := s.admin.BatchV1().CronJobs(s.namespace).Create(s.Context(), c, metav1.CreateOptions{})
	s.must(err)
}

// jobPlan is the act that runs a CronJob's Job for the Deployment web.
func (s *shop) jobPlan(more string) remediate.Started {
	s.Helper()
	what := s.plan("job", s.target("deployment", "web"))
	what.Act.Args = fmt.Appendf(nil, `{"from":"cronjob/%s/free"%s}`, s.namespace, more)
	return what
}

// performed performs until it is done, as the daemon does.
func (s *shop) performed(a *action.Actor, what remediate.Started, outcome, text string) remediate.Result {
	s.Helper()
	var r remediate.Result
	eventually(s.T, 60*time.Second, func() string {
		if r = a.Perform(s.Context(), what); r.Outcome == remediate.Later {
			return r.Text
		}
		return ""
	})
	if r.Outcome != outcome || !strings.Contains(r.Text, text) || strings.Contains(r.Text, "could not be written") {
		s.Fatalf("got %s %q, want %s %q", r.Outcome, r.Text, outcome, text)
	}
	return r
}

// jobs lists the Jobs of the namespace.
func (s *shop) jobs() []batchv1.Job {
	s.Helper()
	list, err := s.admin.BatchV1().Jobs(s.namespace).List(s.Context(), metav1.ListOptions{})
	s.must(err)
	return list.Items
}

// A real Job runs once, whoever performs it how often, and stays.
func TestKubeJob(t *testing.T) {
	s := openShop(t)
	d := s.deployment(nil)
	done := t.TempDir() + "/done"
	s.cronJob("free", `echo "$REMEDIATED_ATTEMPT $MOUNTPOINT" >>`+done+`; cat `+done)
	what := s.jobPlan(`,"env":{"MOUNTPOINT":"/var/lib/x"}`)
	s.perform(s.actor(nil), what, remediate.Later, "was made from cronjob/"+s.namespace+"/free")
	what.Again = true // by another daemon, which knows nothing of the first
	r := s.performed(s.actor(nil), what, remediate.OK, "the Job "+s.namespace+"/"+what.ID+" completed")
	s.performed(s.actor(nil), what, remediate.OK, "completed")

	all := s.jobs()
	if len(all) != 1 || all[0].Name != what.ID || len(all[0].OwnerReferences) > 0 || all[0].Spec.TTLSecondsAfterFinished != nil {
		t.Errorf("the Jobs are %+v", all)
	}
	pods, err := s.admin.CoreV1().Pods(s.namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "batch.kubernetes.io/job-name=" + what.ID})
	s.must(err)
	if len(pods.Items) != 1 || !strings.Contains(r.Text, pods.Items[0].Name) {
		t.Errorf("%d pods ran, and the text is %q", len(pods.Items), r.Text)
	}
	log, err := s.admin.CoreV1().Pods(s.namespace).GetLogs(pods.Items[0].Name, new(corev1.PodLogOptions)).DoRaw(t.Context())
	s.must(err)
	if want := what.ID + " /var/lib/x\n"; string(log) != want {
		t.Errorf("it ran as %q, want %q", log, want)
	}
	if notes := s.events(string(d.UID)); len(notes) != 1 || !strings.Contains(notes[0], "completed") {
		t.Errorf("events %q", notes)
	}

	// Another journal's act of the same name, or one that was never sent, is not that.
	what.Again = false
	s.perform(s.actor(nil), what, remediate.Failed, "was there before it was sent")
}

func TestKubeJobThatFails(t *testing.T) {
	s := openShop(t)
	s.deployment(nil)
	s.cronJob("free", `echo begun; printf '\033[31mno space\007\n'; exit 3`)
	r := s.performed(s.actor(nil), s.jobPlan(""), remediate.Failed, "ended with exit code 3 (Error), and said last:\nbegun\n[31mno space")
	if all := s.jobs(); len(all) != 1 || all[0].Status.Failed != 1 {
		t.Errorf("it was tried again: %+v, %s", all, r.Text)
	}
}

// Kubernetes ends it in time for us to see.
func TestKubeJobThatDoesNotEnd(t *testing.T) {
	s := openShop(t)
	s.deployment(nil)
	s.cronJob("free", `sleep 3600`)
	what := s.jobPlan("")
	what.Deadline = time.Now().Add(12 * time.Second)
	s.performed(s.actor(nil), what, remediate.Failed, "DeadlineExceeded")
}

func TestKubeJobRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		then func(*shop)
		text string
	}{
		"no CronJob": {func(s *shop) {
			s.must(s.admin.BatchV1().CronJobs(s.namespace).Delete(s.Context(), "free", metav1.DeleteOptions{}))
		}, "there is no CronJob"},
		"the target was made anew": {func(s *shop) {
			s.must(s.admin.AppsV1().Deployments(s.namespace).Delete(s.Context(), "web", metav1.DeleteOptions{}))
			s.deployment(nil)
		}, "made anew"},
		"the target is gone": {func(s *shop) {
			s.must(s.admin.AppsV1().Deployments(s.namespace).Delete(s.Context(), "web", metav1.DeleteOptions{}))
		}, remediate.RefusedGone},
		"it may do more by now": {func(s *shop) {
			c, err := s.admin.BatchV1().CronJobs(s.namespace).Get(s.Context(), "free", metav1.GetOptions{})
			s.must(err)
			c.Spec.JobTemplate.Spec.Template.Spec.HostPID = true
			_, err = s.admin.BatchV1().CronJobs(s.namespace).Update(s.Context(), c, metav1.UpdateOptions{})
			s.must(err)
		}, "host: true"},
	} {
		t.Run(name, func(t *testing.T) {
			s := openShop(t)
			s.deployment(func(d *appsv1.Deployment) { d.Spec.Replicas = new(int32(0)) })
			s.cronJob("free", "true")
			what := s.jobPlan("")
			tc.then(s)
			s.perform(s.actor(nil), what, remediate.Refused, tc.text)
			if all := s.jobs(); len(all) != 0 {
				t.Errorf("there is %+v", all)
			}
		})
	}
}

// Somebody makes a Job of that name while ours is under way.
func TestKubeJobOfSomebodyElse(t *testing.T) {
	s := openShop(t)
	s.deployment(nil)
	s.cronJob("free", "true")
	what := s.jobPlan("")
	actor := s.actor(once(http.MethodPost, func() {
		j := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: what.ID}}
		j.Spec.Template.Spec = corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "c", Image: "none", Command: []string{"true"}}}}
		_, err := s.admin.BatchV1().Jobs(s.namespace).Create(t.Context(), j, metav1.CreateOptions{})
		s.must(err)
	}))
	s.perform(actor, what, remediate.Failed, "was there before it was sent")
	what.Again = true
	s.perform(s.actor(nil), what, remediate.Failed, "was made for something else")
}

// The rules that it asks for are enough, and each is needed: what is missing is
// said with verb and resource.
func TestKubeJobRules(t *testing.T) {
	i := slices.IndexFunc(action.Kinds(), func(k action.Kind) bool { return k.Name == "job" })
	kind := action.Kinds()[i]
	try := func(t *testing.T, script string, rules []rbacv1.PolicyRule) remediate.Result {
		s := openShop(t)
		s.deployment(nil)
		s.cronJob("free", script)
		what, a := s.jobPlan(""), s.may("remediated", rules)
		var r remediate.Result
		eventually(t, 30*time.Second, func() string {
			if r = a.Perform(t.Context(), what); r.Outcome == remediate.Later {
				return r.Text
			}
			return ""
		})
		return r
	}
	namespace, beside := kind.Elsewhere([]byte(`{"from":"cronjob/ops/free"}`))
	if namespace != "ops" {
		t.Errorf("it is said to be done in %q", namespace)
	}
	rules := action.MergeRules(append(kind.Rules("deployment", nil), beside...)...)
	if r := try(t, "echo sorry; false", rules); r.Outcome != remediate.Failed || !strings.Contains(r.Text, "sorry") {
		t.Errorf("with all rules: %+v", r)
	}
	for right, fewer := range without(rules) {
		r := try(t, "echo sorry; false", fewer)
		verb, resource, _ := strings.Cut(right, " ")
		if want := fmt.Sprintf("cannot %s resource %q", verb, resource); !strings.Contains(r.Text, want) {
			t.Errorf("without %s: %+v, want %q said", right, r, want)
		}
	}
}
