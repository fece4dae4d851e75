package vault

import (
	"context"
	"fmt"
	"maps"
	"os"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Job makes a Job from a shipped CronJob, as the daemon and a person do, waits
// for its end and returns whether it ended well and what its last pod said.
func (v *Vault) Job(ctx context.Context, cronJob, name string, env map[string]string) (ok bool, log string, err error) {
	spec, err := v.spec(ctx, cronJob, env)
	if err != nil {
		return false, "", err
	}
	none := int32(0)
	spec.BackoffLimit = &none // each end is seen
	jobs := v.admin.BatchV1().Jobs(v.Namespace)
	job, err := jobs.Create(ctx, &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: v.Namespace}, Spec: *spec}, metav1.CreateOptions{})
	if err != nil {
		return false, "", err
	}
	err = Await(ctx, 3*time.Minute, func() (err error) {
		if job, err = jobs.Get(ctx, name, metav1.GetOptions{}); err == nil && job.Status.Succeeded+job.Status.Failed == 0 {
			err = fmt.Errorf("the Job %s has not ended", name)
		}
		return err
	})
	if err != nil {
		return false, "", err
	}
	log, err = v.Bed.Kubectl(ctx, "", "logs", "job/"+name, "--namespace", v.Namespace)
	return job.Status.Succeeded == 1, log, err
}

// CronJob puts a shipped CronJob into the cluster, for others to make Jobs from.
func (v *Vault) CronJob(ctx context.Context, name string, env map[string]string) error {
	spec, err := v.spec(ctx, name, env)
	if err != nil {
		return err
	}
	c := v.cronJobs[name].DeepCopy()
	c.Namespace, c.Spec.JobTemplate.Spec = v.Namespace, *spec
	_, err = v.admin.BatchV1().CronJobs(v.Namespace).Create(ctx, c, metav1.CreateOptions{})
	return err
}

// Again runs a shipped CronJob's command again and again, a second apart: nobody
// wants to wait for the next full minute.
func (v *Vault) Again(ctx context.Context, cronJob string, env map[string]string) error {
	spec, err := v.spec(ctx, cronJob, env)
	if err != nil {
		return err
	}
	t := spec.Template
	t.Labels = map[string]string{"app": cronJob}
	t.Spec.RestartPolicy = corev1.RestartPolicyAlways
	c := &t.Spec.Containers[0]
	c.Command = append([]string{"sh", "-c", `while sleep 1; do "$0" "$@"; done`}, c.Command...)
	t.Spec.TerminationGracePeriodSeconds = new(int64(1))
	_, err = v.admin.AppsV1().Deployments(v.Namespace).Create(ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: cronJob},
		Spec:       appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: t.Labels}, Template: t},
	}, metav1.CreateOptions{})
	return err
}

// spec is the Job of a shipped CronJob, as it can run on the bed.
func (v *Vault) spec(ctx context.Context, cronJob string, env map[string]string) (*batchv1.JobSpec, error) {
	c := v.cronJobs[cronJob]
	if c == nil {
		return nil, fmt.Errorf("deploy/backup has no CronJob %s", cronJob)
	}
	spec := c.Spec.JobTemplate.Spec.DeepCopy()
	return spec, v.onTheBed(ctx, &spec.Template, env)
}

// onTheBed is the one place where the manifests are changed: values that come
// from Secrets and ConfigMaps, and folders instead of volumes.
func (v *Vault) onTheBed(ctx context.Context, pod *corev1.PodTemplateSpec, more map[string]string) error {
	env := v.Environment()
	maps.Copy(env, more)
	pod.Annotations = map[string]string{"nodeagent/user": "postgres"}
	account := pod.Spec.ServiceAccountName
	pod.Spec.ServiceAccountName, pod.Spec.Affinity, pod.Spec.Volumes = "", nil, nil
	if v.roles[account] != nil {
		kubeconfig, err := v.kubeconfig(ctx, account)
		if err != nil {
			return err
		}
		env["KUBECONFIG"] = kubeconfig
	}
	c := &pod.Spec.Containers[0]
	c.VolumeMounts = nil
	c.Command[0] = strings.Replace(c.Command[0], "/opt/backup", v.Path("shipped/scripts"), 1)
	for i := range c.Env {
		if value, ok := env[c.Env[i].Name]; ok {
			c.Env[i] = corev1.EnvVar{Name: c.Env[i].Name, Value: value}
			delete(env, c.Env[i].Name)
		} else if c.Env[i].ValueFrom != nil {
			return fmt.Errorf("nothing says what %s is on the bed", c.Env[i].Name)
		}
	}
	for name, value := range env { // of the image and of the bed
		c.Env = append(c.Env, corev1.EnvVar{Name: name, Value: value})
	}
	return nil
}

// kubeconfig is that of a ServiceAccount with the shipped Role, where the user
// postgres can read it.
func (v *Vault) kubeconfig(ctx context.Context, account string) (string, error) {
	to := v.Path(account + ".kubeconfig")
	if _, err := os.Stat(to); err == nil {
		return to, nil
	}
	from, err := v.Bed.Kubeconfig(ctx, v.Namespace, account)
	if err != nil {
		return "", err
	}
	if err := v.copy(from, account+".kubeconfig"); err != nil {
		return "", err
	}
	// In a cluster a pod's own namespace is the default.
	if _, err = v.Bed.Kubectl(ctx, "", "config", "set-context", "--current", "--namespace", v.Namespace, "--kubeconfig", to); err != nil {
		return "", err
	}
	role := v.roles[account].DeepCopy()
	role.Namespace = v.Namespace
	if _, err = v.admin.RbacV1().Roles(v.Namespace).Create(ctx, role, metav1.CreateOptions{}); err != nil {
		return "", err
	}
	_, err = v.admin.RbacV1().RoleBindings(v.Namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: account},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: account},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: account, Namespace: v.Namespace}},
	}, metav1.CreateOptions{})
	return to, err
}
