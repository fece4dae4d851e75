//go:build !crash

package main

import (
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/engine"
)

// crashAfterFact and crashAfterPerforming are where the end-to-end tests have
// the daemon die. Here they do nothing: see crash.go.
func crashAfterFact(observe func(remediate.Fact)) func(remediate.Fact) { return observe }

func crashAfterPerforming(p engine.Performer) engine.Performer { return p }
