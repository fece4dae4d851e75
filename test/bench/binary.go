package main

import (
	"context"
	"fmt"
	"os"
)

// Limits of the programs, in MiB, as make build makes them: static and without
// symbols.
const (
	daemonLimit = 70
	remedyLimit = 25
)

// measureBinary measures the programs beside what they are to stay under.
func measureBinary(ctx context.Context, o options) ([]row, error) {
	o.rounds = 1 // a size does not vary
	return o.hold(ctx, []contest{
		{"binary", "remediated", "MiB", []contestant{program(o.daemon), limit(daemonLimit)}},
		{"binary", "remedy", "MiB", []contestant{program(o.remedy), limit(remedyLimit)}},
	})
}

func program(path string) contestant {
	return contestant{"as built", func(context.Context) (sample, error) {
		f, err := os.Stat(path)
		if err != nil {
			return sample{}, fmt.Errorf("it is not built: make build: %w", err)
		}
		return sample{value: float64(f.Size()) / (1 << 20)}, nil
	}}
}

func limit(mebibytes float64) contestant {
	return contestant{"the limit", func(context.Context) (sample, error) { return sample{value: mebibytes}, nil }}
}
