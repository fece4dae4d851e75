// Package controlplane pins what the test bed builds from source: the
// Kubernetes control plane, etcd and kubectl as tool directives of this module,
// and nodeagent, the kubelet whose pods are local processes.
//
// It is a module of its own because k8s.io/kubernetes replaces every one of its
// staging modules; none of that may reach the daemon's go.mod.
package controlplane
