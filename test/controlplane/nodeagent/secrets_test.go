package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/record"
)

// reader is a container that takes its user and password from a Secret.
func reader(secrets ...*v1.Secret) (*container, *fake.Clientset, *record.FakeRecorder) {
	client, events := fake.NewClientset(), record.NewFakeRecorder(10)
	for _, s := range secrets {
		client.Tracker().Add(s)
	}
	from := func(name, key string) v1.EnvVar {
		ref := &v1.SecretKeySelector{LocalObjectReference: v1.LocalObjectReference{Name: "db"}, Key: key}
		return v1.EnvVar{Name: name, ValueFrom: &v1.EnvVarSource{SecretKeyRef: ref}}
	}
	p := newPod(&agent{client: client, events: events}, &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop"},
		Spec:       v1.PodSpec{Containers: []v1.Container{{Name: "web", Env: []v1.EnvVar{from("PGUSER", "username"), from("PGPASSWORD", "password")}}}},
	})
	return p.containers[0], client, events
}

func credential(username, password string) *v1.Secret {
	return &v1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "db", Namespace: "shop"},
		Data:       map[string][]byte{"username": []byte(username), "password": []byte(password)},
	}
}

// What runs keeps what it was started with; the next start reads it anew.
func TestSecretsAreReadAtEachStart(t *testing.T) {
	c, client, _ := reader(credential("a", "old"))
	if !c.awaitSecrets() || strings.Join(expand([]string{"$(PGUSER)", "$(PGPASSWORD)"}, c.environment()), " ") != "a old" {
		t.Fatalf("the environment is %v", c.environment())
	}
	if _, err := client.CoreV1().Secrets("shop").Update(t.Context(), credential("b", "new"), metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := c.environment(); got["PGUSER"] != "a" {
		t.Errorf("before it is started again it has %v", got)
	}
	if !c.awaitSecrets() || c.environment()["PGUSER"] != "b" || c.environment()["PGPASSWORD"] != "new" {
		t.Errorf("started again it has %v", c.environment())
	}
}

// A container does not start without a Secret or one of its keys: it waits, and says
// once for what.
func TestSecretsAreWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, client, events := reader()
		started := make(chan bool, 1)
		go func() { started <- c.awaitSecrets() }()
		half := credential("a", "old")
		delete(half.Data, "password")
		for _, step := range []struct {
			do    func() error
			event string
		}{
			{func() error { return nil }, `secrets "db" not found`},
			{func() error { return client.Tracker().Add(half) }, "couldn't find key password in Secret shop/db"},
		} {
			if err := step.do(); err != nil {
				t.Fatal(err)
			}
			if e := <-events.Events; !strings.Contains(e, step.event) {
				t.Errorf("it said %q, want %q", e, step.event)
			}
			time.Sleep(10 * secretPoll)
			if len(started) > 0 || len(events.Events) > 0 {
				t.Fatal("it started, or said it twice")
			}
		}
		if _, err := client.CoreV1().Secrets("shop").Update(t.Context(), credential("a", "old"), metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		if !<-started {
			t.Error("it did not start with all there is")
		}
	})
}

func TestSecretsAreNotWaitedForByAPodThatEnds(t *testing.T) {
	c, _, _ := reader()
	close(c.pod.ending)
	if c.awaitSecrets() {
		t.Error("it starts without its Secret")
	}
}
