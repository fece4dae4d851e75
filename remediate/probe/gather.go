package probe

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

// Bounds of what is gathered.
const (
	maxPods   = 5
	maxEvents = 50
	gatherers = 4 // requests at a time
)

// found is what was gathered about a target.
type found struct {
	target   *kube.Workload
	owner    *kube.Workload // of a pod, nil when there is none
	ownerErr error
	pods     []corev1.Pod // those that are not ready first
	more     int          // pods that there are beside
	podsErr  error
	events   []corev1.Event // the newest last
	older    int            // events that there are beside
	eventErr error          // the first
	logs     []containerLog
	onNode   []corev1.Pod // the pods of a node
}

// containerLog is the log of one run of a container.
type containerLog struct {
	pod       *corev1.Pod
	container string
	previous  bool
	text      []byte
	err       error
}

// gather looks at everything around the target. It is an error only when the
// target itself cannot be read: without it nobody knows where to look.
func (p *clients) gather(ctx context.Context, t remediate.Target) (*found, error) {
	f := new(found)
	err := p.read(t, func(r kube.Reader) (err error) {
		f.target, err = r.Object(ctx, t)
		return err
	})
	if err != nil {
		return nil, err
	}
	r, err := p.cluster(t)
	if err != nil {
		return nil, err
	}
	// The API server answers. What is asked from here on does not count for its
	// breaker: it gives a node that is down, too, as an error of its own.
	f.owner, f.ownerErr = r.Owner(ctx, f.target)
	pods, err := r.PodsOf(ctx, f.target)
	f.podsErr = err
	if f.target.IsNode() {
		f.onNode = pods
		f.events, f.eventErr = r.NodeEvents(ctx, t.Name)
		f.newest()
		return f, nil
	}
	f.choose(pods, t)
	f.lookAround(ctx, r)
	return f, nil
}

// choose takes the pods that tell most: the one that was named, then those that
// are not ready, then those that were restarted most often.
func (f *found) choose(pods []corev1.Pod, t remediate.Target) {
	rank := func(p *corev1.Pod) int {
		switch {
		case t.Kind == kube.Owner && p.Name == t.Name:
			return 0
		case !kube.Ready(p):
			return 1
		}
		return 2
	}
	slices.SortFunc(pods, func(a, b corev1.Pod) int {
		return cmp.Or(cmp.Compare(rank(&a), rank(&b)), cmp.Compare(restarts(&b), restarts(&a)), cmp.Compare(a.Name, b.Name))
	})
	f.pods = pods[:min(len(pods), maxPods)]
	f.more = len(pods) - len(f.pods)
}

func restarts(p *corev1.Pod) (n int32) {
	for _, s := range p.Status.ContainerStatuses {
		n += s.RestartCount
	}
	return n
}

// lookAround reads the events and the logs, several at a time.
func (f *found) lookAround(ctx context.Context, r kube.Reader) {
	var mu sync.Mutex
	var work errgroup.Group
	work.SetLimit(gatherers)
	for _, uid := range f.uids() {
		work.Go(func() error {
			events, err := r.Events(ctx, f.target.Target.Namespace, uid)
			mu.Lock()
			defer mu.Unlock()
			f.events = append(f.events, events...)
			if f.eventErr == nil {
				f.eventErr = err
			}
			return nil
		})
	}
	f.logs = f.runs()
	for i := range f.logs {
		l := &f.logs[i]
		work.Go(func() error {
			l.text, l.err = r.Log(ctx, l.pod, l.container, l.previous)
			return nil
		})
	}
	_ = work.Wait() // what went wrong is kept beside what it is about
	f.newest()
}

// newest leaves out the oldest events.
func (f *found) newest() {
	kube.SortEvents(f.events)
	f.older = max(0, len(f.events)-maxEvents)
	f.events = f.events[f.older:]
}

// uids are those of all objects whose events are looked for.
func (f *found) uids() []types.UID {
	uids := []types.UID{f.target.Meta.UID}
	if f.owner != nil {
		uids = append(uids, f.owner.Meta.UID)
	}
	for i := range f.pods {
		if uid := f.pods[i].UID; !slices.Contains(uids, uid) {
			uids = append(uids, uid)
		}
	}
	return uids
}

// runs are the runs of the pods' containers that left a log: the previous one
// of each that was restarted, then the current one. Of the containers that
// prepare a pod only those count that did not end well.
func (f *found) runs() (out []containerLog) {
	for i := range f.pods {
		p := &f.pods[i]
		for _, s := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
			if s.RestartCount > 0 {
				out = append(out, containerLog{pod: p, container: s.Name, previous: true})
			}
			if done := s.State.Terminated; done == nil || done.ExitCode != 0 {
				out = append(out, containerLog{pod: p, container: s.Name})
			}
		}
	}
	return out
}

// text says what was found, and how large it is written.
func (f *found) text(size int) string {
	logs, missing := 0, 0
	for _, l := range f.logs {
		if l.err == nil {
			logs++
		} else {
			missing++
		}
	}
	for _, err := range []error{f.ownerErr, f.podsErr, f.eventErr} {
		if err != nil {
			missing++
		}
	}
	text := fmt.Sprintf("%s, %s, %s, %s", many(len(f.pods)+len(f.onNode), "pod"), many(len(f.events), "event"), many(logs, "log"), bytesOf(size))
	if missing > 0 {
		text += fmt.Sprintf("; %s could not be had", many(missing, "part"))
	}
	return text
}

func many(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func bytesOf(n int) string {
	if n < 1000 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%d kB", (n+500)/1000)
}
