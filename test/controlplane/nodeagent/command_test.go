package main

import (
	"testing"

	v1 "k8s.io/api/core/v1"
)

// What a container leaves at home goes with its pod, and is not found by the next
// one, or on the host; unless the pod says where home is.
func TestHomeIsThePods(t *testing.T) {
	c, _, _ := reader()
	if got := c.environment(); got["HOME"] == "" || got["HOME"] != c.pod.dir() {
		t.Errorf("home is %q, want %q", got["HOME"], c.pod.dir())
	}
	c.spec.Env = []v1.EnvVar{{Name: "HOME", Value: "/home/a"}}
	if got := c.environment()["HOME"]; got != "/home/a" {
		t.Errorf("home is %q", got)
	}
}
