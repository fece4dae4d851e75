package bed

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Pods lists the pods that a label selector picks, without those that are being
// deleted.
func (b *Bed) Pods(ctx context.Context, namespace, selector string) ([]v1.Pod, error) {
	list, err := b.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, fmt.Errorf("list pods %s in %s: %w", selector, namespace, err)
	}
	var pods []v1.Pod
	for _, p := range list.Items {
		if p.DeletionTimestamp == nil {
			pods = append(pods, p)
		}
	}
	return pods, nil
}

// PID is the process ID of a pod's first container, as seen inside the bed's
// namespaces.
func (b *Bed) PID(ctx context.Context, namespace, name string) (int, error) {
	p, err := b.client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return 0, err
	}
	return pid(p)
}

func pid(p *v1.Pod) (int, error) {
	for _, c := range p.Status.ContainerStatuses {
		if id, ok := strings.CutPrefix(c.ContainerID, "process://"); ok && c.State.Running != nil {
			return strconv.Atoi(id)
		}
	}
	return 0, fmt.Errorf("pod %s/%s runs no process now", p.Namespace, p.Name)
}

// PodDir is the pod's own folder, $POD_DIR of its containers.
func (b *Bed) PodDir(p *v1.Pod) string { return filepath.Join(b.podsDir(), string(p.UID), "data") }
