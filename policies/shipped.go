package policies

import (
	"embed"
	"io/fs"
)

//go:embed shipped/*.yaml
var shipped embed.FS

// Shipped returns the policy files that come with the daemon, by file name, and
// beside each its tests: for crash-looping pods, a database and a cache that do
// not answer, a cache and a disk that are full, a lost node, a network that was
// cut, a stale backup, and for the alerts of kubernetes-mixin. Each only observes
// until its user has read it and set its mode.
func Shipped() fs.FS {
	files, err := fs.Sub(shipped, "shipped")
	if err != nil {
		panic("policies: the shipped files are not where they were put: " + err.Error())
	}
	return files
}
