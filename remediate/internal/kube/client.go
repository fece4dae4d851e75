package kube

import (
	"context"
	"fmt"
	"net/http"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/rest"
)

// Cluster is what is read of a cluster.
type Cluster interface {
	Deployments(namespace string) Objects[*appsv1.Deployment, *appsv1.DeploymentList]
	StatefulSets(namespace string) Objects[*appsv1.StatefulSet, *appsv1.StatefulSetList]
	DaemonSets(namespace string) Objects[*appsv1.DaemonSet, *appsv1.DaemonSetList]
	ReplicaSets(namespace string) Objects[*appsv1.ReplicaSet, *appsv1.ReplicaSetList]
	CronJobs(namespace string) Objects[*batchv1.CronJob, *batchv1.CronJobList]
	PodDisruptionBudgets(namespace string) Objects[*policyv1.PodDisruptionBudget, *policyv1.PodDisruptionBudgetList]
	Pods(namespace string) Objects[*corev1.Pod, *corev1.PodList]
	PersistentVolumeClaims(namespace string) Objects[*corev1.PersistentVolumeClaim, *corev1.PersistentVolumeClaimList]
	Events(namespace string) Objects[*corev1.Event, *corev1.EventList]
	Nodes() Objects[*corev1.Node, *corev1.NodeList]
	Namespaces() Objects[*corev1.Namespace, *corev1.NamespaceList]
	// Log is the request for a pod's log.
	Log(namespace, pod string, o *corev1.PodLogOptions) *rest.Request
	// Get is a request for a path that is no object's.
	Get(path string) *rest.Request
}

// Objects are those of one kind, in a namespace where they have one.
type Objects[T, L any] interface {
	Get(ctx context.Context, name string, o metav1.GetOptions) (T, error)
	List(ctx context.Context, o metav1.ListOptions) (L, error)
}

// Client talks to a cluster as client-go's own typed clients do, in those groups
// of the API in which we have business. The whole of client-go's has all that
// there are, and every type of theirs is then a part of each of our programs.
type Client struct{ CoreV1, AppsV1, AutoscalingV2, BatchV1, CoordinationV1, EventsV1, NetworkingV1, PolicyV1 rest.Interface }

// versions are the groups, and where the API server has them.
var versions = []struct {
	version schema.GroupVersion
	path    string
	add     func(*runtime.Scheme) error
	client  func(*Client) *rest.Interface
}{
	{corev1.SchemeGroupVersion, "/api", corev1.AddToScheme, func(c *Client) *rest.Interface { return &c.CoreV1 }},
	{appsv1.SchemeGroupVersion, "/apis", appsv1.AddToScheme, func(c *Client) *rest.Interface { return &c.AppsV1 }},
	{autoscalingv2.SchemeGroupVersion, "/apis", autoscalingv2.AddToScheme, func(c *Client) *rest.Interface { return &c.AutoscalingV2 }},
	{batchv1.SchemeGroupVersion, "/apis", batchv1.AddToScheme, func(c *Client) *rest.Interface { return &c.BatchV1 }},
	{coordinationv1.SchemeGroupVersion, "/apis", coordinationv1.AddToScheme, func(c *Client) *rest.Interface { return &c.CoordinationV1 }},
	{eventsv1.SchemeGroupVersion, "/apis", eventsv1.AddToScheme, func(c *Client) *rest.Interface { return &c.EventsV1 }},
	{networkingv1.SchemeGroupVersion, "/apis", networkingv1.AddToScheme, func(c *Client) *rest.Interface { return &c.NetworkingV1 }},
	{policyv1.SchemeGroupVersion, "/apis", policyv1.AddToScheme, func(c *Client) *rest.Interface { return &c.PolicyV1 }},
}

var scheme = newScheme()

// Parameters writes the options of a request into its URL.
var Parameters = runtime.NewParameterCodec(scheme)

func newScheme() *runtime.Scheme {
	s := runtime.NewScheme()
	metav1.AddToGroupVersion(s, schema.GroupVersion{Version: "v1"})
	for _, v := range versions {
		utilruntime.Must(v.add(s))
	}
	return s
}

// NewClient returns a client of the cluster. It connects to nothing yet.
func NewClient(cfg *rest.Config) (*Client, error) {
	web, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return nil, err
	}
	c := new(Client)
	for _, v := range versions {
		if *v.client(c), err = clientOf(cfg, web, v.version, v.path); err != nil {
			return nil, fmt.Errorf("client of %s: %w", v.version, err)
		}
	}
	return c, nil
}

func clientOf(cfg *rest.Config, web *http.Client, version schema.GroupVersion, path string) (rest.Interface, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.GroupVersion, cfg.APIPath = &version, path
	cfg.NegotiatedSerializer = rest.CodecFactoryForGeneratedClient(scheme, serializer.NewCodecFactory(scheme)).WithoutConversion()
	return rest.RESTClientForConfigAndClient(cfg, web)
}

// objects are those of one kind, as an API server has them.
type objects[T, L any] struct {
	client              rest.Interface
	namespace, resource string
}

func (o objects[T, L]) request(options runtime.Object) *rest.Request {
	return o.client.Get().UseProtobufAsDefaultIfPreferred(true).NamespaceIfScoped(o.namespace, o.namespace != "").
		Resource(o.resource).VersionedParams(options, Parameters)
}

func (o objects[T, L]) Get(ctx context.Context, name string, options metav1.GetOptions) (*T, error) {
	out := new(T)
	return out, o.request(&options).Name(name).Do(ctx).Into(any(out).(runtime.Object))
}

func (o objects[T, L]) List(ctx context.Context, options metav1.ListOptions) (*L, error) {
	out := new(L)
	return out, o.request(&options).Do(ctx).Into(any(out).(runtime.Object))
}

func (c *Client) Deployments(namespace string) Objects[*appsv1.Deployment, *appsv1.DeploymentList] {
	return objects[appsv1.Deployment, appsv1.DeploymentList]{c.AppsV1, namespace, "deployments"}
}

func (c *Client) StatefulSets(namespace string) Objects[*appsv1.StatefulSet, *appsv1.StatefulSetList] {
	return objects[appsv1.StatefulSet, appsv1.StatefulSetList]{c.AppsV1, namespace, "statefulsets"}
}

func (c *Client) DaemonSets(namespace string) Objects[*appsv1.DaemonSet, *appsv1.DaemonSetList] {
	return objects[appsv1.DaemonSet, appsv1.DaemonSetList]{c.AppsV1, namespace, "daemonsets"}
}

func (c *Client) ReplicaSets(namespace string) Objects[*appsv1.ReplicaSet, *appsv1.ReplicaSetList] {
	return objects[appsv1.ReplicaSet, appsv1.ReplicaSetList]{c.AppsV1, namespace, "replicasets"}
}

func (c *Client) CronJobs(namespace string) Objects[*batchv1.CronJob, *batchv1.CronJobList] {
	return objects[batchv1.CronJob, batchv1.CronJobList]{c.BatchV1, namespace, "cronjobs"}
}

func (c *Client) Jobs(namespace string) Objects[*batchv1.Job, *batchv1.JobList] {
	return objects[batchv1.Job, batchv1.JobList]{c.BatchV1, namespace, "jobs"}
}

func (c *Client) PodDisruptionBudgets(namespace string) Objects[*policyv1.PodDisruptionBudget, *policyv1.PodDisruptionBudgetList] {
	return objects[policyv1.PodDisruptionBudget, policyv1.PodDisruptionBudgetList]{c.PolicyV1, namespace, "poddisruptionbudgets"}
}

func (c *Client) Leases(namespace string) Objects[*coordinationv1.Lease, *coordinationv1.LeaseList] {
	return objects[coordinationv1.Lease, coordinationv1.LeaseList]{c.CoordinationV1, namespace, "leases"}
}

func (c *Client) NetworkPolicies(namespace string) Objects[*networkingv1.NetworkPolicy, *networkingv1.NetworkPolicyList] {
	return objects[networkingv1.NetworkPolicy, networkingv1.NetworkPolicyList]{c.NetworkingV1, namespace, "networkpolicies"}
}

func (c *Client) HorizontalPodAutoscalers(namespace string) Objects[*autoscalingv2.HorizontalPodAutoscaler, *autoscalingv2.HorizontalPodAutoscalerList] {
	return objects[autoscalingv2.HorizontalPodAutoscaler, autoscalingv2.HorizontalPodAutoscalerList]{c.AutoscalingV2, namespace, "horizontalpodautoscalers"}
}

func (c *Client) Pods(namespace string) Objects[*corev1.Pod, *corev1.PodList] {
	return objects[corev1.Pod, corev1.PodList]{c.CoreV1, namespace, "pods"}
}

func (c *Client) PersistentVolumeClaims(namespace string) Objects[*corev1.PersistentVolumeClaim, *corev1.PersistentVolumeClaimList] {
	return objects[corev1.PersistentVolumeClaim, corev1.PersistentVolumeClaimList]{c.CoreV1, namespace, "persistentvolumeclaims"}
}

func (c *Client) Events(namespace string) Objects[*corev1.Event, *corev1.EventList] {
	return objects[corev1.Event, corev1.EventList]{c.CoreV1, namespace, "events"}
}

func (c *Client) Nodes() Objects[*corev1.Node, *corev1.NodeList] {
	return objects[corev1.Node, corev1.NodeList]{c.CoreV1, "", "nodes"}
}

func (c *Client) Namespaces() Objects[*corev1.Namespace, *corev1.NamespaceList] {
	return objects[corev1.Namespace, corev1.NamespaceList]{c.CoreV1, "", "namespaces"}
}

// Log is the request for a pod's log.
func (c *Client) Log(namespace, pod string, o *corev1.PodLogOptions) *rest.Request {
	return c.CoreV1.Get().Namespace(namespace).Name(pod).Resource("pods").SubResource("log").VersionedParams(o, Parameters)
}

// Get is a request for a path that is no object's.
func (c *Client) Get(path string) *rest.Request { return c.CoreV1.Get().AbsPath(path) }
