package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
)

// command prepares a process as the container runs it: its environment, its
// $(VAR) references expanded, its user, in a PID namespace of its own. Exec and
// exec probes use it too.
func (c *container) command(argv []string) (*exec.Cmd, error) {
	if len(argv) == 0 {
		return nil, fmt.Errorf("container %s has no command, and there is no image to take one from", c.spec.Name)
	}
	cred, err := c.pod.credential()
	if err != nil {
		return nil, err
	}
	vars := c.environment()
	args := expand(argv, vars)
	namespaces := uintptr(syscall.CLONE_NEWPID)
	if r := c.root(); r != nil {
		maps.Copy(vars, c.pod.servers())
		vars["HOME"], cred, namespaces = "/", nil, namespaces|syscall.CLONE_NEWNS
		if args, err = r.within(args); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = c.spec.WorkingDir
	if cmd.Dir == "" {
		cmd.Dir = "/"
	}
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8"}
	for name, value := range vars {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	// When the first process of a PID namespace dies, all it left behind dies
	// with it, whatever session it is in. Pdeathsig covers a killed agent.
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:    true,
		Pdeathsig:  syscall.SIGKILL,
		Cloneflags: namespaces,
		Credential: cred,
	}
	return cmd, nil
}

// environment holds the pod's own facts and the container's env. Of the
// downward API it knows the fields that name these facts, and of Secrets what was
// in them when the container was started.
func (c *container) environment() map[string]string {
	o := c.pod.object
	c.pod.mu.Lock()
	ip := c.pod.ip
	c.pod.mu.Unlock()
	vars := map[string]string{
		"POD_NAME": o.Name, "POD_NAMESPACE": o.Namespace, "POD_IP": ip,
		"NODE_NAME": c.pod.agent.node, "POD_DIR": c.pod.dir(),
		"HOME": c.pod.dir(), // there is no image of which it could be, and what is left there must not be left on the host
	}
	fields := map[string]string{
		"metadata.name": o.Name, "metadata.namespace": o.Namespace, "metadata.uid": string(o.UID),
		"status.podIP": ip, "spec.nodeName": c.pod.agent.node,
	}
	c.mu.Lock()
	secrets := c.secrets
	c.mu.Unlock()
	for _, e := range c.spec.Env {
		vars[e.Name] = e.Value
		if value, ok := secrets[e.Name]; ok {
			vars[e.Name] = value
		}
		if e.ValueFrom != nil && e.ValueFrom.FieldRef != nil {
			vars[e.Name] = fields[e.ValueFrom.FieldRef.FieldPath]
		}
	}
	return vars
}

// expand replaces $(NAME) by the variable's value, as Kubernetes does.
func expand(argv []string, vars map[string]string) []string {
	var pairs []string
	for name, value := range vars {
		pairs = append(pairs, "$("+name+")", value)
	}
	replace := strings.NewReplacer(pairs...)
	args := make([]string, len(argv))
	for i, arg := range argv {
		args[i] = replace.Replace(arg)
	}
	return args
}

// credential is the user that the pod asks for; nil is the agent's own. An
// agent that is not root has no choice.
func (p *pod) credential() (*syscall.Credential, error) {
	name := p.object.Annotations[annotationUser]
	if name == "" || os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("annotation %s: %w", annotationUser, err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("uid of %s: %w", name, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("gid of %s: %w", name, err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// stopSignal is the signal that asks the pod's processes to end.
func (p *pod) stopSignal() syscall.Signal {
	if s := unix.SignalNum(p.object.Annotations[annotationStopSignal]); s != 0 {
		return s
	}
	return syscall.SIGTERM
}

// creating is the status of a container before its first start.
func creating(spec *v1.Container) v1.ContainerStatus {
	notStarted := false
	return v1.ContainerStatus{
		Name: spec.Name, Image: spec.Image, Started: &notStarted,
		State: v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: "ContainerCreating"}},
	}
}
