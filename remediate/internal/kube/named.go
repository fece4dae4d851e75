package kube

import (
	"context"
	"fmt"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Objects that a policy names beside its target. Of one that is not there,
// [IsGone] tells.

// Claim reads a persistent volume claim.
func (r Reader) Claim(ctx context.Context, namespace, name string) (*corev1.PersistentVolumeClaim, error) {
	c, err := r.client.PersistentVolumeClaims(namespace).Get(ctx, name, metav1.GetOptions{})
	return c, reading("persistentvolumeclaim "+namespace+"/"+name, err)
}

// CronJob reads a CronJob.
func (r Reader) CronJob(ctx context.Context, namespace, name string) (*batchv1.CronJob, error) {
	c, err := r.client.CronJobs(namespace).Get(ctx, name, metav1.GetOptions{})
	return c, reading("cronjob "+namespace+"/"+name, err)
}

// Node reads a node.
func (r Reader) Node(ctx context.Context, name string) (*corev1.Node, error) {
	n, err := r.client.Nodes().Get(ctx, name, metav1.GetOptions{})
	return n, reading("node "+name, err)
}

func reading(what string, err error) error {
	if err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	return nil
}

// Named narrows a rule to the object of this name. Where the name is taken from
// a label, or not known, it may be any.
func Named(r rbacv1.PolicyRule, name string) rbacv1.PolicyRule {
	if name != "" && !strings.Contains(name, "$") {
		r.ResourceNames = []string{name}
	}
	return r
}
