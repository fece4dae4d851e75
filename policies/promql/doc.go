// Package promql reads PromQL with Prometheus's own parser: which labels the
// result of a rule's expression can have, and whether what a policy asks can be
// read at all.
//
// It is apart from package lint because the daemon needs neither, and need not
// carry the parser.
package promql
