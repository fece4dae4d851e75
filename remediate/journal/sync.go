//go:build !nosync

package journal

// synchronous has SQLite sync the log with each commit: it is on the disk when it
// returns.
const synchronous = "FULL"
