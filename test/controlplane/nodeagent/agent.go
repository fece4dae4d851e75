package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedv1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/ptr"
)

// options is the command line as a value.
type options struct {
	kubeconfig string
	node       string
	dir        string
	podNetwork string
	podBlock   int
	listen     string
	cert, key  string
	backOff    backOffLimits
}

// agent owns the pods that are bound to its node.
type agent struct {
	options
	client    kubernetes.Interface
	server    string // address of the API server
	events    record.EventRecorder
	addresses *addresses

	mu   sync.Mutex
	pods map[types.UID]*pod
}

// run serves the node until ctx ends, then kills what its pods still run: the
// node is switched off, as far as the cluster can tell.
func run(ctx context.Context, o options) error {
	cfg, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return fmt.Errorf("read --kubeconfig: %w", err)
	}
	cfg.QPS, cfg.Burst = 200, 400 // a rollout reports many states within a second
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return fmt.Errorf("use --kubeconfig: %w", err)
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return fmt.Errorf("make --root-dir: %w", err)
	}
	a := &agent{options: o, client: client, server: cfg.Host, addresses: newAddresses(o.podNetwork, o.podBlock), pods: map[types.UID]*pod{}}

	events := record.NewBroadcaster()
	defer events.Shutdown()
	events.StartRecordingToSink(&typedv1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	a.events = events.NewRecorder(scheme.Scheme, v1.EventSource{Component: "kubelet", Host: o.node})

	if err := a.registerNode(ctx); err != nil {
		return fmt.Errorf("register node %s: %w", o.node, err)
	}
	go a.renewLease(ctx)
	api := &http.Server{Addr: o.listen, Handler: a.api(), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- api.ListenAndServeTLS(o.cert, o.key) }()
	a.watchPods(ctx)

	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	api.Close()
	a.killAll()
	return err
}

// watchPods follows the pods that the scheduler bound to this node.
func (a *agent) watchPods(ctx context.Context) {
	mine := informers.WithTweakListOptions(func(o *metav1.ListOptions) {
		o.FieldSelector = fields.OneTermEqualSelector("spec.nodeName", a.node).String()
	})
	factory := informers.NewSharedInformerFactoryWithOptions(a.client, 0, mine)
	_, err := factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { a.sync(o.(*v1.Pod)) },
		UpdateFunc: func(_, o any) { a.sync(o.(*v1.Pod)) },
		DeleteFunc: func(o any) { a.forget(o) },
	})
	if err != nil {
		log.Fatalf("watch pods: %v", err) // only a stopped informer refuses a handler
	}
	factory.Start(ctx.Done())
}

// sync starts a pod that is new here and ends one that is being deleted.
func (a *agent) sync(o *v1.Pod) {
	a.mu.Lock()
	p := a.pods[o.UID]
	finished := o.Status.Phase == v1.PodSucceeded || o.Status.Phase == v1.PodFailed
	if p == nil && !finished {
		p = newPod(a, o)
		a.pods[o.UID] = p
		go p.run()
	}
	a.mu.Unlock()

	switch {
	case o.DeletionTimestamp == nil:
	case p != nil:
		p.end(time.Duration(ptr.Deref(o.DeletionGracePeriodSeconds, 30)) * time.Second)
	default:
		a.confirmDeletion(o)
	}
}

// forget kills a pod whose object is gone already: a forced deletion.
func (a *agent) forget(o any) {
	if d, ok := o.(cache.DeletedFinalStateUnknown); ok {
		o = d.Obj
	}
	a.mu.Lock()
	p := a.pods[o.(*v1.Pod).UID]
	a.mu.Unlock()
	if p != nil {
		p.end(0)
	}
}

// confirmDeletion removes the object of a pod that runs nothing any more.
func (a *agent) confirmDeletion(o *v1.Pod) {
	// An error needs no retry: the pod is gone, or the informer shows it again.
	_ = a.client.CoreV1().Pods(o.Namespace).Delete(context.Background(), o.Name, metav1.DeleteOptions{
		GracePeriodSeconds: ptr.To[int64](0),
		Preconditions:      metav1.NewUIDPreconditions(string(o.UID)),
	})
}

// find returns the pod with that name, or nil. A name can be used again while
// its former pod terminates; the younger is meant.
func (a *agent) find(namespace, name string) *pod {
	a.mu.Lock()
	defer a.mu.Unlock()
	var found *pod
	for _, p := range a.pods {
		if p.object.Namespace == namespace && p.object.Name == name && (found == nil || found.started.Before(&p.started)) {
			found = p
		}
	}
	return found
}

func (a *agent) drop(p *pod) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.pods, p.object.UID)
}

func (a *agent) killAll() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.pods {
		p.kill()
	}
}
