package main

import (
	"context"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// secretPoll is how often a Secret is looked for that is not there, or that the API
// server does not yet know to be this node's to read.
const secretPoll = 100 * time.Millisecond

// awaitSecrets reads what the container's environment takes from Secrets. As on a
// real node that is done at each start, and not again while it runs; and as long as
// there is something missing it does not start. It returns false when the pod ends
// first.
func (c *container) awaitSecrets() bool {
	tick := time.NewTicker(secretPoll)
	defer tick.Stop()
	for said := ""; ; {
		values, err := c.readSecrets()
		if err == nil {
			c.mu.Lock()
			c.secrets = values
			c.mu.Unlock()
			return true
		}
		if err.Error() != said {
			said = err.Error()
			c.event(v1.EventTypeWarning, "Failed", "Error: "+said)
		}
		select {
		case <-tick.C:
		case <-c.pod.ending:
			return false
		}
	}
}

// readSecrets returns the values by the names of their variables.
func (c *container) readSecrets() (map[string]string, error) {
	values, read := map[string]string{}, map[string]*v1.Secret{}
	for _, e := range c.spec.Env {
		if e.ValueFrom == nil || e.ValueFrom.SecretKeyRef == nil {
			continue
		}
		ref := e.ValueFrom.SecretKeyRef
		if read[ref.Name] == nil { // once: two of its keys belong together
			s, err := c.pod.agent.client.CoreV1().Secrets(c.pod.object.Namespace).Get(context.Background(), ref.Name, metav1.GetOptions{})
			if err != nil {
				return nil, err
			}
			read[ref.Name] = s
		}
		value, ok := read[ref.Name].Data[ref.Key]
		if !ok {
			return nil, fmt.Errorf("couldn't find key %s in Secret %s/%s", ref.Key, c.pod.object.Namespace, ref.Name)
		}
		values[e.Name] = string(value)
	}
	return values, nil
}
