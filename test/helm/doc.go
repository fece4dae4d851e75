// Package helm pins Helm, which Debian does not package.
//
// Where it shares a dependency with the control plane, it has that one's version: what
// was compiled for the one is not compiled again for the other.
package helm
