//go:build race

package main

// raceEnabled: the race detector has several times the memory.
const raceEnabled = true
