package main

import (
	"log"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Annotations stand for what an image would say; see the package comment.
const (
	annotationUser       = "nodeagent/user"
	annotationStopSignal = "nodeagent/stop-signal"
	annotationPodIP      = "nodeagent/pod-ip"
	annotationImage      = "nodeagent/image"
	annotationEntrypoint = "nodeagent/entrypoint"
)

// pod is one pod from its arrival on the node to its removal.
type pod struct {
	agent      *agent
	object     *v1.Pod // as it was bound; only its spec and metadata are read
	started    metav1.Time
	containers []*container

	ending  chan struct{} // closed when the pod is to end
	endOnce sync.Once
	grace   time.Duration // valid once ending is closed

	reporting sync.Mutex // one status update at a time, so that the last one wins

	mu     sync.Mutex
	ip     string            // empty until the address is free
	claims map[string]string // folders of the claims, by volume
	status []v1.ContainerStatus
}

func newPod(a *agent, o *v1.Pod) *pod {
	p := &pod{agent: a, object: o, started: metav1.Now(), ending: make(chan struct{}), claims: map[string]string{}}
	for i := range o.Spec.Containers {
		spec := &o.Spec.Containers[i]
		p.containers = append(p.containers, newContainer(p, i, spec))
		p.status = append(p.status, creating(spec))
	}
	return p
}

// end asks the pod to stop within grace. Only the first call counts, except
// that a forced deletion does not wait for a running grace period.
func (p *pod) end(grace time.Duration) {
	p.endOnce.Do(func() {
		p.grace = grace
		close(p.ending)
	})
	if grace == 0 {
		p.kill()
	}
}

// run is the life of the pod: address, folders, containers, removal.
func (p *pod) run() {
	defer p.agent.drop(p)
	defer os.RemoveAll(p.root())
	if fixed := p.object.Annotations[annotationPodIP]; fixed == "" {
		p.setIP(p.agent.addresses.dynamic())
	} else if p.agent.addresses.acquire(fixed, p.ending) {
		defer p.agent.addresses.release(fixed)
		p.setIP(fixed)
	}
	if err := p.makeFolders(); err != nil {
		log.Printf("pod %s/%s: %v", p.object.Namespace, p.object.Name, err)
	}

	var running sync.WaitGroup
	if p.awaitVolumes() {
		for _, c := range p.containers {
			running.Go(c.run)
		}
	}
	running.Wait() // each container sees p.ending by itself
	p.report()
	<-p.ending // a finished pod stays until it is deleted
	p.agent.confirmDeletion(p.object)
}

func (p *pod) setIP(ip string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ip = ip
}

// root holds everything the pod leaves on disk; it goes with the pod.
func (p *pod) root() string { return filepath.Join(p.agent.dir, string(p.object.UID)) }

// dir is the pod's own folder, $POD_DIR.
func (p *pod) dir() string { return filepath.Join(p.root(), "data") }

func (p *pod) makeFolders() error {
	for _, d := range []string{p.dir(), filepath.Join(p.root(), "logs")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	cred, err := p.credential()
	if err != nil || cred == nil {
		return err
	}
	return os.Chown(p.dir(), int(cred.Uid), int(cred.Gid))
}

// kill ends every container at once.
func (p *pod) kill() {
	for _, c := range p.containers {
		c.signal(syscall.SIGKILL)
	}
}

// update changes the status of container i and reports it.
func (p *pod) update(i int, change func(*v1.ContainerStatus)) {
	p.mu.Lock()
	change(&p.status[i])
	p.mu.Unlock()
	p.report()
}
