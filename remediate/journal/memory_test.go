package journal_test

import (
	"errors"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/journal"
	"github.com/x0tta6bl4/remediated/remediate/journal/journaltest"
)

func TestMemory(t *testing.T) {
	journaltest.Run(t, func(*testing.T) journaltest.Journal { return journal.NewMemory() })
	journaltest.RunHistory(t, func(*testing.T) journaltest.History { return journal.NewMemory() })
}

func TestMemoryAfter(t *testing.T) {
	var c journaltest.Chain
	c.Next(t, journaltest.Founding())
	checkpoint := c.Checkpoint("what the disk had")
	m, err := journal.NewMemoryAfter(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := journaltest.Read(m, 1); !errors.Is(err, journal.ErrTrimmed) {
		t.Errorf("read from 1: %v, want ErrTrimmed", err)
	}
	rest := c.Next(t, journaltest.Story(1)...)
	journaltest.Append(t, m, rest)
	journaltest.Holds(t, m, 2, rest)

	checkpoint.State = []byte("something else")
	var d *remediate.DamageError
	if _, err := journal.NewMemoryAfter(checkpoint); !errors.As(err, &d) {
		t.Errorf("a checkpoint that was changed: %v, want a DamageError", err)
	}
}
