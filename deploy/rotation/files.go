// Package rotation holds the manifests and the script by which a credential of
// PostgreSQL is rotated, as they are shipped, so that the tests and the demo run
// them wherever they are started.
package rotation

import "embed"

// Files are the manifests, the SQL and the script of this folder.
//
//go:embed *.yaml *.sql scripts/*.sh
var Files embed.FS
