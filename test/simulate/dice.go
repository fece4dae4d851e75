package simulate

import (
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// dice are thrown for one thing only, so that leaving another thing out does
// not change what they show.
type dice struct{ *rand.Rand }

// diceFor returns the dice of the thing called name in the day called seed.
func diceFor(seed uint64, name string) dice {
	h := fnv.New64a()
	h.Write([]byte(name))
	return dice{rand.New(rand.NewPCG(seed, h.Sum64()))}
}

// chance is true so many times of a hundred.
func (d dice) chance(percent int) bool { return d.IntN(100) < percent }

// between is a duration of at least a and less than b, in whole milliseconds.
func (d dice) between(a, b time.Duration) time.Duration {
	return a + time.Duration(d.Int64N(int64((b-a)/time.Millisecond)))*time.Millisecond
}

func pick[T any](d dice, of ...T) T { return of[d.IntN(len(of))] }
