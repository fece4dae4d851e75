//go:build nosync

// This file is only in a daemon that is built with the tag nosync, for a test: it
// must lose what it acknowledged when its power is cut, or the test of one that
// syncs shows nothing. No release is built so.

package journal

const synchronous = "OFF"
