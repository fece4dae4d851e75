package bed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Hang stops (SIGSTOP) every process of the pods that a selector picks: they
// keep their connections and answer nothing, not even SIGTERM.
func (b *Bed) Hang(ctx context.Context, namespace, selector string) error {
	return b.each(ctx, namespace, selector, b.hang)
}

// Kill kills (SIGKILL) the pods' processes. The node restarts them in place.
func (b *Bed) Kill(ctx context.Context, namespace, selector string) error {
	return b.each(ctx, namespace, selector, b.kill)
}

// Break kills the pods' processes and keeps them from starting again: the pods
// crash-loop until they are replaced. It works on the bed's own workloads.
func (b *Bed) Break(ctx context.Context, namespace, selector string) error {
	return b.each(ctx, namespace, selector, b.breakPod)
}

// HangPod is Hang for one pod by name.
func (b *Bed) HangPod(ctx context.Context, namespace, name string) error {
	return b.one(ctx, namespace, name, b.hang)
}

// KillPod is Kill for one pod by name.
func (b *Bed) KillPod(ctx context.Context, namespace, name string) error {
	return b.one(ctx, namespace, name, b.kill)
}

// BreakPod is Break for one pod by name.
func (b *Bed) BreakPod(ctx context.Context, namespace, name string) error {
	return b.one(ctx, namespace, name, b.breakPod)
}

// LeakPod has a pod of the API take more memory with each request, its probes'
// among them, up to nearly its limit. A fresh pod does not.
func (b *Bed) LeakPod(ctx context.Context, namespace, name string) error {
	return b.one(ctx, namespace, name, func(p *v1.Pod) error { return b.leave(p, "leaking") })
}

// Release has a Deployment roll out pods that run and never become ready. Its
// controller waits for them for five seconds and no longer.
func (b *Bed) Release(ctx context.Context, namespace, deployment string) error {
	_, err := b.Kubectl(ctx, "", "patch", "deployment", deployment, "--namespace", namespace, "--type=json", "--patch",
		`[{"op":"replace","path":"/spec/progressDeadlineSeconds","value":5},
		  {"op":"add","path":"/metadata/annotations/kubernetes.io~1change-cause","value":"a bad release"},
		  {"op":"replace","path":"/spec/template/spec/containers/0/readinessProbe/httpGet/path","value":"/not-there"}]`)
	if err != nil {
		return fmt.Errorf("release over %s/%s: %w", namespace, deployment, err)
	}
	return nil
}

func (b *Bed) each(ctx context.Context, namespace, selector string, fault func(*v1.Pod) error) error {
	pods, err := b.Pods(ctx, namespace, selector)
	if err != nil {
		return err
	}
	if len(pods) == 0 {
		return fmt.Errorf("no pod in %s fits %q: a fault that hits nothing proves nothing", namespace, selector)
	}
	for i := range pods {
		err = errors.Join(err, fault(&pods[i]))
	}
	return err
}

func (b *Bed) one(ctx context.Context, namespace, name string, fault func(*v1.Pod) error) error {
	p, err := b.client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	return fault(p)
}

func (b *Bed) hang(p *v1.Pod) error {
	root, err := pid(p)
	if err != nil {
		return err
	}
	stopped := map[int]bool{}
	for { // until a look finds nobody new: a parent may fork before its turn
		tree, err := ProcessTree(root)
		if err != nil {
			return err
		}
		found := false
		for _, pid := range tree {
			if stopped[pid] {
				continue
			}
			found, stopped[pid] = true, true
			if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("hang pod %s/%s: %w", p.Namespace, p.Name, err)
			}
		}
		if !found {
			return nil
		}
	}
}

func (b *Bed) kill(p *v1.Pod) error {
	root, err := pid(p)
	if err != nil {
		return err
	}
	return syscall.Kill(root, syscall.SIGKILL) // its PID namespace goes along
}

func (b *Bed) breakPod(p *v1.Pod) error {
	if err := b.leave(p, "broken"); err != nil {
		return err
	}
	return b.kill(p)
}

// leave leaves a file in the pod's folder that says what is wrong with it.
func (b *Bed) leave(p *v1.Pod, name string) error {
	if err := os.WriteFile(filepath.Join(b.PodDir(p), name), nil, 0o644); err != nil {
		return fmt.Errorf("make pod %s/%s a %s one: %w", p.Namespace, p.Name, name, err)
	}
	return nil
}

// ProcessTree is a process and all its descendants, parents first.
func ProcessTree(root int) ([]int, error) {
	children := map[int][]int{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		pid, _ := strconv.Atoi(strings.Split(path, "/")[2])
		// "pid (name) state parent ...": the name may hold anything, even ")"
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		parent, _ := strconv.Atoi(fields[1])
		children[parent] = append(children[parent], pid)
	}
	tree := []int{root}
	for i := 0; i < len(tree); i++ {
		tree = append(tree, children[tree[i]]...)
	}
	return tree, nil
}
