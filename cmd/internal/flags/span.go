// Package flags has the values of flags that the daemon and the command line
// share.
package flags

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"
)

// Span is a time span as Prometheus writes it: 7d, 36h.
type Span time.Duration

// Set reads it.
func (d *Span) Set(text string) error {
	got, err := model.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%q is no time span: write for example 7d or 36h", text)
	}
	*d = Span(got)
	return nil
}

// String is how it is written.
func (d *Span) String() string { return model.Duration(*d).String() }
