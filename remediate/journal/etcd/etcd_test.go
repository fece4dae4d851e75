package etcd_test

import (
	"testing"

	"github.com/x0tta6bl4/remediated/remediate/engine"
	"github.com/x0tta6bl4/remediated/remediate/journal/etcd"
	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"
)

var _ engine.Journal = (*etcd.Journal)(nil)

func TestJournal(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) journaltest.Journal {
		_, j := newWorld(t).leader("a")
		return j
	})
}
