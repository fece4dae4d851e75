package policies

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"
)

// defaultDemoteOver is how much of the past is looked at.
const defaultDemoteOver = 30 * 24 * time.Hour

// demote reads how often policies that do not help are looked for.
func (v value) demote() *Demote {
	d := &Demote{Over: defaultDemoteOver}
	over := v
	v.object("demote", fields{
		"every": func(v value) { d.Every = time.Duration(v.duration()) },
		"over":  func(v value) { over = v; d.Over = time.Duration(v.duration()) },
	}, "every")
	if d.Over > 0 && d.Over < d.Every {
		over.fail(fmt.Sprintf("%s is less than the %s after which it is looked again", model.Duration(d.Over), model.Duration(d.Every)),
			"let over be at least as long as every: what lies between two looks would never be seen")
	}
	return d
}
