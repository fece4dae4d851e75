// Package ksm pins kube-state-metrics, which Debian does not package.
//
// It does not share the control plane's module: its release is written against
// an older client-go, whose cache.Store the control plane's has outgrown.
package ksm
