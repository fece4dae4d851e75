package probe

import (
	"errors"
	"fmt"
	"strconv"
)

// bounds are what a number is held against; each may be absent.
type bounds struct{ min, max, equals *float64 }

func (b bounds) validate() error {
	switch {
	case b.equals != nil && (b.min != nil || b.max != nil):
		return errors.New(`"equals" cannot stand beside "min" or "max"`)
	case b.min != nil && b.max != nil && *b.min > *b.max:
		return fmt.Errorf(`"min" %v is more than "max" %v`, *b.min, *b.max)
	}
	return nil
}

func (b bounds) judge(n float64) (ok bool, text string) {
	switch {
	case b.equals != nil:
		return n == *b.equals, fmt.Sprintf("%s, want %s", written(n), written(*b.equals))
	case b.min != nil && b.max != nil:
		return n >= *b.min && n <= *b.max, fmt.Sprintf("%s, want %s to %s", written(n), written(*b.min), written(*b.max))
	case b.min != nil:
		return n >= *b.min, fmt.Sprintf("%s, want at least %s", written(n), written(*b.min))
	case b.max != nil:
		return n <= *b.max, fmt.Sprintf("%s, want at most %s", written(n), written(*b.max))
	}
	return true, written(n)
}

func written(n float64) string { return strconv.FormatFloat(n, 'g', -1, 64) }
