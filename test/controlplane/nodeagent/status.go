package main

import (
	"context"
	"log"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"
)

// reportRetry outlives a restart of the API server: a lost report would leave
// the cluster with a wrong picture until the next change.
var reportRetry = wait.Backoff{Steps: 12, Duration: 10 * time.Millisecond, Factor: 2, Jitter: 0.1}

// report writes what the pod's containers do into its status.
func (p *pod) report() {
	p.reporting.Lock()
	defer p.reporting.Unlock()
	pods := p.agent.client.CoreV1().Pods(p.object.Namespace)
	worthRetry := func(err error) bool { return !errors.IsNotFound(err) }
	err := retry.OnError(reportRetry, worthRetry, func() error {
		o, err := pods.Get(context.Background(), p.object.Name, metav1.GetOptions{})
		if err != nil || o.UID != p.object.UID {
			return err
		}
		p.mu.Lock()
		o.Status.ContainerStatuses = slices.Clone(p.status)
		o.Status.PodIP = p.ip
		p.mu.Unlock()
		o.Status.StartTime = &p.started
		p.summarize(o)
		_, err = pods.UpdateStatus(context.Background(), o, metav1.UpdateOptions{})
		return err
	})
	if err != nil && !errors.IsNotFound(err) {
		log.Printf("report status of %s/%s: %v", p.object.Namespace, p.object.Name, err)
	}
}

// summarize derives phase, addresses and conditions from the container statuses.
func (p *pod) summarize(o *v1.Pod) {
	s := &o.Status
	s.Phase = phase(o.Spec.RestartPolicy, o.DeletionTimestamp != nil, s.ContainerStatuses)
	if s.PodIP != "" {
		s.PodIPs = []v1.PodIP{{IP: s.PodIP}}
	}
	s.HostIP, s.HostIPs = "127.0.0.1", []v1.HostIP{{IP: "127.0.0.1"}}
	ready := !slices.ContainsFunc(s.ContainerStatuses, func(c v1.ContainerStatus) bool { return !c.Ready })
	reason := map[v1.PodPhase]string{v1.PodSucceeded: "PodCompleted", v1.PodFailed: "PodFailed"}[s.Phase]
	if reason == "" {
		reason = "ContainersNotReady"
	}
	setCondition(s, v1.PodInitialized, true, "")
	setCondition(s, v1.ContainersReady, ready, reason)
	setCondition(s, v1.PodReady, ready, reason)
}

// phase is the pod's phase as Kubernetes defines it.
func phase(policy v1.RestartPolicy, deleted bool, containers []v1.ContainerStatus) v1.PodPhase {
	creating, failed := true, false
	for _, c := range containers {
		ended := c.State.Terminated
		creating = creating && c.State.Waiting != nil && c.State.Waiting.Reason == "ContainerCreating"
		switch {
		case ended == nil && !creating, ended != nil && policy == v1.RestartPolicyAlways && !deleted,
			ended != nil && policy == v1.RestartPolicyOnFailure && ended.ExitCode != 0 && !deleted:
			return v1.PodRunning
		case ended != nil && ended.ExitCode != 0:
			failed = true
		}
	}
	switch {
	case creating:
		return v1.PodPending
	case failed:
		return v1.PodFailed
	}
	return v1.PodSucceeded
}

// setCondition keeps the transition time of a condition that did not change.
func setCondition(s *v1.PodStatus, kind v1.PodConditionType, on bool, reason string) {
	c := v1.PodCondition{Type: kind, Status: v1.ConditionTrue, LastTransitionTime: metav1.Now()}
	if !on {
		c.Status, c.Reason = v1.ConditionFalse, reason
	}
	i := slices.IndexFunc(s.Conditions, func(old v1.PodCondition) bool { return old.Type == kind })
	if i < 0 {
		s.Conditions = append(s.Conditions, c)
		return
	}
	if s.Conditions[i].Status == c.Status {
		c.LastTransitionTime = s.Conditions[i].LastTransitionTime
	}
	s.Conditions[i] = c
}
