package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// enterCommand is the first argument by which the agent becomes a container.
const enterCommand = "enter"

// root is what a container with an image is started in.
type root struct {
	Dir      string // where it is put together, in a mount namespace of its own
	Image    string // the folder whose content is at its top
	Mounts   []bind
	ReadOnly bool
	User     int // also its group
}

// bind is a folder that is seen in the container.
type bind struct {
	From, To string
	ReadOnly bool
}

// root returns what the container is started in; nil is that it has no image, and
// sees the files of the host.
func (c *container) root() *root {
	image := c.pod.object.Annotations[annotationImage]
	if image == "" {
		return nil
	}
	r := &root{Dir: filepath.Join(c.pod.root(), "root"), Image: image}
	if s := c.pod.object.Spec.SecurityContext; s != nil && s.RunAsUser != nil {
		r.User = int(*s.RunAsUser)
	}
	if s := c.spec.SecurityContext; s != nil && s.ReadOnlyRootFilesystem != nil {
		r.ReadOnly = *s.ReadOnlyRootFilesystem
	}
	for _, m := range c.spec.VolumeMounts {
		r.Mounts = append(r.Mounts, bind{c.pod.volume(m.Name), m.MountPath, m.ReadOnly})
	}
	slices.SortFunc(r.Mounts, func(a, b bind) int { return strings.Compare(a.To, b.To) }) // a folder before what is in it
	return r
}

// argv is what is run: what the pod says, or what its image would.
func (c *container) argv() []string {
	command := c.spec.Command
	if entry := c.pod.object.Annotations[annotationEntrypoint]; len(command) == 0 && entry != "" {
		command = []string{entry}
	}
	return append(slices.Clone(command), c.spec.Args...)
}

// within has the command begin in the root: the agent is run once more, which puts the
// root together and becomes what is to be run.
func (r *root) within(args []string) ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return append([]string{self, enterCommand, string(text)}, args...), nil
}

// enter puts a root together and becomes the command in it. It only returns when
// that is not possible.
func enter(text string, args []string) error {
	runtime.LockOSThread()
	var r root
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return err
	}
	if err := r.assemble(); err != nil {
		return err
	}
	if err := unix.Chroot(r.Dir); err != nil {
		return fmt.Errorf("chroot: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if r.User != 0 {
		for _, err := range []error{syscall.Setgroups(nil), syscall.Setgid(r.User), syscall.Setuid(r.User)} {
			if err != nil {
				return fmt.Errorf("become user %d: %w", r.User, err)
			}
		}
	}
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil { // another user has it no longer
		return err
	}
	return fmt.Errorf("exec %s: %w", args[0], syscall.Exec(args[0], args, os.Environ()))
}

// assemble mounts everything, in the mount namespace that it is called in.
func (r *root) assemble() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	if err := os.MkdirAll(r.Dir, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", r.Dir, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount the root: %w", err)
	}
	if err := os.CopyFS(r.Dir, os.DirFS(r.Image)); err != nil {
		return fmt.Errorf("copy the image: %w", err)
	}
	for _, m := range append([]bind{{"/dev", "/dev", false}}, r.Mounts...) {
		if err := m.mount(r.Dir); err != nil {
			return fmt.Errorf("mount %s: %w", m.To, err)
		}
	}
	proc := filepath.Join(r.Dir, "proc")
	if err := os.MkdirAll(proc, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("proc", proc, "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if r.ReadOnly {
		return unix.Mount("", r.Dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, "mode=755")
	}
	return nil
}

func (m bind) mount(root string) error {
	to := filepath.Join(root, m.To)
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(m.From, to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil || !m.ReadOnly {
		return err
	}
	return unix.Mount("", to, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
}

// servers are the variables by which a program in a pod finds the API server.
func (p *pod) servers() map[string]string {
	host, port, _ := strings.Cut(strings.TrimPrefix(p.agent.server, "https://"), ":")
	return map[string]string{"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
}
