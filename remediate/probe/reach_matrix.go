package probe

import (
	"fmt"
	"strings"

	"github.com/x0tta6bl4/remediated/remediate"
)

// How much of a matrix is told: who reads it wants to know where the cut is.
const (
	mostPairs = 5
	mostSides = 4
	mostNames = 3
)

// cell is what is known of a pair, the worse the greater.
type cell int

const (
	cellUnsaid cell = iota
	cellYes
	cellUnknown
	cellNo
)

// matrix is who reaches whom.
type matrix struct {
	names []string
	cells [][]cell // from, to
}

func newMatrix(names []string) matrix {
	m := matrix{names, make([][]cell, len(names))}
	for from := range m.cells {
		m.cells[from] = make([]cell, len(names))
	}
	return m
}

// note takes up what one series says of a pair. Of several the worst counts.
func (m matrix) note(from, to int, said cell) {
	m.cells[from][to] = max(m.cells[from][to], said)
}

// answer is yes when each pair is known to be, no when one is known not to be,
// and otherwise not known.
func (m matrix) answer() (remediate.Answer, error) {
	failing, unknown := m.pairs(cellNo), append(m.pairs(cellUnsaid), m.pairs(cellUnknown)...)
	all := len(m.names) * (len(m.names) - 1)
	var f findings
	if len(unknown) > 0 {
		f.add(false, "", fmt.Errorf("%d of %d pairs have no fresh word: %s", len(unknown), all, few(unknown, mostPairs)))
	}
	switch {
	case len(failing) > 0:
		f.add(false, fmt.Sprintf("%d of %d pairs do not reach each other: %s", len(failing), all, few(failing, mostPairs)), nil)
		if sides := m.sides(); len(sides) > 1 {
			f.add(false, fmt.Sprintf("%d sides: %s", len(sides), strings.Join(atMost(sides, mostSides), " | ")), nil)
		}
	case len(unknown) == 0:
		f.add(true, fmt.Sprintf("all of %d reach each other, %d pairs", len(m.names), all), nil)
	}
	return f.answer()
}

// pairs are those of whom that is known, in words.
func (m matrix) pairs(known cell) (pairs []string) {
	for from, row := range m.cells {
		for to, c := range row {
			if from != to && c == known {
				pairs = append(pairs, m.names[from]+" -> "+m.names[to])
			}
		}
	}
	return pairs
}

// sides are the parts that it falls into: within each everybody is known to be
// reached both ways, if not by everybody then over others.
func (m matrix) sides() (sides []string) {
	placed := make([]bool, len(m.names))
	for first := range m.names {
		if placed[first] {
			continue
		}
		placed[first] = true
		side, names := []int{first}, []string(nil)
		for i := 0; i < len(side); i++ {
			names = append(names, m.names[side[i]])
			for other := range m.names {
				if !placed[other] && m.cells[side[i]][other] == cellYes && m.cells[other][side[i]] == cellYes {
					placed[other] = true
					side = append(side, other)
				}
			}
		}
		sides = append(sides, few(names, mostNames))
	}
	return sides
}

// few joins the first of several, and says how many more there are.
func few(all []string, most int) string { return strings.Join(atMost(all, most), ", ") }

// atMost is a list, cut off with a word about the rest.
func atMost(all []string, most int) []string {
	if len(all) <= most {
		return all
	}
	return append(append([]string{}, all[:most]...), fmt.Sprintf("and %d more", len(all)-most))
}
