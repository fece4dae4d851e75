// Package kubetest has client-go's fake clientset read as a cluster, in tests.
package kubetest

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

// Reader returns the reader of what a clientset has.
func Reader(c kubernetes.Interface) kube.Reader { return kube.NewReader(cluster{c}) }

type cluster struct{ of kubernetes.Interface }

func (c cluster) Deployments(namespace string) kube.Objects[*appsv1.Deployment, *appsv1.DeploymentList] {
	return c.of.AppsV1().Deployments(namespace)
}

func (c cluster) StatefulSets(namespace string) kube.Objects[*appsv1.StatefulSet, *appsv1.StatefulSetList] {
	return c.of.AppsV1().StatefulSets(namespace)
}

func (c cluster) DaemonSets(namespace string) kube.Objects[*appsv1.DaemonSet, *appsv1.DaemonSetList] {
	return c.of.AppsV1().DaemonSets(namespace)
}

func (c cluster) ReplicaSets(namespace string) kube.Objects[*appsv1.ReplicaSet, *appsv1.ReplicaSetList] {
	return c.of.AppsV1().ReplicaSets(namespace)
}

func (c cluster) CronJobs(namespace string) kube.Objects[*batchv1.CronJob, *batchv1.CronJobList] {
	return c.of.BatchV1().CronJobs(namespace)
}

func (c cluster) PodDisruptionBudgets(namespace string) kube.Objects[*policyv1.PodDisruptionBudget, *policyv1.PodDisruptionBudgetList] {
	return c.of.PolicyV1().PodDisruptionBudgets(namespace)
}

func (c cluster) Pods(namespace string) kube.Objects[*corev1.Pod, *corev1.PodList] {
	return c.of.CoreV1().Pods(namespace)
}

func (c cluster) PersistentVolumeClaims(namespace string) kube.Objects[*corev1.PersistentVolumeClaim, *corev1.PersistentVolumeClaimList] {
	return c.of.CoreV1().PersistentVolumeClaims(namespace)
}

func (c cluster) Events(namespace string) kube.Objects[*corev1.Event, *corev1.EventList] {
	return c.of.CoreV1().Events(namespace)
}

func (c cluster) Nodes() kube.Objects[*corev1.Node, *corev1.NodeList] { return c.of.CoreV1().Nodes() }

func (c cluster) Namespaces() kube.Objects[*corev1.Namespace, *corev1.NamespaceList] {
	return c.of.CoreV1().Namespaces()
}

func (c cluster) Log(namespace, pod string, o *corev1.PodLogOptions) *rest.Request {
	return c.of.CoreV1().Pods(namespace).GetLogs(pod, o)
}

func (c cluster) Get(path string) *rest.Request {
	return c.of.CoreV1().RESTClient().Get().AbsPath(path)
}
