package policies

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/x0tta6bl4/remediated/remediate"
)

// defaultStorm is what is looked for where nothing is written: more at once than
// a day brings, and less than an outage of a cluster.
func defaultStorm() *remediate.Storm {
	return &remediate.Storm{Incidents: 20, Per: model.Duration(5 * time.Minute), Calm: model.Duration(5 * time.Minute)}
}

// storm reads when so much is broken at once that acting on each would add to
// it. The word none means that there is never too much.
func (v value) storm() *remediate.Storm {
	s := defaultStorm()
	if v.node.Value == "none" {
		v.warn("nothing holds automation back when very much is broken at once", fmt.Sprintf(
			"leave storm out for the default, {incidents: %d, per: %s, calm: %s}", s.Incidents, s.Per, s.Calm))
		return nil
	}
	if v.node.Kind == yaml.ScalarNode {
		v.fail("want a mapping or the word none, not "+v.shape(), "write for example {incidents: 20, per: 5m}")
		return nil
	}
	v.object("storm", fields{
		"incidents": func(v value) { s.Incidents = v.count(2, remediate.MaxOpens) },
		"per":       func(v value) { s.Per = v.span() },
		"share":     func(v value) { s.Share = v.share() },
		"calm":      func(v value) { s.Calm = v.duration() },
	})
	return s
}
