package scenarios

import (
	"context"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/test/bed"
)

// nodeLost has four nodes, one of which is not heard of any more. A person says
// yes to the shipped policy's drain, has the node back, and uncordons it.
var nodeLost = Scenario{
	Name: "node-lost", Fault: "A node is lost: its agent is stopped (SIGSTOP), and nobody hears of what runs there.",
	Policies: acting("node-lost.yaml"), Policy: "node-lost", Objective: 10 * time.Minute, Approvers: []string{"anna"},
	Setup: setUpNodes, Strike: loseNode, Return: returnNode, Works: nodeWorks,
}

// lost is the node that gets lost. A pod of the API runs there, and nothing else.
var lost = bed.NodeName(2)

// setUpNodes adds the nodes, and puts the pod there.
func setUpNodes(ctx context.Context, b *bed.Bed) error {
	if err := b.AddNodes(ctx); err != nil {
		return err
	}
	pods, err := b.Pods(ctx, bed.Namespace, API)
	if err != nil {
		return err
	}
	if len(pods) == 0 {
		return fmt.Errorf("no pod fits %q: there is none to move", API)
	}
	return b.OnlyOn(ctx, lost, func() error {
		if _, err := b.Kubectl(ctx, "", "delete", "pod", "--namespace", bed.Namespace, pods[0].Name); err != nil {
			return err
		}
		_, err := b.Kubectl(ctx, "", "rollout", "status", "--namespace", bed.Namespace, "deployment/x0tta6bl4-api", "--timeout=60s")
		return err
	})
}

func loseNode(ctx context.Context, b *bed.Bed) error {
	pods, err := podsOf(ctx, b, lost)
	if err != nil {
		return err
	}
	if len(pods) != 1 {
		return fmt.Errorf("%d pods run on %s, want the one that was put there", len(pods), lost)
	}
	return b.HangNode(lost)
}

// returnNode is what people do: the policy leaves the node cordoned, for them to
// look at.
func returnNode(ctx context.Context, b *bed.Bed) error {
	if err := b.ResumeNode(lost); err != nil {
		return err
	}
	if _, err := b.Kubectl(ctx, "", "wait", "--for=condition=Ready", "node/"+lost, "--timeout=60s"); err != nil {
		return err
	}
	node, err := b.Client().CoreV1().Nodes().Get(ctx, lost, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if !node.Spec.Unschedulable {
		return fmt.Errorf("%s was given pods again before anybody had looked at it", lost)
	}
	_, err = b.Kubectl(ctx, "", "uncordon", lost)
	return err
}

// nodeWorks wants the node back, with nothing of what ran there before.
func nodeWorks(ctx context.Context, b *bed.Bed) error {
	node, err := b.Client().CoreV1().Nodes().Get(ctx, lost, metav1.GetOptions{})
	if err != nil {
		return err
	}
	pods, err := podsOf(ctx, b, lost)
	if err != nil {
		return err
	}
	if node.Spec.Unschedulable || len(pods) > 0 {
		return fmt.Errorf("%s is cordoned (%v), or has %d pods still", lost, node.Spec.Unschedulable, len(pods))
	}
	return nil
}

// podsOf lists the pods of a node, those that are being deleted among them.
func podsOf(ctx context.Context, b *bed.Bed, node string) ([]v1.Pod, error) {
	list, err := b.Client().CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}
