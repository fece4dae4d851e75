// Package backup holds the manifests and scripts by which PostgreSQL and the
// configuration are backed up and restored, as they are shipped, so that the
// tests and the demo run them wherever they are started.
package backup

import "embed"

// Files are the manifests, the configuration and the scripts of this folder.
//
//go:embed *.yaml *.conf *.sql scripts/*.sh
var Files embed.FS
