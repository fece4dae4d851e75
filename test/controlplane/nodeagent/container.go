package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// container restarts one process as the pod's restart policy asks.
type container struct {
	pod     *pod
	index   int // in the pod's spec and status
	spec    *v1.Container
	backOff backOff

	mu      sync.Mutex
	process *os.Process       // nil while nothing runs
	secrets map[string]string // of its environment, as of its last start
}

func newContainer(p *pod, index int, spec *v1.Container) *container {
	return &container{pod: p, index: index, spec: spec, backOff: backOff{backOffLimits: p.agent.options.backOff}}
}

// run starts the container's process again and again until the pod ends or its
// restart policy is satisfied.
func (c *container) run() {
	for restarts := int32(0); ; restarts++ {
		if c.pod.isEnding() || !c.awaitSecrets() {
			return
		}
		exit := c.runOnce(restarts)
		policy := c.pod.object.Spec.RestartPolicy
		satisfied := policy == v1.RestartPolicyNever || policy == v1.RestartPolicyOnFailure && exit.ExitCode == 0
		if satisfied || c.pod.isEnding() {
			return
		}
		if delay := c.backOff.next(time.Now()); delay > 0 && !c.wait(delay) {
			return
		}
	}
}

// wait shows CrashLoopBackOff for delay. It returns false when the pod ends first.
func (c *container) wait(delay time.Duration) bool {
	o := c.pod.object
	c.event(v1.EventTypeWarning, "BackOff", fmt.Sprintf("Back-off restarting failed container %s in pod %s", c.spec.Name, o.Name))
	c.pod.update(c.index, func(s *v1.ContainerStatus) {
		s.LastTerminationState = s.State
		s.State = v1.ContainerState{Waiting: &v1.ContainerStateWaiting{
			Reason:  "CrashLoopBackOff",
			Message: fmt.Sprintf("back-off %s restarting failed container=%s pod=%s_%s(%s)", delay, c.spec.Name, o.Name, o.Namespace, o.UID),
		}}
	})
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.pod.ending:
		return false
	}
}

// runOnce runs the process to its end and reports both.
func (c *container) runOnce(restarts int32) v1.ContainerStateTerminated {
	started := metav1.Now()
	cmd, err := c.start(restarts)
	if err != nil {
		return c.terminated(restarts, v1.ContainerStateTerminated{ExitCode: 128, Reason: "StartError", Message: err.Error(), StartedAt: started})
	}
	id := fmt.Sprintf("process://%d", cmd.Process.Pid)
	c.event(v1.EventTypeNormal, "Started", "Started container "+c.spec.Name)
	c.pod.update(c.index, func(s *v1.ContainerStatus) {
		if s.State.Terminated != nil {
			s.LastTerminationState = s.State
		}
		s.State = v1.ContainerState{Running: &v1.ContainerStateRunning{StartedAt: started}}
		s.ContainerID, s.Started, s.RestartCount = id, ptr.To(true), restarts
		s.Ready = c.spec.ReadinessProbe == nil
	})

	ended := make(chan struct{})
	go c.probe(ended)
	go c.stopOnEnd(ended)
	_ = cmd.Wait() // how it ended is in cmd.ProcessState
	close(ended)
	c.setProcess(nil)
	exit := exitState(cmd.ProcessState.Sys().(syscall.WaitStatus))
	exit.StartedAt, exit.ContainerID = started, id
	return c.terminated(restarts, exit)
}

func (c *container) start(restarts int32) (*exec.Cmd, error) {
	out, err := os.Create(c.logFile(restarts))
	if err != nil {
		return nil, err
	}
	defer out.Close() // the process has its own copy
	cmd, err := c.command(c.argv())
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = out, out
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pod.isEnding() { // after this check, signal finds the process
		return nil, fmt.Errorf("the pod is being deleted")
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c.process = cmd.Process
	return cmd, nil
}

// terminated reports the end of the process and returns it.
func (c *container) terminated(restarts int32, exit v1.ContainerStateTerminated) v1.ContainerStateTerminated {
	exit.FinishedAt = metav1.Now()
	c.pod.update(c.index, func(s *v1.ContainerStatus) {
		s.Ready, s.Started, s.RestartCount = false, ptr.To(false), restarts
		s.State = v1.ContainerState{Terminated: &exit}
	})
	return exit
}

// stopOnEnd asks the process to stop when its pod is to end.
func (c *container) stopOnEnd(ended <-chan struct{}) {
	select {
	case <-c.pod.ending:
		c.event(v1.EventTypeNormal, "Killing", "Stopping container "+c.spec.Name)
		c.stop(c.pod.grace, ended)
	case <-ended:
	}
}

// stop sends the stop signal and, when grace is over, SIGKILL. A process that
// is stopped (SIGSTOP) takes only the second, as on a real node.
func (c *container) stop(grace time.Duration, ended <-chan struct{}) {
	c.signal(c.pod.stopSignal())
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-timer.C:
		c.signal(syscall.SIGKILL)
	case <-ended:
	}
}

// signal reaches the container's first process alone, as a container runtime's
// signal does. SIGKILL takes its whole PID namespace along.
func (c *container) signal(s syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process != nil {
		_ = c.process.Signal(s) // it may have ended meanwhile
	}
}

func (c *container) setProcess(p *os.Process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.process = p
}

// logFile is where the container's n-th restart writes. One file each lets
// "kubectl logs --previous" show the crashed one.
func (c *container) logFile(restarts int32) string {
	return filepath.Join(c.pod.root(), "logs", fmt.Sprintf("%s-%d.log", c.spec.Name, restarts))
}

func (c *container) event(kind, reason, message string) {
	c.pod.agent.events.Event(c.pod.object, kind, reason, message)
}

func (p *pod) isEnding() bool {
	select {
	case <-p.ending:
		return true
	default:
		return false
	}
}

// exitState translates a wait status as a container runtime does: a signal
// shows as 128 plus its number.
func exitState(ws syscall.WaitStatus) v1.ContainerStateTerminated {
	exit := v1.ContainerStateTerminated{ExitCode: int32(ws.ExitStatus()), Reason: "Completed"}
	if ws.Signaled() {
		exit.ExitCode, exit.Signal = 128+int32(ws.Signal()), int32(ws.Signal())
	}
	if exit.ExitCode != 0 {
		exit.Reason = "Error"
	}
	return exit
}
