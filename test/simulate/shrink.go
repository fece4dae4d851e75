package simulate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Shrink leaves out of a case whose law is broken as many steps as it can
// while the same law is broken, in at most so many tries. It is Zeller's
// ddmin: parts are left out, then smaller parts, until none can be. What came
// after the failure goes at once.
func Shrink(c Case, law string, laws []Law, tries int) Case {
	keep := c.Keep
	if keep == nil {
		keep = upTo(c.Steps)
	}
	was := c.Run(laws)
	if !was.AtEnd {
		keep = slices.DeleteFunc(slices.Clone(keep), func(n int) bool { return n > was.Step })
	}
	fails := func(keep []int) bool {
		tries--
		b := Case{c.Seed, c.Steps, keep}.run(laws, was.AtEnd).Broken
		return b != nil && b.Law == law
	}
	for parts := 2; len(keep) > 0 && tries > 0; {
		less, ok := without(keep, parts, &tries, fails)
		switch {
		case ok:
			keep, parts = less, max(2, parts-1)
		case parts >= len(keep):
			return Case{c.Seed, c.Steps, keep}
		default:
			parts = min(2*parts, len(keep))
		}
	}
	return Case{c.Seed, c.Steps, keep}
}

// without returns keep less one of so many parts, when that fails still.
func without(keep []int, parts int, tries *int, fails func([]int) bool) ([]int, bool) {
	for k := 0; k < parts && *tries > 0; k++ {
		from, to := k*len(keep)/parts, (k+1)*len(keep)/parts
		less := slices.Concat([]int{}, keep[:from], keep[to:])
		if to > from && fails(less) {
			return less, true
		}
	}
	return nil, false
}

// ranges writes ascending numbers as 3,17-21,40.
func ranges(ns []int) string {
	var parts []string
	for k := 0; k < len(ns); k++ {
		from := k
		for k+1 < len(ns) && ns[k+1] == ns[k]+1 {
			k++
		}
		part := strconv.Itoa(ns[from])
		if k > from {
			part += "-" + strconv.Itoa(ns[k])
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ",")
}

// ParseKeep reads what a case's -keep says: 3,17-21,40, or none.
func ParseKeep(s string) ([]int, error) {
	keep := []int{}
	if s == "none" {
		return keep, nil
	}
	for _, part := range strings.Split(s, ",") {
		first, last, ranged := strings.Cut(part, "-")
		a, err := strconv.Atoi(first)
		b := a
		if ranged && err == nil {
			b, err = strconv.Atoi(last)
		}
		if err != nil || a < 0 || b < a || len(keep) > 0 && a <= keep[len(keep)-1] {
			return nil, fmt.Errorf("-keep %q: want ascending numbers and ranges of steps, as in 3,17-21,40", s)
		}
		for n := a; n <= b; n++ {
			keep = append(keep, n)
		}
	}
	return keep, nil
}
