package action

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

// attemptEnv is the variable by which a Job knows for which attempt it runs: what
// it does outside of the cluster can be done once under that name.
const attemptEnv = "REMEDIATED_ATTEMPT"

// refuses names why no Job is made from a CronJob, "" when one may be.
func (a *job) refuses(c *batchv1.CronJob) string {
	spec := &c.Spec.JobTemplate.Spec
	pod := &spec.Template.Spec
	mode, said := c.Annotations[kube.ModeAnnotation]
	switch {
	case c.DeletionTimestamp != nil:
		return "it is being deleted"
	case said && mode != string(remediate.ModeAct): // what was approved is not known here
		return fmt.Sprintf("its annotation %s is %.40q", kube.ModeAnnotation, mode)
	case spec.ManualSelector != nil && *spec.ManualSelector:
		return "its Jobs choose their pods by a selector of their own, so that two of them would share pods"
	case account(pod.ServiceAccountName) != account(a.ServiceAccount):
		return fmt.Sprintf("its pods run as the ServiceAccount %s, and the policy says %s: say service_account: %[1]s if that is meant", account(pod.ServiceAccountName), account(a.ServiceAccount))
	}
	if why := reachesNode(pod); why != "" && !a.Host {
		return why + ", and the policy does not say host: true"
	}
	for _, c := range containers(pod) {
		if len(a.Images) > 0 && !slices.Contains(a.Images, c.Image) {
			return fmt.Sprintf("its container %s has the image %s, which is not one of the policy's", c.Name, c.Image)
		}
		if name := a.expanded(c); name != "" {
			return fmt.Sprintf("its container %s has $(%s) in its definition, where a label's value could become a part of a command: read the variable in the program instead", c.Name, name)
		}
	}
	return ""
}

// account is the ServiceAccount that a name stands for.
func account(name string) string {
	if name == "" {
		return "default"
	}
	return name
}

// reachesNode names how pods reach what is their node's, "" when they do not.
func reachesNode(pod *corev1.PodSpec) string {
	if pod.HostNetwork || pod.HostPID || pod.HostIPC {
		return "its pods share a namespace of their node"
	}
	for _, v := range pod.Volumes {
		if v.HostPath != nil {
			return fmt.Sprintf("its volume %s is a folder of the node", v.Name)
		}
	}
	for _, c := range containers(pod) {
		s := c.SecurityContext
		switch {
		case s == nil:
		case s.Privileged != nil && *s.Privileged:
			return fmt.Sprintf("its container %s is privileged", c.Name)
		case s.Capabilities != nil && len(s.Capabilities.Add) > 0:
			return fmt.Sprintf("its container %s has more capabilities than usual", c.Name)
		}
	}
	return ""
}

// expanded returns which of the policy's variables Kubernetes would put into a
// container's command, arguments, other variables or paths.
func (a *job) expanded(c corev1.Container) string {
	b, err := json.Marshal(c)
	if err != nil {
		panic("action: a container is plain data: " + err.Error())
	}
	for _, name := range slices.Sorted(maps.Keys(a.Env)) {
		if strings.Contains(string(b), "$("+name+")") {
			return name
		}
	}
	return ""
}

// containers are all containers of a pod, those that prepare it first.
func containers(pod *corev1.PodSpec) []corev1.Container {
	return slices.Concat(pod.InitContainers, pod.Containers)
}

// made is the Job for an attempt. Nothing takes it away by itself: not the
// CronJob, whose history is short, and no time after its end. It is what shows
// that the act was done, and its pods keep the log.
func (a *job) made(from *batchv1.CronJob, t *attempt, now time.Time) *batchv1.Job {
	template := from.Spec.JobTemplate.DeepCopy()
	j := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: t.ID, Namespace: from.Namespace, Labels: template.Labels, Annotations: template.Annotations},
		Spec:       template.Spec,
	}
	metav1.SetMetaDataLabel(&j.ObjectMeta, attemptLabel, t.ID)
	metav1.SetMetaDataAnnotation(&j.ObjectMeta, actAnnotation, t.actHash())
	metav1.SetMetaDataAnnotation(&j.ObjectMeta, fromAnnotation, a.From)
	j.Spec.TTLSecondsAfterFinished = nil
	j.Spec.BackoffLimit = new(int32(a.Retries))
	j.Spec.ActiveDeadlineSeconds = t.activeDeadline(j.Spec.ActiveDeadlineSeconds, now)
	pod := &j.Spec.Template.Spec
	pod.RestartPolicy = corev1.RestartPolicyNever // a pod that is started anew within itself is removed, with its log, when it fails for good
	for _, cs := range [][]corev1.Container{pod.InitContainers, pod.Containers} {
		for i := range cs {
			a.setEnv(&cs[i], t.ID)
		}
	}
	return j
}

// activeDeadline is how long the Job may take, in seconds: it is ended before
// the act is, so that its end can still be seen.
func (t *attempt) activeDeadline(own *int64, now time.Time) *int64 {
	if t.Deadline.IsZero() {
		return own
	}
	left := t.Deadline.Sub(now)
	left -= min(left/4, 10*time.Second)
	n := max(1, int64(left/time.Second))
	if own != nil {
		n = min(n, *own)
	}
	return &n
}

// setEnv gives a container the attempt's ID and the policy's variables, in the
// place of its own of the same name.
func (a *job) setEnv(c *corev1.Container, id string) {
	env := maps.Clone(a.Env)
	if env == nil {
		env = map[string]string{}
	}
	env[attemptEnv] = id
	c.Env = slices.DeleteFunc(c.Env, func(e corev1.EnvVar) bool { _, ours := env[e.Name]; return ours })
	for _, name := range slices.Sorted(maps.Keys(env)) {
		c.Env = append(c.Env, corev1.EnvVar{Name: name, Value: strings.ReplaceAll(env[name], "$", "$$")})
	}
}
