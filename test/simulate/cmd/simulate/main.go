// Simulate lives through random days of the decider and holds them against
// laws. With -seeds it tries so many; without, it replays one.
//
//	go run ./test/simulate/cmd/simulate -seeds 2000
//	go run ./test/simulate/cmd/simulate -seed 42 -steps 500 -keep 3,17-21,40
//
// It exits with 1 when a law is broken, after a line that replays it.
package main

import (
	"os"

	"github.com/x0tta6bl4/remediated/test/simulate"
)

func main() { os.Exit(simulate.CommandLine(os.Args[1:], simulate.Laws, os.Stdout, os.Stderr)) }
