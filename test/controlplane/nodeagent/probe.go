package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// quickProbe is how often a container is probed until it is first ready: more
// often than by the kubelet, since every test waits for it.
const quickProbe = 100 * time.Millisecond

// probe runs the container's probes until its process ended.
func (c *container) probe(ended <-chan struct{}) {
	if spec := c.spec.ReadinessProbe; spec != nil {
		go c.watch(spec, ended, quickProbe, func(ok bool, err error) {
			if !ok {
				c.event(v1.EventTypeWarning, "Unhealthy", fmt.Sprintf("Readiness probe failed: %v", err))
			}
			c.pod.update(c.index, func(s *v1.ContainerStatus) { s.Ready = ok && s.State.Running != nil })
		})
	}
	if spec := c.spec.LivenessProbe; spec != nil {
		go c.watch(spec, ended, period(spec), func(ok bool, err error) {
			if ok {
				return
			}
			c.event(v1.EventTypeWarning, "Unhealthy", fmt.Sprintf("Liveness probe failed: %v", err))
			grace := time.Duration(ptr.Deref(c.pod.object.Spec.TerminationGracePeriodSeconds, 30)) * time.Second
			c.stop(grace, ended)
		})
	}
}

// watch probes until ended and calls report whenever the answer turns: good at
// the first success, bad at the failureThreshold-th failure in a row. While the
// answer is not good it asks at least every impatience.
func (c *container) watch(spec *v1.Probe, ended <-chan struct{}, impatience time.Duration, report func(ok bool, err error)) {
	good, failures := false, int32(0)
	wait := time.Duration(spec.InitialDelaySeconds) * time.Second
	for {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ended:
			timer.Stop()
			return
		}
		if err := c.try(spec); err != nil {
			failures++
			if failures == max(spec.FailureThreshold, 1) {
				good = false
				report(false, err)
			}
		} else {
			failures = 0
			if !good {
				good = true
				report(true, nil)
			}
		}
		wait = period(spec)
		if !good {
			wait = min(wait, impatience)
		}
	}
}

func period(spec *v1.Probe) time.Duration {
	return time.Duration(max(spec.PeriodSeconds, 1)) * time.Second
}

// try asks once.
func (c *container) try(spec *v1.Probe) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(max(spec.TimeoutSeconds, 1))*time.Second)
	defer cancel()
	switch {
	case spec.TCPSocket != nil:
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.endpoint(spec.TCPSocket.Host, spec.TCPSocket.Port))
		if err != nil {
			return err
		}
		return conn.Close()
	case spec.HTTPGet != nil:
		return get(ctx, "http://"+c.endpoint(spec.HTTPGet.Host, spec.HTTPGet.Port)+spec.HTTPGet.Path)
	case spec.Exec != nil:
		return c.tryExec(ctx, spec.Exec.Command)
	}
	return nil
}

func get(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Close = true // a kept connection would answer for a process that accepts no new ones
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode >= 400 {
		return fmt.Errorf("HTTP probe failed with statuscode: %d", resp.StatusCode)
	}
	return nil
}

func (c *container) tryExec(ctx context.Context, argv []string) error {
	cmd, err := c.command(argv)
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
	defer stop()
	return cmd.Wait()
}

// endpoint is where a network probe goes: the pod's address unless it names a
// host, and a port by number or by name.
func (c *container) endpoint(host string, port intstr.IntOrString) string {
	n := port.IntValue()
	for _, p := range c.spec.Ports {
		if port.Type == intstr.String && p.Name == port.StrVal {
			n = int(p.ContainerPort)
		}
	}
	if host == "" {
		c.pod.mu.Lock()
		host = c.pod.ip
		c.pod.mu.Unlock()
	}
	return net.JoinHostPort(host, strconv.Itoa(n))
}
