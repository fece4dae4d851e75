package action

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
)

const (
	jobOfTheAct = "ops/j-i42-a1"
	jobWrite    = "POST /apis/batch/v1/namespaces/ops/jobs"
)

// addCronJob makes the CronJob ops/free, which is suspended.
func (a *api) addCronJob() *batchv1.CronJob {
	yes, ttl, limit, long := true, int32(60), int32(6), int64(3600)
	c := &batchv1.CronJob{
		TypeMeta:   metav1.TypeMeta{APIVersion: "batch/v1", Kind: "CronJob"},
		ObjectMeta: metav1.ObjectMeta{Name: "free", Namespace: "ops", UID: "u9"},
		Spec:       batchv1.CronJobSpec{Suspend: &yes},
	}
	c.Spec.JobTemplate.Labels = map[string]string{"app": "free"}
	c.Spec.JobTemplate.Spec = batchv1.JobSpec{TTLSecondsAfterFinished: &ttl, BackoffLimit: &limit, ActiveDeadlineSeconds: &long}
	c.Spec.JobTemplate.Spec.Template.Spec = corev1.PodSpec{
		RestartPolicy:  corev1.RestartPolicyOnFailure,
		InitContainers: []corev1.Container{{Name: "look", Image: "registry/look:1"}},
		Containers: []corev1.Container{{Name: "free", Image: "registry/free:1", Command: []string{"free", "$(HOME)"}, Env: []corev1.EnvVar{
			{Name: "MOUNTPOINT", Value: "/"}, {Name: "KEEP", Value: "7"},
		}}},
	}
	a.cronJobs["ops/free"] = c
	return c
}

// jobPlan is the act that runs it for the Deployment web.
func (a *api) jobPlan(t *testing.T, actor *Actor, arguments string) remediate.Started {
	t.Helper()
	s := a.plan(t, actor, "job", web)
	s.Act.Args = []byte(arguments)
	return s
}

func fromFree(more string) string { return `{"from":"cronjob/ops/free"` + more + `}` }

// ends has the Job end, with one pod.
func (a *api) ends(how batchv1.JobConditionType, reason string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	j := a.jobs[jobOfTheAct]
	begun := metav1.NewTime(time.Now().Add(-12 * time.Second).Truncate(time.Second))
	done := metav1.NewTime(begun.Add(12 * time.Second))
	j.Status.StartTime = &begun
	if how == batchv1.JobComplete {
		j.Status.CompletionTime = &done
	}
	j.Status.Conditions = []batchv1.JobCondition{{Type: how, Status: corev1.ConditionTrue, Reason: reason, Message: "as it is"}}
	p := &corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Name: "j-i42-a1-x2x4q", Namespace: "ops"}}
	p.Status.Phase = corev1.PodSucceeded
	end := &corev1.ContainerStateTerminated{Reason: "Completed"}
	if how == batchv1.JobFailed {
		p.Status.Phase = corev1.PodFailed
		end = &corev1.ContainerStateTerminated{ExitCode: 3, Reason: "Error"}
	}
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "free", State: corev1.ContainerState{Terminated: end}}}
	a.pods[p.Name] = p
}

func TestJob(t *testing.T) {
	a := newAPI(t)
	a.addDeployment()
	a.addCronJob()
	actor := a.actor(t)
	s := a.jobPlan(t, actor, fromFree(`,"env":{"MOUNTPOINT":"/var/lib/postgresql"}`))
	r := performed(t, actor, s, remediate.Later, "the Job ops/j-i42-a1 was made from cronjob/ops/free")
	if wait := time.Until(r.Until); wait > 2*time.Second || wait < time.Second {
		t.Errorf("it is looked at after %s", wait)
	}
	j := a.jobs[jobOfTheAct]
	pod := j.Spec.Template.Spec
	switch {
	case j.Labels["remediated/attempt"] != "j-i42-a1", j.Labels["app"] != "free", j.Annotations["remediated/from"] != "cronjob/ops/free":
		t.Errorf("labels %v, annotations %v", j.Labels, j.Annotations)
	case len(j.OwnerReferences) > 0, j.Spec.TTLSecondsAfterFinished != nil:
		t.Errorf("something would take it away: %+v", j)
	case *j.Spec.BackoffLimit != 0, pod.RestartPolicy != corev1.RestartPolicyNever:
		t.Errorf("it is tried again: %+v", j.Spec)
	case *j.Spec.ActiveDeadlineSeconds < 45 || *j.Spec.ActiveDeadlineSeconds > 50:
		t.Errorf("it may take %d s of the act's minute", *j.Spec.ActiveDeadlineSeconds)
	}
	want := []corev1.EnvVar{{Name: "KEEP", Value: "7"}, {Name: "MOUNTPOINT", Value: "/var/lib/postgresql"}, {Name: "REMEDIATED_ATTEMPT", Value: "j-i42-a1"}}
	if !slices.Equal(pod.Containers[0].Env, want) || !slices.Equal(pod.InitContainers[0].Env, want[1:]) {
		t.Errorf("the environment is %+v and %+v", pod.Containers[0].Env, pod.InitContainers[0].Env)
	}
	performed(t, actor, s, remediate.Later, "the Job ops/j-i42-a1 runs: 0 active")
	a.ends(batchv1.JobComplete, "")
	performed(t, actor, s, remediate.OK, "the Job ops/j-i42-a1 completed in 12s; its pod is j-i42-a1-x2x4q")
	if got := a.acts(); !slices.Equal(got, []string{jobWrite}) {
		t.Errorf("wrote %v", got)
	}
	if len(a.events) != 1 || a.events[0].Regarding.Name != "web" || a.events[0].Namespace != "shop" {
		t.Errorf("events %+v", a.events)
	}
}

// The daemon was killed, somewhere between sending and writing down.
func TestJobAgain(t *testing.T) {
	a := newAPI(t)
	a.addDeployment()
	a.addCronJob()
	s := a.jobPlan(t, a.actor(t), fromFree(""))
	s.Again = true // killed before it was sent
	performed(t, a.actor(t), s, remediate.Later, "was made from")
	a.cronJobs["ops/free"].Spec.JobTemplate.Spec.Template.Spec.Containers[0].Image = "registry/free:2"
	performed(t, a.actor(t), s, remediate.Later, "runs") // killed after; its template is another one by now
	a.deployments["web"].UID = "another"                 // what runs already is followed to its end
	a.ends(batchv1.JobComplete, "")
	performed(t, a.actor(t), s, remediate.OK, "completed")
	if got := a.acts(); !slices.Equal(got, []string{jobWrite}) {
		t.Errorf("wrote %v", got)
	}

	s.Again = false
	performed(t, a.actor(t), s, remediate.Failed, "was there before it was sent")
	s.Again, s.Act.Args = true, []byte(fromFree(`,"retries":1`))
	performed(t, a.actor(t), s, remediate.Failed, "made for something else")
	a.jobs[jobOfTheAct].Labels = nil
	s.Act.Args = []byte(fromFree(""))
	performed(t, a.actor(t), s, remediate.Failed, "made for something else")
}

func TestJobFails(t *testing.T) {
	var long strings.Builder
	for n := range 300 {
		fmt.Fprintf(&long, "2026-11-26T10:00:00.123456789Z line %d %s\n", n, strings.Repeat("x", 80))
	}
	for name, tc := range map[string]struct {
		log  string
		want string
		not  string
	}{
		"its log":            {"2026-11-26T10:00:00.1Z begun\n2026-11-26T10:00:01.1Z no such file\n", "BackoffLimitExceeded: as it is; its pod j-i42-a1-x2x4q ended with exit code 3 (Error), and said last:\nbegun\nno such file", "2026"},
		"control characters": {"\x1b[31mred\x07\u202eevil\u200b\xff\n", "said last:\n[31mredevil", "\x1b"},
		"much of it":         {long.String(), "line 299", "line 280"},
		"nothing":            {"", "and said nothing", "said last"},
	} {
		a := newAPI(t)
		a.addDeployment()
		a.addCronJob()
		actor := a.actor(t)
		s := a.jobPlan(t, actor, fromFree(""))
		performed(t, actor, s, remediate.Later, "")
		a.logs["j-i42-a1-x2x4q"] = tc.log
		a.ends(batchv1.JobFailed, "BackoffLimitExceeded")
		r := performed(t, actor, s, remediate.Failed, tc.want)
		if strings.Contains(r.Text, tc.not) || len(r.Text) > 1300 {
			t.Errorf("%s: %d bytes: %q", name, len(r.Text), r.Text)
		}
	}

	// Ended by its deadline, its pod is removed.
	a := newAPI(t)
	a.addDeployment()
	a.addCronJob()
	actor := a.actor(t)
	s := a.jobPlan(t, actor, fromFree(""))
	performed(t, actor, s, remediate.Later, "")
	a.ends(batchv1.JobFailed, "DeadlineExceeded")
	clear(a.pods)
	performed(t, actor, s, remediate.Failed, "DeadlineExceeded: as it is; its pod is gone, and its log with it")
}

func TestJobRefuses(t *testing.T) {
	yes := true
	pod := func(c *batchv1.CronJob) *corev1.PodSpec { return &c.Spec.JobTemplate.Spec.Template.Spec }
	for name, tc := range map[string]struct {
		args   string
		change func(*api, *batchv1.CronJob)
		text   string
	}{
		"no CronJob":            {"", func(a *api, _ *batchv1.CronJob) { clear(a.cronJobs) }, "there is no CronJob ops/free"},
		"being deleted":         {"", func(_ *api, c *batchv1.CronJob) { c.DeletionTimestamp = &metav1.Time{Time: time.Now()} }, "being deleted"},
		"observed only":         {"", func(_ *api, c *batchv1.CronJob) { c.Annotations = map[string]string{"remediated/mode": "observe"} }, `"observe"`},
		"another target":        {"", func(a *api, _ *batchv1.CronJob) { a.deployments["web"].UID = "another" }, "made anew"},
		"no target":             {"", func(a *api, _ *batchv1.CronJob) { clear(a.deployments) }, remediate.RefusedGone},
		"a selector of its own": {"", func(_ *api, c *batchv1.CronJob) { c.Spec.JobTemplate.Spec.ManualSelector = &yes }, "selector"},
		"another account":       {"", func(_ *api, c *batchv1.CronJob) { pod(c).ServiceAccountName = "admin" }, "service_account: admin"},
		"not that account":      {`,"service_account":"cleaner"`, func(*api, *batchv1.CronJob) {}, "the policy says cleaner"},
		"another image":         {`,"images":["registry/free:1"]`, func(*api, *batchv1.CronJob) {}, "container look has the image registry/look:1"},
		"the node's network":    {"", func(_ *api, c *batchv1.CronJob) { pod(c).HostNetwork = true }, "host: true"},
		"the node's processes":  {"", func(_ *api, c *batchv1.CronJob) { pod(c).HostPID = true }, "host: true"},
		"the node's disk": {"", func(_ *api, c *batchv1.CronJob) {
			pod(c).Volumes = []corev1.Volume{{Name: "root", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}}
		}, "volume root is a folder of the node"},
		"privileged": {"", func(_ *api, c *batchv1.CronJob) {
			pod(c).Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: &yes}
		}, "free is privileged"},
		"capable": {"", func(_ *api, c *batchv1.CronJob) {
			pod(c).InitContainers[0].SecurityContext = &corev1.SecurityContext{Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"SYS_ADMIN"}}}
		}, "look has more capabilities"},
		"a label in its command": {`,"env":{"MOUNTPOINT":"/x"}`, func(_ *api, c *batchv1.CronJob) {
			pod(c).Containers[0].Args = []string{"-c", "rm -r $(MOUNTPOINT)/tmp"}
		}, "has $(MOUNTPOINT) in its definition"},
		"a label in a path": {`,"env":{"MOUNTPOINT":"/x"}`, func(_ *api, c *batchv1.CronJob) {
			pod(c).Containers[0].VolumeMounts = []corev1.VolumeMount{{SubPathExpr: "$(MOUNTPOINT)"}}
		}, "has $(MOUNTPOINT) in its definition"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			a.addDeployment()
			actor := a.actor(t)
			s := a.jobPlan(t, actor, fromFree(tc.args))
			tc.change(a, a.addCronJob())
			performed(t, actor, s, remediate.Refused, tc.text)
			if len(a.writes) != 0 {
				t.Errorf("wrote %v", a.writes)
			}
		})
	}

	// What the policy says is meant.
	a := newAPI(t)
	a.addDeployment()
	c := a.addCronJob()
	pod(c).HostPID, pod(c).ServiceAccountName = true, "cleaner"
	actor := a.actor(t)
	s := a.jobPlan(t, actor, fromFree(`,"host":true,"service_account":"cleaner","images":["registry/free:1","registry/look:1"],"retries":2`))
	performed(t, actor, s, remediate.Later, "was made from")
	if n := a.jobs[jobOfTheAct].Spec.BackoffLimit; *n != 2 {
		t.Errorf("%d retries", *n)
	}
}

func TestJobArguments(t *testing.T) {
	for _, tc := range []struct{ args, want string }{
		{`{}`, `"from" "": want cronjob/namespace/name`},
		{`{"from":"cronjob/free"}`, "want cronjob/namespace/name"},
		{`{"from":"job/ops/free"}`, "want cronjob/namespace/name"},
		{`{"from":"cronjob/$namespace/free"}`, `"from": an alert must not choose`},
		{`{"from":"cronjob/ops/Free"}`, `"Free"`},
		{fromFree(`,"service_account":"$job"`), `"service_account": an alert must not choose`},
		{fromFree(`,"service_account":"A B"`), `"service_account"`},
		{fromFree(`,"images":["$image"]`), `"images": an alert must not choose`},
		{fromFree(`,"images":[""]`), "empty"},
		{fromFree(`,"retries":11`), "want 0 to 10"},
		{fromFree(`,"env":{"mountpoint":"x"}`), "capital letters"},
		{fromFree(`,"env":{"LD_PRELOAD":"$x"}`), "LD_PRELOAD is read by"},
		{fromFree(`,"env":{"BASH_ENV":"$x"}`), "BASH_ENV is read by"},
		{fromFree(`,"env":{"REMEDIATED_ATTEMPT":"x"}`), "REMEDIATED_ATTEMPT is read by"},
		{fromFree(`,"env":{"N":1}`), "arguments"},
		{fromFree(`,"command":["sh"]`), `unknown field "command"`},
	} {
		if err := Validate("job", []byte(tc.args)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", tc.args, err, tc.want)
		}
	}
	if err := Validate("job", []byte(fromFree(`,"env":{"MOUNTPOINT":"$mountpoint"}`))); err != nil {
		t.Error(err)
	}
}

// Nobody knows more than the API server says.
func TestJobUnanswered(t *testing.T) {
	for name, tc := range map[string]struct {
		fault         func(http.ResponseWriter, *http.Request, bool) bool
		outcome, text string
	}{
		"cut before":    {cut(1, false), remediate.Unknown, "no answer came"},
		"cut after":     {cut(1, true), remediate.Later, "runs"}, // it is read back
		"broken":        {answer(says(500, metav1.StatusReasonInternalError, "etcd")), remediate.Unknown, "could not say"},
		"busy":          {answer(says(503, metav1.StatusReasonServiceUnavailable, "later")), remediate.Later, "later"},
		"not allowed":   {answer(says(403, metav1.StatusReasonForbidden, `jobs.batch is forbidden: cannot create resource "jobs"`)), remediate.Failed, `cannot create resource "jobs"`},
		"somebody else": {answer(says(409, metav1.StatusReasonAlreadyExists, "there is one")), remediate.Failed, "was there before it was sent"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			a.addDeployment()
			a.addCronJob()
			actor := a.actor(t)
			s := a.jobPlan(t, actor, fromFree(""))
			a.fault = tc.fault
			performed(t, actor, s, tc.outcome, tc.text)
		})
	}

	// What was there and is gone is not run again.
	a := newAPI(t)
	a.addDeployment()
	a.addCronJob()
	actor := a.actor(t)
	s := a.jobPlan(t, actor, fromFree(""))
	performed(t, actor, s, remediate.Later, "")
	clear(a.jobs)
	performed(t, actor, s, remediate.Unknown, "somebody deleted the Job")
	if got := a.acts(); len(got) != 1 {
		t.Errorf("wrote %v", got)
	}
}

// It is looked at once more before the act's deadline, and then given up by name.
func TestJobTakesTooLong(t *testing.T) {
	a := newAPI(t)
	a.addDeployment()
	a.addCronJob()
	actor := a.actor(t)
	s := a.jobPlan(t, actor, fromFree(""))
	performed(t, actor, s, remediate.Later, "")
	a.jobs[jobOfTheAct].CreationTimestamp = metav1.NewTime(time.Now().Add(-time.Hour))
	if r := performed(t, actor, s, remediate.Later, ""); time.Until(r.Until) < 25*time.Second {
		t.Errorf("an old Job is looked at after %s", time.Until(r.Until))
	}
	s.Deadline = time.Now().Add(10 * time.Second)
	if r := performed(t, actor, s, remediate.Later, ""); r.Until.After(s.Deadline.Add(-2 * time.Second)) {
		t.Errorf("it is looked at %s before the deadline", s.Deadline.Sub(r.Until))
	}
	s.Deadline = time.Now().Add(2 * time.Second)
	performed(t, actor, s, remediate.Unknown, "the Job ops/j-i42-a1 runs: 0 active; it has not ended by the act's deadline")

	// Kubernetes has given it up, and its pods have not ended.
	a.jobs[jobOfTheAct].Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobFailureTarget, Status: corev1.ConditionTrue, Reason: "DeadlineExceeded"}}
	s.Again = true // it was given up by name, and forgotten
	performed(t, actor, s, remediate.Failed, "is being ended: DeadlineExceeded")
	s.Deadline = time.Now().Add(time.Minute)
	performed(t, actor, s, remediate.Later, "is being ended: DeadlineExceeded")
}
