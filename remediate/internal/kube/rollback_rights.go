package kube

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// keepsRights says why an earlier revision may not be put back: its pods would
// be allowed more than those of now, of the cluster or of their nodes. Somebody
// may have taken that from them on purpose. nil when they are not.
//
// The fence cannot know which revisions there were. It holds this much of what
// is put back.
func keepsRights(w *Workload, to *Revision) error {
	was, now := &to.Template.Spec, &w.Template.Spec
	more := ""
	switch {
	case was.ServiceAccountName != now.ServiceAccountName:
		more = fmt.Sprintf("have the service account %q, not %q", was.ServiceAccountName, now.ServiceAccountName)
	case was.HostNetwork && !now.HostNetwork, was.HostPID && !now.HostPID, was.HostIPC && !now.HostIPC:
		more = "share the network, the processes or the memory of their node"
	case slices.ContainsFunc(hostPaths(was), func(p string) bool { return !slices.Contains(hostPaths(now), p) }):
		more = "have another folder of their node"
	case privileged(was) && !privileged(now):
		more = "be privileged"
	case slices.ContainsFunc(capabilities(was), func(c corev1.Capability) bool { return !slices.Contains(capabilities(now), c) }):
		more = "have more capabilities"
	default:
		return nil
	}
	return fmt.Errorf("the pods of %s would %s: what they may do is for people to give back, by kubectl rollout undo --to-revision=%d", to, more, to.Number)
}

func hostPaths(s *corev1.PodSpec) (out []string) {
	for _, v := range s.Volumes {
		if v.HostPath != nil {
			out = append(out, v.HostPath.Path)
		}
	}
	return out
}

func privileged(s *corev1.PodSpec) bool {
	return slices.ContainsFunc(containers(s), func(c corev1.Container) bool {
		return c.SecurityContext != nil && c.SecurityContext.Privileged != nil && *c.SecurityContext.Privileged
	})
}

func capabilities(s *corev1.PodSpec) (out []corev1.Capability) {
	for _, c := range containers(s) {
		if c.SecurityContext != nil && c.SecurityContext.Capabilities != nil {
			out = append(out, c.SecurityContext.Capabilities.Add...)
		}
	}
	return out
}

func containers(s *corev1.PodSpec) []corev1.Container {
	return slices.Concat(s.InitContainers, s.Containers)
}
