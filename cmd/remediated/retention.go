package main

import (
	"fmt"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/alecthomas/units"

	"github.com/x0tta6bl4/remediated/cmd/internal/flags"
	"github.com/x0tta6bl4/remediated/remediate/engine"
)

// retention is how much of the journal is kept, as the flags say.
type retention struct {
	time     flags.Span
	evidence flags.Span
	size     units.Base2Bytes
	reserve  units.Base2Bytes
}

func (r *retention) flags(app *kingpin.Application) {
	app.Flag("storage.retention.time", "How long what is over stays in the journal: such as 90d; 0s is for ever. What is open stays in any case.").Default("90d").SetValue(&r.time)
	app.Flag("storage.retention.evidence", "How long evidence (logs, events, objects from before an act) of what is over stays, when that is shorter: such as 14d; 0s is as long as the rest.").Default("0s").SetValue(&r.evidence)
	app.Flag("storage.retention.size", "How much of the disk the journal may take before the oldest goes: such as 512MB; 0 is as much as there is.").Default("0").BytesVar(&r.size)
	app.Flag("storage.retention.reserve", "While the journal has less room than this on its disk, the oldest goes: such as 64MB; 0 is never.").Default("64MB").BytesVar(&r.reserve)
}

// leastTime is the shortest time that may be kept: what was decided yesterday is
// looked at today.
const leastTime = 24 * time.Hour

// leastSize is what a journal may be held to: some weeks of a small cluster.
const leastSize = 16 << 20

// validate refuses to keep nothing.
func (r retention) validate() error {
	switch {
	case r.time != 0 && time.Duration(r.time) < leastTime:
		return fmt.Errorf("--storage.retention.time=%s is less than a day: give for example 90d, or 0s for ever", &r.time)
	case r.evidence != 0 && time.Duration(r.evidence) < leastTime:
		return fmt.Errorf("--storage.retention.evidence=%s is less than a day: give for example 14d, or 0s for as long as the rest", &r.evidence)
	case r.evidence != 0 && r.time != 0 && r.evidence > r.time:
		return fmt.Errorf("--storage.retention.evidence=%s is longer than --storage.retention.time=%s, with which it goes: give less, or keep all for longer", &r.evidence, &r.time)
	case r.size != 0 && r.size < leastSize:
		return fmt.Errorf("--storage.retention.size=%s is less than 16MB: give for example 512MB, or 0 for as much as there is", r.size)
	}
	return nil
}

func (r retention) kept() engine.Retention {
	return engine.Retention{Time: time.Duration(r.time), Size: int64(r.size), Reserve: int64(r.reserve), Evidence: time.Duration(r.evidence)}
}
