// Package helm holds the manifests and the script by which a Helm release is put
// back, as they are shipped, so that the tests run them wherever they are started.
package helm

import "embed"

// Files are the manifests and the script of this folder.
//
//go:embed *.yaml scripts/*.sh
var Files embed.FS
