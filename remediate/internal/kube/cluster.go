package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// nodesPage is how many nodes are listed at a time: a node is large.
const nodesPage = 500

// Nodes are a cluster's nodes, counted.
type Nodes struct {
	All   int
	Ready int // that say so, and on which pods may be put
	// Amiss are the names of the others, each with what is amiss.
	Amiss []string
}

// Nodes counts the cluster's nodes.
func (r Reader) Nodes(ctx context.Context) (Nodes, error) {
	var out Nodes
	page := metav1.ListOptions{Limit: nodesPage}
	for {
		list, err := r.client.Nodes().List(ctx, page)
		if err != nil {
			return Nodes{}, fmt.Errorf("list the nodes: %w", err)
		}
		for i := range list.Items {
			out.add(&list.Items[i])
		}
		if page.Continue = list.Continue; page.Continue == "" {
			return out, nil
		}
	}
}

func (ns *Nodes) add(n *corev1.Node) {
	ns.All++
	if why := amiss(n); why != "" {
		ns.Amiss = append(ns.Amiss, n.Name+" "+why)
		return
	}
	ns.Ready++
}

// amiss says why a node is not ready for pods, "" when it is.
func amiss(n *corev1.Node) string {
	if why := unwell(n); why != "" || !n.Spec.Unschedulable {
		return why
	}
	return "is cordoned"
}

// unwell says why a node does not run its pods, "" when it does. A node that
// says nothing of itself does not.
func unwell(n *corev1.Node) string {
	ready := corev1.ConditionUnknown
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			ready = c.Status
		}
	}
	switch {
	case ready == corev1.ConditionFalse:
		return "is not ready"
	case ready != corev1.ConditionTrue:
		return "is not heard of"
	}
	return ""
}

// ControlPlaneReady is what [Reader.ControlPlane] returns when all is well.
const ControlPlaneReady = "ready"

// maxChecks is how many failed checks are named.
const maxChecks = 5

// ControlPlane returns [ControlPlaneReady], or which of its checks the API
// server says have failed.
func (r Reader) ControlPlane(ctx context.Context) (string, error) {
	if _, notReady, err := r.readyz(ctx); err != nil || !notReady {
		return ControlPlaneReady, err
	}
	body, notReady, err := r.readyz(ctx, "verbose")
	if err != nil || !notReady {
		return ControlPlaneReady, err // it was for a moment only
	}
	return "not ready: " + failedChecks(body), nil
}

// readyz asks the API server about itself. That it calls itself not ready is
// an answer and no error; that something before it does is none, nor is a page
// that somebody else answers with.
func (r Reader) readyz(ctx context.Context, parameters ...string) (body string, notReady bool, err error) {
	q := r.client.Get("/readyz").MaxRetries(0)
	for _, p := range parameters {
		q.Param(p, "")
	}
	b, err := q.DoRaw(ctx)
	var status apierrors.APIStatus
	switch {
	case err == nil && (strings.TrimSpace(string(b)) == "ok" || strings.Contains(string(b), "readyz check passed")):
		return "", false, nil
	case err == nil:
		err = fmt.Errorf("it answers %.40q, and not ok", b)
	case errors.As(err, &status) && status.Status().Code == http.StatusInternalServerError && strings.Contains(string(b), "readyz check failed"):
		return string(b), true, nil
	}
	return "", false, fmt.Errorf("ask the API server whether it is ready: %w", err)
}

// failedChecks names those of a verbose answer: "[-]etcd failed: reason withheld".
func failedChecks(body string) string {
	var names []string
	for line := range strings.Lines(body) {
		if rest, ok := strings.CutPrefix(line, "[-]"); ok {
			name, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			names = append(names, fmt.Sprintf("%.60s", name))
		}
	}
	if len(names) == 0 {
		return "it does not say why"
	}
	if more := len(names) - maxChecks; more > 0 {
		names = append(names[:maxChecks], fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}
