package main

import (
	"context"
	"log"
	"net"
	"runtime"
	"slices"
	"strconv"
	"time"

	coordv1 "k8s.io/api/coordination/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/ptr"
)

const (
	leaseNamespace = "kube-node-lease"
	leaseDuration  = 40 * time.Second // the kubelet's default
	leaseRenewal   = 10 * time.Second
)

// registerNode creates the node and reports it ready. Its capacity is far beyond
// what a test asks for: the scheduler is not what the bed is about.
func (a *agent) registerNode(ctx context.Context) error {
	nodes := a.client.CoreV1().Nodes()
	node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: a.node, Labels: map[string]string{
		v1.LabelHostname:   a.node,
		v1.LabelOSStable:   runtime.GOOS,
		v1.LabelArchStable: runtime.GOARCH,
	}}}
	if _, err := nodes.Create(ctx, node, metav1.CreateOptions{}); err != nil && !errors.IsAlreadyExists(err) {
		return err
	}
	return a.reportReady(ctx)
}

// reportReady says that the node is ready, unless that is known.
func (a *agent) reportReady(ctx context.Context) error {
	nodes := a.client.CoreV1().Nodes()
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		node, err := nodes.Get(ctx, a.node, metav1.GetOptions{})
		if err != nil || isReady(&node.Status) {
			return err
		}
		a.describe(&node.Status)
		_, err = nodes.UpdateStatus(ctx, node, metav1.UpdateOptions{})
		return err
	})
}

func isReady(s *v1.NodeStatus) bool {
	return slices.ContainsFunc(s.Conditions, func(c v1.NodeCondition) bool {
		return c.Type == v1.NodeReady && c.Status == v1.ConditionTrue
	})
}

func (a *agent) describe(s *v1.NodeStatus) {
	host, port, _ := net.SplitHostPort(a.listen)
	n, _ := strconv.Atoi(port)
	now := metav1.Now()
	s.Capacity = v1.ResourceList{
		v1.ResourceCPU:              resource.MustParse("32"),
		v1.ResourceMemory:           resource.MustParse("64Gi"),
		v1.ResourceEphemeralStorage: resource.MustParse("100Gi"),
		v1.ResourcePods:             resource.MustParse("200"),
	}
	s.Allocatable = s.Capacity
	s.Addresses = []v1.NodeAddress{{Type: v1.NodeInternalIP, Address: host}, {Type: v1.NodeHostName, Address: a.node}}
	s.DaemonEndpoints.KubeletEndpoint.Port = int32(n)
	s.NodeInfo.OperatingSystem, s.NodeInfo.Architecture = runtime.GOOS, runtime.GOARCH
	s.NodeInfo.KubeletVersion, s.NodeInfo.ContainerRuntimeVersion = "v1.36.3", "process://1"
	s.Conditions = []v1.NodeCondition{{
		Type: v1.NodeReady, Status: v1.ConditionTrue, Reason: "KubeletReady",
		LastHeartbeatTime: now, LastTransitionTime: now,
	}}
}

// renewLease keeps the node alive in the eyes of the node lifecycle controller,
// and is heard of again after the controller has given it up.
func (a *agent) renewLease(ctx context.Context) {
	tick := time.NewTicker(leaseRenewal)
	defer tick.Stop()
	for {
		if err := a.renewLeaseOnce(ctx); err != nil && ctx.Err() == nil {
			log.Printf("renew the node's lease: %v", err)
		}
		if err := a.reportReady(ctx); err != nil && ctx.Err() == nil {
			log.Printf("report the node's status: %v", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (a *agent) renewLeaseOnce(ctx context.Context) error {
	leases := a.client.CoordinationV1().Leases(leaseNamespace)
	now := metav1.NewMicroTime(time.Now())
	lease, err := leases.Get(ctx, a.node, metav1.GetOptions{})
	if errors.IsNotFound(err) {
		_, err = leases.Create(ctx, &coordv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Name: a.node},
			Spec: coordv1.LeaseSpec{
				HolderIdentity:       &a.node,
				LeaseDurationSeconds: ptr.To(int32(leaseDuration / time.Second)),
				RenewTime:            &now,
			},
		}, metav1.CreateOptions{})
		return err
	}
	if err != nil {
		return err
	}
	lease.Spec.RenewTime = &now
	_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
	return err
}
