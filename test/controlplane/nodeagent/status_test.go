package main

import (
	"testing"

	v1 "k8s.io/api/core/v1"
)

func TestPhase(t *testing.T) {
	waiting := func(reason string) v1.ContainerState {
		return v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: reason}}
	}
	running := v1.ContainerState{Running: &v1.ContainerStateRunning{}}
	ended := func(code int32) v1.ContainerState {
		return v1.ContainerState{Terminated: &v1.ContainerStateTerminated{ExitCode: code}}
	}
	for _, c := range []struct {
		name    string
		policy  v1.RestartPolicy
		deleted bool
		states  []v1.ContainerState
		want    v1.PodPhase
	}{
		{"nothing has started", v1.RestartPolicyAlways, false, []v1.ContainerState{waiting("ContainerCreating")}, v1.PodPending},
		{"it runs", v1.RestartPolicyAlways, false, []v1.ContainerState{running}, v1.PodRunning},
		{"it waits to be restarted", v1.RestartPolicyAlways, false, []v1.ContainerState{waiting("CrashLoopBackOff")}, v1.PodRunning},
		{"it is about to be restarted", v1.RestartPolicyAlways, false, []v1.ContainerState{ended(1)}, v1.PodRunning},
		{"a job's container will be tried again", v1.RestartPolicyOnFailure, false, []v1.ContainerState{ended(1)}, v1.PodRunning},
		{"a job succeeded", v1.RestartPolicyNever, false, []v1.ContainerState{ended(0)}, v1.PodSucceeded},
		{"a job failed", v1.RestartPolicyNever, false, []v1.ContainerState{ended(0), ended(7)}, v1.PodFailed},
		{"one of two still runs", v1.RestartPolicyNever, false, []v1.ContainerState{ended(7), running}, v1.PodRunning},
		{"a deleted pod was killed", v1.RestartPolicyAlways, true, []v1.ContainerState{ended(137)}, v1.PodFailed},
	} {
		var statuses []v1.ContainerStatus
		for _, s := range c.states {
			statuses = append(statuses, v1.ContainerStatus{State: s})
		}
		if got := phase(c.policy, c.deleted, statuses); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestNodeIsReady(t *testing.T) {
	for status, want := range map[v1.ConditionStatus]bool{v1.ConditionTrue: true, v1.ConditionFalse: false, v1.ConditionUnknown: false} {
		s := v1.NodeStatus{Conditions: []v1.NodeCondition{{Type: v1.NodeDiskPressure, Status: v1.ConditionTrue}, {Type: v1.NodeReady, Status: status}}}
		if isReady(&s) != want {
			t.Errorf("ready is %s: it must be said again unless it is True", status)
		}
	}
	if isReady(&v1.NodeStatus{}) {
		t.Error("a node that has said nothing is ready")
	}
}
