// Package action acts: it is the only one that holds a Kubernetes client with
// write verbs. Every kind of act is one file and one line in the list of kinds.
//
// An act is carried out at most once under its ID, however often it is
// performed: what was there is read first, what is sent carries the identity of
// the object that was judged, and what may already have been done is recognised
// by its mark. Whoever judged it may have seen another world by now: then the
// act is refused and nothing is done.
package action
