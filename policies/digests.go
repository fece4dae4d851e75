package policies

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// digests reads when people get one. The word none means never, but for a
// storm.
func (v value) digests() *remediate.Schedule {
	if v.node.Value == "none" {
		return nil
	}
	d := &remediate.Schedule{}
	v.object("digests", fields{
		"at": func(v value) {
			d.At, _ = v.text("a time of day")
			if _, err := time.Parse("15:04", d.At); err != nil && d.At != "" {
				v.fail(fmt.Sprintf("%q is no time of day", d.At), "write for example '09:00'")
			}
		},
		"days":     func(v value) { d.Days = v.weekdays() },
		"location": func(v value) { d.Location = v.location() },
		"head":     func(v value) { d.Head = v.truth() },
	}, "at")
	return d
}

func (v value) weekdays() []time.Weekday {
	var names []string
	for day := time.Sunday; day <= time.Saturday; day++ {
		names = append(names, strings.ToLower(day.String()))
	}
	var out []time.Weekday
	v.list("weekdays", func(v value) {
		if w, ok := v.word("a weekday", names...); ok {
			out = append(out, time.Weekday(slices.Index(names, w)))
		}
	})
	return out
}
