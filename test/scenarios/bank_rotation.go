package scenarios

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/x0tta6bl4/remediated/test/vault"
)

// rotate puts the shipped CronJobs and their rights into the cluster, and counts
// each second who is connected.
func (k *Bank) rotate(ctx context.Context) error {
	if err := os.Chmod(k.Path("rotation/scripts/credential.sh"), 0o755); err != nil {
		return err
	}
	text, err := k.bed.Kubectl(ctx, "", "kustomize", k.Path("rotation"))
	if err != nil {
		return err
	}
	for document := range strings.SplitSeq(elsewhere.Replace(text), "\n---\n") {
		if strings.Contains(document, "\nkind: CronJob\n") {
			document, err = k.onTheBed(ctx, document)
			if err != nil {
				return err
			}
		}
		if err := k.bed.Apply(ctx, document); err != nil {
			return err
		}
	}
	return nil
}

// onTheBed is the one place where the manifests are changed: no volumes, addresses
// instead of names, and a kubeconfig instead of the pod's own. What starts by itself
// does so again and again.
func (k *Bank) onTheBed(ctx context.Context, text string) (string, error) {
	var c batchv1.CronJob
	if err := yaml.UnmarshalStrict([]byte(text), &c); err != nil {
		return "", err
	}
	pod := &c.Spec.JobTemplate.Spec.Template
	kubeconfig, err := k.bed.Kubeconfig(ctx, c.Namespace, pod.Spec.ServiceAccountName)
	if err != nil {
		return "", err
	}
	main := &pod.Spec.Containers[0]
	pod.Spec.Volumes, main.VolumeMounts = nil, nil
	main.Command[0] = strings.Replace(main.Command[0], "/opt/rotation", k.Path("rotation/scripts"), 1)
	for i := range main.Env {
		switch e := &main.Env[i]; e.Name {
		case "PGHOST":
			e.Value = vault.IP
		case "PUSHGATEWAY_URL":
			e.Value = k.bed.Pushgateway
		}
	}
	main.Env = append(main.Env, corev1.EnvVar{Name: "KUBECONFIG", Value: kubeconfig}, corev1.EnvVar{Name: "PATH", Value: k.Environment()["PATH"]})
	if c.Spec.Suspend == nil || !*c.Spec.Suspend {
		return again(&c)
	}
	made, err := yaml.Marshal(c)
	return string(made), err
}

// again is a Deployment that does what a CronJob does, each second.
func again(c *batchv1.CronJob) (string, error) {
	pod := c.Spec.JobTemplate.Spec.Template
	pod.Spec.RestartPolicy = corev1.RestartPolicyAlways
	pod.Spec.TerminationGracePeriodSeconds = new(int64(1))
	main := &pod.Spec.Containers[0]
	main.Command = append([]string{"sh", "-c", `while sleep 1; do "$0" "$@"; done`}, main.Command...)
	made, err := yaml.Marshal(appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{Name: c.Name, Namespace: c.Namespace},
		Spec:       appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: pod.Labels}, Template: pod},
	})
	return string(made), err
}

// Know has the tellers as they are now be what is known to be good.
func (k *Bank) Know(ctx context.Context) error {
	text, err := k.bed.Kubectl(ctx, "", "get", "deployment", Teller, "--namespace", BankNamespace, "--output=json")
	if err != nil {
		return err
	}
	jq := exec.CommandContext(ctx, "jq", "--compact-output", "[.spec.template.spec | (.initContainers // [])[], .containers[] | {name, image, command, args, env}]")
	jq.Stdin = strings.NewReader(text)
	known, err := jq.Output()
	if err != nil {
		return fmt.Errorf("what the tellers are is not known: %w", err)
	}
	secrets := k.bed.Client().CoreV1().Secrets(RotationNamespace)
	if err := secrets.Delete(ctx, "postgres-rotation", metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	return k.secret(ctx, RotationNamespace, "postgres-rotation", map[string]string{"password": rotationPassword, "known-good": string(bytes.TrimSpace(known))})
}
