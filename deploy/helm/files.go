// Package helm holds the manifests and the scripts by which a Helm release is put
// back, or upgraded, as they are shipped, so that the tests run them wherever they
// are started.
package helm

import "embed"

// Files are the manifests and the scripts of this folder, and README.md, which has
// the step of a policy that upgrades.
//
//go:embed *.yaml README.md scripts/*.sh
var Files embed.FS
