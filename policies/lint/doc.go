// Package lint reads what stands around the policies and holds it against them:
// the alerting rules of Prometheus, from files or as Prometheus has them, and the
// configuration of Alertmanager. What it finds is said as [policies.Problem].
//
// Of Alertmanager's configuration it reads what concerns us and no more, so that
// one of an older or newer version can be read too. Addresses and secrets, which
// Alertmanager does not show, are not needed.
//
// It asks nobody: the answers are handed to it.
package lint
